"""One modem: a SIM, settings, storages and a radio behind a dialogue. No file, no socket; time is a clock handed in."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from hw_sim.clock import Clock, Timer
from hw_sim.commands import registry  # importing the package has registered every command
from hw_sim.dialogue import Dialogue, Phase
from hw_sim.faults import Faults
from hw_sim.memory import Memory
from hw_sim.network import REGISTERED, Network, Registration
from hw_sim.profile import Profile
from hw_sim.receiving import Receiver
from hw_sim.results import CmeError, CmsError, NotKnown, Refused
from hw_sim.settings import Settings
from hw_sim.sim_card import PinState, SimCard
from hw_sim.transmitter import Transmitter
from hw_sim.wire import Wire

SIM_ERRORS = {PinState.ABSENT: (10, 310), PinState.PIN: (11, 311), PinState.PUK: (12, 316), PinState.BLOCKED: (13, 313)}
"""CME and CMS code of what a SIM's state forbids."""
SETUP = ("Z", "S0", "&C", "&D")
"""Commands that some makes refuse before the PIN."""


class Modem:
    """A modem of one personality with one SIM; the host talks to its `dialogue`."""

    def __init__(
        self, index: int, profile: Profile, sim: SimCard, *, network: Network, clock: Clock, imei: str, seed: int = 0
    ) -> None:
        self.index = index
        self.profile = profile
        self.traits = traits = profile.traits
        self.sim = sim
        self.network = network
        self.clock = clock
        self.imei = imei
        self.dialogue = Dialogue(self.answer, self._worded)
        self.dialogue.prompt_text, self.dialogue.escape_answer = traits.prompt, traits.escape_answer
        self.faults = Faults(self, clock, random.Random(f"{seed}/{index}"))  # noqa: S311 - repeatable, no secret
        self.dialogue.gate = self.faults.pass_through
        self.wire = Wire(self.dialogue, clock)
        self.receiver = Receiver(self)
        self.unplug: Callable[[], None] = lambda: None
        self.plug_in: Callable[[bool], None] = lambda _other_path: None
        """Take the ports away and bring them back; a device with ports sets these."""
        self.memory = Memory(traits, sim, clock)
        self.transmitter = Transmitter(self)
        self.smsc = sim.smsc
        self.registration = Registration.NONE
        self.told_registration = {name: Registration(stat) for name, stat in traits.told_registration.items()}
        """What +CREG, +CGREG, +CEREG say instead of the truth, while registered."""
        self.signal = 21
        """The <rssi> of +CSQ: dBm = 2 * signal - 113."""
        self.sim_busy_until = 0.0
        self.ussd_mode = not traits.ussd_mode_needed
        self._timers: set[Timer] = set()

    @property
    def settings(self) -> Settings:
        """What the host has set."""
        return self.dialogue.settings

    # --- power -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Be what a modem is that was switched on long ago: answering, and registered if its SIM is ready."""
        self._reset(Phase.COMMAND)
        self._chatter()
        self.network.attach(self)
        if self.sim.pin_state is PinState.READY:
            self.network.register(self)

    def power_off(self, why: str = "power_off") -> None:
        """Lose power: settings, the command in hand and the answer to a message on the air are gone."""
        self.dialogue.phase = Phase.OFF
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.transmitter.lose_answer(why)
        self.network.detach(self)
        self.registration = Registration.NONE

    def power_on(self, *, silent: bool = False) -> None:
        """Start up, saying what this make of modem says while it does, or, *silent*, nothing."""
        self._reset(Phase.OFF)
        self.sim.power_on()
        for seconds, line in () if silent else self.traits.boot:
            self.later(seconds, partial(self.dialogue.say, self.fill_in(line)))
        self.later(self.traits.boot_seconds, self._booted)

    def restart(self, why: str = "restart") -> None:
        """Lose power and start up again."""
        self.power_off(why)
        self.power_on()

    def _booted(self) -> None:
        self.dialogue.phase = Phase.COMMAND
        self.sim_busy_until = self.clock.now() + self.traits.sim_seconds
        self._chatter()
        self.network.attach(self)
        if self.sim.pin_state is PinState.READY:
            self.later(self.traits.sim_seconds + self.traits.registration_seconds, partial(self.network.register, self))

    def _reset(self, phase: Phase) -> None:
        self.dialogue.reset(self.power_up_settings(), phase)
        self.transmitter.drop_link()
        self.ussd_mode = not self.traits.ussd_mode_needed
        self.receiver.reset()

    def power_up_settings(self) -> Settings:
        """Give the settings of this make at power-up."""
        settings = Settings()
        for name, value in self.traits.power_up.items():
            setattr(settings, name, list(value) if isinstance(value, list) else value)
        return settings

    def forget_settings(self) -> None:
        """ATZ, AT&F: settings as at power-up, echo on among them."""
        self.dialogue.settings = self.power_up_settings()

    def reset_by_command(self) -> None:
        """+CFUN=1,1: OK, then a restart; a USB stick's port goes away with it."""
        self.dialogue.finish()
        if self.traits.reset_drops_port:
            self.unplug()
            self.clock.later(self.traits.boot_seconds, partial(self.plug_in, False))
        else:
            self.restart("reset")

    def switch_radio(self, level: int) -> None:
        """+CFUN=0, 1, 4: the radio off or on."""
        if level == self.settings.cfun:
            return
        self.settings.cfun = level
        if level == 1:
            self.network.attach(self)
            self.later(self.traits.registration_seconds, partial(self.network.register, self))
        else:
            self.network.detach(self)
            self.registration_changed(Registration.NONE)

    def hang(self, seconds: float | None) -> None:
        """Be deaf and dumb, for so long or until power is cut; a command in hand is never answered."""
        self.dialogue.phase = Phase.OFF
        if seconds is not None:
            self.later(seconds, partial(self.dialogue.reset, self.settings, Phase.COMMAND))

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do it in so many seconds, unless power is lost before."""

        def due() -> None:
            self._timers.discard(timer)
            do()

        timer = self.clock.later(seconds, due)
        self._timers.add(timer)

    def _chatter(self) -> None:
        for seconds, line in self.traits.chatter:
            self._chat(seconds, self.fill_in(line))

    def _chat(self, seconds: float, line: str) -> None:
        def due() -> None:
            if self.settings.chatter:
                self.dialogue.urc(line)
            self.later(seconds, due)

        self.later(seconds, due)

    # --- commands ----------------------------------------------------------------------------------------------

    def answer(self, text: str) -> list[str] | None:
        """Answer one command without its AT; None if it goes on and ends by itself."""
        literal = self.profile.answers.get("AT" + text.upper())
        if literal is not None:
            lines = [self.fill_in(line) for line in literal.lines]
            if literal.result == "OK":
                return lines
            self.dialogue.finish(lines, literal.result)
            return None
        command, rest = registry.find(text)
        if command is None or (command.own_to and command.own_to not in self.traits.own_commands):
            raise NotKnown
        if self.traits.setup_needs_pin and text.upper().startswith(SETUP) and self.sim.pin_state is not PinState.READY:
            raise Refused
        if command.needs is not registry.Needs.NOTHING:
            self.check_sim(command.needs)
        return command.run(self, registry.arguments(rest))

    def fill_in(self, line: str) -> str:
        """Put this modem's own numbers into a line of its profile."""
        if "{" not in line:
            return line
        return line.format(imei=self.imei, imsi=self.sim.imsi, iccid=self.sim.iccid)

    def _worded(self, refusal: Refused) -> str:
        if isinstance(refusal, NotKnown):
            return self.traits.unknown_command
        line = refusal.line(self.settings.cmee)
        return line if self.traits.cms_blank else line.replace("+CMS ERROR: ", "+CMS ERROR:")

    # --- the SIM -----------------------------------------------------------------------------------------------

    def check_sim(self, needs: registry.Needs) -> None:
        """Refuse a command that wants a SIM that is not ready."""
        cme, cms = SIM_ERRORS.get(self.sim.pin_state, (0, 0))
        if not cme and self.sim_is_busy():
            cme, cms = self.traits.pin_busy_error, self.traits.sms_busy_error
        if cme:
            raise CmsError(cms) if needs is registry.Needs.SMS else CmeError(cme)

    def sim_is_busy(self) -> bool:
        """Whether the SIM is still reading itself in."""
        return self.clock.now() < self.sim_busy_until

    def sim_unlocked(self) -> None:
        """The PIN was taken: the SIM is busy for a while, then the modem looks for its network."""
        busy = self.traits.pin_seconds
        self.sim_busy_until = self.clock.now() + busy
        self.later(busy + self.traits.registration_seconds, partial(self.network.register, self))

    # --- the network -------------------------------------------------------------------------------------------

    def registration_changed(self, registration: Registration) -> None:
        """Be told by the network; +CREG=1 or 2 passes it on."""
        if registration is self.registration:
            return
        self.registration = registration
        settings = self.settings
        for name, mode in (("+CREG", settings.creg), ("+CGREG", settings.cgreg), ("+CEREG", settings.cereg)):
            if mode:
                stat = self.stat_of(name)
                self.dialogue.urc(f"{name}: {stat.value}{self.cell(mode, stat)}")

    def stat_of(self, name: str) -> Registration:
        """What +CREG, +CGREG or +CEREG tells."""
        if self.registration not in REGISTERED:
            return self.registration
        return self.told_registration.get(name, self.registration)

    def cell(self, mode: int, stat: Registration) -> str:
        """Location area and cell, which +CREG=2 adds."""
        if mode != 2 or stat not in REGISTERED:
            return ""
        return ',"00C3","0000A1B2"' if self.traits.registration_quoted else ",C3,A1B2"
