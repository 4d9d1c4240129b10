"""What becomes of a message after an attempt that did not succeed: decided purely, from whose fault it was.

| verdict | fault | what follows |
| --- | --- | --- |
| unsent | message, driver | failed: the same octets would fail again |
| unsent | others | back to its place in the queue at once, at no cost |
| refused | message, driver | failed at once, with the reason |
| refused | network | later, on another modem: exponential with jitter, at last sooner, until it expires |
| refused | SIM, modem | back at no cost; the modem is taken in hand; three SIMs alike: the message's fault |
| uncertain | any | as the sender wished: hold, resend, fail |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modemd.clock import SECOND
from modemd.queue.states import IfUncertain, State
from modemd.values import Fault, Outcome, Verdict

FIRST_DELAY = 5.0
"""Seconds before the first retry after a fault of the network: a congested cell clears in seconds or in minutes."""

LONGEST_DELAY = 900.0
"""Seconds between two retries at most: a network that is down is asked four times an hour."""

LONGEST_WAIT = round(1.5 * LONGEST_DELAY) * SECOND
"""Microseconds: the same with the most jitter."""

SIMS_ALIKE = 3
"""So many different SIMs that refuse a message with the same code prove that the message is at fault."""

HAND_BACK_DELAY = 1.0
"""Seconds before a message that its modem could not take is offered again, doubling with each refusal: long enough
that a modem which fails everything cannot spin on one message, short beside any time on the air."""

PARTIAL_TRIES = 5
"""Refusals of a later segment before the message is failed as `partial`: its beginning is with the recipient."""

SETTLING_TIME = 60
"""Seconds an uncertain message is left for a late answer before its sender's `if_uncertain` is applied."""


@dataclass(frozen=True, slots=True)
class Next:
    """Where the message goes."""

    state: State
    due: int
    """Not before (queued), or when `if_uncertain` is applied (uncertain)."""
    costs: bool = False
    """Whether this attempt counts against the message."""
    code: str = ""
    """An error code that replaces the outcome's own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision needs to know of the message."""

    refused: int
    """How often it was refused before, for whatever reason."""
    refusals: int
    """How many of these counted against it."""
    sent_parts: int
    """Segments that the SMSC already has."""
    expires: int | None
    if_uncertain: IfUncertain
    sims_alike: int
    """Different SIMs, this one included, that refused it with this code."""
    due: int = 0
    """Since when it might have been sent: its place among its account's."""
    in_doubt: bool = False
    """The SIM had failed with the message before, too."""


def decide(outcome: Outcome, facts: Facts, now: int, jitter: Callable[[], float]) -> Next:
    """What follows an outcome other than accepted; ``jitter`` gives a number from 0 to 1."""
    if outcome.verdict is Verdict.UNCERTAIN:
        return _uncertain(facts, now)
    if outcome.fault in (Fault.MESSAGE, Fault.DRIVER):
        return _fail(facts, now)
    if facts.expires is not None and facts.expires <= now:
        return Next(State.EXPIRED, now) if not facts.sent_parts else _fail(facts, now)
    if outcome.verdict is Verdict.UNSENT:
        return Next(State.QUEUED, min(now, facts.due))
    if _proves_message_at_fault(outcome, facts) or (facts.sent_parts and facts.refusals + 1 >= PARTIAL_TRIES):
        return _fail(facts, now)
    if outcome.fault is Fault.NETWORK or facts.sent_parts:
        return Next(State.QUEUED, now + _in_time(delay(facts.refusals, jitter()), facts, now), costs=True)
    return Next(State.QUEUED, now + _in_time(delay(facts.refused, jitter(), HAND_BACK_DELAY), facts, now))


def _proves_message_at_fault(outcome: Outcome, facts: Facts) -> bool:
    """Not where the network is at fault, nor by a SIM that fails with others too: that is an outage, or the SIM."""
    return facts.sims_alike >= SIMS_ALIKE and outcome.fault is not Fault.NETWORK and not facts.in_doubt


def delay(times: int, jitter: float, first: float = FIRST_DELAY) -> int:
    """Microseconds to wait after it happened ``times`` times before: doubling, half to one and a half times that."""
    seconds = min(LONGEST_DELAY, first * 2.0 ** min(times, 30)) * (0.5 + jitter)
    return round(seconds * SECOND)


def _in_time(wait: int, facts: Facts, now: int) -> int:
    """A wait that would outlast the message is half of what is left of it: its time is used to its end.

    Not less than the first delay, so that the last tries do not come thicker and thicker.
    """
    if facts.expires is None:
        return wait
    return min(wait, max((facts.expires - now) // 2, round(FIRST_DELAY * SECOND)))


def _uncertain(facts: Facts, now: int) -> Next:
    wait = 0 if facts.if_uncertain is IfUncertain.HOLD else SETTLING_TIME * SECOND
    return Next(State.UNCERTAIN, now + wait)


def _fail(facts: Facts, now: int) -> Next:
    return Next(State.FAILED, now, code="partial" if facts.sent_parts else "")
