"""The simulation's own time: everything that waits is handed a clock and asks nothing else.

A clock may run faster than the world's (``--speed``); only what the air log shows is real time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, and can be called off."""

    def cancel(self) -> None:
        """Call it off; nothing happens if it has already come."""


class Clock(Protocol):
    """Simulated seconds, and the world's."""

    def now(self) -> float:
        """Simulated seconds since some fixed moment."""

    def unix(self) -> float:
        """Real seconds since 1970, for what people and other programs read."""

    def later(self, seconds: float, do: Callable[[], object]) -> Timer:
        """Do it in so many simulated seconds."""


class LoopClock:
    """The clock of a running bank: asyncio's timers, *speed* times faster."""

    def __init__(self, loop: asyncio.AbstractEventLoop, speed: float = 1.0) -> None:
        self._loop = loop
        self._speed = speed

    def now(self) -> float:
        return self._loop.time() * self._speed

    def unix(self) -> float:
        return time.time()

    def later(self, seconds: float, do: Callable[[], object]) -> Timer:
        return self._loop.call_later(seconds / self._speed, do)


class _ManualTimer:
    def __init__(self, do: Callable[[], object]) -> None:
        self.do: Callable[[], object] | None = do

    def cancel(self) -> None:
        self.do = None


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, unix: float = 1_700_000_000.0) -> None:
        self._unix = unix
        self._now = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def now(self) -> float:
        return self._now

    def unix(self) -> float:
        return self._unix + self._now

    def later(self, seconds: float, do: Callable[[], object]) -> Timer:
        timer = _ManualTimer(do)
        heapq.heappush(self._timers, (self._now + max(seconds, 0.0), next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass, doing what falls due in its order."""
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._now, _, timer = heapq.heappop(self._timers)
            if timer.do is not None:
                timer.do()
        self._now = end
