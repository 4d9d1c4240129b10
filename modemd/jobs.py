"""Periodic duties as plain functions; APScheduler only wakes them.

A duty that is late runs once, however many times it was missed, and never beside itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from modemd import log
from modemd.errors import ModemdError


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do again and again."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[None]]


class Jobs:
    """Wakes duties until it is stopped."""

    def __init__(self, duties: list[Duty]) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",  # intervals need no zone; asking the system for one can fail
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        for duty in duties:
            self._scheduler.add_job(_run, "interval", [duty], seconds=duty.every_s, id=duty.name)

    def start(self) -> None:
        """Wake each duty when its time comes."""
        self._scheduler.start()

    def stop(self) -> None:
        """Wake none any more."""
        self._scheduler.shutdown(wait=False)


async def _run(duty: Duty) -> None:
    try:
        await duty.do()
    except ModemdError as error:
        log.failed("duty.failed", error, duty=duty.name)
