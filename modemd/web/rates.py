"""How many requests somebody may make: a minute's worth at once, then one by one as the minute goes on.

One moment is kept for each caller: when all he has used up is his again (GCRA, ITU-T I.371 A.1). Callers are known as
the digest of a key that lives in memory for a day. No more than ``MOST_KEPT`` are kept; those beyond share one.
"""

from __future__ import annotations

from dataclasses import dataclass

from modemd.accounts.limits import Disguise
from modemd.clock import Clock
from modemd.errors import TooMany

SPAN = 60.0
"""Seconds over which ``most`` is meant."""
MOST_KEPT = 10_000
_OTHERS = b""


class Rate:
    """At most ``most`` requests a minute from each caller; 0 is no limit."""

    def __init__(self, most: int, clock: Clock) -> None:
        self.most = most
        self._clock = clock
        self._disguise = Disguise(clock)
        self._whole: dict[bytes, float] = {}
        self._swept = 0.0

    def spend(self, who: str | int) -> None:
        """One more request from him. Raises TooMany, and then it does not count."""
        if not self.most:
            return
        now, each = self._clock.monotonic(), SPAN / self.most
        kind = self._disguise(str(who))
        if kind not in self._whole and len(self._whole) >= MOST_KEPT:
            self._sweep(now)
            kind = kind if len(self._whole) < MOST_KEPT else _OTHERS
        whole = max(now, self._whole.get(kind, now)) + each
        if whole - now > SPAN + each / 2:  # half a request: sums of fractions are not exact
            raise TooMany("too many requests", retry_after=whole - now - SPAN, code="rate_limited")
        self._whole[kind] = whole

    def _sweep(self, now: float) -> None:
        """Drop those who have used up nothing; once a second, for it looks at everybody."""
        if now - self._swept < 1.0:
            return
        self._swept = now
        self._whole = {kind: whole for kind, whole in self._whole.items() if whole > now}


@dataclass(frozen=True, slots=True)
class Rates:
    """What each account, and each network of callers without a valid credential, may ask for."""

    accounts: Rate
    strangers: Rate
