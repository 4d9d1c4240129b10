"""One deadline of a dialogue: moved, lifted or met; whoever set it is told when it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls ``come`` when the deadline has come that was set last.

    The timer is moved only when it would come too late: most deadlines are met, and moving one costs more than an
    idle call.
    """

    __slots__ = ("_at", "_come", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, come: Callable[[], None]) -> None:
        self._loop = loop
        self._come = come
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def over(self) -> bool:
        """Whether there is one, and it has passed."""
        return self._at is not None and self._loop.time() >= self._at

    def set(self, seconds: float) -> None:
        """So many seconds from now, whatever it was before."""
        self._at = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._at:
            self.release()
            self._timer = self._loop.call_at(self._at, self._due)

    def lift(self) -> None:
        """There is none any more."""
        self._at = None

    def release(self) -> None:
        """Leave the event loop alone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._loop.time() < self._at:
            self._timer = self._loop.call_at(self._at, self._due)
            return
        self._come()
