"""The access log: method, route template, status, milliseconds, and the address cut to its network.

The first request of a kind is told at once. What repeats it within a second is told by one line when the second is
over: writing a line costs as much as the rest of a small request, and the loop that would write it feeds the modems.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from modemd import log

INTERVAL = 1.0
"""Seconds for which repetitions are gathered."""

Kind = tuple[str, str, int, str]
"""Method, route template, status, network."""


@dataclass(slots=True)
class _Repeated:
    count: int = 0
    total: float = 0.0
    longest: float = 0.0


@dataclass(slots=True)
class AccessLog:
    """Gathers requests and writes about them; used on the event loop."""

    _seen: dict[Kind, _Repeated] = field(default_factory=dict)
    _timer: asyncio.TimerHandle | None = None

    def note(self, kind: Kind, milliseconds: float) -> None:
        """One request has been answered."""
        repeated = self._seen.get(kind)
        if repeated is None:
            self._seen[kind] = _Repeated()
            _write(kind, ms=milliseconds)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(INTERVAL, self.flush)
            return
        repeated.count += 1
        repeated.total += milliseconds
        repeated.longest = max(repeated.longest, milliseconds)

    def flush(self) -> None:
        """Write what was gathered."""
        seen, self._seen = self._seen, {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for kind, repeated in seen.items():
            if repeated.count:
                mean = repeated.total / repeated.count
                _write(kind, count=repeated.count, mean_ms=mean, longest_ms=repeated.longest)


def _write(kind: Kind, **fields: float) -> None:
    method, route, status, network = kind
    log.event("http", level="INFO", method=method, route=route, status=status, net=network, **fields)
