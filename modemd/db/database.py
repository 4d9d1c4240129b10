"""The database as the rest of modemd sees it: closures in, futures out, nothing of it on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from modemd.clock import Clock
from modemd.db.engine import Engine
from modemd.db.readers import Readers
from modemd.db.schema import Migration, last_applied
from modemd.db.transaction import Listener, Reader, Transaction
from modemd.db.writer import Job, Urgency, Writer
from modemd.errors import StorageBusy, StorageError

T = TypeVar("T")

SCRUB_AGAIN = 0.1
"""Seconds between two tries to end the journal."""
SCRUB_PATIENCE = 60.0
"""Seconds: our own reads take 5 at most, so whoever still reads is another program."""


class Database:
    """One SQLite file or one PostgreSQL database, used from one event loop."""

    def __init__(self, engine: Engine, clock: Clock, migrations: Sequence[Migration]) -> None:
        self.engine = engine.name
        """``sqlite`` or ``postgresql``."""
        self._engine = engine
        self._clock = clock
        self._migrations = migrations
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    async def open(self) -> None:
        """Open it, check that it is ours, bring its tables to this version.

        Raises NotADatabase, StorageUnwritable, StorageFull, StorageBusy, StorageUnreachable or SchemaError, each with
        its cure; then nothing is open.
        """
        if self._writer is not None:
            raise StorageError("the database is already open", code="open")
        self._loop = asyncio.get_running_loop()
        writer = Writer(self._engine, self._clock, self._migrations, self._loop)
        try:
            await writer.start()
        except asyncio.CancelledError:
            await writer.stop()
            raise
        self._readers = Readers(self._engine, self._loop)
        self._readers.start()
        self._writer = writer

    async def look(self) -> int:
        """Open it for reading alone, as it is: nothing is made or brought to this version, `write` is refused.

        The number of the last migration it has; 0, and nothing is open, where there is no database yet. Raises
        NotADatabase, StorageUnreachable, or SchemaError if it is newer than this version.
        """
        self._loop = asyncio.get_running_loop()
        if not await asyncio.to_thread(self._engine.exists):
            return 0
        self._readers = Readers(self._engine, self._loop)
        self._readers.start()
        try:
            return await self.read(lambda reader: last_applied(self._engine, reader, self._migrations))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what was handed in, then close; what comes later is refused with StorageError ``closed``."""
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        if writer is not None:
            await writer.stop()
        if readers is not None:
            await readers.stop()

    def listen(self, listener: Listener) -> None:
        """From the next transaction on, let this hear what closures tell; once the database is open."""
        if self._writer is None:
            raise StorageError("the database is closed", code="closed")
        self._writer.listener = listener

    def submit(self, closure: Callable[[Transaction], T], urgency: Urgency = Urgency.SUBMIT) -> asyncio.Future[T]:
        """Hand in a write; the future is resolved after a durable COMMIT.

        Called on the event loop's thread. What the closure raises is undone alone and becomes the future's exception;
        a StorageError from elsewhere means that nothing of it was written (but for StorageUnreachable
        ``commit_unknown``: a PostgreSQL server that was lost at COMMIT and cannot be asked). Cancelling the future
        gives up the answer, not the work. Rows are fetched inside the closure, which waits for nothing but the
        database.
        """
        if self._writer is None or self._loop is None:
            raise StorageError("the database is closed", code="closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.hand_in(Job(closure, urgency, future))
        return future

    async def write(self, closure: Callable[[Transaction], T], urgency: Urgency = Urgency.SUBMIT) -> T:
        """Carry out a write and return its result after a durable COMMIT; see ``submit``."""
        return await self.submit(closure, urgency)

    async def read(self, closure: Callable[[Reader], T]) -> T:
        """Read from one snapshot, for at most 5 s, beside the writer; rows are fetched inside the closure."""
        if self._readers is None or self._loop is None:
            raise StorageError("the database is closed", code="closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._readers.hand_in(closure, future)
        result: T = await future
        return result

    async def scrub(self) -> None:
        """Give up the pages and journals in which deleted rows lie, while reads and writes go on.

        On SQLite the journal is empty afterwards and free pages are gone; a few old octets may remain in the slack of
        pages in use. On PostgreSQL they remain there and in the server's WAL until it writes over them.
        Raises StorageBusy while another program reads the database without end, or another StorageError.
        """
        while await self.write(lambda tx: self._engine.give_back(tx.execute), Urgency.BULK):
            pass
        deadline = self._clock.monotonic() + SCRUB_PATIENCE
        while not await asyncio.to_thread(self._settle):
            if self._clock.monotonic() > deadline:
                raise StorageBusy("another program reads the database without end", cure="close that program")
            await asyncio.sleep(SCRUB_AGAIN)

    def _settle(self) -> bool:
        try:
            return self._engine.settle()
        except Exception as error:
            raise self._engine.fault(error) from None
