"""The verbs of the queue on one database, and the news they make for whoever sends or watches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from modemd.clock import SECOND, Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Conflict, NotFound, Unreadable
from modemd.ids import IdSource
from modemd.queue import change, listing, lookup, recover, reports, settle, usage
from modemd.queue import submit as accepting
from modemd.queue.listing import Page, Wanted
from modemd.queue.matching import Open
from modemd.queue.recover import Segment
from modemd.queue.reports import Fate, News, Taken
from modemd.queue.retry import Next
from modemd.queue.rows import Counts, Draft, Envelope, Handed, Idempotency, Message, Settlement, Story
from modemd.queue.states import State
from modemd.queue.turns import Key, Turns
from modemd.queue.usage import SimUsage
from modemd.values import Lane, Outcome, Report, Sms, Verdict

ACCEPTED = Outcome(Verdict.ACCEPTED)
DEFAULT_LIFE_S = 48 * 3600
"""Seconds a message that is queued again may wait: what most service centres keep one themselves."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """What one turn at the barrier did."""

    marked: bool
    """The next segment is on disk as about to be sent."""
    follow: list[Next | None]
    """What follows for the message of each attempt that was settled; None after success."""
    moved: list[Message]
    """Other messages that a status report has moved in passing."""


class Queue:
    """Messages and their states on one database; every verb is durable when it returns."""

    def __init__(self, database: Database, clock: Clock, node: str, life_s: int = DEFAULT_LIFE_S) -> None:
        self._database = database
        self._life = life_s * SECOND
        self._clock = clock
        self._node = node
        self._references = accepting.References()
        self.ids = IdSource(clock)
        self.on_work: Callable[[Key], None] = lambda key: None
        """Called when an account has something to send now."""
        self.on_later: Callable[[int], None] = lambda moment: None
        """Called when something will be due at a moment."""
        self.on_gone: Callable[[Message], None] = lambda message: None
        """Called when a waiting message was taken back."""
        self.on_forgotten: Callable[[int], None] = lambda account: None
        """Called when an account is gone for good."""
        self.open: Open = _cannot_open
        """What a message was meant to be, for any thread: status reports are told apart by their recipient."""
        self._watchers: set[asyncio.Event] = set()
        self._handed: dict[str, deque[Handed]] = {}
        self._owed: set[Segment] = set()
        """Segments of an earlier daemon to which an error may be the answer."""

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
        if isinstance(drafts, Sequence):
            small = drafts
            await self._database.write(
                lambda tx: accepting.accept(tx, envelope, small, idempotency, self._references, now)
            )
        else:
            await accepting.accept_staged(self._database, envelope, drafts, idempotency, self._references, now)
        if envelope.due > now:
            self.on_later(envelope.due)
        else:
            self.on_work((envelope.lane, envelope.account))
        if envelope.expires is not None:
            self.on_later(envelope.expires)
        self.changed()

    async def repeated(self, account: int, key: bytes, fingerprint: bytes) -> accepting.Repeated | None:
        """What a call with this Idempotency-Key made before; raises Conflict if that was another request."""
        found = await self._database.read(lambda db: accepting.find_repeated(db, account, key))
        if found is None:
            return None
        if found[1] != fingerprint:
            raise Conflict(
                "this Idempotency-Key was used for another request",
                cure="use a new key for a new request",
                code="idempotency_mismatch",
            )
        return found[0]

    # Looking

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

    def _moved(self, message: Message) -> State:
        if message.state is State.QUEUED:
            self.on_work((message.lane, message.account))
        self.changed()
        return message.state

    # Sending

    def cross(
        self,
        settled: Sequence[Settlement],
        message: Message | None,
        part: int,
        sim: str,
        turns: dict[Key, int],
        used: SimUsage | None = None,
    ) -> asyncio.Future[Crossing]:
        """The write-ahead barrier: in one transaction settle what has ended and mark the next segment.

        ``turns`` are virtual times, ``used`` is what the SIM has used of its limits, to write down beside. The future
        fails with StorageError if nothing was written.
        """
        now = self._clock.now()
        if message is not None:
            self._remember(Handed(message.id, part, sim, now))

        def closure(tx: Transaction) -> Crossing:
            follow, moved = [], []
            for settlement in settled:
                follows, others = reports.settled(tx, settlement, settle.settle(tx, settlement), self.open)
                follow.append(follows)
                moved += others
            marked = message is not None and settle.mark(tx, message, part, sim, self._node, now)
            if turns:
                write_turns(tx, turns)
            if used is not None:
                usage.write(tx, used)
            return Crossing(marked, follow, moved)

        return self._database.submit(closure, Urgency.SEND)

    async def fail(self, message: Message, code: str, detail: str) -> None:
        """End a queued message that cannot be sent at all."""
        now = self._clock.now()
        await self._database.write(lambda tx: settle.fail(tx, message, code, detail, now), Urgency.SEND)
        self.changed()

    async def late_answer(self, sim: str, heard: int, outcome: Outcome = ACCEPTED) -> Message | None:
        """An answer that nobody awaited was heard on a SIM's port: it settles what the SIM was handed last before.

        None if that segment is not uncertain, or not known: what an earlier run left uncertain has no answer any more.
        """
        handed = next((handed for handed in reversed(self._handed.get(sim, ())) if handed.at <= heard), None)
        if handed is None or (outcome.verdict is Verdict.REFUSED and (handed.message, handed.part) not in self._owed):
            return None
        self._owed.discard((handed.message, handed.part))
        now = self._clock.now()
        found = await self._database.write(lambda tx: recover.late_answer(tx, handed, outcome, now), Urgency.SEND)
        if found is not None:
            self._moved(found)
        return found

    def _remember(self, handed: Handed) -> None:
        """The last two of each SIM: an answer may be understood only when the next segment is on its way."""
        self._handed.setdefault(handed.sim, deque(maxlen=2)).append(handed)

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

    def announce(self, moved: Sequence[Message]) -> None:
        """Tell whoever sends or watches that these messages have moved."""
        for message in moved:
            self._moved(message)

    # Start and clock

    async def recover(
        self,
        went_out: Collection[Segment] | None = None,
        accepted: Mapping[Segment, int] | None = None,
        owed: Collection[Segment] = (),
    ) -> int:
        """At start: discard what was staged, make uncertain what was being sent; how many that are.

        ``went_out``, if that is known, are the segments whose Ctrl-Z may have been written (handover.py): what is not
        among them is queued again, and late answers are awaited for them. ``accepted`` are those that the modem had
        answered, each with its TP-MR. Only to what is ``owed`` an error that is heard late can be the answer.
        """
        await accepting.discard_all_staged(self._database)
        now = self._clock.now()
        recovered = await self._database.write(
            lambda tx: recover.recover(tx, self._node, now, went_out, accepted or {})
        )
        unanswered = recovered
        if went_out is not None:
            unanswered = await self._database.read(lambda db: lookup.unanswered(db, went_out))
        for handed in unanswered:
            self._remember(handed)
        self._owed = set(owed)
        return len(recovered)

    @property
    def handed(self) -> list[Handed]:
        """What each SIM was handed last."""
        return [segments[-1] for segments in self._handed.values()]

    async def turns(self) -> Turns:
        """The turns as they were written down last."""
        rows = await self._database.read(lambda db: db.execute("SELECT lane, account, vtime FROM turn").fetchall())
        return Turns({(Lane(lane), account): vtime for lane, account, vtime in rows})

    async def waiting(self) -> list[Key]:
        """The accounts with queued messages, by lane."""
        return await self._database.read(
            lambda db: [(lane, account) for lane in Lane for account in lookup.accounts_waiting(db, lane)]
        )

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
        for lane, account in {*again, *promoted, *resent}:
            self.on_work((Lane(lane), account))
        if again or promoted or expired or resent:
            self.changed()
        return bool(resent) or len(promoted) == change.SLICE or len(expired) == change.SLICE

    # Watching

    def changed(self) -> None:
        """Some message changed its state: wake whoever watches."""
        for watcher in self._watchers:
            watcher.set()

    def watch(self) -> Watch:
        """An event that is set at every change; use it as a context manager."""
        return Watch(self._watchers)


def _cannot_open(_: Message) -> Sms:
    raise Unreadable("nobody opens messages here")


class Watch:
    """Tells when the queue has changed since it was last asked."""

    def __init__(self, watchers: set[asyncio.Event]) -> None:
        self._watchers = watchers
        self._event = asyncio.Event()

    def __enter__(self) -> Watch:
        self._watchers.add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchers.discard(self._event)

    async def change(self, seconds: float | None = None) -> bool:
        """Wait for the next change; False if there is none within so many seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        self._event.clear()
        return True


def write_turns(tx: Transaction, turns: dict[Key, int]) -> None:
    """Write virtual times down."""
    tx.executemany(
        "INSERT INTO turn (lane, account, vtime) VALUES (?, ?, ?) "
        "ON CONFLICT (lane, account) DO UPDATE SET vtime = excluded.vtime",
        [(int(lane), account, vtime) for (lane, account), vtime in turns.items()],
    )
