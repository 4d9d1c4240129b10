"""Why a message that could go does not: what the pool says of it at this moment, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemd.clock import rfc3339
from modemd.pool.rotation import Rules, Wish

NAMED = 5
"""Modems that a sentence names at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """One modem, as far as it matters to a message that waits."""

    name: str
    sim: str
    condition: str
    reason: str | None = None
    """Why it is not ready."""
    ready: bool = True
    busy: bool = False
    longest: int = 0
    """Segments that the limits of its SIM let through at once; 0 is any number."""
    until: int | None = None
    """When its SIM has room for the message; None if it has."""
    new: bool = False
    """Whether the recipient would be one too many for its SIM this month."""

    def __str__(self) -> str:
        return f"{self.name} is {self.condition}" + (f" ({self.reason})" if self.reason else "")


def holdup(wish: Wish, places: Sequence[Place], rules: Rules, keeper: str | None = None) -> str:
    """``keeper`` is the SIM of the recipient, where SIMs are sticky."""
    if not places:
        return "There is no modem (see modemd modems)."
    if wish.begun_on is not None:
        its = [place for place in places if place.sim == wish.begun_on]
        return _one_sim(f"The rest can follow only through the SIM {end(wish.begun_on)}", wish, its)
    allowed = [place for place in places if rules.allows(wish, place.sim)]
    if not any(place.ready for place in places):
        return f"No modem is ready to send: {_named(places)}."
    bound = rules.bound.get(wish.account)
    if not any(place.ready for place in allowed):
        if bound is None or wish.system:
            return "Every SIM that is ready is kept for other accounts (see [sim] in the configuration)."
        sims = " or ".join(end(sim) for sim in sorted(bound))
        return f"Its account may use only the SIM {sims}, {_absent(allowed)}."
    if keeper is not None:
        its = [place for place in allowed if place.sim == keeper]
        return _one_sim(
            f"Its recipient's messages go through the SIM {end(keeper)}",
            wish,
            its,
            "; it is awaited for a minute at most",
        )
    which = "Every SIM that it may use" if rules.bound else "Every SIM that is ready"
    return _limits(which, wish, [place for place in allowed if place.ready])


def _one_sim(rule: str, wish: Wish, its: Sequence[Place], patience: str = "") -> str:
    ready = [place for place in its if place.ready]
    return _limits("Its SIM", wish, ready) if ready else f"{rule}, {_absent(its)}{patience}."


def _limits(which: str, wish: Wish, ready: Sequence[Place]) -> str:
    """What keeps the SIMs that it may use from taking it."""
    longest = max((place.longest or wish.segments) for place in ready)
    if longest < wish.segments:
        limit = f"the limits of {which[0].lower()}{which[1:]} let through {longest} at once"
        return f"It has {wish.segments} segments, and {limit}: it can go when a limit is raised."
    moments = [place.until for place in ready if place.until is not None]
    if len(moments) == len(ready):
        recipients = " for different recipients this month" if all(place.new for place in ready) else ""
        return f"{which} is at its limit{recipients} until {rfc3339(min(moments))}."
    able = [place for place in ready if place.until is None]
    untried = [place for place in ready if place.sim not in wish.tried]
    if wish.tried and untried and all(place.busy or place.until is not None for place in untried):
        return "It waits for a SIM that has not failed with it before; each of these is busy, or at its limit."
    if any(not place.busy for place in able):
        return "It is about to be handed to a modem."
    return "It waits for its turn: every modem that may send it is busy, and others may be before it."


def _absent(its: Sequence[Place]) -> str:
    return f"which cannot send: {_named(its)}" if its else "which is in no modem"


def _named(places: Sequence[Place]) -> str:
    more = f", and {len(places) - NAMED} more are not ready" if len(places) > NAMED else ""
    return ", ".join(str(place) for place in places[:NAMED]) + more


def end(sim: str) -> str:
    """The end of a SIM's identity: enough to tell an operator's SIMs apart, useless to anybody else."""
    return f"…{sim[-4:]}"
