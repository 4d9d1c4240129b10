"""The mobile network: who is on it, how long the air takes, what it refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from hw_sim.air_log import AirEntry, AirLog, AirOutcome
from hw_sim.carrier import Carrier, CarrierPlan
from hw_sim.clock import Clock
from hw_sim.service_centre import ServiceCentre, ServicePlan
from hw_sim.sim_card import SimCard
from hw_sim.tpdu import Submit

if TYPE_CHECKING:
    from hw_sim.modem import Modem


class Registration(IntEnum):
    """The <stat> of +CREG (TS 27.007 7.2)."""

    NONE = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5


REGISTERED = (Registration.HOME, Registration.ROAMING)


@dataclass(frozen=True)
class Radio:
    """How long the air takes, in simulated seconds."""

    air: float = 0.5
    """From Ctrl-Z to the answer when the radio link has to be set up."""
    cmms_air: float | None = None
    """The same on a link that +CMMS has kept up; 0.45 of *air* where nothing else is said."""
    jitter: float = 0.0
    """Share by which each time varies both ways, evenly spread."""

    @property
    def linked_air(self) -> float:
        """Seconds on a link that is up."""
        return 0.45 * self.air if self.cmms_air is None else self.cmms_air


@dataclass(slots=True, eq=False)
class Transmission:
    """One segment on its way to the service centre."""

    modem: int
    sim: SimCard
    mr: int
    submit: Submit
    linked: bool
    done: Callable[[Transmission], None]
    """Called when the network has answered, unless nobody can be told any more."""
    started: float = 0.0
    seconds: float | None = None
    """Air time, where a fault wants another one than the radio's."""
    cause: int | None = None
    """CMS code for which the service centre does not have it."""
    early_report: bool = False
    """The status report comes before the answer."""
    lost: str | None = None
    """What keeps the answer from the host."""
    recorded: bool = False


class Network:
    """All modems' network; its chances come from one seed."""

    def __init__(
        self,
        clock: Clock,
        *,
        air_log: AirLog | None = None,
        radio: Radio | None = None,
        service: ServicePlan | None = None,
        carrier: CarrierPlan | None = None,
        seed: int = 0,
    ) -> None:
        self._clock = clock
        self._air_log = air_log
        self._radio = radio or Radio()
        self._chance = random.Random(f"{seed}/network")  # noqa: S311 - a simulation that can be repeated, no secret
        self._modems: dict[str, Modem] = {}
        self.service_centre = ServiceCentre(service or ServicePlan(), clock, self._chance, self._reach)
        self.carrier = Carrier(carrier or CarrierPlan())
        self.operator = ("hw-sim Mobile", "hw-sim", "26001")
        """Long and short name, MCC and MNC."""

    # --- who is on it ------------------------------------------------------------------------------------------

    def attach(self, modem: Modem) -> None:
        """A modem has switched its radio on."""
        self._modems[modem.sim.imsi] = modem

    def detach(self, modem: Modem) -> None:
        """A modem's radio is off."""
        self._modems.pop(modem.sim.imsi, None)

    def register(self, modem: Modem) -> None:
        """Let a modem in, and hand it what has waited for it; a SIM that is blocked is denied."""
        blocked = self.carrier.denies(modem.sim)
        modem.registration_changed(Registration.DENIED if blocked else Registration.HOME)
        self.service_centre.hand_over(modem.sim)

    def lose(self, modem: Modem, registration: Registration, seconds: float | None) -> None:
        """Put a modem out of the network, for so long."""
        modem.registration_changed(registration)
        modem.transmitter.drop_link()
        if seconds is not None:
            modem.later(seconds, lambda: self.register(modem))

    def memory_available(self, modem: Modem) -> None:
        """A modem has room again (TS 24.011: RP-SMMA)."""
        self.service_centre.hand_over(modem.sim)

    def _reach(self, sim: SimCard) -> Modem | None:
        modem = self._modems.get(sim.imsi)
        return modem if modem is not None and modem.registration in REGISTERED else None

    # --- messages from mobiles ---------------------------------------------------------------------------------

    def transmit(self, sent: Transmission) -> None:
        """Carry a segment to the service centre; `done` is called when its outcome is known."""
        sent.started = self._clock.unix()
        seconds = self._air_seconds(sent)
        if seconds > 0:
            self._clock.later(seconds, lambda: self._settle(sent))
        else:
            self._settle(sent)

    def _air_seconds(self, sent: Transmission) -> float:
        radio = self._radio
        seconds = sent.seconds
        if seconds is None:
            seconds = radio.linked_air if sent.linked else radio.air
            if radio.jitter:
                seconds *= 1 + self._chance.uniform(-radio.jitter, radio.jitter)
        return seconds

    def _settle(self, sent: Transmission) -> None:
        if sent.cause is None:
            sent.cause = self.carrier.refusal(sent.sim) or self.service_centre.refusal(sent.submit)
        if sent.cause is None:
            self.carrier.charge(sent.sim)
            self.service_centre.accept(sent.sim, sent.mr, sent.submit, at_once=sent.early_report)
        if sent.lost is None:
            sent.done(sent)
        self.record(sent)
        blocked = self._modems.get(sent.sim.imsi)
        if blocked is not None and self.carrier.denies(sent.sim):
            self.lose(blocked, Registration.DENIED, None)

    def record(self, sent: Transmission) -> None:
        """Write a segment's line in the air log, once."""
        if self._air_log is not None and not sent.recorded:
            sent.recorded = True
            self._air_log.write(_entry(sent, self._clock.unix()))

    # --- services ----------------------------------------------------------------------------------------------

    def ussd(self, modem: Modem, code: str) -> None:
        """Answer a USSD code after a moment."""
        answer = self.carrier.ussd(modem.sim, code)
        modem.later(self.carrier.plan.ussd_seconds, lambda: modem.receiver.ussd(answer))


def _entry(sent: Transmission, now: float) -> AirEntry:
    if sent.cause is not None:
        outcome = AirOutcome.REJECTED
    else:
        outcome = AirOutcome.ACCEPTED if sent.lost is None else AirOutcome.LOST_ANSWER
    submit = sent.submit
    return AirEntry(
        t=now,
        modem=sent.modem,
        mr=sent.mr,
        to=submit.to,
        text=submit.text,
        part=submit.part,
        parts=submit.parts,
        ref=submit.ref,
        started=sent.started,
        ended=now,
        outcome=outcome.value,
        cause=sent.cause if sent.cause is not None else sent.lost,
    )
