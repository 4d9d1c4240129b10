"""The database layer: SQLite or PostgreSQL behind closures, group commit, migrations. Knows no message, no account.

database = connect("sqlite:////var/lib/modemd/modemd.db")
await database.open()
await database.write(lambda tx: tx.execute("INSERT INTO …", (…,)))     # durable when this returns
rows = await database.read(lambda reader: reader.execute("SELECT …").fetchall())
"""

from __future__ import annotations

import logging
from pathlib import Path

from modemd.clock import Clock, SystemClock
from modemd.db.database import Database
from modemd.db.engine import Cursor, Engine
from modemd.db.schema import shipped
from modemd.db.sqlite import SqliteEngine
from modemd.db.transaction import Listener, Reader, Transaction
from modemd.db.writer import Urgency
from modemd.errors import ConfigError

__all__ = ["Cursor", "Database", "Listener", "Reader", "Transaction", "Urgency", "connect"]

logging.getLogger("peewee").disabled = True  # at DEBUG it would write every parameter


def connect(url: str, *, clock: Clock | None = None) -> Database:
    """The database of ``sqlite:///absolute/path.db`` or ``postgresql://…``, not yet opened.

    Raises ConfigError if the URL is neither, or the driver for it is not installed.
    """
    clock = clock or SystemClock()
    return Database(_engine(url, clock), clock, shipped())


def _engine(url: str, clock: Clock) -> Engine:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and Path(rest).is_absolute() and not rest.endswith("/"):
        return SqliteEngine(Path(rest), clock)
    if scheme == "postgresql":
        try:
            from modemd.db.postgresql import PostgresEngine  # psycopg is installed only where it is used
        except ImportError:
            raise ConfigError(
                "database.url names PostgreSQL, psycopg is missing", cure="pip install 'modemd[postgresql]'"
            ) from None
        return PostgresEngine(url)
    raise ConfigError("database.url is not understood", cure="sqlite:///absolute/path.db or postgresql://host/database")
