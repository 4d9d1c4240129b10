"""One modem: bytes in, bytes out. No file, no socket, no sleep; time is a clock handed in.

A modem is in one of four phases. COMMAND: it collects a command line, echoing. BUSY: a command runs, and what the host
types meanwhile waits. PROMPT: it collects data up to Ctrl-Z or ESC. OFF: it has no power, starts up or hangs, and
whatever comes is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial

from hw_sim.clock import Clock, Timer
from hw_sim.commands import registry  # importing the package has registered every command
from hw_sim.faults import Point
from hw_sim.network import Network, Registration, Transmission
from hw_sim.profile import Profile
from hw_sim.receiving import Receiver
from hw_sim.results import CmeError, CmsError, NotKnown, Refused
from hw_sim.settings import Settings
from hw_sim.sim_card import PinState, SimCard
from hw_sim.storage import Storage
from hw_sim.tpdu import Submit

CTRL_Z, ESC, CR = 0x1A, 0x1B, 0x0D
LONGEST_LINE = 2048
"""Octets of a command line or of type-ahead that are kept."""
LONGEST_ENTRY = 8192
NO_LINK = -1.0

_NUMERIC = {"OK": "0", "ERROR": "4"}


class Phase(Enum):
    """What the modem does with the next byte."""

    COMMAND = "command"
    BUSY = "busy"
    PROMPT = "prompt"
    OFF = "off"


class Modem:
    """The dialogue of one modem; `feed` takes what the host writes, `send` is called with what the host reads."""

    def __init__(
        self, index: int, profile: Profile, sim: SimCard, *, network: Network, clock: Clock, imei: str
    ) -> None:
        self.index = index
        self.profile = profile
        self.traits = profile.traits
        self.sim = sim
        self.network = network
        self.clock = clock
        self.imei = imei
        self.send: Callable[[bytes], None] = lambda _: None
        self.gate: Callable[[Point, Callable[[], None]], None] = lambda _, proceed: proceed()
        self.dropped_port: Callable[[], None] = lambda: None
        """Called when a restart takes the port away."""
        sizes = profile.traits.storage_sizes
        self.memories = {name: Storage(name, sizes[name], profile.traits.first_index) for name in sizes if name != "SM"}
        sim.records.first = profile.traits.first_index
        self.settings = Settings()
        self.smsc = sim.smsc
        self.phase = Phase.OFF
        self.registration = Registration.NONE
        self.told_registration: dict[str, Registration] = {}
        """What +CREG, +CGREG, +CEREG say instead of the truth."""
        self.signal = 21
        """The <rssi> of +CSQ: dBm = 2 * signal - 113."""
        self.link_until = NO_LINK
        """Until when the radio link is kept up for the next message (+CMMS)."""
        self.sim_busy_until = 0.0
        self.transmission: Transmission | None = None
        self._line = b""
        self._last_line = ""
        self._pending: list[str] = []
        self._said: list[str] = []
        self._take: Callable[[bytes], None] = lambda _: None
        self._entered = bytearray()
        self._typed = b""
        self._held: list[bytes] = []
        self._timers: set[Timer] = set()
        self._uncounted: dict[str, float] = {}
        self.receiver = Receiver(self)

    # --- power -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Be what a modem is that was switched on long ago: answering, and registered if its SIM is ready."""
        self._reset()
        self.phase = Phase.COMMAND
        self.network.attach(self)
        if self.sim.pin_state is PinState.READY:
            self.network.register(self)

    def power_off(self, why: str = "power_off") -> None:
        """Lose power: settings, the command in hand and the answer to a message on the air are gone."""
        self.phase = Phase.OFF
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self.transmission is not None:
            self.transmission.lost = why
            self.transmission = None
        self.network.detach(self)
        self.registration = Registration.NONE

    def power_on(self) -> None:
        """Start up, saying what this make of modem says while it does."""
        self._reset()
        self.sim.power_on()
        for seconds, line in self.traits.boot:
            self.later(seconds, partial(self.say, line))
        self.later(self.traits.boot_seconds, self._booted)

    def restart(self, why: str = "restart") -> None:
        """Lose power and start up again."""
        self.power_off(why)
        self.power_on()

    def _booted(self) -> None:
        self.phase = Phase.COMMAND
        self.sim_busy_until = self.clock.now() + self.traits.sim_seconds
        self.network.attach(self)
        if self.sim.pin_state is PinState.READY:
            self.later(self.traits.sim_seconds + self.traits.registration_seconds, partial(self.network.register, self))

    def _reset_settings(self) -> None:
        self.settings = Settings()
        for name, value in self.traits.power_up.items():
            setattr(self.settings, name, list(value) if isinstance(value, list) else value)

    def _reset(self) -> None:
        self._reset_settings()
        self._line, self._typed, self._pending, self._said, self._held = b"", b"", [], [], []
        self.link_until = NO_LINK
        self.receiver.reset()

    def forget_settings(self) -> None:
        """ATZ, AT&F: settings as at power-up, except that the echo stays as it is."""
        echo = self.settings.echo
        self._reset_settings()
        self.settings.echo = echo

    def reset_by_command(self) -> None:
        """+CFUN=1,1: OK, then a restart; a USB stick's port goes away with it."""
        self.finish()
        if self.traits.reset_drops_port:
            self.dropped_port()
        else:
            self.restart("reset")

    def switch_radio(self, level: int) -> None:
        """+CFUN=0, 1, 4: the radio off or on."""
        self.settings.cfun = level
        if level == 1:
            self.network.attach(self)
            self.later(self.traits.registration_seconds, partial(self.network.register, self))
        else:
            self.network.detach(self)
            self.registration_changed(Registration.NONE)

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do it in so many seconds, unless power is lost before."""

        def due() -> None:
            self._timers.discard(timer)
            do()

        timer = self.clock.later(seconds, due)
        self._timers.add(timer)

    # --- bytes in ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what the host has written, in whatever slices it comes."""
        while data:
            if self.phase is Phase.COMMAND:
                data = self._feed_command(data)
            elif self.phase is Phase.PROMPT:
                data = self._feed_prompt(data)
            else:
                if self.phase is Phase.BUSY:
                    self._typed = (self._typed + data)[:LONGEST_LINE]
                return

    def _feed_command(self, data: bytes) -> bytes:
        end = data.find(CR) + 1 or len(data)
        piece, rest = data[:end], data[end:]
        if self.settings.echo:
            self.send(piece)
        self._line = (self._line + piece)[-LONGEST_LINE:]
        if self._line[-1] == CR:
            line, self._line = self._line[:-1].decode("latin-1"), b""
            self.gate(Point.COMMAND, partial(self._run, line))
        elif self._line[-2:].upper() == b"A/":
            self._line = b""
            self._run("AT" + self._last_line)
        return rest

    def _feed_prompt(self, data: bytes) -> bytes:
        end = _end(data)
        piece, rest = (data, b"") if end < 0 else (data[:end], data[end + 1 :])
        if self.settings.echo:
            self.send(piece)
        self._entered += piece[: LONGEST_ENTRY - len(self._entered)]
        if end < 0:
            if piece.endswith(b"\r"):
                self.send(self.traits.prompt.encode())
            return b""
        self.phase = Phase.BUSY
        if data[end] == ESC:
            self._escape()
        else:
            self._take(bytes(self._entered))
        return rest

    def _escape(self) -> None:
        if self.traits.escape_answer:
            self.finish(result=self.traits.escape_answer)
        else:
            self._end()

    # --- commands ----------------------------------------------------------------------------------------------

    def _run(self, line: str) -> None:
        start = line.upper().find("AT")
        if start < 0:
            return
        body = line[start + 2 :].strip()
        self._last_line = body
        self.phase = Phase.BUSY
        self._pending = registry.split_line(body)
        self._go_on()

    def _go_on(self) -> None:
        while self._pending:
            try:
                lines = self._answer(self._pending.pop(0))
            except Refused as refusal:
                self._end_with(self._worded(refusal))
                return
            if lines is None:
                return
            self._said += lines
        self._end_with("OK")

    def _answer(self, text: str) -> list[str] | None:
        literal = self.profile.answers.get("AT" + text.upper())
        if literal is not None:
            lines = [self.fill_in(line) for line in literal.lines]
            if literal.result == "OK":
                return lines
            self.finish(lines, literal.result)
            return None
        command, rest = registry.find(text)
        if command is None:
            raise NotKnown
        if command.needs is not registry.Needs.NOTHING:
            self.check_sim(command.needs)
        return command.run(self, registry.arguments(rest))

    def fill_in(self, line: str) -> str:
        """Put this modem's own numbers into a line of its profile."""
        if "{" not in line:
            return line
        return line.format(imei=self.imei, imsi=self.sim.imsi, iccid=self.sim.iccid)

    def check_sim(self, needs: registry.Needs) -> None:
        """Refuse a command that wants a SIM that is not ready."""
        state = self.sim.pin_state
        cme, cms = {PinState.PIN: (11, 311), PinState.PUK: (12, 316), PinState.BLOCKED: (13, 313)}.get(state, (0, 0))
        if not cme and self.sim_is_busy():
            cme, cms = self.traits.pin_busy_error, 314
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

    def _worded(self, refusal: Refused) -> str:
        if isinstance(refusal, NotKnown):
            return self.traits.unknown_command
        return refusal.line(self.settings.cmee)

    def finish(self, lines: Iterable[str] = (), result: str = "OK") -> None:
        """End a command that went on beyond its handler; with OK, the rest of its command line is run."""
        self._said += lines
        if result == "OK":
            self._go_on()
        else:
            self._end_with(result)

    def refuse(self, refusal: Refused) -> None:
        """End a command that went on beyond its handler with an error."""
        self._end_with(self._worded(refusal))

    def _end_with(self, result: str) -> None:
        said, self._said = self._said, []
        if self.settings.verbose:
            text = "".join(f"\r\n{line}\r\n" for line in said)
            text += f"\r\n{result}\r\n" if result else ""
        else:
            text = "".join(f"{line}\r\n" for line in said) + f"{_NUMERIC.get(result, result)}\r"
        self._pending = []
        self.send(text.encode("latin-1", "replace"))
        self._end()

    def _end(self) -> None:
        self.phase = Phase.COMMAND
        if self._held:
            held, self._held = self._held, []
            self.send(b"".join(held))
        if self._typed:
            typed, self._typed = self._typed, b""
            self.feed(typed)

    # --- the prompt --------------------------------------------------------------------------------------------

    def ask(self, take: Callable[[bytes], None]) -> None:
        """Give the prompt; *take* gets what is entered up to Ctrl-Z."""
        self._take = take
        self._entered.clear()
        self.phase = Phase.PROMPT
        self.gate(Point.PROMPT, self.prompt)

    def prompt(self) -> None:
        """Say that data may come."""
        self.send(self.traits.prompt.encode())

    # --- unsolicited -------------------------------------------------------------------------------------------

    def urc(self, *lines: str) -> None:
        """Say lines unasked; while data is entered they wait."""
        if self.phase is Phase.OFF:
            return
        text = "".join(f"\r\n{line}\r\n" for line in lines).encode("latin-1", "replace")
        if self.phase is Phase.PROMPT:
            self._held.append(text)
        else:
            self.send(text)

    def say(self, line: str) -> None:
        """Say a line whatever the phase is, as a modem that starts up does."""
        self.send(f"\r\n{self.fill_in(line)}\r\n".encode("latin-1", "replace"))

    def registration_changed(self, registration: Registration) -> None:
        """Be told by the network; +CREG=1 or 2 passes it on."""
        if registration is self.registration:
            return
        self.registration = registration
        for name, mode in (("+CREG", self.settings.creg), ("+CGREG", self.settings.cgreg)):
            if mode:
                self.urc(f"{name}: {registration.value}")

    def stat_of(self, name: str) -> Registration:
        """What +CREG, +CGREG or +CEREG tells."""
        return self.told_registration.get(name, self.registration)

    def cell(self, mode: int, stat: Registration) -> str:
        """Location area and cell, which +CREG=2 adds."""
        if mode != 2 or stat not in (Registration.HOME, Registration.ROAMING):
            return ""
        return ',"00C3","0000A1B2"' if self.traits.registration_quoted else ",C3,A1B2"

    # --- storages ----------------------------------------------------------------------------------------------

    def store(self, name: str) -> Storage:
        """Give a storage by its name; MT and the ``_P`` names of SIMCom stand for what is behind them."""
        name = name.removesuffix("_P")
        if name == "MT":
            name = "ME" if "ME" in self.memories else "SM"
        return self.sim.records if name == "SM" else self.memories[name]

    def reading_store(self) -> Storage:
        """The storage that +CMGR, +CMGL and +CMGD work on."""
        return self.store(self.settings.cpms[0])

    def count(self, name: str) -> tuple[int, int]:
        """Used and total places, as +CPMS tells them; some count a new message only after a while."""
        store = self.store(name)
        fresh = 1 if self.clock.now() < self._uncounted.get(store.name, 0.0) else 0
        return max(store.used - fresh, 0), store.total

    def stored(self, name: str) -> None:
        """A message was put in a storage."""
        if self.traits.count_lags:
            self._uncounted[self.store(name).name] = self.clock.now() + self.traits.count_lags

    def acknowledged(self) -> bool:
        """+CNMA has come; False if nothing waited for it."""
        return self.receiver.acknowledged()

    def flush_indications(self) -> None:
        """+CNMI was set."""
        self.receiver.flush()

    # --- sending -----------------------------------------------------------------------------------------------

    def link_is_up(self) -> bool:
        """Whether +CMMS has kept the radio link up until now; past the gap, mode 1 falls back to 0."""
        if self.clock.now() <= self.link_until:
            return self.settings.cmms != 0
        if self.link_until >= 0:
            self.link_until = NO_LINK
            if self.settings.cmms == 1:
                self.settings.cmms = 0
        return False

    def transmit(self, submit: Submit, *, linked: bool, answer: str = "+CMGS") -> None:
        """Put a message on the air; the command ends with the network's answer."""
        sent = Transmission(self.index, self.sim, self.sim.next_mr(), submit, linked)
        sent.done = partial(self._network_answered, sent, answer)
        self.transmission = sent
        self.gate(Point.SUBMIT, partial(self.network.transmit, sent))

    def _network_answered(self, sent: Transmission, answer: str) -> None:
        self.transmission = None
        if self.settings.cmms:
            self.link_until = self.clock.now() + self.traits.cmms_gap
        if isinstance(sent.cause, int):
            self.gate(Point.ANSWER, partial(self.refuse, CmsError(sent.cause)))
        else:
            self.gate(Point.ANSWER, partial(self.finish, [f"{answer}: {sent.mr}"]))


def _end(data: bytes) -> int:
    """Where the first Ctrl-Z or ESC stands, -1 if there is none."""
    ends = [at for at in (data.find(CTRL_Z), data.find(ESC)) if at >= 0]
    return min(ends, default=-1)
