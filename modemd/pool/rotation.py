"""Which of the idle modems takes a message: decided purely, from what is set and who is there.

A SIM must not take a message
  that another SIM has begun;
  of an account that is bound to other SIMs, or if it is bound to other accounts (passwords are exempt);
  that would pass one of its limits;
  whose recipient has another SIM, where SIMs are sticky.
It rather does not take one
  that it has refused, or could not send;
  to a number whose own network another SIM is in.
Among those that are left: one that is not in doubt, for what it was given last it got accepted; one that has sent to
the recipient this month, where recipients are limited; then the one whose turn it is, which is the one that has waited
longest, a heavier one sooner.

What has failed once, or is the service's own, is no probe: a SIM in doubt, or one that has refused it, does not take it
while a better one is only busy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import chain

from modemd.pool.quota import Meter


class Grade(IntEnum):
    """How well a message fits a SIM."""

    NEVER = 0
    RATHER_NOT = 1
    WELCOME = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What matters of a message."""

    account: int
    number: str
    """Its recipient."""
    segments: int = 1
    """How many are left to be sent."""
    system: bool = False
    """Of the service itself: no account's SIMs are meant."""
    begun_on: str | None = None
    """The SIM that has sent its first segments."""
    tried: frozenset[str] = frozenset()
    """The SIMs that it was handed to without success."""
    tag: bytes = b""
    """A keyed tag of the recipient, where SIMs are sticky."""


@dataclass(slots=True, eq=False)
class Seat:
    """One SIM that is ready."""

    sim: str
    meter: Meter | None = None
    """None without limits."""
    weight: int = 1
    turn: float = 0.0
    """The smallest goes first."""
    doubts: int = 0
    """Messages in a row that it has not got accepted, through no fault of theirs that is proven."""


@dataclass(frozen=True)
class Rules:
    """What the operator has set; by default nothing."""

    bound: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """The SIMs of an account that may use no others."""
    home: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The SIMs that are in the network of numbers with a prefix; the longest prefix counts."""
    weights: Mapping[str, int] = field(default_factory=dict)
    sticky: bool = False
    reserved: frozenset[str] = field(init=False)
    """SIMs that are bound to some account."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reserved", frozenset(chain.from_iterable(self.bound.values())))

    def allows(self, wish: Wish, sim: str) -> bool:
        """Whether the account may use the SIM, and the SIM may be used for the account."""
        if not self.bound or wish.system:
            return True
        mine = self.bound.get(wish.account)
        return sim not in self.reserved if mine is None else sim in mine

    def at_home(self, number: str) -> frozenset[str]:
        """The SIMs in the number's own network, as far as they are set."""
        prefixes = [prefix for prefix in self.home if number.startswith(prefix)]
        return self.home[max(prefixes, key=len)] if prefixes else frozenset()


def grade(wish: Wish, seat: Seat, rules: Rules, now: int, keeper: str | None = None) -> Grade:
    """How well a message fits a SIM; ``keeper`` is the SIM of its recipient, where SIMs are sticky."""
    sim = seat.sim
    if (wish.begun_on or keeper or sim) != sim or not rules.allows(wish, sim):
        return Grade.NEVER
    if seat.meter is not None and not seat.meter.takes(now, wish.segments, wish.number):
        return Grade.NEVER
    if sim in wish.tried:
        return Grade.RATHER_NOT
    if rules.home and sim not in (rules.at_home(wish.number) or (sim,)):
        return Grade.RATHER_NOT
    return Grade.WELCOME


def choose(
    wish: Wish, seats: Iterable[Seat], rules: Rules, now: int, keeper: str | None = None
) -> tuple[Grade, Seat | None]:
    """The SIM that takes a message, of those that are idle, given by their turns; and how well it fits."""
    best = Grade.NEVER, False, False
    chosen = None
    for seat in seats:
        spares = seat.meter is None or not seat.meter.is_new(wish.number)
        found = grade(wish, seat, rules, now, keeper), not seat.doubts, spares
        if found[0] and found > best:
            best, chosen = found, seat
        if best == (Grade.WELCOME, True, True):
            break
    return best[0], chosen


def fails_likely(wish: Wish, seat: Seat) -> bool:
    """Whether a message should wait for another SIM than this, if there is one that it may use."""
    return seat.sim in wish.tried or (seat.doubts > 0 and (bool(wish.tried) or wish.system))


def keeper(wish: Wish, sims: frozenset[str], awaited: Callable[[str], bool]) -> str | None:
    """The SIM that a recipient's messages go through: the first of his own order that is there, or awaited.

    The order follows from his tag and the SIMs' names alone, so nothing about him has to be kept; a SIM that goes
    takes only its own recipients to others, one that comes takes its share of everybody's.
    """
    return next((sim for sim in ranking(wish.tag, sims) if awaited(sim)), None)


@lru_cache(maxsize=8192)
def ranking(tag: bytes, sims: frozenset[str]) -> tuple[str, ...]:
    """All SIMs in one recipient's own order (rendezvous hashing)."""
    return tuple(sorted(sims, key=lambda sim: hashlib.blake2b(sim.encode(), key=tag, digest_size=8).digest()))
