"""Periodic duties as plain functions; APScheduler only wakes them.

A duty that is late runs once, however many times it was missed, and never beside itself. What a stop must not delay
has its last run kept in the database: it is done soon after a start if its time has come meanwhile, and it is an alarm
when it is overdue for a day, be it because no daemon ran or because it fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from modemd import log
from modemd.clock import SECOND, Clock
from modemd.errors import ModemdError

SOON = 5.0
"""Seconds after a start at which what is overdue is done: modems and callers go first."""
LATE = 86_400.0
"""Seconds beyond its time after which a duty is an alarm."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[None]]
    kept: bool = False
    """Whether its last run is kept, so that a stop does not delay it."""


class Book(Protocol):
    """Where last runs are kept."""

    async def runs(self) -> Mapping[str, int]:
        """The last complete run of each duty, microseconds since 1970. Raises StorageError."""

    async def ran(self, name: str) -> None:
        """A duty is done now. Raises StorageError."""


class Jobs:
    """Wakes duties until it is stopped."""

    def __init__(self, duties: Sequence[Duty], clock: Clock, book: Book) -> None:
        self._duties = duties
        self._clock = clock
        self._book = book
        self._ran: dict[str, int] = {}
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",  # intervals need no zone; asking the system for one can fail
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    async def start(self) -> None:
        """Wake each duty when its time comes. Raises StorageError."""
        self._ran = dict(await self._book.runs())
        for duty in self._duties:
            first = datetime.fromtimestamp(self._clock.now() / SECOND + self.wait_s(duty), UTC)
            self._scheduler.add_job(
                self.run, "interval", [duty], seconds=duty.every_s, id=duty.name, next_run_time=first
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Wake none any more."""
        self._scheduler.shutdown(wait=False)

    def clock_was_set(self) -> None:
        """What would wait until the clock has come again to where it was is done in its usual time."""
        now = self._clock.now() / SECOND
        for duty in self._duties:
            job = self._scheduler.get_job(duty.name)
            latest = datetime.fromtimestamp(now + duty.every_s, UTC)
            if job is not None and job.next_run_time > latest:
                job.modify(next_run_time=latest)

    def wait_s(self, duty: Duty) -> float:
        """Seconds until a duty is first done after a start."""
        if not duty.kept:
            return duty.every_s
        return max(SOON, duty.every_s - (self._clock.now() - self._ran.get(duty.name, 0)) / SECOND)

    @property
    def alarms(self) -> list[str]:
        """The duties that are late, in sentences for the operator."""
        late = ((duty.name, self._overdue_s(duty)) for duty in self._duties)
        return [
            f"the duty {name} has not been done for {seconds / 3600:.0f} hours more than it should: see the log"
            for name, seconds in late
            if seconds > LATE
        ]

    async def run(self, duty: Duty) -> None:
        """Do it now, and write it down; what goes wrong is in the log, and it is tried again when its time comes."""
        if (overdue_s := self._overdue_s(duty)) > LATE:
            log.event("duty.late", level="ERROR", duty=duty.name, hours=round(overdue_s / 3600))
        try:
            await duty.do()
            if duty.kept:
                await self._book.ran(duty.name)
                self._ran[duty.name] = self._clock.now()
        except ModemdError as error:
            log.failed("duty.failed", error, duty=duty.name)

    def _overdue_s(self, duty: Duty) -> float:
        """Seconds since it should have been done; nothing is known of one that has never run."""
        last = self._ran.get(duty.name)
        return (self._clock.now() - last) / SECOND - duty.every_s if duty.kept and last is not None else 0.0
