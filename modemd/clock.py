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


SET = SECOND
"""From so much on a clock that is ahead or behind has been set; less is waited out."""


class SystemClock:
    """The machine's own clocks.

    A wall clock that is corrected backwards by less than a second stands still for as long instead: what was written a
    moment ago is never in the future. Set back further, it goes back (`Settings`).
    """

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        """The moment: microseconds since 1970 UTC."""
        moment = time.time_ns() // 1000
        if self._last - SET < moment < self._last:
            return self._last
        self._last = moment
        return moment

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to, for tests of what depends on time."""

    def __init__(self, start: int = 1_800_000_000 * SECOND) -> None:
        self.moment = start
        self._set_by = 0

    def now(self) -> int:
        """The moment last set."""
        return self.moment

    def monotonic(self) -> float:
        """The same moment, in seconds, but for what it was set by."""
        return (self.moment - self._set_by) / SECOND

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.moment += round(seconds * SECOND)

    def set_by(self, seconds: float) -> None:
        """Set the wall clock, forwards or back, as NTP does; a machine that sleeps looks the same from inside."""
        self._set_by += round(seconds * SECOND)
        self.moment += round(seconds * SECOND)


class Settings:
    """Notices that the wall clock was set, or that the machine slept: it has not gone on as the monotonic one has."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._read()

    def noticed(self) -> int:
        """Microseconds by which the wall clock was set since this was last asked: negative if back, 0 if it was not."""
        offset = self._read()
        by, self._offset = offset - self._offset, offset
        return by if abs(by) >= SET else 0

    def _read(self) -> int:
        return self._clock.now() - round(self._clock.monotonic() * SECOND)


def rfc3339(moment: int | None) -> str | None:
    """A stored moment as RFC 3339 text in UTC with milliseconds; None stays None."""
    if moment is None:
        return None
    stamp = datetime.fromtimestamp(moment / SECOND, tz=UTC)
    return stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
