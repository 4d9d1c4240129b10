"""Copies of an SQLite database: made of one in use, told apart from it, and made ready to take its place.

A copy is marked in its header, so that nobody takes it for the database: what waits in it may have been sent since.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from modemd.db.sqlite import APPLICATION, BACKUP
from modemd.db.sqlite_faults import PATIENCE, fault
from modemd.errors import Conflict, NotADatabase, NotFound, StorageError, StorageUnwritable, UsageError

POSTGRESQL = "the database is PostgreSQL, which has its own tools"


def file_of(url: str) -> Path:
    """The file of an SQLite database. Raises UsageError for another."""
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite":
        raise UsageError(
            POSTGRESQL, cure="pg_dump makes a backup; for what follows pg_restore see modemd restore --help"
        )
    return Path(rest)


def make(url: str, target: Path) -> int:
    """Copy a database, in use or not, to a new file of mode 0600 that is complete and durable; its octets.

    Readers and writers go on meanwhile. Raises UsageError for PostgreSQL, NotFound without a database, Conflict if
    ``target`` exists, StorageError; then nothing is left behind.
    """
    source = file_of(url)
    if not source.exists():
        raise NotFound(f"there is no database {source}", cure="name the state directory with --state-dir")
    _create(target)
    try:
        with _named(source), _opened(source, "rw") as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM INTO ?", (str(target),))
        with _named(target), _opened(target, "rw") as connection:
            if not _intact(connection):
                raise NotADatabase(f"{source} is damaged", cure="restore the last backup")
            _mark(connection, BACKUP)
        _sync(target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target.stat().st_size


def unpack(backup: Path, target: Path) -> None:
    """Make a database again of a backup, which stays as it is.

    Raises NotFound, NotADatabase, Conflict, StorageError.
    """
    if not backup.is_file():
        raise NotFound(f"there is no file {backup}", cure="name a file that modemd backup has made")
    try:
        with _opened(backup, "ro&immutable=1") as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            intact = _intact(connection)
    except sqlite3.DatabaseError:
        application, intact = 0, False
    if application != BACKUP:
        raise NotADatabase(f"{backup} is no backup", cure="name a file that modemd backup has made")
    if not intact:
        raise NotADatabase(f"{backup} is damaged", cure="use another backup")
    _create(target)
    try:
        with backup.open("rb") as packed, target.open("r+b") as copy:
            shutil.copyfileobj(packed, copy, 1 << 20)
        with _named(target), _opened(target, "rw") as connection:
            _mark(connection, APPLICATION)
        _sync(target)
    except OSError as error:
        raise StorageUnwritable(f"{target} cannot be written ({error.strerror})", cure="free disk space") from None


def close_down(path: Path) -> bool:
    """Write into a database what stands in its journal, and end the journal; False if it is too damaged for that."""
    try:
        with _opened(path, "rw") as connection:
            return bool(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete")
    except sqlite3.DatabaseError:
        return False


def _create(target: Path) -> None:
    """An empty file of mode 0600 where there is none."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise Conflict(f"{target} exists", cure="name another file") from None
    except OSError as error:
        raise StorageUnwritable(f"{target} cannot be made ({error.strerror})", cure="name another place") from None


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    with closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE, isolation_level=None)
    ) as connection:
        connection.execute("PRAGMA temp_store = MEMORY")
        yield connection


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except sqlite3.Error as error:
        raise (fault(error, path) if hasattr(error, "sqlite_errorname") else StorageError(str(error))) from None


def _intact(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")


def _mark(connection: sqlite3.Connection, application: int) -> None:
    connection.execute("PRAGMA journal_mode = MEMORY")  # no journal beside a file that is not in use yet
    connection.execute(f"PRAGMA application_id = {application}")


def _sync(path: Path) -> None:
    for name, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(name, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
