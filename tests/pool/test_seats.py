"""The SIMs that are ready: what waits for one that is busy rather than be given to one that has just failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from modemd.clock import ManualClock
from modemd.db import connect
from modemd.pool.quota import Calendar, Limits
from modemd.pool.rotation import Grade, Rules, Seat, Wish
from modemd.pool.seats import Seats
from modemd.queue.usage import Usages

NUMBER = "+48601000001"
A, B = "sim-a", "sim-b"
FRESH = Wish(1, NUMBER)
PASSWORD = Wish(1, NUMBER, system=True)
REFUSED_BY_A = Wish(1, NUMBER, tried=frozenset({A}))
REFUSED_BY_BOTH = Wish(1, NUMBER, tried=frozenset({A, B}))


@pytest.fixture
async def seats(tmp_path: Path) -> AsyncIterator[Seats]:
    """Of which B may send once a minute."""
    clock = ManualClock()
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}", clock=clock)
    await database.open()
    limits = {B: Limits(per_minute=1)}
    yield Seats(
        Usages(database, clock),
        clock,
        Calendar(ZoneInfo("UTC")),
        Rules(),
        lambda sim: limits.get(sim, Limits()),
        lambda _sim, _month: b"key",
    )
    await database.close()


async def both(seats: Seats, *, a: int = 0, b: int = 0) -> tuple[Seat, Seat]:
    """A and B, each with so many failures in a row."""
    first, second = await seats.admit(A), await seats.admit(B)
    first.doubts, second.doubts = a, b
    return first, second


@pytest.mark.parametrize(
    ("wish", "a", "b", "expected"),
    [
        (FRESH, 0, 0, A),
        (FRESH, 1, 0, A),
        (REFUSED_BY_A, 0, 0, None),
        (REFUSED_BY_A, 1, 0, None),
        (REFUSED_BY_A, 1, 1, A),
        (REFUSED_BY_BOTH, 1, 0, A),
        (PASSWORD, 1, 0, None),
        (PASSWORD, 1, 1, A),
        (PASSWORD, 0, 0, A),
    ],
)
async def test_only_a_fresh_message_probes_a_sim_in_doubt_while_a_better_one_is_busy(
    seats: Seats, wish: Wish, a: int, b: int, expected: str | None
) -> None:
    idle, _busy = await both(seats, a=a, b=b)
    found, seat = seats.choose(wish, [idle], 0)
    assert (seat.sim if seat else None) == expected
    assert (found is Grade.NEVER) == (expected is None)


async def test_a_refused_message_waits_for_no_sim_that_is_gone_or_at_its_limit(seats: Seats) -> None:
    idle, better = await both(seats, a=1)
    assert seats.choose(REFUSED_BY_A, [idle], 0)[1] is None
    assert better.meter is not None
    better.meter.count(0, NUMBER)
    assert seats.choose(REFUSED_BY_A, [idle], 0)[1] is idle
    better.meter.give_back()
    assert seats.choose(REFUSED_BY_A, [idle], 0)[1] is None
    seats.leave(better)
    assert seats.choose(REFUSED_BY_A, [idle], 0)[1] is idle


async def test_the_idle_sim_that_has_not_failed_takes_what_another_has_refused(seats: Seats) -> None:
    one, other = await both(seats, a=3)
    assert seats.choose(REFUSED_BY_A, [one, other], 0)[1] is other
