"""What a closure is handed: SQL on one connection inside one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import peewee

from modemd.db.engine import Connection, Cursor, Engine

ROWS = (100, 50, 16, 8, 4, 2, 1)
"""Rows of one INSERT: few different statements, so that they stay prepared."""


class Reader:
    """A snapshot: everything read through it belongs to one moment."""

    __slots__ = ("_connection", "_peewee", "engine")

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self.engine = engine.name
        self._peewee = engine.peewee
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Cursor:
        """Run one statement; ``?`` stands for a parameter on either engine.

        An error ends the closure: let it pass, the transaction around it is undone.
        """
        return self._connection.execute(sql, params)

    def run(self, query: peewee.Query) -> Any:
        """Run a peewee query on this connection; fetch its rows inside the closure."""
        return query.execute(self._peewee)


class Transaction(Reader):
    """A write: all of the closure or nothing."""

    __slots__ = ("_tallies", "_told")

    def __init__(self, engine: Engine, connection: Connection) -> None:
        super().__init__(engine, connection)
        self._tallies: dict[str, int] = {}
        self._told: list[Any] = []

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """Run one statement for every row of parameters."""
        return self._connection.executemany(sql, rows)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows, many with one statement.

        SQLite's module gives the interpreter lock up once a statement, and a busy loop takes a tenth of a millisecond
        to give it back: a statement a row cost 90 µs a row beside one, a statement for a hundred rows costs 7.
        """
        start = 0
        for size in ROWS:
            while len(rows) - start >= size:
                values = [value for row in rows[start : start + size] for value in row]
                self._connection.execute(_insert(table, tuple(columns), size), values)
                start += size

    def tally(self, name: str, delta: int) -> None:
        """Add to a counter of table ``tally``; written once for all closures that share the commit."""
        self._tallies[name] = self._tallies.get(name, 0) + delta

    def take_tallies(self) -> dict[str, int]:
        """What was counted since the last call."""
        taken, self._tallies = self._tallies, {}
        return taken

    def tell(self, fact: object) -> None:
        """Tell whoever listens to the database (``Database.listen``) what this closure does."""
        self._told.append(fact)

    def take_told(self) -> list[Any]:
        """What was told since the last call."""
        taken, self._told = self._told, []
        return taken


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = "(" + ", ".join("?" * len(columns)) + ")"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES " + ", ".join([row] * rows)


class Listener(Protocol):
    """Hears, in the writing thread, what the closures of a transaction have told."""

    def hear(self, tx: Transaction, facts: Sequence[Any]) -> Callable[[], None] | None:
        """Just before COMMIT: write what belongs beside it; what is to be done once it is durable.

        What this raises refuses the whole transaction.
        """
