"""PostgreSQL through psycopg 3: every commit durable on the server before it is answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from modemd.db.engine import READ_LIMIT, Cursor
from modemd.db.postgresql_faults import fault
from modemd.errors import StorageError, StorageUnreachable

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

MIGRATION_LOCK = 0x6D6F64656D64
"""``modemd``: the advisory lock of whoever changes the schema."""

SETTLING = 5_000
"""Milliseconds that a backend gets to end after its connection was lost at COMMIT."""

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
        self._connection = engine.open(writing=writing)
        self._saved = False
        self._number = ""
        """The server's id of the open transaction (xid8)."""

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
            self._open()
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
            self._connection = self._engine.open(writing=self._writing)
            self._open()

    def _open(self) -> None:
        self._saved = False
        if self._writing:
            opened = self._connection.execute("BEGIN; SELECT pg_current_xact_id()::text")
            opened.nextset()
            self._number = opened.fetchall()[0][0]
        else:
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self) -> None:
        """Return after the server's flush; COMMIT of a failed transaction says ROLLBACK and counts as an error."""
        try:
            said = self._connection.execute("COMMIT").statusmessage
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
            said = self._ask_again()
        if said != "COMMIT":
            raise StorageError("the transaction had failed before COMMIT", code="not_committed")

    def _ask_again(self) -> str:
        """What became of a transaction whose COMMIT was never answered; settled by ending its backend, if it lives.

        Raises StorageUnreachable ``commit_unknown`` if the server cannot say: only then it may be written or not.
        """
        backend = self._connection.info.backend_pid
        try:
            self._connection = self._engine.open(writing=self._writing)
            self._connection.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE pid = %s AND backend_xid::text = %s",
                (SETTLING, backend, self._number),
            )
            status = self._connection.execute("SELECT pg_xact_status(%s::xid8)", (self._number,)).fetchall()[0][0]
        except (psycopg.Error, StorageError):
            status = None
        if status not in {"committed", "aborted"}:
            raise StorageUnreachable(
                "the connection was lost at COMMIT and PostgreSQL does not say what became of it",
                cure="check that the server runs; look before you repeat",
                code="commit_unknown",
            )
        return "COMMIT" if status == "committed" else "ROLLBACK"

    def rollback(self) -> None:
        """Undo what is open; a connection that cannot even do that is closed, BEGIN opens another."""
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def savepoint(self) -> None:
        """Keep what was done so far; from here ``undo`` takes back."""
        self._connection.execute("RELEASE closure; SAVEPOINT closure" if self._saved else "SAVEPOINT closure")
        self._saved = True

    def undo(self) -> None:
        """Go back to the last savepoint, which stays."""
        self._connection.execute("ROLLBACK TO closure")

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
    alone = f"SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"

    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"

    def __init__(self, url: str) -> None:
        self._url = url
        self.peewee: peewee.Database = peewee.PostgresqlDatabase(
            url,
            prefer_psycopg3=True,
            autoconnect=False,
            connect_timeout=CONNECT_TIMEOUT,
            application_name="modemd",
            **LIVENESS,
        )

    def exists(self) -> bool:
        """A database that is named exists; what is in it, the schema tells."""
        return True

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
            if writing:
                self._check_durable(connection)
            else:
                connection.execute(f"SET statement_timeout = '{READ_LIMIT}s'")
        except (psycopg.Error, peewee.PeeweeException) as error:
            raise self.fault(error) from None
        connection.adapters.register_dumper(int, Int8BinaryDumper)  # one statement is prepared once, not per size
        connection.adapters.register_dumper(bool, Int8BinaryDumper)  # as on SQLite; our tables have no BOOLEAN
        connection.adapters.register_loader("numeric", _NumericLoader)
        return connection

    def give_back(self, execute: Callable[[str], Cursor]) -> bool:
        """VACUUM does it, which no transaction may hold."""
        return False

    def settle(self) -> bool:
        """VACUUM every table of ours: dead rows become free space, empty ends of files go back to the system.

        What remains until the server writes over it: old octets in pages that hold living rows too, and in its WAL.
        Tables without dead rows cost next to nothing, for VACUUM knows their pages.
        """
        with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT, **LIVENESS) as connection:
            tables = connection.execute(
                "SELECT format('%I', relname) FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            ).fetchall()
            for (table,) in tables:
                connection.execute(f"VACUUM (INDEX_CLEANUP ON) {table}".encode())
        return True

    def _check_durable(self, connection: psycopg.Connection[Any]) -> None:
        """Refuse a server that says COMMIT before the disk does."""
        if connection.execute("SHOW fsync").fetchall() != [("on",)]:
            connection.close()
            raise StorageError(
                "this PostgreSQL server does not wait for its disk (fsync is off)",
                cure="set fsync = on in postgresql.conf and reload it",
                code="not_durable",
            )

    def fault(self, error: BaseException) -> BaseException:
        """Name an error of psycopg, or of peewee around it, in our words."""
        original = driver_error(error)
        return (
            fault(original).with_traceback(original.__traceback__) if isinstance(original, psycopg.Error) else original
        )
