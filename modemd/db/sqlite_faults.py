"""SQLite's errors in our words; its texts name files, tables, columns and SQL, never a value."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from modemd.db.engine import READ_LIMIT
from modemd.errors import (
    ConstraintFailed,
    NotADatabase,
    ReadTooLong,
    StorageBusy,
    StorageError,
    StorageFull,
    StorageUnwritable,
)

PATIENCE = 5.0
"""Seconds to wait for another process's write lock (a backup, the command line) before StorageBusy."""

FREE_BYTES = 1 << 20
"""Below this an I/O error is taken for a full disk: SQLite reports ENOSPC on its -shm file as one."""

CONSTRAINTS = {"primarykey": "unique", "rowid": "unique", "foreignkey": "foreign_key", "notnull": "not_null"}
"""SQLite's names where they differ from ours."""

FAULTS: Mapping[str, tuple[type[StorageError], str, str]] = {
    "SQLITE_NOTADB": (NotADatabase, "{path} is no SQLite database", "name another file in database.url"),
    "SQLITE_CORRUPT": (NotADatabase, "{path} is damaged", "restore a backup"),
    "SQLITE_BUSY": (
        StorageBusy,
        f"another program has held the write lock of {{path}} for {PATIENCE:g} s",
        "end the program that has the file open (fuser shows it)",
    ),
    "SQLITE_INTERRUPT": (
        ReadTooLong,
        f"a read took longer than {READ_LIMIT} s and was ended",
        "ask for less at once",
    ),
}
"""What a result code's first two words mean to us: which error, its sentence, its cure."""


def fault(error: sqlite3.Error, path: Path) -> StorageError:
    """By result code (sqlite.org/rescode.html), and for what SQLite cannot tell apart by a look at the disk."""
    name, text = error.sqlite_errorname, str(error)
    family = "_".join(name.split("_")[:2])
    if family == "SQLITE_CONSTRAINT":
        kind = name.removeprefix("SQLITE_CONSTRAINT_").lower()
        return ConstraintFailed(text, code=CONSTRAINTS.get(kind, kind))
    if family == "SQLITE_FULL" or (family in {"SQLITE_IOERR", "SQLITE_CANTOPEN"} and _disk_is_full(path.parent)):
        return full(path)
    if family in {"SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM"}:
        return unwritable(path, text)
    if family not in FAULTS:
        return StorageError(f"SQLite refused: {text}", code=name.lower())
    kind_of, detail, cure = FAULTS[family]
    return kind_of(detail.format(path=path), cure=cure)


def full(path: Path) -> StorageFull:
    """The disk of ``path`` has no room."""
    return StorageFull(f"no space left for {path}", cure="free disk space; nothing needs a restart")


def unwritable(path: Path, reason: str) -> StorageUnwritable:
    """Why the file cannot be opened or written, judged by looking at it."""
    if not path.parent.is_dir():
        return StorageUnwritable(f"there is no directory {path.parent}", cure="create it, or correct database.url")
    if path.is_dir():
        return StorageUnwritable(f"{path} is a directory", cure="name a file in database.url")
    return StorageUnwritable(
        f"{path} cannot be opened for writing ({reason})",
        cure=f"give the user that runs modemd the right to write in {path.parent}",
    )


def _disk_is_full(folder: Path) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < FREE_BYTES
