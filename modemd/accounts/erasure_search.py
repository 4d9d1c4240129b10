"""The search of an erasure: takes its words into memory while they can be read, and looks for them when all is gone.

The words are in this object's memory and nowhere else, for a day at most, so after a crash or a restart there are none,
and the receipt says that nothing was searched. While something is found the words are kept and it is searched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modemd import log
from modemd.accounts.file_search import Findings
from modemd.accounts.receipts import Erasure, Step
from modemd.clock import Clock
from modemd.ids import encode

KEEP = 86_400.0
"""Seconds that words are kept at most: for a mirror to come back, or for the operator to remove what was found."""
EVERY = 600.0
"""Seconds from a search that has found something to the next."""


@dataclass(slots=True)
class _Words:
    """What is looked for, for one erasure."""

    words: list[str]
    until: float
    """When they are dropped, whatever has been found."""
    due: float
    """When to search (again)."""


class ErasureSearch:
    """``words`` reads those of an account, ``search`` looks for some; None of it where nothing is to be searched."""

    def __init__(
        self,
        words: Callable[[int], Awaitable[list[str]]],
        search: Callable[[list[str]], Awaitable[Findings | None]] | None,
        clock: Clock,
    ) -> None:
        self._read = words
        self._search = search
        self._clock = clock
        self._kept: dict[int, _Words] = {}
        self._one_at_a_time = asyncio.Lock()

    async def take(self, erasure: Erasure) -> None:
        """Take the words of an account whose key is not destroyed yet, once; and drop what was kept for too long."""
        now = self._clock.monotonic()
        self._kept = {number: kept for number, kept in self._kept.items() if kept.until > now}
        if self._search is None or erasure.step > Step.DESTROY or erasure.id in self._kept:
            return
        words = await self._read(erasure.erased)
        if words:
            self._kept[erasure.id] = _Words(words, now + KEEP, now)

    def hurry(self, number: int) -> bool:
        """Search now and not later; whether there are words to search for."""
        if number in self._kept:
            self._kept[number].due = self._clock.monotonic()
        return number in self._kept

    def drop(self, number: int) -> None:
        """Forget the words."""
        self._kept.pop(number, None)

    async def look(self, erasure: Erasure) -> Findings | None:
        """What is found now, if it is time to search and there is something to search for."""
        if not self._is_due(erasure.id):
            return None
        async with self._one_at_a_time:
            kept = self._kept.get(erasure.id)
            if self._search is None or kept is None or not self._is_due(erasure.id):
                return None  # somebody else has searched for it meanwhile
            findings = await self._search(kept.words)
            kept.due = self._clock.monotonic() + EVERY
        if erasure.id not in self._kept:  # the operator has given it up meanwhile
            return None
        if findings is None and not erasure.found:
            self.drop(erasure.id)
        elif findings is not None and findings.found:
            log.event("erasure.found", level="ERROR", erasure=encode("e", erasure.id), files=len(findings.found))
        return findings

    def _is_due(self, number: int) -> bool:
        kept = self._kept.get(number)
        return kept is not None and self._clock.monotonic() >= kept.due

    def alarms(self, erasure: Erasure) -> list[str]:
        """What was found, in sentences for the operator, with the cure."""
        name = encode("e", erasure.id)
        cure = f"remove it; modemd erasures verify {name} searches again, waive {name} leaves it there"
        if erasure.id not in self._kept:
            cure = f"remove it, then modemd erasures waive {name} ends it: nobody has the words to search again"
        return [f"something of what {name} has erased stands in the clear in {path}: {cure}" for path in erasure.found]

    def missed(self, erasure: Erasure) -> bool:
        """Whether there should have been a search and was none."""
        return self._search is not None and erasure.searched_at is None
