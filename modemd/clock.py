"""The only place that asks the time; everything else is handed a Clock or a moment.

Moments are integers: microseconds since 1970 UTC. They sort, they fit a BIGINT, and they carry no zone.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000_000
"""One second, in the unit of every stored moment."""


class Clock(Protocol):
    """What tells the time: wall-clock moments to store, and a monotonic count to measure with."""

    def now(self) -> int:
        """The moment: microseconds since 1970 UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        """The moment: microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to, for tests of what depends on time."""

    def __init__(self, start: int = 1_800_000_000 * SECOND) -> None:
        self.moment = start

    def now(self) -> int:
        """The moment last set."""
        return self.moment

    def monotonic(self) -> float:
        """The same moment, in seconds."""
        return self.moment / SECOND

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.moment += round(seconds * SECOND)


def rfc3339(moment: int | None) -> str | None:
    """A stored moment as RFC 3339 text in UTC with milliseconds; None stays None."""
    if moment is None:
        return None
    stamp = datetime.fromtimestamp(moment / SECOND, tz=UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
