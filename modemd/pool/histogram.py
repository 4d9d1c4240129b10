"""Durations counted in buckets, for whoever asks how they are spread: one search and two additions each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SEND_S = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
"""A segment takes three to six seconds on the air; what takes a minute is on its way to being uncertain."""
GAP_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
"""From a final result to the next ``AT+CMGS`` it takes about a millisecond."""


class Histogram:
    """How many durations were at most each of ``bounds`` (seconds, ascending), and their sum."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """By bucket, each by itself; the last one is for what is longer than all bounds."""
        self.total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    def take(self, other: Histogram) -> None:
        """Count what another of the same bounds has counted, and leave it empty."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.total_s += other.total_s
        other.counts, other.total_s = [0] * len(other.counts), 0.0
