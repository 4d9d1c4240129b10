"""PostgreSQL's errors in our words; its own texts can hold values, so only SQL and names are passed on."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from modemd.db.engine import READ_LIMIT
from modemd.errors import (
    ConstraintFailed,
    ReadTooLong,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageUnreachable,
    StorageUnwritable,
)

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
    "57014": (ReadTooLong, f"a read took longer than {READ_LIMIT} s and was ended", "ask for less at once"),
}
"""What an SQLSTATE, or its class, means to us (PostgreSQL, appendix A): which error, its sentence, its cure."""


def fault(error: psycopg.Error) -> StorageError:
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
