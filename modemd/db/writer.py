"""The one thread that writes: takes closures in order of urgency, many to a transaction.

Futures are resolved after COMMIT, all of a transaction by one call into the event loop.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from modemd.clock import Clock
from modemd.db.answers import answer
from modemd.db.engine import Connection, Engine
from modemd.db.group import Group, again
from modemd.db.schema import Migration, migrate
from modemd.db.transaction import Listener, Transaction

GATHERING = 0.005
"""Seconds of work that one transaction takes in while closures wait; once a SEND is aboard, at most this."""

LONGEST_GATHERING = 0.05
"""Where COMMIT is slow, a transaction gathers for as long as the last one took, up to this."""


class Urgency(IntEnum):
    """Who goes first when several closures wait."""

    SEND = 0
    """A modem waits for it."""
    SUBMIT = 1
    """A caller waits for it."""
    BULK = 2
    """Nobody waits: slices of at most 5 ms of a long piece of work."""


class Job(NamedTuple):
    """A closure that was handed in and the future that waits for it."""

    closure: Callable[[Transaction], Any]
    urgency: Urgency
    future: asyncio.Future[Any]


class Writer:
    """Owns the writing connection; lives from ``start`` until ``stop`` has drained it."""

    def __init__(
        self, engine: Engine, clock: Clock, migrations: Sequence[Migration], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._migrations = migrations
        self._loop = loop
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lines: tuple[deque[Job], ...] = tuple(deque() for _ in Urgency)
        self._last_commit = 0.0
        self._draining = False
        self.listener: Listener | None = None
        """Hears what closures tell."""
        self._opened: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="modemd-db-writer", daemon=True)

    async def start(self) -> None:
        """Open the connection and bring the schema up; raises the StorageError that prevents it."""
        self._thread.start()
        await asyncio.shield(self._opened)

    async def stop(self) -> None:
        """Carry out what was handed in, then end the thread."""
        self._inbox.put(None)
        await asyncio.shield(self._ended)

    def hand_in(self, job: Job) -> None:
        """Queue a closure; never blocks."""
        self._inbox.put(job)

    def _run(self) -> None:
        try:
            connection = self._open()
        except BaseException as error:
            answer(self._loop, [(self._opened, None, error), (self._ended, None, None)])
            return
        answer(self._loop, [(self._opened, None, None)])
        while self._wait():
            self._carry(connection)
        connection.close()
        answer(self._loop, [(self._ended, None, None)])

    def _open(self) -> Connection:
        connection = self._engine.connect(writing=True)
        try:
            migrate(self._engine, connection, self._clock, self._migrations)
        except BaseException as error:
            connection.close()
            raise self._engine.fault(error) from None
        return connection

    def _wait(self) -> bool:
        """Block until a closure waits; False once all are carried out and none can come."""
        self._sort()
        while not any(self._lines):
            if self._draining:
                return False
            self._file(self._inbox.get())
            self._sort()
        return True

    def _sort(self) -> None:
        """Move what was handed in to the lines; only this thread takes out, so qsize() cannot overstate."""
        while self._inbox.qsize():
            self._file(self._inbox.get_nowait())

    def _file(self, job: Job | None) -> None:
        if job is None:
            self._draining = True
        else:
            self._lines[job.urgency].append(job)

    def _carry(self, connection: Connection) -> None:
        """One transaction, from BEGIN to the answers."""
        try:
            connection.begin()
        except Exception as error:
            self._refuse(self._engine.fault(error))
            return
        group = Group(self._engine, connection, self.listener)
        self._gather(group)
        if not group.over:
            started = self._clock.monotonic()
            group.commit()
            self._last_commit = self._clock.monotonic() - started
        answer(self._loop, group.answers)

    def _gather(self, group: Group) -> None:
        """Let closures board, the most urgent first, until none waits or the time is up."""
        now = self._clock.monotonic()
        closes = crowd_closes = now + min(max(GATHERING, self._last_commit), LONGEST_GATHERING)
        while not group.over:
            job = self._next(sends=now < closes, crowd=now < crowd_closes)
            if job is None:
                return
            if job.urgency == Urgency.SEND:
                crowd_closes = min(crowd_closes, now + GATHERING)
            group.board(job.closure, job.future)
            now = self._clock.monotonic()

    def _next(self, *, sends: bool, crowd: bool) -> Job | None:
        self._sort()
        send, *others = self._lines
        if send:
            return send.popleft() if sends else None
        return next((line.popleft() for line in others if line), None) if crowd else None

    def _refuse(self, fault: BaseException) -> None:
        """Answer everybody who waits: no transaction can be opened now."""
        self._sort()
        refused = [job for line in self._lines for job in line]
        for line in self._lines:
            line.clear()
        answer(self._loop, [(job.future, None, again(fault)) for job in refused])
