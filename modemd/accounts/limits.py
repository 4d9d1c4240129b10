"""How often something may happen, counted in memory under keys that nobody can read.

What is counted (numbers, log-ins, networks) is known here only as a keyed digest; the key is random, lives in memory
and is replaced every day, so that nothing about yesterday can be matched against a guess.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque

from modemd.clock import Clock

DAY = 86_400.0
HOUR = 3_600.0


class Disguise:
    """Turns what is counted into a digest of today's key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = clock.monotonic()
        self._key = secrets.token_bytes(32)

    def __call__(self, *values: str) -> bytes:
        """The digest of the values together."""
        if self._clock.monotonic() - self._made >= DAY:
            self._made, self._key = self._clock.monotonic(), secrets.token_bytes(32)
        raw = "\0".join(values).encode("utf-8", "replace")
        return hashlib.blake2b(raw, digest_size=16, key=self._key).digest()


class Limit:
    """At most ``most`` of each kind within ``span`` seconds, counted from each one's own moment."""

    def __init__(self, most: int, span: float, clock: Clock) -> None:
        self.most = most
        self._span = span
        self._clock = clock
        self._moments: dict[bytes, deque[float]] = {}
        self._swept = clock.monotonic()

    def wait(self, kind: bytes = b"") -> float:
        """Seconds until one more of this kind may happen; 0 if it may now."""
        moments = self._recent(kind)
        if moments is None or len(moments) < self.most:
            return 0.0
        return moments[-self.most] + self._span - self._clock.monotonic()

    def count(self, kind: bytes = b"") -> None:
        """One of this kind has happened."""
        self._sweep()
        self._moments.setdefault(kind, deque()).append(self._clock.monotonic())

    def forget(self, kind: bytes) -> None:
        """Count from zero again."""
        self._moments.pop(kind, None)

    def _recent(self, kind: bytes) -> deque[float] | None:
        moments = self._moments.get(kind)
        while moments and moments[0] <= self._clock.monotonic() - self._span:
            moments.popleft()
        return moments

    def _sweep(self) -> None:
        """Once a span, drop what no longer counts."""
        if self._clock.monotonic() - self._swept < self._span:
            return
        self._swept = self._clock.monotonic()
        for kind in list(self._moments):
            if not self._recent(kind):
                del self._moments[kind]
