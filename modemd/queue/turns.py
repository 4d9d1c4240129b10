"""Whose turn it is: fairness between accounts and between lanes, decided in memory, without I/O.

Every (lane, account) has a virtual time: the segments it has had, divided by its weight. The account with the
smallest virtual time that has work goes next. An account that had no work re-enters at the later of its own time and
the smallest active one, so it neither saves up turns while idle nor pays for a campaign that was cancelled.

Lanes go in order, but a lane of bulk messages gets every twentieth claim while it has work: 5 %.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Mapping
from contextlib import closing

from modemd.values import Lane

SCALE = 1000
"""Virtual time of one segment at weight 1, so that weights divide in whole numbers."""

BULK_EVERY = 20
"""One claim in so many is bulk's while it has work (design 4: at least 5 %)."""

Key = tuple[Lane, int]


class Turns:
    """The virtual times of all accounts, and who among those with work is next."""

    def __init__(self, vtimes: Mapping[Key, int] | None = None) -> None:
        self._vtimes: dict[Key, int] = dict(vtimes or {})
        self._active: dict[Lane, set[int]] = {lane: set() for lane in Lane}
        self._heaps: dict[Lane, list[tuple[int, int]]] = {lane: [] for lane in Lane}
        self._since_bulk = 0
        self._changed: dict[Key, int] = {}

    def wake(self, lane: Lane, account: int) -> None:
        """The account has work in this lane."""
        if account in self._active[lane]:
            return
        floor = self._smallest(lane)
        vtime = max(self._vtimes.get((lane, account), 0), floor or 0)
        self._active[lane].add(account)
        self._set(lane, account, vtime)

    def rest(self, lane: Lane, account: int) -> None:
        """The account has no more work in this lane."""
        self._active[lane].discard(account)

    def charge(self, lane: Lane, account: int, segments: int, weight: int = 1) -> None:
        """The account was given a turn of so many segments."""
        if lane is Lane.BULK:
            self._since_bulk = 0
        elif self._active[Lane.BULK]:
            self._since_bulk += 1
        vtime = self._vtimes.get((lane, account), 0) + max(1, segments * SCALE // weight)
        self._set(lane, account, vtime)

    def pick(self, has: Callable[[Lane, int], bool]) -> Key | None:
        """Who is next among those for whom ``has`` is true."""
        for lane in self._lanes():
            with closing(self._in_order(lane)) as accounts:
                for account in accounts:
                    if has(lane, account):
                        return lane, account
        return None

    def upcoming(self, count: int) -> list[Key]:
        """The next ``count`` keys with work, each once, as the order stands now."""
        keys: list[Key] = []
        for lane in self._lanes():
            with closing(self._in_order(lane)) as accounts:
                for account in accounts:
                    keys.append((lane, account))
                    if len(keys) == count:
                        return keys
        return keys

    def active(self, lane: Lane, account: int) -> bool:
        """Whether the account is known to have work in this lane."""
        return account in self._active[lane]

    def take_changes(self) -> dict[Key, int]:
        """Virtual times that changed since the last call, to be written down."""
        changed, self._changed = self._changed, {}
        return changed

    def forget(self, account: int) -> None:
        """The account is gone."""
        for lane in Lane:
            self.rest(lane, account)
            self._vtimes.pop((lane, account), None)
            self._changed.pop((lane, account), None)

    def _lanes(self) -> tuple[Lane, ...]:
        if self._since_bulk >= BULK_EVERY - 1:
            return (Lane.SYSTEM, Lane.BULK, Lane.TRANSACTIONAL)
        return (Lane.SYSTEM, Lane.TRANSACTIONAL, Lane.BULK)

    def _set(self, lane: Lane, account: int, vtime: int) -> None:
        self._vtimes[lane, account] = vtime
        self._changed[lane, account] = vtime
        if account in self._active[lane]:
            heapq.heappush(self._heaps[lane], (vtime, account))

    def _valid(self, lane: Lane, entry: tuple[int, int]) -> bool:
        vtime, account = entry
        return account in self._active[lane] and self._vtimes[lane, account] == vtime

    def _smallest(self, lane: Lane) -> int | None:
        heap = self._heaps[lane]
        while heap and not self._valid(lane, heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _in_order(self, lane: Lane) -> Generator[int, None, None]:
        """Accounts with work by virtual time; the heap is whole again when the caller stops looking."""
        heap = self._heaps[lane]
        seen: list[tuple[int, int]] = []
        try:
            while self._smallest(lane) is not None:
                entry = heapq.heappop(heap)
                if seen and seen[-1] == entry:
                    continue
                seen.append(entry)
                yield entry[1]
        finally:
            for entry in seen:
                heapq.heappush(heap, entry)
