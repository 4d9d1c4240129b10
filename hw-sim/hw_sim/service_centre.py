"""The short message service centre: takes what mobiles send, reports on it, and hands over what is for them.

What cannot be handed over, because a modem is away or full, waits.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hw_sim import tpdu
from hw_sim.clock import Clock
from hw_sim.sim_card import SimCard

if TYPE_CHECKING:
    from hw_sim.modem import Modem

MOST_REMEMBERED = 100_000
"""Numbers whose last sender is remembered, so that a phone can reply."""


@dataclass(frozen=True)
class Recipient:
    """What befalls messages to numbers with a prefix; one ``[[recipient]]`` of a scenario."""

    prefix: str
    cause: int | None = None
    """CMS code with which the service centre refuses them."""
    status: int = 0
    """TP-Status of the report on them (TS 23.040 9.2.3.15)."""


@dataclass(frozen=True)
class ServicePlan:
    """How the service centre behaves; the tables ``[reports]`` and ``[[recipient]]`` of a scenario."""

    report_delay: float = 2.0
    """Seconds from acceptance to the status report."""
    report_jitter: float = 0.0
    """Further seconds, between none and this many, evenly spread: reports come out of order."""
    reports_lost: float = 0.0
    """Share of reports that never come."""
    reports_doubled: float = 0.0
    """Share of reports that come twice."""
    recipients: tuple[Recipient, ...] = ()
    zone: int = 4
    """Time zone of its time stamps, quarter hours east of Greenwich."""


@dataclass(slots=True)
class _Outbox:
    """What waits for one SIM."""

    sim: SimCard
    waiting: deque[tuple[bool, bytes]] = field(default_factory=deque)
    """(is a report, TPDU), oldest first."""


class ServiceCentre:
    """One service centre for all modems."""

    def __init__(
        self, plan: ServicePlan, clock: Clock, chance: random.Random, reach: Callable[[SimCard], Modem | None]
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._chance = chance
        self._reach = reach
        self._subscribers: dict[str, SimCard] = {}
        self._outboxes: dict[str, _Outbox] = {}
        self._last_sender: OrderedDict[str, SimCard] = OrderedDict()
        self._references = 0

    def subscribe(self, sim: SimCard) -> None:
        """Make a SIM reachable by its number."""
        self._subscribers[sim.msisdn] = sim

    # --- from mobiles ------------------------------------------------------------------------------------------

    def _recipient(self, number: str) -> Recipient | None:
        return next((rule for rule in self._plan.recipients if number.startswith(rule.prefix)), None)

    def refusal(self, submit: tpdu.Submit) -> int | None:
        """CMS code for which a message is refused, or None."""
        rule = self._recipient(submit.to)
        return None if rule is None else rule.cause

    def _status_for(self, number: str) -> int:
        rule = self._recipient(number)
        return 0 if rule is None else rule.status

    def accept(self, sim: SimCard, mr: int, submit: tpdu.Submit, *, at_once: bool = False) -> None:
        """Take a message: report on it if asked to, perhaps at once; hand it over if it is for one of the modems."""
        self._last_sender[submit.to] = sim
        self._last_sender.move_to_end(submit.to)
        if len(self._last_sender) > MOST_REMEMBERED:
            self._last_sender.popitem(last=False)
        if submit.wants_report and at_once:
            self.report(sim, mr, submit.to, accepted=self._clock.unix(), status=self._status_for(submit.to))
        elif submit.wants_report:
            self._schedule_report(sim, mr, submit.to)
        to = self._subscribers.get(submit.to)
        if to is not None:
            self._send(to, is_report=False, octets=tpdu.write_forward(submit, sim.msisdn, sent=self._clock.unix()))

    def _schedule_report(self, sim: SimCard, mr: int, recipient: str) -> None:
        plan, chance = self._plan, self._chance
        if plan.reports_lost and chance.random() < plan.reports_lost:
            return
        status = self._status_for(recipient)
        accepted = self._clock.unix()
        copies = 2 if plan.reports_doubled and chance.random() < plan.reports_doubled else 1
        for _ in range(copies):
            delay = plan.report_delay + (chance.uniform(0, plan.report_jitter) if plan.report_jitter else 0.0)
            self._clock.later(delay, lambda: self.report(sim, mr, recipient, accepted=accepted, status=status))

    def report(self, sim: SimCard, mr: int, recipient: str, *, accepted: float, status: int) -> None:
        """Send a status report."""
        octets = tpdu.write_status_report(
            mr=mr,
            recipient=recipient,
            accepted=accepted,
            discharged=self._clock.unix(),
            status=status,
            zone=self._plan.zone,
        )
        self._send(sim, is_report=True, octets=octets)

    # --- to mobiles --------------------------------------------------------------------------------------------

    def send_text(self, sim: SimCard, sender: str, text: str) -> int:
        """Send a text from a phone to a modem; gives how many segments it took."""
        self._references = (self._references + 1) % 256
        now = self._clock.unix()
        delivers = tpdu.write_delivers(sender, text, sent=now, zone=self._plan.zone, ref=self._references)
        for octets in delivers:
            self._send(sim, is_report=False, octets=octets)
        return len(delivers)

    def last_sender_to(self, number: str) -> SimCard | None:
        """The SIM that last sent to a number."""
        return self._last_sender.get(number)

    def _send(self, sim: SimCard, *, is_report: bool, octets: bytes) -> None:
        outbox = self._outboxes.setdefault(sim.imsi, _Outbox(sim))
        outbox.waiting.append((is_report, octets))
        self.hand_over(sim)

    def hand_over(self, sim: SimCard) -> None:
        """Give a modem what waits for it, in order, as long as it takes it."""
        outbox = self._outboxes.get(sim.imsi)
        while outbox is not None and outbox.waiting:
            modem = self._reach(sim)
            if modem is None:
                return
            is_report, octets = outbox.waiting[0]
            taken = (modem.receiver.report if is_report else modem.receiver.deliver)(octets, sim.smsc)
            if not taken:
                return
            outbox.waiting.popleft()
