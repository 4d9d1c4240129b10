"""What is due by the clock goes when its time comes: also when the clock is set, or the machine has slept."""

from __future__ import annotations

import pytest
from hall import ACCEPTED, Hall

from modemd.clock import SECOND
from modemd.pool.quota import Limits
from modemd.queue import IfUncertain, State
from modemd.values import Fault, Lane, Outcome, Verdict

CONGESTED = Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK, detail="congestion")
HOUR = 3600.0


class Answers:
    """The first attempt ends so, the others well."""

    def __init__(self, first: Outcome) -> None:
        self._first: Outcome | None = first

    def __call__(self, _to: str) -> Outcome:
        first, self._first = self._first, None
        return first or ACCEPTED


async def passes(hall: Hall, seconds: float) -> None:
    """Time passes, as a wall clock and a monotonic one show it."""
    hall.clock.advance(seconds)
    await hall.looked()


@pytest.mark.parametrize("sets", [False, True])
async def test_a_message_for_later_goes_to_the_second(hall: Hall, *, sets: bool) -> None:
    hall.modem()
    goes = hall.clock.set_by if sets else hall.clock.advance
    await hall.submit("later", due=hall.clock.now() + round(HOUR * SECOND))
    goes(HOUR - 1)
    await hall.looked()
    assert hall.sent == []
    goes(1)
    await hall.sends("later")


@pytest.mark.parametrize("sets", [False, True])
async def test_a_message_expires_to_the_second_and_does_not_go(hall: Hall, *, sets: bool) -> None:
    goes = hall.clock.set_by if sets else hall.clock.advance
    [one] = await hall.submit("too late", expires=hall.clock.now() + round(HOUR * SECOND))
    goes(HOUR - 1)
    await hall.looked()
    await hall.becomes(one, State.QUEUED)
    goes(1)
    await hall.becomes(one, State.EXPIRED)
    hall.modem()
    await hall.submit("in time")
    await hall.sends("in time")
    assert hall.sent == ["in time"]


@pytest.mark.parametrize("sets", [False, True])
async def test_a_back_off_ends_when_its_time_comes(hall: Hall, *, sets: bool) -> None:
    hall.modem(Answers(CONGESTED))
    [one] = await hall.submit("again")
    waiting = await hall.becomes(one, State.QUEUED, refusals=1)
    goes = hall.clock.set_by if sets else hall.clock.advance
    goes((waiting.due - hall.clock.now()) / SECOND - 0.001)
    await hall.looked()
    assert hall.sent == ["again"]
    goes(0.001 if not sets else 1.001)
    await hall.sends(count=2)


async def test_a_senders_wish_is_applied_when_its_time_comes(hall: Hall) -> None:
    hall.modem(Answers(Outcome(Verdict.UNCERTAIN, code="timeout")))
    [one] = await hall.submit("twice rather than never", if_uncertain=IfUncertain.RESEND)
    await hall.becomes(one, State.UNCERTAIN)
    await passes(hall, 59)
    await hall.becomes(one, State.UNCERTAIN)
    hall.clock.advance(1)
    await hall.sends(count=2)


@pytest.mark.parametrize("limit", [Limits(per_minute=2), Limits(per_hour=2), Limits(per_day=2), Limits(gap=HOUR)])
async def test_a_limit_that_ends_lets_the_next_message_go(hall: Hall, limit: Limits) -> None:
    hall.limits = {"sim of modem0": limit}
    hall.modem()
    await hall.submit(*"abcd")
    await hall.sends(count=1 if limit.gap else 2)
    ends = hall.seats.limited_until("sim of modem0")
    assert ends is not None
    hall.clock.set_by((ends - hall.clock.now()) / SECOND - 1)
    await hall.looked()
    assert len(hall.sent) <= 2
    before = len(hall.sent)
    hall.clock.set_by(1)
    await hall.sends(count=before + 1)


async def test_a_limit_that_ends_while_time_just_passes_lets_the_next_message_go(hall: Hall) -> None:
    hall.limits = {"sim of modem0": Limits(gap=0.05)}
    hall.modem()
    await hall.submit(*"abc")
    for sent in (1, 2, 3):
        await hall.sends(count=sent)
        await hall.looked()
        assert len(hall.sent) == sent
        hall.clock.advance(0.05)


async def test_the_limits_of_a_clock_that_is_set_back_hold_and_end(hall: Hall) -> None:
    hall.limits = {"sim of modem0": Limits(per_hour=2)}
    hall.modem()
    await hall.submit(*"abcd")
    await hall.sends(count=2)
    hall.clock.set_by(-10 * HOUR)
    await hall.looked()
    assert len(hall.sent) == 2, "nothing is given away"
    ends = hall.seats.limited_until("sim of modem0")
    assert ends is not None
    assert ends <= hall.clock.now() + HOUR * SECOND, "by the new time"
    hall.clock.set_by(HOUR)
    await hall.sends(count=4)


async def test_what_was_queued_before_the_clock_was_set_back_goes_and_in_its_order(hall: Hall) -> None:
    for place in range(3):
        await hall.submit(f"{place}", account=1 + place % 2)
        hall.clock.advance(1)
    hall.clock.set_by(-HOUR)
    await hall.submit("3", account=3)
    hall.modem()
    await hall.sends("0", "1", "2", "3")
    assert hall.sent.index("0") < hall.sent.index("2")


async def test_a_back_off_does_not_grow_when_the_clock_is_set_back(hall: Hall) -> None:
    hall.modem(Answers(CONGESTED))
    [one] = await hall.submit("again")
    waiting = await hall.becomes(one, State.QUEUED, refusals=1)
    left_s = (waiting.due - hall.clock.now()) / SECOND
    hall.clock.set_by(-10 * 60)
    await hall.looked()
    assert hall.sent == ["again"]
    hall.clock.advance(left_s)
    await hall.sends(count=2)


async def test_a_message_for_later_keeps_its_hour_when_the_clock_is_set_back(hall: Hall) -> None:
    hall.modem()
    await hall.submit("later", due=hall.clock.now() + 60 * SECOND)
    hall.clock.set_by(-HOUR)
    await passes(hall, 120)
    assert hall.sent == []
    hall.clock.advance(HOUR - 60)
    await hall.sends("later")


async def test_what_a_clock_that_was_ahead_has_queued_goes_after_a_restart_by_the_right_time(hall: Hall) -> None:
    """A board without a clock of its own starts with the time of its last stop, or another."""
    hall.modem(Answers(CONGESTED))
    [again] = await hall.submit("again")
    await hall.becomes(again, State.QUEUED, refusals=1)
    await hall.stop_modems()
    await hall.submit("waiting", lane=Lane.BULK)
    await hall.close()
    hall.clock.set_by(-30 * 24 * HOUR)
    await hall.open()
    hall.modem()
    await hall.sends("waiting")
    hall.clock.advance(2000)
    await hall.sends("waiting", count=3)
