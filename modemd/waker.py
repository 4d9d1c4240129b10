"""Wakes the queue when something is due by the clock: scheduled messages, retries, expiries, uncertain ones.

It sleeps until the next moment that the database knows of and is told of any earlier one; it never polls.
"""

from __future__ import annotations

import asyncio

from modemd import log
from modemd.clock import SECOND, Clock
from modemd.errors import StorageError
from modemd.queue import Queue

RETRY_S = 1.0
"""Seconds before the clock's work is tried again after the database refused."""


class Waker:
    """One coroutine that runs `queue.tick` at the right moments."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._next: int | None = None
        self._earlier = asyncio.Event()
        queue.on_later = self.note

    def note(self, moment: int) -> None:
        """Something will be due at this moment."""
        if self._next is None or moment < self._next:
            self._next = moment
            self._earlier.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        done = self._clock.now()
        while True:
            self._earlier.clear()
            self._next = None
            try:
                done, found = await self._queue.tick(done)
            except StorageError as error:
                log.event("storage.refused", level="ERROR", code=error.code)
                found = self._clock.now() + round(RETRY_S * SECOND)
            if found is not None:
                self._next = found if self._next is None else min(found, self._next)
            await self._until_next()

    async def _until_next(self) -> None:
        while self._next is None or self._next > self._clock.now():
            wait = None if self._next is None else (self._next - self._clock.now()) / SECOND
            try:
                await asyncio.wait_for(self._earlier.wait(), wait)
            except TimeoutError:
                continue
            self._earlier.clear()
