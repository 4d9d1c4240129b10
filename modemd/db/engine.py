"""What a database engine must be able to do, so that nothing above it asks which one it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import peewee

READ_LIMIT = 5
"""Seconds; a snapshot held longer keeps what was deleted since in the WAL, or from VACUUM."""


class Cursor(Protocol):
    """The rows of one statement; they are read inside the closure that asked for them."""

    @property
    def rowcount(self) -> int:
        """Rows changed; not to be trusted after SELECT or RETURNING (count what was fetched)."""

    def fetchone(self) -> Any:
        """The next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""


class Connection(Protocol):
    """One connection of one thread; every method may raise the driver's own errors."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Cursor:
        """Run one statement with ``?`` placeholders."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """Run one statement for every row of parameters."""

    def begin(self) -> None:
        """Open a transaction; a connection that was lost since the last one is opened again."""

    def commit(self) -> None:
        """Return when the transaction is durable; an error means that nothing of it is written."""

    def rollback(self) -> None:
        """Undo the transaction, also when the engine has done so by itself; never raises."""

    def savepoint(self) -> None:
        """Keep what was done so far; from here ``undo`` takes back."""

    def undo(self) -> None:
        """Go back to the last savepoint, which stays."""

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is open and may go on; False after the engine gave it up."""

    def close(self) -> None:
        """End the connection."""


class Engine(Protocol):
    """SQLite or PostgreSQL: opens connections, spells types, names its errors in our words."""

    @property
    def name(self) -> str:
        """``sqlite`` or ``postgresql``."""

    @property
    def peewee(self) -> peewee.Database:
        """What runs peewee's queries on this thread's connection."""

    @property
    def types(self) -> Mapping[str, str]:
        """What the tokens of a migration become: ``id``, ``blob``."""

    @property
    def alone(self) -> str:
        """A statement that keeps other migrating processes out until COMMIT; empty where BEGIN does."""

    @property
    def tables(self) -> str:
        """A query for the names of all tables."""

    def exists(self) -> bool:
        """Whether there is a database, without making one. Raises NotADatabase if it is another program's."""

    def connect(self, *, writing: bool) -> Connection:
        """Open this thread's connection.

        Raises the leaves of StorageError that say why it cannot be opened.
        """

    def give_back(self, execute: Callable[[str], Cursor]) -> bool:
        """In a transaction of the writer: free some pages that deleted rows have left; whether there are more."""

    def settle(self) -> bool:
        """In a thread of its own: leave no journal and no dead row; False while somebody's snapshot stands in the way.

        Raises the driver's own errors.
        """

    def fault(self, error: BaseException) -> BaseException:
        """The same error in our words, without the driver's text; what is no storage error stays as it is."""
