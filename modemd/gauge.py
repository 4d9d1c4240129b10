"""The rates of the last minute: messages accepted by the network, and how busy the pool was that could have been."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

WINDOW_S = 60
"""Seconds that the rates look back."""


class Worker(Protocol):
    """What is read of a modem."""

    sent: int
    busy_s: float


@dataclass(frozen=True, slots=True)
class _Second:
    length: float
    sent: int
    busy: float
    able: float


class Gauge:
    """Sampled once a second by a duty; pure arithmetic."""

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque()
        self._last = (0.0, 0, 0.0)

    def sample(self, now: float, workers: Iterable[Worker], able: int) -> None:
        """Note the counters at ``now`` (monotonic seconds); ``able`` is how many could have been sending just now."""
        modems = list(workers)
        sent, busy = sum(modem.sent for modem in modems), sum(modem.busy_s for modem in modems)
        then, sent_then, busy_then = self._last
        self._last = (now, sent, busy)
        if not then:
            return
        length = now - then
        self._seconds.append(_Second(length, sent - sent_then, busy - busy_then, max(length * able, busy - busy_then)))
        while sum(second.length for second in self._seconds) > WINDOW_S and len(self._seconds) > 1:
            self._seconds.popleft()

    @property
    def sent_per_min(self) -> float:
        """Segments accepted per minute."""
        length = sum(second.length for second in self._seconds)
        return 60 * sum(second.sent for second in self._seconds) / max(length, WINDOW_S) if length else 0.0

    @property
    def utilisation(self) -> float:
        """The share of the time in which ready modems could have been sending that they were, 0 to 1."""
        able = sum(second.able for second in self._seconds)
        return min(1.0, sum(second.busy for second in self._seconds) / able) if able else 0.0
