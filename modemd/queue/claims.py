"""Messages in hand: claimed in memory, prepared for the air, chosen at the moment a modem is free.

The database says what is queued; this holds the next few messages of the accounts whose turn comes next, already
opened and encoded by a worker thread, so that a free modem takes one without waiting. Nothing here is written: a
crash forgets it, and a message in hand gives way to a better one until its AT+CMGS is written. What makes sure that
no two daemons send the same message is not the claim but the barrier, which marks a row only if it is still queued.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from modemd.clock import Clock
from modemd.db import Database, Reader
from modemd.errors import ModemdError, StorageError
from modemd.queue.lookup import claimable
from modemd.queue.rows import Message
from modemd.queue.turns import Key, Turns
from modemd.values import Lane

P = TypeVar("P")

AHEAD = 2
"""Messages in hand per modem: one for its next turn, one while that is replaced."""

LEAST = 16
"""Messages fetched at a time at least: a fetch costs about as much as preparing so many."""

READ_AGAIN = 1.0
"""Seconds before the queue is read again after the database refused; there is no event for its recovery."""


@dataclass(frozen=True, slots=True, eq=False)
class Claim(Generic[P]):
    """One message in hand."""

    message: Message
    prepared: P | None
    """What the sender made of it; None if that failed."""
    failure: ModemdError | None = None


@dataclass(slots=True)
class _Stock(Generic[P]):
    """What is in hand of one account in one lane."""

    claims: deque[Claim[P]]
    wakes: int = 0
    """How often work was announced: a fetch that began before does not prove that there is none."""
    dry: bool = False
    """The database has no more at this moment."""


class Claims(Generic[P]):
    """The next messages, by turns; ``on_stock`` is called whenever there may be something new to take."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        turns: Turns,
        prepare: Callable[[Message], P],
        on_stock: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._turns = turns
        self._prepare = prepare
        self._on_stock = on_stock
        self._stock: dict[Key, _Stock[P]] = {}
        self._bound: dict[str, deque[Claim[P]]] = {}
        self._held: dict[Key, set[int]] = {}
        self._let_go: set[int] = set()
        self._fetch: asyncio.Task[None] | None = None
        self.width = 1
        """Modems that could take a message; decides how much is kept in hand."""

    def wake(self, key: Key) -> None:
        """Work was queued for an account."""
        stock = self._stock.setdefault(key, _Stock(deque()))
        stock.wakes += 1
        stock.dry = False
        self._turns.wake(*key)
        self._refill()

    def take(self, sim: str) -> Claim[P] | None:
        """The message whose turn it is on this SIM: first the rest of one it has begun, then by turns."""
        bound = self._bound.get(sim)
        while bound:
            claim = bound.popleft()
            if not self._over(claim):
                return claim
        while (key := self._turns.pick(self._has)) is not None:
            claim = self._stock[key].claims.popleft()
            over = self._over(claim)
            if not over:
                self._turns.charge(*key, claim.message.parts - claim.message.sent_parts)
            self._rest_if_empty(key)
            self._refill()
            if not over:
                return claim
        self._refill()
        return None

    def put_back(self, claim: Claim[P]) -> None:
        """A claim that was taken and not used is the account's next again."""
        key = _key(claim.message)
        if claim.message.sent_parts and claim.message.sim:
            self._bound[claim.message.sim].appendleft(claim)
        else:
            self._stock[key].claims.appendleft(claim)
            self._turns.wake(*key)
        self._on_stock()

    def let_go(self, message: Message) -> None:
        """What became of a message is on disk: it is no longer in hand."""
        key = _key(message)
        self._held.get(key, set()).discard(message.id)
        if self._fetch is not None:
            self._let_go.add(message.id)

    def drop(self, message: Message) -> None:
        """A message that waits in hand was cancelled."""
        stock = self._stock.get(_key(message))
        if stock is not None:
            for claim in [claim for claim in stock.claims if claim.message.id == message.id]:
                stock.claims.remove(claim)
                self.let_go(claim.message)
            self._rest_if_empty(_key(message))

    async def stop(self) -> None:
        """Forget everything in hand; the database still has it."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
        self._stock.clear()

    def _has(self, lane: Lane, account: int) -> bool:
        stock = self._stock.get((lane, account))
        return bool(stock and stock.claims)

    def _rest_if_empty(self, key: Key) -> None:
        stock = self._stock[key]
        if stock.dry and not stock.claims:
            self._turns.rest(*key)

    def _over(self, claim: Claim[P]) -> bool:
        expires = claim.message.expires
        if expires is None or expires > self._clock.now():
            return False
        self.let_go(claim.message)
        return True

    def _wanting(self) -> list[tuple[Key, int]]:
        """Which of the next accounts have too little in hand, and how much to fetch of each."""
        keys = self._turns.upcoming(max(2, AHEAD * self.width))
        share = max(1, AHEAD * self.width // max(1, len(keys)))
        wanting: list[tuple[Key, int]] = []
        for key in keys:
            stock = self._stock[key]
            if not stock.dry and len(stock.claims) < max(share // 2, 1) + 1:
                wanting.append((key, max(share, LEAST // len(keys) + 1)))
        return wanting

    def _refill(self) -> None:
        if self._fetch is None and (wanting := self._wanting()):
            self._fetch = asyncio.get_running_loop().create_task(self._fetch_until_filled(wanting))

    async def _fetch_until_filled(self, wanting: list[tuple[Key, int]]) -> None:
        try:
            while wanting:
                await self._fetch_once(wanting)
                self._on_stock()
                wanting = self._wanting()
        except StorageError:
            asyncio.get_running_loop().call_later(READ_AGAIN, self._refill)
        finally:
            self._fetch = None
            self._let_go.clear()

    async def _fetch_once(self, wanting: list[tuple[Key, int]]) -> None:
        now = self._clock.now()
        requests = [
            (key, count, frozenset(self._held.setdefault(key, set())), self._stock[key].wakes) for key, count in wanting
        ]
        found = await self._database.read(lambda db: [self._read(db, now, *request[:3]) for request in requests])
        for (key, _, _, wakes), (claims, more) in zip(requests, found, strict=True):
            stock = self._stock[key]
            for claim in claims:
                self._hold(key, claim)
            stock.dry = not more and stock.wakes == wakes
            self._rest_if_empty(key)

    def _read(self, db: Reader, now: int, key: Key, count: int, held: frozenset[int]) -> tuple[list[Claim[P]], bool]:
        """In a worker thread: an account's next messages, prepared, and whether there may be more."""
        rows = claimable(db, *key, now, count + len(held))
        fresh = [row for row in rows if row.id not in held]
        more = len(rows) == count + len(held) or len(fresh) > count
        return [self._claim(row) for row in fresh[:count]], more

    def _claim(self, message: Message) -> Claim[P]:
        try:
            return Claim(message, self._prepare(message))
        except ModemdError as error:
            return Claim(message, None, error)

    def _hold(self, key: Key, claim: Claim[P]) -> None:
        number = claim.message.id
        if number in self._let_go or number in self._held[key]:
            return
        self._held[key].add(number)
        if claim.message.sent_parts and claim.message.sim:
            self._bound.setdefault(claim.message.sim, deque()).append(claim)
        else:
            self._stock[key].claims.append(claim)


def _key(message: Message) -> Key:
    return message.lane, message.account
