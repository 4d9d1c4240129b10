"""The verbs of the queue on one database; every verb is durable when it returns.

accept, change what waits, status reports, the clock   here
look                                                   (looking.py)
the barrier before each Ctrl-Z, late answers, start    (barrier.py)
what is told of it                                     (announcing.py)
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence

from modemd.clock import SECOND, Clock
from modemd.db import Database, Urgency
from modemd.errors import NotFound
from modemd.ids import IdSource
from modemd.queue import change, lookup, reports, settle
from modemd.queue import submit as accepting
from modemd.queue.barrier import Barrier
from modemd.queue.reports import Fate, News, Taken
from modemd.queue.retry import LONGEST_WAIT
from modemd.queue.rows import Draft, Envelope, Idempotency, Message
from modemd.queue.states import State
from modemd.queue.together import Together, refusable
from modemd.values import Lane, Report

DEFAULT_LIFE_S = 48 * 3600
"""Seconds a message that is queued again may wait: what most service centres keep one themselves."""


class Queue(Barrier):
    """Messages and their states."""

    def __init__(self, database: Database, clock: Clock, node: str, life_s: int = DEFAULT_LIFE_S) -> None:
        super().__init__(database, clock, node)
        self.ids = IdSource(clock)
        self._life = life_s * SECOND
        self._references = accepting.References()
        self._together = Together(database, self._references, clock)

    # Accepting

    async def submit(
        self,
        envelope: Envelope,
        drafts: Sequence[Draft] | AsyncIterable[Sequence[Draft]],
        idempotency: Idempotency | None = None,
    ) -> None:
        """Accept messages, whole or not at all; durable when it returns.

        A sequence is one transaction (give at most SLICE drafts); an async iterable of slices is staged. Raises
        Repeated if the Idempotency-Key made such a call before, Conflict if it made another, StorageError.
        """
        now = self._clock.now()
        if not isinstance(drafts, Sequence):
            await accepting.accept_staged(self._database, envelope, drafts, idempotency, self._references, now)
        elif refusable(envelope, idempotency):
            small = drafts
            await self._database.write(
                lambda tx: accepting.accept(tx, envelope, small, idempotency, self._references, now)
            )
        else:
            await self._together.accept(envelope, drafts, now)
        if envelope.due > now:
            self.on_later(envelope.due)
        else:
            self.on_work((envelope.lane, envelope.account))
        if envelope.expires is not None:
            self.on_later(envelope.expires)
        self.changed()

    async def refuse_repeated(self, account: int, key: bytes, fingerprint: bytes) -> None:
        """Raise Repeated if this Idempotency-Key was used for this request, Conflict if for another one."""
        await self._database.read(lambda db: accepting.refuse_repeated(db, account, key, fingerprint))

    # Changing what waits

    async def cancel(self, number: int, account: int | None = None) -> State:
        """Take a waiting message back; raises NotFound, or Conflict if it is too late."""
        now = self._clock.now()
        state = await self._database.write(lambda tx: change.cancel(tx, number, account, now), Urgency.SEND)
        found = await self.message(number)
        if found is not None:
            self.on_gone(found)
        self.changed()
        return state

    async def cancel_call(self, batch: int, account: int | None = None) -> int:
        """Take back what still waits of a call; how many. Raises NotFound."""
        first = await self.message(batch, account)
        if first is None or first.batch != batch:
            raise NotFound("there is no such call", cure="check the id of the batch")
        count = 0
        after: int | None = batch - 1
        while after is not None:
            gone, after = await self._cancel_slice(first.account, batch, after)
            count += len(gone)
            for message in gone:
                self.on_gone(message)
            self.changed()
        return count

    async def _cancel_slice(self, account: int, batch: int, after: int) -> tuple[list[Message], int | None]:
        now = self._clock.now()
        return await self._database.write(lambda tx: change.cancel_call(tx, batch, account, after, now), Urgency.BULK)

    async def resolve(self, number: int, how: str) -> State:
        """Settle an uncertain message by a person's word; raises NotFound, Conflict."""
        now = self._clock.now()
        return self._moved(await self._database.write(lambda tx: change.resolve(tx, number, how, now)))

    async def retry(self, number: int) -> State:
        """Queue a failed, expired or undelivered message again; raises NotFound, Conflict."""
        now = self._clock.now()
        expires = now + self._life
        state = self._moved(await self._database.write(lambda tx: change.retry(tx, number, expires, now)))
        self.on_later(expires)
        return state

    # Status reports

    async def report(self, report: Report, fate: Fate, words: str) -> Taken:
        """Write a status report down and draw the consequences; ``words`` is what its TP-Status means."""
        news = News(report, fate, words, self._clock.now())
        taken = await self._database.write(lambda tx: reports.take(tx, news, self.open))
        if taken.message is not None:
            self.announce([taken.message])
        return taken

    async def recall_reports(self) -> None:
        """At start, when messages can be opened: look again at reports that came just before the last run ended."""
        self.announce(await self._database.write(lambda tx: reports.recall(tx, self.open)))

    async def forget_early_reports(self) -> None:
        """Drop the reports that waited for a message which is gone."""
        now = self._clock.now()
        await self._database.write(lambda tx: reports.forget_early(tx, now), Urgency.BULK)

    # The clock

    async def catch_up(self, by: int = 0) -> None:
        """Bring to the present what was queued by a clock that was ahead, and was set back ``by`` so many microseconds.

        0 is not known: nobody saw it. Then it is as much as the queue shows.
        """
        now = self._clock.now()
        ahead = by or await self._database.read(lambda db: lookup.ahead(db, now))
        if not ahead:
            return
        since = now if by else now + LONGEST_WAIT
        await self._database.write(lambda tx: change.bring_retries_forward(tx, since, ahead))
        while await self._database.write(lambda tx: change.bring_forward(tx, now, ahead), Urgency.BULK):
            pass
        for key in await self.waiting():
            self.on_again(key)

    async def tick(self, since: int) -> tuple[int, int | None]:
        """Do what is due by the clock; the moment up to which it is done, and the next one."""
        more = True
        while more:
            now = self._clock.now()
            more = await self._slice_of_tick(since, now)
            since = now
        return now, await self._database.read(lambda db: lookup.next_moment(db, now))

    async def _slice_of_tick(self, since: int, now: int) -> bool:
        """A slice of each kind in turn, so that no kind waits for a million of another; whether there may be more."""
        again = await self._database.read(lambda db: lookup.accounts_due(db, since, now))
        promoted = await self._database.write(lambda tx: change.promote(tx, now), Urgency.BULK)
        expired = await self._database.write(lambda tx: change.expire(tx, now), Urgency.BULK)
        resent = await self._database.write(lambda tx: settle.apply_policies(tx, now), Urgency.BULK)
        for lane, account in {*again, *resent}:
            self.on_again((Lane(lane), account))
        for lane, account in set(promoted):
            self.on_work((Lane(lane), account))
        if again or promoted or expired or resent:
            self.changed()
        return bool(resent) or len(promoted) == change.SLICE or len(expired) == change.SLICE
