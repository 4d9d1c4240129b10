"""Backups, and how one takes the place of the database. See `accounts.restored` for what that does to its content."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modemd import log
from modemd.accounts import durable_file, keystore, restored
from modemd.accounts.keychain import KeyStore
from modemd.clock import SystemClock
from modemd.config import Settings
from modemd.db import connect, copies
from modemd.errors import ConfigError, InvalidField, NotADatabase, StorageError
from modemd.service.ceremonies import STOPPED, key_directory, mirrors_of
from modemd.service.hold import Hold

POLITE = 10
"""How much a backup gives way to a daemon that sends (nice)."""


def back_up(settings: Settings, target: Path) -> dict[str, Any]:
    """Copy the database, of a running daemon or of none, from a process of its own.

    Raises UsageError for PostgreSQL, NotFound, Conflict if there is such a file, StorageError.
    """
    os.nice(POLITE)
    return {"file": str(target), "bytes": copies.make(settings.database_url, target)}


async def restore(settings: Settings, backup: Path) -> dict[str, Any]:
    """Put the content of a backup in the place of the database, which is overwritten; whole or not at all.

    Raises AlreadyRunning, UsageError for PostgreSQL, NotFound, NotADatabase, SchemaError, Conflict, KeyStoreError,
    StorageError.
    """
    log.set_up("ERROR")
    path = copies.file_of(settings.database_url)
    with Hold(settings.state_dir, STOPPED):
        keys = _keys(settings)
        tidy(settings)
        last, replaced = await _last(settings.database_url, keys)
        fresh = durable_file.fresh(path)
        try:
            copies.unpack(backup, fresh)
            report = await _settled(f"sqlite://{fresh}", keys, last)
            if not copies.close_down(fresh):
                raise StorageError(f"{fresh} cannot be written", cure="check the disk")
        except BaseException:
            _drop(fresh)
            raise
        if path.exists():
            copies.close_down(path)
        for journal in _journals(
            path
        ):  # of a database too damaged to be closed: it must not be taken for the new one's
            durable_file.scrap(journal)
        durable_file.put(path)
    return {"file": str(backup), "replaced": replaced, **report}


async def restore_in_place(settings: Settings, replaced_url: str | None = None) -> dict[str, Any]:
    """Do what a restore does to a database that other means have put in place (pg_restore, a copied file).

    ``replaced_url`` is the one it replaces. Raises as `restore` does, InvalidField if that is no database of modemd.
    """
    log.set_up("ERROR")
    with Hold(settings.state_dir, STOPPED):
        keys = _keys(settings)
        last, replaced = await _named(replaced_url, keys) if replaced_url else (None, "none")
        return {"replaced": replaced, **await _settled(settings.database_url, keys, last)}


def tidy(settings: Settings) -> None:
    """Overwrite what a restore that was cut off has left. Raises KeyStoreError."""
    if settings.database_url.startswith("sqlite:"):
        path = copies.file_of(settings.database_url)
        _drop(durable_file.fresh(path))
        durable_file.tidy(path)


def _keys(settings: Settings) -> KeyStore:
    store = keystore.load(key_directory(settings.state_dir), mirrors=mirrors_of(settings))
    store.catch_up()
    return store


async def _settled(url: str, keys: KeyStore, last: restored.Last | None) -> dict[str, Any]:
    database = connect(url)
    await database.open()
    try:
        return asdict(await restored.settle(database, keys, SystemClock().now(), last))
    finally:
        await database.close()


async def _last(url: str, keys: KeyStore) -> tuple[restored.Last | None, str]:
    """What the database knows that is about to be replaced, and in a word what it is."""
    database = connect(url)
    try:
        if not await database.look():
            return None, "none"
        await database.close()
        await database.open()  # brought to this version: its rows go into tables of this version
    except NotADatabase:
        await database.close()
        return None, "damaged"
    try:
        if not await restored.ours(database, keys):
            return None, "foreign"
        return await restored.remembered(database), "merged"
    finally:
        await database.close()


async def _named(url: str, keys: KeyStore) -> tuple[restored.Last | None, str]:
    """The same of a database that the operator has named: what he expects of it must not go missing without a word."""
    try:
        last, replaced = await _last(url, keys)
    except ConfigError as error:
        raise InvalidField("replaced", "--replaced is not understood", cure=error.cure) from error
    if replaced == "none":
        cure = "correct its URL, or leave --replaced out: opt-outs newer than the backup are lost then"
        raise InvalidField("replaced", "there is no database where --replaced says", cure=cure)
    return last, replaced


def _journals(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _drop(path: Path) -> None:
    for file in (*_journals(path), path):
        durable_file.scrap(file)
