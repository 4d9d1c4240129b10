"""PostgreSQL through psycopg 3: every commit durable on the server before it is answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import peewee
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper

from modemd.db.driver_errors import driver_error
from modemd.errors import (
    ConstraintFailed,
    ReadTooLong,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageUnreachable,
    StorageUnwritable,
)

CONNECT_TIMEOUT = 5
"""Seconds; a server that is there answers within milliseconds."""

LIVENESS: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that vanished is noticed within 25 s instead of the system's two hours (libpq; the last in ms)."""

SETTINGS = (
    "SET synchronous_commit = on;"  # COMMIT waits for the flush, whatever the server's default
    "SET lock_timeout = '10s';"  # another node's transaction is milliseconds; longer is a fault to be shown
    "SET idle_in_transaction_session_timeout = '30s';"  # a node that hangs gives its locks back
    "SET standard_conforming_strings = on"
)

READ_LIMIT = "SET statement_timeout = '5s'"
"""A snapshot held longer keeps deleted rows alive (design: reads are short)."""

MIGRATION_LOCK = 0x6D6F64656D64
"""``modemd``: the advisory lock of whoever changes the schema."""

_SQL_PART = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|\?""", re.DOTALL)


@lru_cache(maxsize=1024)
def numbered(sql: str) -> str:
    """The statement with ``?`` as ``$1``, ``$2``…; strings, identifiers and comments stay as they are."""
    count = 0

    def place(match: re.Match[str]) -> str:
        nonlocal count
        if match[0] != "?":
            return match[0]
        count += 1
        return f"${count}"

    return _SQL_PART.sub(place, sql)


class _NumericLoader(Loader):
    """``numeric`` (what sum() of BIGINT gives) as int or float, as SQLite has it."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


class PostgresConnection:
    """One thread's connection; opened again at BEGIN if it was lost."""

    def __init__(self, engine: PostgresEngine, *, writing: bool) -> None:
        self._engine = engine
        self._writing = writing
        self._begin = "BEGIN" if writing else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        self._connection = engine.open(writing=writing)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> psycopg.RawCursor[Any]:
        """Run one statement."""
        return psycopg.RawCursor(self._connection).execute(numbered(sql), params or None)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> psycopg.RawCursor[Any]:
        """Run one statement for every row of parameters, in one round trip."""
        cursor = psycopg.RawCursor(self._connection)
        cursor.executemany(numbered(sql), rows)
        return cursor

    def begin(self) -> None:
        """Open a transaction; a connection that broke while it was idle is replaced once."""
        try:
            self._connection.execute(self._begin)
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
            self._connection = self._engine.open(writing=self._writing)
            self._connection.execute(self._begin)

    def commit(self) -> None:
        """Return after the server's flush; COMMIT of a failed transaction says ROLLBACK and counts as an error."""
        if self._connection.execute("COMMIT").statusmessage != "COMMIT":
            raise StorageError("the transaction had failed before COMMIT", code="not_committed")

    def rollback(self) -> None:
        """Undo what is open; a connection that cannot even do that is closed, BEGIN opens another."""
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def savepoint(self) -> None:
        """Remember this point."""
        self._connection.execute("SAVEPOINT closure")

    def release(self) -> None:
        """Forget the point."""
        self._connection.execute("RELEASE closure")

    def undo(self) -> None:
        """Go back to the point and forget it."""
        self._connection.execute("ROLLBACK TO closure")
        self._connection.execute("RELEASE closure")

    @property
    def in_transaction(self) -> bool:
        """False if a statement failed and nobody went back, or the connection was lost."""
        return self._connection.pgconn.transaction_status == TransactionStatus.INTRANS

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class PostgresEngine:
    """Connections to one PostgreSQL database."""

    name = "postgresql"
    types: Mapping[str, str] = MappingProxyType({"id": "BIGINT PRIMARY KEY", "blob": "BYTEA"})
    alone = f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"

    def __init__(self, url: str) -> None:
        self.peewee: peewee.Database = peewee.PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            autoconnect=False,
            connect_timeout=CONNECT_TIMEOUT,
            application_name="modemd",
            **LIVENESS,
        )

    def connect(self, *, writing: bool) -> PostgresConnection:
        """Open this thread's connection."""
        return PostgresConnection(self, writing=writing)

    def open(self, *, writing: bool) -> psycopg.Connection[Any]:
        """This thread's psycopg connection, in place of a former one."""
        try:
            self.peewee.close()
            self.peewee.connect()
            connection: psycopg.Connection[Any] = self.peewee.connection()  # type: ignore[no-untyped-call] # untyped in the stubs
            connection.execute(SETTINGS)
            if not writing:
                connection.execute(READ_LIMIT)
        except (psycopg.Error, peewee.PeeweeException) as error:
            raise self.fault(error) from None
        connection.adapters.register_dumper(int, Int8BinaryDumper)  # one statement is prepared once, not per size
        connection.adapters.register_dumper(bool, Int8BinaryDumper)  # as on SQLite; our tables have no BOOLEAN
        connection.adapters.register_loader("numeric", _NumericLoader)
        return connection

    def fault(self, error: BaseException) -> BaseException:
        """Name an error of psycopg, or of peewee around it, in our words; its own text can hold values."""
        error = driver_error(error)
        if not isinstance(error, psycopg.Error):
            return error
        return _fault(error).with_traceback(error.__traceback__)


CONSTRAINTS = {"23505": "unique", "23503": "foreign_key", "23502": "not_null", "23514": "check"}

FAULTS: Mapping[str, tuple[type[StorageError], str, str]] = {
    "08": (StorageUnreachable, "the PostgreSQL server does not answer", "check that it runs, and database.url"),
    "25006": (StorageUnwritable, "this PostgreSQL server is read-only", "name the primary server in database.url"),
    "28": (StorageUnreachable, "PostgreSQL refuses the login", "check user and password in database.url"),
    "3D": (StorageUnreachable, "there is no such PostgreSQL database", "create it, or correct database.url"),
    "40": (StorageBusy, "PostgreSQL ended a transaction in favour of another", "nothing: try again"),
    "42501": (StorageUnwritable, "PostgreSQL denies the right", "let the user in database.url own the schema"),
    "53": (StorageBusy, "PostgreSQL is out of connections or memory", "raise max_connections on the server"),
    "53100": (StorageFull, "the PostgreSQL server has no space left", "free disk space on the server"),
    "55P03": (StorageBusy, "another session holds a lock for too long", "see pg_stat_activity on the server"),
    "57": (StorageUnreachable, "the PostgreSQL server ended the connection", "check that it runs"),
    "57014": (ReadTooLong, "a read took longer than 5 s and was ended", "ask for less at once"),
}
"""What an SQLSTATE, or its class, means to us (PostgreSQL, appendix A): which error, its sentence, its cure."""


def _fault(error: psycopg.Error) -> StorageError:
    """Without an SQLSTATE the server was not reached, or has gone in the middle."""
    state = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError) else "")
    if state in CONSTRAINTS:
        place = ".".join(filter(None, (error.diag.table_name, error.diag.constraint_name or error.diag.column_name)))
        return ConstraintFailed(f"{CONSTRAINTS[state]} constraint failed: {place}", code=CONSTRAINTS[state])
    known = FAULTS.get(state) or FAULTS.get(state[:2])
    if known is not None:
        kind, detail, cure = known
        return kind(detail, cure=cure)
    if state.startswith("42"):  # syntax and names: the text shows SQL, never a parameter
        return StorageError(f"PostgreSQL refused: {error.diag.message_primary}", code=f"sqlstate_{state}")
    return StorageError(f"PostgreSQL refused: {type(error).__name__}", code=f"sqlstate_{state or 'none'}")
