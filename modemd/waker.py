"""Wakes the queue when something is due by the clock: scheduled messages, retries, expiries, uncertain ones.

It sleeps until the next moment that the database knows of and is told of any earlier one. Twice a second it looks
whether the wall clock was set or the machine slept, for which there is no event that every system gives: what is due by
the new time goes within the second, and what was queued before the clock was set back goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from modemd import log
from modemd.clock import SECOND, Clock, Settings
from modemd.errors import StorageError
from modemd.queue import Queue

RETRY_S = 1.0
"""Seconds before the clock's work is tried again after the database refused."""

LOOK_S = 0.5
"""Seconds between two looks at the clock."""


class Waker:
    """One coroutine that runs `queue.tick` at the right moments; ``on_set`` is called when the clock was set."""

    def __init__(
        self, queue: Queue, clock: Clock, on_set: Callable[[], None] = lambda: None, look_s: float = LOOK_S
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._on_set = on_set
        self._look_s = look_s
        self._settings = Settings(clock)
        self._unknown = True
        """Whether the clock was set back while no daemon ran, nobody has seen."""
        self._set_back = 0
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
                await self._follow_clock()
                done, found = await self._queue.tick(done)
            except StorageError as error:
                log.event("storage.refused", level="ERROR", code=error.code)
                found = self._clock.now() + round(RETRY_S * SECOND)
            if found is not None:
                self._next = found if self._next is None else min(found, self._next)
            await self._until_next()

    async def _follow_clock(self) -> None:
        """Bring to the present what a clock that was set back has left in the future. Raises StorageError."""
        if self._set_back or self._unknown:
            await self._queue.catch_up(self._set_back)
        self._set_back, self._unknown = 0, False

    async def _until_next(self) -> None:
        while not self._was_set() and (self._next is None or self._next > self._clock.now()):
            left = self._look_s if self._next is None else (self._next - self._clock.now()) / SECOND
            try:
                await asyncio.wait_for(self._earlier.wait(), min(left, self._look_s))
            except TimeoutError:
                continue
            self._earlier.clear()

    def _was_set(self) -> bool:
        by = self._settings.noticed()
        if by:
            log.event("clock.set", level="WARNING", by_s=round(by / SECOND, 1))
            self._set_back += max(0, -by)
            self._on_set()
        return by != 0
