"""Faults: what goes wrong, by name, and when.

A modem passes certain points of its dialogue through its faults: each point says what would happen next, and a fault
may hold that back, delay it, do it twice or do something else. Others simply happen at a time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hw_sim.clock import Clock
    from hw_sim.modem import Modem


class Point(Enum):
    """A place where a fault may take over from what would happen next."""

    TIME = "time"
    """No place in the dialogue: a moment."""
    INPUT = "input"
    """The first byte of a command line has come; next: it is echoed."""
    COMMAND = "command"
    """A command line has come; next: it is run."""
    PROMPT = "prompt"
    """A command wants data; next: the prompt is given."""
    ENTERED = "entered"
    """Ctrl-Z has come; next: what was entered is looked at."""
    SUBMIT = "submit"
    """The message is good; next: it goes on the air."""
    ANSWER = "answer"
    """The network has answered; next: the host is told."""
    REPORT = "report"
    """A status report has reached the modem; next: it is routed to the host."""
    INBOUND = "inbound"
    """A message has reached the modem; next: it is routed or stored."""


class BadFault(ValueError):
    """A fault that does not exist or is not described in a way that can be done."""


Proceed = Callable[[], None]
Action = Callable[["Modem", "Fault", Proceed], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One named fault: what it does, where, and what it takes."""

    act: Action
    point: Point
    takes: Mapping[str, Any]
    """Its parameters and their defaults."""
    meaning: str


@dataclass(slots=True)
class Fault:
    """One fault of one modem: a kind, its parameters, and when it strikes."""

    name: str
    kind: Kind
    point: Point
    settings: dict[str, Any]
    at: float = 0.0
    """Seconds from when it is armed before which it does not strike."""
    lasts: float | None = None
    """Seconds from *at* after which it strikes no more (``for`` in a scenario)."""
    every: float | None = None
    """Seconds between strokes, for faults of the point TIME."""
    message: int | None = None
    """Only at this +CMGS of the modem, the first being 1."""
    command: str = ""
    """Only at command lines that contain this."""
    rate: float = 1.0
    """Chance of striking at each opportunity."""
    byte: int | None = None
    """Once this many bytes have been written to the host since it was armed."""
    times: int | None = None
    """How often at most; without end if None."""
    armed: float = 0.0
    struck: int = field(default=0)

    def strikes(self, modem: Modem, now: float, chance: random.Random) -> bool:
        """Whether it strikes at this opportunity; counts it if so."""
        since = now - self.armed - self.at
        if since < 0 or (self.lasts is not None and since >= self.lasts):
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        if self.message is not None and self.message != modem.transmitter.messages:
            return False
        if self.command and self.command.upper() not in modem.dialogue.line.upper():
            return False
        if self.rate < 1 and chance.random() >= self.rate:
            return False
        self.struck += 1
        return True


_kinds: dict[str, Kind] = {}
_WHEN = {
    "at": float, "for": float, "every": float, "message": int, "byte": int, "command": str, "rate": float,
    "times": int, "on": str,
}  # fmt: skip


def fault(name: str, point: Point, **takes: Any) -> Callable[[Action], Action]:
    """Register what a named fault does; its docstring's first line is its meaning."""

    def register(act: Action) -> Action:
        meaning = (act.__doc__ or "").strip().partition("\n")[0]
        _kinds[name] = Kind(act, point, takes, meaning)
        return act

    return register


def kinds() -> Mapping[str, Kind]:
    """Give every kind of fault by its name."""
    return _kinds


def make_fault(description: Mapping[str, Any]) -> Fault:
    """Read a fault from a scenario's table or a command line; raises BadFault."""
    words = dict(description)
    name = str(words.pop("name", ""))
    kind = _kinds.get(name)
    if kind is None:
        raise BadFault(f"no fault {name!r}; there are {', '.join(sorted(_kinds))}")
    unknown = words.keys() - _WHEN.keys() - kind.takes.keys()
    if unknown:
        takes = ", ".join([*kind.takes, *_WHEN])
        raise BadFault(f"fault {name} takes no {', '.join(sorted(unknown))}; it takes {takes}")
    try:
        when = {key: read(words[key]) for key, read in _WHEN.items() if key in words}
        settings = {key: _like(default, words.get(key, default)) for key, default in kind.takes.items()}
        point = Point(when.pop("on", kind.point.value))
    except (ValueError, TypeError) as wrong:
        raise BadFault(f"fault {name}: {wrong}") from None
    lasts = when.pop("for", None)
    if "byte" in when:
        point = Point.TIME
    once = when.keys() & {"message"} or (point is Point.TIME and "every" not in when)
    when.setdefault("times", 1 if once else None)
    return Fault(name, kind, point, settings, lasts=lasts, **when)


def _like(default: Any, value: Any) -> Any:
    """Read a value that may have come from a command line as what its default is."""
    if isinstance(default, bool) and isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError(f"{value!r} is neither true nor false")
        return value == "true"
    if isinstance(default, float):
        return float(value)
    return type(default)(value) if default is not None else value


class Faults:
    """The faults of one modem."""

    def __init__(self, modem: Modem, clock: Clock, chance: random.Random) -> None:
        self._modem = modem
        self._clock = clock
        self.chance = chance
        self._at: dict[Point, list[Fault]] = {}

    def arm(self, fault: Fault) -> None:
        """Let a fault be from now on."""
        fault.armed = self._clock.now()
        if fault.byte is not None:
            self._modem.wire.at_byte(fault.byte, lambda: self._strike_in_time(fault))
        elif fault.point is Point.TIME:
            self._clock.later(fault.at, lambda: self._strike_in_time(fault))
        else:
            self._at.setdefault(fault.point, []).append(fault)

    def disarm(self, name: str) -> None:
        """End all faults of a name."""
        for faults in self._at.values():
            faults[:] = [fault for fault in faults if fault.name != name]

    def pass_through(self, point: Point, proceed: Proceed) -> None:
        """Do what comes next, unless a fault strikes."""
        for fault in self._at.get(point, ()):
            if fault.strikes(self._modem, self._clock.now(), self.chance):
                fault.kind.act(self._modem, fault, proceed)
                return
        proceed()

    def _strike_in_time(self, fault: Fault) -> None:
        if fault.strikes(self._modem, self._clock.now(), self.chance):
            fault.kind.act(self._modem, fault, _nothing)
        over = fault.times is not None and fault.struck >= fault.times
        late = fault.lasts is not None and self._clock.now() - fault.armed - fault.at >= fault.lasts
        if fault.every and not over and not late:
            self._clock.later(fault.every, lambda: self._strike_in_time(fault))


def _nothing() -> None:
    """What comes next after a fault that simply happens at a time."""
