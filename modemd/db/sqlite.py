"""SQLite: one file in WAL mode, every commit on the disk before it is answered."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

import peewee

from modemd.clock import Clock
from modemd.db.driver_errors import driver_error
from modemd.db.engine import READ_LIMIT, Cursor
from modemd.db.sqlite_faults import PATIENCE, fault, full, unwritable
from modemd.errors import NotADatabase, StorageError

STATEMENTS = 512
"""Prepared statements kept for each connection; the hot verbs and peewee's queries together stay well below."""

APPLICATION = 0x6D6F646D
"""``modm`` in the file's header (PRAGMA application_id): tells our file from another program's."""

PAGES = 64
"""Pages given back in one transaction: each takes about 15 µs."""

HELD_UP = 0.02
"""Seconds that a checkpoint may keep the writer waiting while a reader is at its last page; then it tries again."""

BACKUP = 0x6D6F6462
"""``modb``: a backup, which must not be written to as if it were the database."""

PRAGMAS = (
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),  # fsync of the WAL before COMMIT returns
    ("secure_delete", "ON"),  # a connection without it would leave what was deleted in free pages
    ("temp_store", "MEMORY"),
    ("foreign_keys", "ON"),
)


class SqliteConnection:
    """One thread's connection to the file; transactions are opened and closed by us alone."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, *, writing: bool) -> None:
        self._connection = connection
        self._clock = clock
        self._deadline = inf
        self._saved = False
        self._limit = inf if writing else READ_LIMIT
        self._begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
        if not writing:
            connection.set_progress_handler(self._late, 100_000)

    def _late(self) -> bool:
        """Asked by SQLite every 100,000 instructions (a few ms): whether this read must end."""
        return self._clock.monotonic() > self._deadline

    def execute(self, sql: str, params: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run one statement for every row of parameters."""
        return self._connection.executemany(sql, rows)

    def begin(self) -> None:
        """Take the write lock (a writer), or be ready for a snapshot (a reader)."""
        self._connection.execute(self._begin)
        self._saved = False
        self._deadline = self._clock.monotonic() + self._limit

    def commit(self) -> None:
        """Return after the WAL is synchronised."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is open; on a full disk SQLite has often done so already."""
        self._deadline = inf
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # a ROLLBACK that reports an error has ended the transaction all the same
                self._connection.execute("ROLLBACK")

    def savepoint(self) -> None:
        """Keep what was done so far; from here ``undo`` takes back."""
        if self._saved:
            self._connection.execute("RELEASE closure")
        self._connection.execute("SAVEPOINT closure")
        self._saved = True

    def undo(self) -> None:
        """Go back to the last savepoint, which stays."""
        self._connection.execute("ROLLBACK TO closure")

    @property
    def in_transaction(self) -> bool:
        """False after SQLite rolled back by itself (full disk, I/O error, no memory)."""
        return self._connection.in_transaction

    def close(self) -> None:
        """End the connection; the last one of all checkpoints the WAL and removes it."""
        self._connection.close()


class SqliteEngine:
    """Connections to one SQLite file, created with mode 0600 where it does not exist."""

    name = "sqlite"
    types: Mapping[str, str] = MappingProxyType({"id": "INTEGER PRIMARY KEY", "blob": "BLOB"})
    alone = ""  # BEGIN IMMEDIATE holds the file's only write lock
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self.peewee: peewee.Database = peewee.SqliteDatabase(
            str(path), pragmas=PRAGMAS, timeout=PATIENCE, autoconnect=False, cached_statements=STATEMENTS
        )

    def connect(self, *, writing: bool) -> SqliteConnection:
        """Open this thread's connection; a writer creates the file and checks whose it is."""
        try:
            if writing:
                self._create()
                self._claim()
            self.peewee.connect(reuse_if_open=True)
            connection: sqlite3.Connection = self.peewee.connection()  # type: ignore[no-untyped-call] # untyped in the stubs
            if writing:
                self._check_journal(connection)
            else:
                connection.execute("PRAGMA query_only = ON")
        except (sqlite3.Error, peewee.PeeweeException) as error:
            raise self.fault(error) from None
        return SqliteConnection(connection, self._clock, writing=writing)

    def exists(self) -> bool:
        """Whether there is a file with tables of ours in it; looked at before any PRAGMA could change it."""
        if not self.path.exists():
            return False
        try:
            with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=rw", timeout=PATIENCE, uri=True)) as connection:
                return self._ours(connection)
        except sqlite3.Error as error:
            raise self.fault(error) from None

    def _create(self) -> None:
        """Make an empty file, which is an empty database, so that it never has another mode than 0600."""
        if self.path.exists():
            return
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise full(self.path) from None
            raise unwritable(self.path, error.strerror or "it cannot be created") from None

    def _claim(self) -> None:
        """Mark an empty file as ours; refuse what is no database or another program's before a PRAGMA changes it."""
        with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as connection:
            if not self._ours(connection) and _application(connection) != APPLICATION:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only a file without tables heeds it
                connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def _ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the file holds tables. Raises NotADatabase if they are not ours to write to."""
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = _application(connection)
        if application == BACKUP:
            raise NotADatabase(f"{self.path} is a backup", cure="modemd restore FILE puts its content in place")
        if tables and application != APPLICATION:
            raise NotADatabase(
                f"{self.path} is the database of another program", cure="name another file in database.url"
            )
        return tables > 0

    def _check_journal(self, connection: sqlite3.Connection) -> None:
        """Refuse a file system on which the write-ahead log cannot work."""
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            raise StorageError(
                f"{self.path} cannot have a write-ahead log",
                cure="put it on a local file system, not on a network share",
                code="no_wal",
            )

    def give_back(self, execute: Callable[[str], Cursor]) -> bool:
        """Move free pages to the end of the file, to be cut off by the next checkpoint."""
        (free,) = execute("PRAGMA freelist_count").fetchone()
        for _ in range(min(free, PAGES)):
            execute("PRAGMA incremental_vacuum(1)")  # sqlite3 steps once: a larger number would free one page as well
        return int(free) > PAGES

    def settle(self) -> bool:
        """Bring the WAL into the file and cut it to nothing; False while somebody reads from it.

        The first checkpoint copies without the writer's lock, so the second has next to nothing left to do under it.
        """
        with closing(sqlite3.connect(self.path, timeout=HELD_UP, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            try:
                (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                return False
        return not busy

    def fault(self, error: BaseException) -> BaseException:
        """Name an error of sqlite3, or of peewee around it, in our words."""
        original = driver_error(error)
        if isinstance(original, sqlite3.Error) and hasattr(original, "sqlite_errorname"):
            return fault(original, self.path).with_traceback(original.__traceback__)
        return original


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])
