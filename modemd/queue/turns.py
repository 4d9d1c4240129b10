"""Whose turn it is: fairness between accounts and between lanes, decided in memory, without I/O.

Every (lane, account) has a virtual time: the segments it has had, divided by its weight. The account with the
smallest virtual time that has work goes next. A lane's own virtual time is where the last turn in it began; an account
that comes to have work enters just before it, so its first message goes next, and enters no earlier, so it neither
saves up turns while idle nor pays for a campaign that it had, or cancelled, while nobody else was waiting.

Lanes go in order: system, transactional, bulk. But none starves: of the claims that are made while it has work, a later
lane gets its share, whatever lies before it. What it is owed it gets before a transactional message at once, before a
system one only when it is owed a second claim: so a password, or a few, never wait for it, and only an endless stream
of them gives way.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence

from modemd.values import Lane

SCALE = 1000
"""Virtual time of one segment at weight 1, so that weights divide in whole numbers."""

SHARES = {Lane.TRANSACTIONAL: 4, Lane.BULK: 20}
"""One claim in so many is the lane's at least, while it has work. Bulk: 5 %. Transactional, beside a stream of system
messages: people wait for these as they do for passwords, so a quarter."""

IN_ORDER = tuple(Lane)

Key = tuple[Lane, int]


class Turns:
    """The virtual times of all accounts, and who among those with work is next."""

    def __init__(self, vtimes: Mapping[Key, int] | None = None) -> None:
        self._vtimes: dict[Key, int] = dict(vtimes or {})
        self._order: dict[Lane, list[tuple[int, int]]] = {lane: [] for lane in Lane}
        """The accounts with work as (virtual time, account), the next first."""
        self._active: dict[Lane, set[int]] = {lane: set() for lane in Lane}
        self._reached = {
            lane: max((vtime for (of, _), vtime in self._vtimes.items() if of is lane), default=0) for lane in Lane
        }
        """Each lane's virtual time. After a restart it is the greatest: nobody is further ahead than one message."""
        self._owed = dict.fromkeys(SHARES, 0)
        """Claims made beside each lane while it had work, less its share for each of its own."""
        self._changed: dict[Key, int] = {}
        self._gone: set[int] = set()

    def wake(self, lane: Lane, account: int) -> None:
        """The account has work in this lane."""
        if account in self._active[lane] or account in self._gone:
            return
        self._active[lane].add(account)
        vtime = max(self._vtimes.get((lane, account), 0), self._reached[lane] - 1)
        insort(self._order[lane], (vtime, account))
        self._note(lane, account, vtime)

    def rest(self, lane: Lane, account: int) -> None:
        """The account has no more work in this lane."""
        if account in self._active[lane]:
            self._active[lane].discard(account)
            self._take_out(lane, account)
            if lane in SHARES and not self._active[lane]:
                self._owed[lane] = 0

    def charge(self, lane: Lane, account: int, segments: int, weight: int = 1) -> None:
        """The account was given a turn of so many segments."""
        self._owe(lane)
        vtime = self._vtimes.get((lane, account), 0)
        self._reached[lane] = max(self._reached[lane], vtime)
        self._move(lane, account, vtime + _cost(segments, weight))

    def refund(self, lane: Lane, account: int, segments: int, weight: int = 1) -> None:
        """The turn was not used."""
        self._move(lane, account, self._vtimes.get((lane, account), 0) - _cost(segments, weight))

    def pick(self, has: Callable[[Lane, int], bool]) -> Key | None:
        """Who is next among those for whom ``has`` is true."""
        for lane in self._lanes():
            for _, account in self._order[lane]:
                if has(lane, account):
                    return lane, account
        return None

    def upcoming(self, count: int) -> list[Key]:
        """The next ``count`` keys with work, each once, as the order stands now; among them one of each lane."""
        keys: list[Key] = []
        lanes = [lane for lane in self._lanes() if self._order[lane]]
        for place, lane in enumerate(lanes, 1):
            room = max(1, count - len(keys) - (len(lanes) - place))
            keys += [(lane, account) for _, account in self._order[lane][:room]]
        return keys

    def active(self, lane: Lane, account: int) -> bool:
        """Whether the account is known to have work in this lane."""
        return account in self._active[lane]

    def take_changes(self) -> dict[Key, int]:
        """Virtual times that changed since the last call, to be written down."""
        changed, self._changed = self._changed, {}
        return changed

    def forget(self, account: int) -> None:
        """The account is gone: it has no turn any more, and none is written down for it."""
        self._gone.add(account)
        for lane in Lane:
            self.rest(lane, account)
            self._vtimes.pop((lane, account), None)
            self._changed.pop((lane, account), None)

    def gone(self, account: int) -> bool:
        """Whether the account was forgotten."""
        return account in self._gone

    def _owe(self, served: Lane) -> None:
        """A claim went to one lane: the others with work come nearer to their share, three ahead at most."""
        for lane, every in SHARES.items():
            if lane is served:
                self._owed[lane] = max(0, self._owed[lane] + 1 - every)
            elif self._active[lane]:
                self._owed[lane] = min(self._owed[lane] + 1, 3 * every - 1)

    def _lanes(self) -> Sequence[Lane]:
        due = [lane for lane, every in SHARES.items() if self._owed[lane] >= every - 1]
        if not due:
            return IN_ORDER
        overdue = [lane for lane in due if self._owed[lane] >= 2 * SHARES[lane] - 1]
        return sorted(Lane, key=lambda lane: (lane not in overdue, lane is not Lane.SYSTEM, lane not in due, -lane))

    def _move(self, lane: Lane, account: int, vtime: int) -> None:
        if account in self._active[lane]:
            self._take_out(lane, account)
            insort(self._order[lane], (vtime, account))
        self._note(lane, account, vtime)

    def _take_out(self, lane: Lane, account: int) -> None:
        order = self._order[lane]
        del order[bisect_left(order, (self._vtimes[lane, account], account))]

    def _note(self, lane: Lane, account: int, vtime: int) -> None:
        if account in self._gone:
            return
        self._vtimes[lane, account] = vtime
        self._changed[lane, account] = vtime


def _cost(segments: int, weight: int) -> int:
    return max(1, segments * SCALE // weight)
