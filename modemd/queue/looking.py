"""What lies in the queue: each verb one short read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modemd.clock import Clock
from modemd.db import Database
from modemd.errors import NotFound
from modemd.queue import listing, lookup
from modemd.queue.listing import Page, Wanted
from modemd.queue.rows import Counts, Message, Story
from modemd.queue.states import State
from modemd.queue.turns import Key, Turns
from modemd.values import Lane


class Looking:
    """Messages, how many there are, and whose turn it is."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def message(self, number: int, account: int | None = None) -> Message | None:
        """One message, of this account if one is given."""
        return await self._database.read(lambda db: lookup.one(db, number, account))

    async def messages(self, wanted: Wanted, limit: int = 100) -> list[Message]:
        """Messages, newest first."""
        found = await self._page(wanted, limit)
        while found.before is not None and len(found.messages) < limit:
            further = await self._page(replace(wanted, before=found.before), limit - len(found.messages))
            found = Page(found.messages + further.messages, further.before)
        return found.messages

    async def _page(self, wanted: Wanted, limit: int) -> Page:
        return await self._database.read(lambda db: listing.page(db, wanted, limit))

    async def story(self, number: int) -> Story:
        """Everything that happened to a message; raises NotFound."""
        found = await self._database.read(lambda db: lookup.story(db, number))
        if found is None:
            raise NotFound("there is no such message", cure="check the id")
        return found

    async def tally(self, numbers: Sequence[int]) -> dict[tuple[State, bool], int]:
        """How many of these messages (ascending ids) are in which state, by whether they want a report."""
        return await self._database.read(lambda db: lookup.tally(db, numbers))

    async def counts(self) -> Counts:
        """How much lies where."""
        now = self._clock.now()
        return await self._database.read(lambda db: lookup.counts(db, now))

    async def oldest(self) -> dict[Lane, int]:
        """Since when the longest-waiting queued message of each lane could have been sent."""
        return await self._database.read(lookup.oldest_by_lane)

    async def turns(self) -> Turns:
        """The turns as they were written down last."""
        rows = await self._database.read(lambda db: db.execute("SELECT lane, account, vtime FROM turn").fetchall())
        return Turns({(Lane(lane), account): vtime for lane, account, vtime in rows})

    async def waiting(self) -> list[Key]:
        """The accounts with queued messages, by lane."""
        return await self._database.read(
            lambda db: [(lane, account) for lane in Lane for account in lookup.accounts_waiting(db, lane)]
        )
