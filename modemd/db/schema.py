"""Brings the tables to this version: the files of ``migrations/`` in order, each in one transaction of its own.

A file is ``NNNN_name.sql``: statements ended by semicolons, the same for both engines but for two tokens:
``{id}`` (``INTEGER PRIMARY KEY`` or ``BIGINT PRIMARY KEY``) and ``{blob}`` (``BLOB`` or ``BYTEA``).
What was applied is recorded in table ``migration``, so no file runs twice, also when two processes start at once.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise

from modemd.clock import Clock
from modemd.db.engine import Connection, Engine
from modemd.db.transaction import Reader
from modemd.errors import SchemaError, StorageError

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_TOKEN = re.compile(r"\{(\w+)\}")
_TABLE = "CREATE TABLE IF NOT EXISTS migration (number {id}, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    text: str


@cache
def shipped() -> tuple[Migration, ...]:
    """The migrations of this version, in order."""
    return read(files("modemd.db") / "migrations")


def read(folder: Traversable) -> tuple[Migration, ...]:
    """The migrations of a folder, in order; raises SchemaError if two have one number."""
    found = [
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if (match := _FILE.fullmatch(entry.name))
    ]
    found.sort(key=lambda migration: migration.number)
    for one, next_one in pairwise(found):
        if one.number == next_one.number:
            raise SchemaError(f"migrations {one.name} and {next_one.name} both have number {one.number}")
    return tuple(found)


def migrate(engine: Engine, connection: Connection, clock: Clock, migrations: Sequence[Migration]) -> None:
    """Apply what is missing.

    Raises SchemaError if the database is newer than ``migrations``, lacks one before its last, or one fails; what
    failed has left nothing behind.
    """
    while True:
        connection.begin()
        try:
            if engine.alone:
                connection.execute(engine.alone)
            missing = _missing(engine, connection, migrations)
            if missing is not None:
                _apply(engine, connection, clock, missing)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
        if missing is None:
            return


def last_applied(engine: Engine, connection: Reader, migrations: Sequence[Migration]) -> int:
    """The number of the last migration that a database has, 0 for none. Raises SchemaError if it is newer than we."""
    if "migration" not in {name for (name,) in connection.execute(engine.tables).fetchall()}:
        return 0
    last = int(connection.execute("SELECT COALESCE(max(number), 0) FROM migration").fetchone()[0])
    _refuse_newer(last, migrations)
    return last


def _refuse_newer(last: int, migrations: Sequence[Migration]) -> None:
    known = max((migration.number for migration in migrations), default=0)
    if last > known:
        raise SchemaError(
            f"the database has schema {last}, this modemd knows {known}",
            cure="install the modemd that wrote it or a newer one, or restore a backup",
        )


def _missing(engine: Engine, connection: Connection, migrations: Sequence[Migration]) -> Migration | None:
    """The next migration to apply."""
    connection.execute(_spell(_TABLE, engine.types))
    applied = {number for (number,) in connection.execute("SELECT number FROM migration")}
    last = max(applied, default=0)
    _refuse_newer(last, migrations)
    for migration in migrations:
        if migration.number in applied:
            continue
        if migration.number < last:
            raise SchemaError(
                f"migration {migration.number} was never applied although {last} was", cure="restore a backup"
            )
        return migration
    return None


def _apply(engine: Engine, connection: Connection, clock: Clock, migration: Migration) -> None:
    try:
        for statement in _statements(_spell(migration.text, engine.types)):
            connection.execute(statement)
    except SchemaError:
        raise
    except Exception as error:
        fault = engine.fault(error)
        if isinstance(fault, StorageError) and type(fault) is not StorageError:
            raise fault from None
        raise SchemaError(
            f"migration {migration.number} ({migration.name}) failed: {fault}",
            cure="nothing was changed; report this with the version of modemd",
        ) from None
    connection.execute(
        "INSERT INTO migration (number, name, applied_at) VALUES (?, ?, ?)",
        (migration.number, migration.name, clock.now()),
    )


def _spell(text: str, types: Mapping[str, str]) -> str:
    """The text with its tokens in the engine's words."""

    def word(match: re.Match[str]) -> str:
        if match[1] not in types:
            raise SchemaError(f"a migration uses the unknown token {match[0]}")
        return types[match[1]]

    return _TOKEN.sub(word, text)


def _statements(text: str) -> Iterator[str]:
    """Each statement of a script; SQLite itself says where one ends, in strings, comments and triggers too."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if re.sub(r"--[^\n]*", "", statement).strip():
        raise SchemaError("a migration ends in the middle of a statement")
