"""SIMs and their limits: what they have used is kept, a new month has a new key, and a wait has an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from modemd.clock import SECOND, ManualClock
from modemd.db import Database, connect
from modemd.errors import KeyStoreError
from modemd.pool import seats as subject
from modemd.pool.quota import Calendar, Limits
from modemd.pool.rotation import Grade, Rules, Seat, Wish
from modemd.pool.seats import AWAITED_S, Seats
from modemd.queue import Queue
from modemd.queue.usage import SimUsage, Usages

A, B, C = "sim-a", "sim-b", "sim-c"
NUMBER, OTHER = "+48601000001", "+48601000002"
WARSAW = ZoneInfo("Europe/Warsaw")


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=WARSAW).timestamp()) * SECOND


@dataclass
class Office:
    """Seats on a real file, and what they asked of the key store."""

    database: Database
    clock: ManualClock
    asked: list[tuple[str, int]] = field(default_factory=list)
    broken: int = 0
    """So many times the key store fails."""

    def secret(self, sim: str, month: int) -> bytes:
        self.asked.append((sim, month))
        if self.broken:
            self.broken -= 1
            raise KeyStoreError("a mirror is full")
        return f"{sim} {month}".encode()

    def seats(self, rules: Rules | None = None, **limits: Limits) -> Seats:
        return Seats(
            Usages(self.database, self.clock),
            self.clock,
            Calendar(WARSAW),
            rules or Rules(),
            lambda sim: limits.get(sim.replace("-", "_"), Limits()),
            self.secret,
        )

    async def sends(self, seat: Seat, number: str) -> None:
        """A segment is handed over, and that is written as the barrier writes it."""
        assert seat.meter is not None
        recipient = seat.meter.count(self.clock.now(), number)
        month = seat.meter.recipients.month.start if seat.meter.recipients else 0
        used = SimUsage(seat.sim, seat.meter.used, month, recipient)
        await Queue(self.database, self.clock, "here").cross([], None, 0, "", {}, used)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = ManualClock(moment("2026-11-30 23:50:00"))
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}", clock=clock)
    await database.open()
    yield Office(database, clock)
    await database.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


async def test_what_a_sim_has_used_survives_its_leaving_and_a_restart(office: Office) -> None:
    for seats in (office.seats(sim_a=Limits(per_day=2)), office.seats(sim_a=Limits(per_day=2))):
        await seats.open()
        seat = await seats.admit(A)
        assert seats.able([seat], office.clock.now()) == [seat]
        await office.sends(seat, NUMBER)
        seats.leave(seat)
    seats = office.seats(sim_a=Limits(per_day=2))
    seat = await seats.admit(A)
    assert seats.able([seat], office.clock.now()) == []
    assert seats.limited_until(A) == moment("2026-12-01 00:00:00")
    assert seats.next_change([seat], office.clock.now()) == moment("2026-12-01 00:00:00")
    office.clock.advance(600)
    assert seats.able([seat], office.clock.now()) == [seat]
    assert seats.limited_until(A) is None


async def test_a_sim_without_limits_or_away_is_not_limited(office: Office) -> None:
    seats = office.seats(sim_b=Limits(per_day=1))
    free, limited = await seats.admit(A), await seats.admit(B)
    await office.sends(limited, NUMBER)
    assert (seats.limited_until(A), seats.limited_until(B), seats.limited_until(C)) == (
        None, moment("2026-12-01 00:00:00"), None,
    )  # fmt: skip
    assert free.meter is None
    seats.leave(limited)
    assert seats.limited_until(B) is None


async def test_a_message_longer_than_what_is_left_waits_and_a_short_one_does_not(office: Office) -> None:
    seats = office.seats(sim_a=Limits(per_day=3))
    seat = await seats.admit(A)
    await office.sends(seat, NUMBER)
    now = office.clock.now()
    assert seats.grade(Wish(1, NUMBER, segments=3), [seat], now) is Grade.NEVER
    assert seats.grade(Wish(1, NUMBER, segments=2), [seat], now) is Grade.WELCOME


async def test_in_a_new_month_a_sim_rests_until_it_has_a_new_key_and_then_says_so(office: Office) -> None:
    seats = office.seats(sim_a=Limits(recipients_per_month=1))
    changed: list[int] = []
    seats.on_change = lambda: changed.append(office.clock.now())
    seat = await seats.admit(A)
    await office.sends(seat, NUMBER)
    now = office.clock.now()
    assert seats.grade(Wish(1, OTHER), [seat], now) is Grade.NEVER
    assert seats.grade(Wish(1, NUMBER), [seat], now) is Grade.WELCOME
    office.clock.advance(600)
    assert seats.able([seat], office.clock.now()) == [], "the old key is not used in the new month"
    await until(lambda: bool(changed))
    assert seats.able([seat], office.clock.now()) == [seat]
    assert seats.grade(Wish(1, OTHER), [seat], office.clock.now()) is Grade.WELCOME
    assert office.asked == [(A, moment("2026-11-01 00:00:00")), (A, moment("2026-12-01 00:00:00"))]
    await seats.close()


async def test_a_key_store_that_fails_at_the_turn_of_the_month_is_asked_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SECRET_AGAIN_S", 0.01)
    seats = office.seats(sim_a=Limits(recipients_per_month=1))
    seat = await seats.admit(A)
    office.clock.advance(600)
    office.broken = 2
    assert seats.able([seat], office.clock.now()) == []
    await until(lambda: bool(seats.able([seat], office.clock.now())))
    assert len(office.asked) == 4
    await seats.close()


async def test_a_recipients_own_sim_is_waited_for_a_minute_and_then_another_takes_over(office: Office) -> None:
    seats = office.seats(Rules(sticky=True))
    present = {sim: await seats.admit(sim) for sim in (A, B, C)}
    wish = Wish(1, NUMBER, tag=b"recipient")
    now = office.clock.now()
    _, own = seats.choose(wish, list(present.values()), now)
    assert own is not None
    others = [seat for seat in present.values() if seat is not own]
    assert seats.grade(wish, others, now) is Grade.NEVER
    seats.leave(own)
    assert seats.grade(wish, others, now) is Grade.NEVER
    assert seats.next_change(others, now) == now + round(AWAITED_S * SECOND)
    office.clock.advance(AWAITED_S)
    found, substitute = seats.choose(wish, others, office.clock.now())
    assert (found, substitute in others) == (Grade.WELCOME, True)
    back = await seats.admit(own.sim)
    assert seats.choose(wish, [back], office.clock.now())[1] is back
    assert seats.grade(wish, others, office.clock.now()) is Grade.NEVER, "it is his again"


async def test_after_a_restart_the_sims_of_the_last_month_are_waited_for(office: Office) -> None:
    before = office.seats(Rules(sticky=True))
    for sim in (A, B, C):
        await before.admit(sim)
    after = office.seats(Rules(sticky=True))
    await after.open()
    now = office.clock.now()
    first = await after.admit(A)
    graded = [after.grade(Wish(1, NUMBER, tag=bytes([place])), [first], now) for place in range(60)]
    assert 5 < graded.count(Grade.WELCOME) < 40, "a third of the recipients is his, the others' SIMs may still come"


async def test_a_sim_at_its_limit_for_long_gives_its_recipients_to_another_one(office: Office) -> None:
    seats = office.seats(Rules(sticky=True), sim_a=Limits(per_day=1), sim_b=Limits(per_day=1))
    pair = [await seats.admit(A), await seats.admit(B)]
    wish = Wish(1, NUMBER, tag=b"recipient")
    _, own = seats.choose(wish, pair, office.clock.now())
    assert own is not None
    [other] = [seat for seat in pair if seat is not own]
    await office.sends(own, NUMBER)
    assert seats.grade(wish, [other], office.clock.now()) is Grade.WELCOME, "midnight is ten minutes away"
    office.clock.advance(600 - AWAITED_S / 2)
    assert seats.grade(wish, [other], office.clock.now()) is Grade.NEVER, "and now only half a minute"
