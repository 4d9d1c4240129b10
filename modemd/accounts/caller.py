"""Who calls, and what was found out about callers a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modemd.clock import Clock

MOST_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and by what right."""

    account_id: int
    via: str
    """``key``, ``password`` or ``session``."""
    operator: bool = False


class Seen:
    """Callers by a digest of their credential, each for ``span`` seconds; one ``forget`` forgets them all at once."""

    def __init__(self, span: float, clock: Clock) -> None:
        self._span = span
        self._clock = clock
        self._callers: dict[bytes, tuple[Caller, float]] = {}
        self.epoch = 0
        """Counts what was forgotten. Read it before a look-up and hand it to ``put``."""
        self.on_forget: Callable[[], None] = lambda: None
        """Called when everybody has to be looked up again."""

    def get(self, digest: bytes) -> Caller | None:
        """The caller, if seen lately."""
        known = self._callers.get(digest)
        return known[0] if known is not None and known[1] > self._clock.monotonic() else None

    def put(self, digest: bytes, caller: Caller, epoch: int) -> None:
        """Remember a caller, unless something was forgotten since: the look-up may have been overtaken by it."""
        if epoch != self.epoch:
            return
        if len(self._callers) >= MOST_REMEMBERED:
            self._callers.clear()
        self._callers[digest] = caller, self._clock.monotonic() + self._span

    def forget(self) -> None:
        """Look everybody up again."""
        self.epoch += 1
        self._callers.clear()
        self.on_forget()
