"""The outbox: an event is written in the transaction that makes it so, for those who want to be told, and nobody else.

So an event exists exactly if what it tells of does, whenever the daemon dies. Who wants to be told is known in memory:
where no account has a webhook, a commit costs not one statement more. The newest events are also kept in memory, ids
and codes only, for live streams that come back.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from modemd.clock import Clock
from modemd.db import Database, Reader, Transaction
from modemd.ids import IdSource
from modemd.values import Change
from modemd.webhooks.event import Event

RECENT = 10_000
"""Events kept in memory: some 2 MB; half a minute of what the fastest pool sends."""
_MARKS = 500
"""Parameters of one statement."""

_COLUMNS = ("event", "webhook", "account", "kind", "subject", "at", "code", "detail", "due")


@dataclass(frozen=True, slots=True)
class Hook:
    """One receiver, as far as the outbox has to know it."""

    id: int
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who wants to be told; replaced as a whole."""

    hooks: dict[int, list[Hook]]
    """Active webhooks by account."""
    doors: frozenset[int]
    """Accounts with messages that have callbacks."""


class Outbox:
    """Hears every change (``Database.listen``), writes events, and tells those who deliver and those who listen."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._ids = IdSource(clock)
        self._wanted = _Wanted({}, frozenset())
        self._reloading = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._recent_lock = threading.Lock()
        self.on_due: Callable[[set[int]], None] = lambda webhooks: None
        """Called when there is something to deliver to these webhooks."""
        self.on_live: Callable[[Sequence[Event]], None] | None = None
        """Called with what has happened, while anybody listens; None while nobody does."""

    async def open(self) -> None:
        """Begin to listen: before anything changes a message."""
        last = await self._database.read(lambda db: db.execute("SELECT max(event) FROM webhook_event").fetchone()[0])
        self._ids = IdSource(self._clock, after=last or 0)  # in order, though the clock was set back meanwhile
        await self.reload()
        self._database.listen(self)

    async def reload(self) -> None:
        """Look again who wants to be told; what has been written before the call is seen."""
        async with self._reloading:
            self._wanted = await self._database.read(_wanted)

    def hear(self, tx: Transaction, facts: Sequence[Change]) -> Callable[[], None]:
        """In the writing thread, just before COMMIT: write the events of those who want to be told."""
        now = self._clock.now()
        events = [
            Event(number, change.account, change.kind, change.subject, now, change.code, change.detail)
            for number, change in zip(self._ids.many(len(facts)), facts, strict=True)
        ]
        wanted = self._wanted
        rows: list[tuple[int, Event]] = []
        if wanted.hooks or wanted.doors:
            rows = [*_of_hooks(wanted.hooks, events), *_of_callbacks(tx, wanted.doors, events)]
        if rows:
            placed = [(e.id, hook, e.account, e.kind, e.subject, now, e.code, e.detail, now) for hook, e in rows]
            tx.insert("webhook_event", _COLUMNS, placed)
        return partial(self._durable, events, {hook for hook, _ in rows})

    def since(self, event: int) -> tuple[list[Event], bool]:
        """The newer events that are still in memory, and whether those are all there were."""
        with self._recent_lock:
            recent = list(self._recent)
        return [one for one in recent if one.id > event], bool(recent) and recent[0].id <= event

    def _durable(self, events: Sequence[Event], due: set[int]) -> None:
        """In the writing thread, after COMMIT."""
        with self._recent_lock:
            self._recent.extend(events)
        if due or self.on_live is not None:
            try:
                self._loop.call_soon_threadsafe(self._tell, events, due)
            except RuntimeError:
                return  # the loop has ended before the database; what is due is on disk

    def _tell(self, events: Sequence[Event], due: set[int]) -> None:
        if due:
            self.on_due(due)
        if self.on_live is not None:
            self.on_live(events)


def _of_hooks(hooks: dict[int, list[Hook]], events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    for event in events:
        for hook in hooks.get(event.account, ()):
            if event.kind in hook.kinds:
                yield hook.id, event


def _of_callbacks(tx: Transaction, doors: frozenset[int], events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    concerned = [event for event in events if event.account in doors and event.kind.startswith("message.")]
    for start in range(0, len(concerned), _MARKS):
        some = concerned[start : start + _MARKS]
        marks = ", ".join("?" * len(some))
        found = tx.execute(
            f"SELECT message, webhook, kinds FROM callback WHERE message IN ({marks})", [one.subject for one in some]
        ).fetchall()
        called = {message: (webhook, kinds.split(",")) for message, webhook, kinds in found}
        for event in some:
            webhook, kinds = called.get(event.subject, (0, ()))
            if event.kind in kinds:
                yield webhook, event


def _wanted(db: Reader) -> _Wanted:
    rows = db.execute("SELECT account, id, door, kinds FROM webhook WHERE state = 0").fetchall()
    hooks: dict[int, list[Hook]] = {}
    for account, number, door, kinds in rows:
        if not door:
            hooks.setdefault(account, []).append(Hook(number, frozenset(kinds.split(","))))
    return _Wanted(hooks, frozenset(account for account, _, door, _ in rows if door))
