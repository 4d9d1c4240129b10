"""Duties: when they are first done after a start, what a stop does not delay, and when they are an alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from loguru import logger

from modemd.clock import SECOND, ManualClock, SystemClock
from modemd.db import Database, connect
from modemd.errors import StorageFull
from modemd.jobs import LATE, SOON, Duty, Jobs
from modemd.service.duty_book import DutyBook

HOUR = 3600.0


class Notes:
    """A book in which a test writes what it likes."""

    def __init__(self, runs: Mapping[str, int]) -> None:
        self.written = dict(runs)

    async def runs(self) -> Mapping[str, int]:
        return self.written

    async def ran(self, name: str) -> None:
        self.written[name] = 1


async def nothing() -> None:
    pass


async def started(duty: Duty, clock: ManualClock, last: Mapping[str, int]) -> Jobs:
    jobs = Jobs([duty], clock, Notes(last))
    await jobs.start()
    jobs.stop()
    return jobs


@pytest.mark.parametrize(
    ("kept", "ago", "wait"),
    [
        (False, None, HOUR),
        (True, None, SOON),
        (True, 600.0, HOUR - 600),
        (True, HOUR - 1, SOON),
        (True, 50 * HOUR, SOON),
    ],
)
async def test_after_a_start_a_kept_duty_waits_only_for_what_is_left_of_its_time(
    kept: bool, ago: float | None, wait: float
) -> None:
    clock, duty = ManualClock(), Duty("forgetting", HOUR, nothing, kept)
    last = {} if ago is None else {duty.name: clock.now() - int(ago * SECOND)}
    jobs = await started(duty, clock, last)
    assert jobs.wait_s(duty) == pytest.approx(wait)


async def test_a_clock_that_is_set_back_delays_no_duty_by_as_much() -> None:
    clock, done = ManualClock(), asyncio.Event()

    async def do() -> None:
        done.set()

    clock.set_by(
        SystemClock().now() / SECOND - clock.now() / SECOND + HOUR
    )  # the scheduler's own clock was an hour ahead
    jobs = Jobs([Duty("gauge", 0.05, do)], clock, Notes({}))
    await jobs.start()
    clock.set_by(-HOUR)
    jobs.clock_was_set()
    await asyncio.wait_for(done.wait(), 5)
    jobs.stop()


async def test_a_duty_that_is_a_day_late_is_an_alarm_until_it_is_done() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append)
    clock, fails = ManualClock(), True

    async def do() -> None:
        if fails:
            raise StorageFull("no room", cure="make some")

    duty = Duty("forgetting", HOUR, do, kept=True)
    jobs = await started(duty, clock, {duty.name: clock.now()})
    clock.advance(HOUR + LATE)
    await jobs.run(duty)
    assert jobs.alarms == []
    clock.advance(60)
    assert jobs.alarms == ["the duty forgetting has not been done for 24 hours more than it should: see the log"]
    await jobs.run(duty)
    fails = False
    await jobs.run(duty)
    assert jobs.alarms == []
    logger.remove(sink)
    assert len([line for line in lines if "duty.late duty=forgetting hours=24" in line]) == 2
    assert len([line for line in lines if "duty.failed" in line]) == 2


async def test_a_duty_that_is_overdue_is_done_soon_after_the_start_and_written_down(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.jobs.SOON", 0.0)
    clock = SystemClock()
    database: Database = connect(f"sqlite://{tmp_path_factory.mktemp('db')}/modemd.db", clock=clock)
    await database.open()
    done = asyncio.Event()

    async def do() -> None:
        done.set()

    book = DutyBook(database, clock)
    jobs = Jobs([Duty("forgetting", HOUR, do, kept=True)], clock, book)
    await jobs.start()
    async with asyncio.timeout(10):
        await done.wait()
        while "forgetting" not in await book.runs():
            await asyncio.sleep(0.01)
    jobs.stop()
    again = Jobs([Duty("forgetting", HOUR, do, kept=True)], clock, book)
    await again.start()
    again.stop()
    assert again.wait_s(Duty("forgetting", HOUR, do, kept=True)) > HOUR - 60
    await database.close()
