"""Messages in hand: claimed in memory, prepared for the air, chosen at the moment a modem is free.

The database says what is queued; this holds the next few messages of the accounts whose turn comes next, already
opened and encoded by a worker thread, so that a free modem takes one without waiting. Nothing here is written: a
crash forgets it, and a message in hand gives way to a better one until its AT+CMGS is written. What makes sure that
no two daemons send the same message is not the claim but the barrier, which marks a row only if it is still queued.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from modemd.clock import Clock
from modemd.db import Database, Reader
from modemd.errors import ModemdError, StorageError
from modemd.queue.hand import NEVER, Claim, Fit, Stock
from modemd.queue.lookup import claimable
from modemd.queue.rows import Message
from modemd.queue.turns import Key, Turns
from modemd.values import Lane

P = TypeVar("P")


class Wanted(NamedTuple):
    """What to fetch of one account."""

    key: Key
    fresh: int
    """How many that were not tried yet."""
    again: int
    """How many that were."""


AHEAD = 2
"""Messages in hand per modem: one for its next turn, one while that is replaced."""

LEAST = 16
"""Messages fetched at a time at least: a fetch costs about as much as preparing so many."""

LOOK_AHEAD = 16
"""Messages in hand per modem at most, to find one for a modem that may not take the first ones."""

READ_AGAIN = 1.0
"""Seconds before the queue is read again after the database refused; there is no event for its recovery."""


class Claims(Generic[P]):
    """The next messages, by turns; ``on_stock`` is called whenever there may be something new to take."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        turns: Turns,
        prepare: Callable[[Message], P],
        on_stock: Callable[[], None],
        weight: Callable[[int], int] = lambda _account: 1,
    ) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns
        self._prepare = prepare
        self._on_stock = on_stock
        self._weight = weight
        self._stock: dict[Key, Stock[P]] = {}
        self._begun: dict[str, deque[Claim[P]]] = {}
        """The rest of messages, by the SIM that has begun them."""
        self.in_hand = 0
        """Messages that wait for a modem, begun ones not counted."""
        self._found_nothing = False
        """Nothing in hand fitted a modem that asked: look further."""
        self._held: dict[Key, set[int]] = {}
        self._let_go: set[int] = set()
        """Messages let go since what is being fetched now was read, perhaps: what was read of them may be old."""
        self._fetch: asyncio.Task[None] | None = None
        self.width = 1
        """Modems that could take a message; decides how much is kept in hand."""

    def wake(self, key: Key) -> None:
        """Work was queued for an account."""
        self._stock.setdefault(key, Stock()).wake()
        self._turns.wake(*key)
        self._refill()

    def again(self, key: Key) -> None:
        """Something that was handed to a modem before is due again: it goes before what is in hand of its account."""
        self._stock.setdefault(key, Stock()).returned = True
        self.wake(key)

    def rejoin(self, message: Message) -> None:
        """A message that was taken is queued again."""
        self.again(_key(message))

    def take(self, sims: Iterable[str], fit: Fit[P]) -> Claim[P] | None:
        """The message whose turn it is among those that fit: first the rest of one begun on these SIMs, then by turns.

        Of the account whose turn it is, the oldest that is welcome; one that only fits at a pinch waits for another
        modem until it was passed over as often as there are modems.
        """
        if self._begun and (claim := self._take_begun(sims, fit)) is not None:
            return claim
        chosen: Claim[P] | None = None

        def has(lane: Lane, account: int) -> bool:
            nonlocal chosen
            stock = self._stock.get((lane, account))
            chosen = stock.best(fit, self.width) if stock is not None else None
            return chosen is not None

        while (key := self._turns.pick(has)) is not None and chosen is not None:
            self._stock[key].take(chosen)
            self.in_hand -= 1
            self._found_nothing = False
            over = self._over(chosen)
            if not over:
                self._turns.charge(*key, _left(chosen), self._weight(key[1]))
            self._rest_if_empty(key)
            if not over:
                self._refill()
                return chosen
        self._found_nothing = self.in_hand > 0
        self._refill()
        return None

    def put_back(self, claim: Claim[P]) -> None:
        """A claim that was taken and not used is the account's next again."""
        key = _key(claim.message)
        if claim.message.sent_parts and claim.message.sim:
            self._begun[claim.message.sim].appendleft(claim)
        else:
            self._stock[key].put_back(claim)
            self.in_hand += 1
            self._turns.refund(*key, _left(claim), self._weight(key[1]))
            self._turns.wake(*key)
        self._on_stock()

    def let_go(self, message: Message) -> None:
        """What became of a message is on disk: it is no longer in hand."""
        key = _key(message)
        self._held.get(key, set()).discard(message.id)
        if self._fetch is not None:
            self._let_go.add(message.id)

    def drop(self, message: Message) -> None:
        """A message that waits was cancelled: it is no longer in hand, nor is it if it is just being fetched."""
        key = _key(message)
        stock = self._stock.get(key)
        if stock is not None and stock.drop(message.id) is not None:
            self.in_hand -= 1
            self.let_go(message)
            self._rest_if_empty(key)
        elif self._fetch is not None:
            self._let_go.add(message.id)

    def forget(self, account: int) -> None:
        """An account is gone: nothing of it stays in hand, and it has no turn."""
        for key, stock in self._stock.items():
            if key[1] == account:
                self.in_hand -= len(stock)
                stock.clear()
                self._held[key] = set()
        for sim, begun in self._begun.items():
            self._begun[sim] = deque(claim for claim in begun if claim.message.account != account)
        self._turns.forget(account)

    async def stop(self) -> None:
        """Forget everything in hand; the database still has it."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
        self._stock.clear()
        self.in_hand = 0

    def _take_begun(self, sims: Iterable[str], fit: Fit[P]) -> Claim[P] | None:
        for sim in sims:
            for claim in list(self._begun.get(sim, ())):
                over = self._over(claim)
                if over or fit(claim) > NEVER:
                    self._begun[sim].remove(claim)
                    if not over:
                        return claim
        return None

    def _rest_if_empty(self, key: Key) -> None:
        stock = self._stock[key]
        if stock.dry and not len(stock):
            self._turns.rest(*key)

    def _over(self, claim: Claim[P]) -> bool:
        expires = claim.message.expires
        if expires is None or expires > self._clock.now():
            return False
        self.let_go(claim.message)
        return True

    def _wanting(self) -> list[Wanted]:
        """Which of the next accounts have too little in hand, and how much to fetch of each."""
        aim = max(2, AHEAD * self.width)
        if self._found_nothing:
            aim = min(self.in_hand + aim, LOOK_AHEAD * self.width)
        keys = self._turns.upcoming(aim)
        share = max(1, aim // max(1, len(keys)))
        least = share if self._found_nothing else max(share // 2, 1) + 1
        count = max(share, LEAST // max(1, len(keys)) + 1)
        wanted = [Wanted(key, *self._stock[key].wants(least, count)) for key in keys]
        return [each for each in wanted if each.fresh or each.again]

    def _refill(self) -> None:
        if self._fetch is None and (wanting := self._wanting()):
            self._fetch = asyncio.get_running_loop().create_task(self._fetch_until_filled(wanting))

    async def _fetch_until_filled(self, wanting: list[Wanted]) -> None:
        try:
            while wanting:
                await self._fetch_once(wanting)
                self._on_stock()
                wanting = self._wanting()
        except StorageError:
            asyncio.get_running_loop().call_later(READ_AGAIN, self._refill)
        finally:
            self._fetch = None

    async def _fetch_once(self, wanting: list[Wanted]) -> None:
        now = self._clock.now()
        self._let_go.clear()
        for each in wanting:
            self._stock[each.key].returned = False
        asked = [
            (each, frozenset(self._held.setdefault(each.key, set())), self._stock[each.key].wakes) for each in wanting
        ]
        found = await self._database.read(lambda db: [self._read(db, now, each, held) for each, held, _ in asked])
        for (each, _, wakes), (claims, more_fresh, more_again) in zip(asked, found, strict=True):
            stock = self._stock[each.key]
            for claim in claims:
                self._hold(each.key, claim)
            if stock.wakes == wakes:
                stock.more_fresh &= more_fresh
                stock.more_again &= more_again
            self._rest_if_empty(each.key)

    def _read(self, db: Reader, now: int, wanted: Wanted, held: frozenset[int]) -> tuple[list[Claim[P]], bool, bool]:
        """In a worker thread: an account's next messages, prepared; and whether there may be more of each kind."""
        claims: list[Claim[P]] = []
        more = [True, True]
        for again, count in enumerate((wanted.fresh, wanted.again)):
            if count:
                rows = claimable(db, *wanted.key, now, count + len(held) + 1, again=bool(again))
                new = [row for row in rows if row.id not in held]
                more[again] = len(rows) == count + len(held) + 1 or len(new) > count
                claims += [self._claim(row) for row in new[:count]]
        return claims, more[False], more[True]

    def _claim(self, message: Message) -> Claim[P]:
        try:
            return Claim(message, self._prepare(message))
        except ModemdError as error:
            return Claim(message, None, error)

    def _hold(self, key: Key, claim: Claim[P]) -> None:
        number = claim.message.id
        if number in self._let_go or number in self._held[key] or self._turns.gone(key[1]):
            return
        self._held[key].add(number)
        if claim.message.sent_parts and claim.message.sim:
            self._begun.setdefault(claim.message.sim, deque()).append(claim)
        else:
            self._stock[key].hold(claim)
            self.in_hand += 1


def _key(message: Message) -> Key:
    return message.lane, message.account


def _left(claim: Claim[P]) -> int:
    """Segments still to be sent."""
    return claim.message.parts - claim.message.sent_parts
