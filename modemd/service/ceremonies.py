"""What is done to the key store while no daemon runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modemd import log
from modemd.accounts import key_ceremonies, keystore, master_key
from modemd.accounts.keychain import STORE, KeyStore
from modemd.config import Settings
from modemd.db import Database, connect
from modemd.errors import ConfigError, Conflict, KeyStoreError
from modemd.key_desk import KeyDesk
from modemd.service.hold import Hold

STOPPED = "stop it first: this is only done while no daemon runs"


def key_directory(state_dir: Path) -> Path:
    """Where the key store lies: beside the state directory, so that no copy of the one takes the other along."""
    return state_dir.parent / f"{state_dir.name}.keys"


async def ask_keys(settings: Settings, verb: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """What the desk of the key store answers to a verb. Raises KeyStoreError, AlreadyRunning."""
    log.set_up("ERROR")
    directory = key_directory(settings.state_dir)
    if not (directory / STORE).exists():
        raise KeyStoreError(
            f"there is no key store in {directory}", cure="modemd keys restore DIR brings one back from a mirror"
        )
    with Hold(settings.state_dir):
        master = master_key.locate(directory)
        desk = KeyDesk(keystore.load(directory, master, mirrors_of(settings)), master, settings.state_dir)
        return await desk.verbs[verb](args)


async def init_keys(settings: Settings, typed: bytes | None = None) -> dict[str, Any]:
    """Make a key store before the first start; ``typed`` is a master key to be used, from its paper form.

    Raises Conflict beside accounts, whose keys it could not be; KeyStoreError, AlreadyRunning, StorageError.
    """
    log.set_up("ERROR")
    directory = key_directory(settings.state_dir)
    with Hold(settings.state_dir, STOPPED):
        master = master_key.locate(directory)
        if not (directory / STORE).exists() and not await _no_accounts(settings):
            raise Conflict(
                "the database holds accounts, and no new key store can open them",
                cure="bring theirs back: modemd keys restore DIR",
            )
        keystore.make_folder(directory)
        if typed is not None and not (directory / STORE).exists():
            master.make(typed)
            if master.read() != typed:
                raise Conflict(f"{master.path} is another master key", cure="move it away, or leave out --from-paper")
        return await _shown(settings, keystore.create(directory, master, mirrors_of(settings)))


async def restore_keys(settings: Settings, mirror: Path, typed: bytes | None = None) -> dict[str, Any]:
    """Bring the key store back from a mirror. Raises KeyStoreError, Conflict, AlreadyRunning."""
    log.set_up("ERROR")
    directory = key_directory(settings.state_dir)
    with Hold(settings.state_dir, STOPPED):
        master = master_key.locate(directory)
        mirrors = mirrors_of(settings)
        store = key_ceremonies.restore(directory, mirror, master, typed=typed, mirrors=mirrors)
        return await _shown(settings, store)


def paper_of(settings: Settings) -> str:
    """The paper form of the master key. Raises KeyStoreError."""
    return master_key.paper(master_key.locate(key_directory(settings.state_dir)).read())


async def open_keys(settings: Settings, database: Database) -> KeyStore:
    """The key store of a daemon that starts, its mirrors up to date if they are in reach. Raises KeyStoreError."""
    fresh = await database.read(lambda db: db.execute("SELECT 1 FROM account LIMIT 1").fetchone() is None)
    where, mirrors = key_directory(settings.state_dir), mirrors_of(settings)
    store = await asyncio.to_thread(keystore.open_or_create, where, fresh=fresh, mirrors=mirrors)
    await asyncio.to_thread(store.catch_up)
    return store


def mirrors_of(settings: Settings) -> tuple[Path, ...]:
    """The mirrors that the configuration names. Raises ConfigError if a copy of the state would take one along."""
    for folder in settings.keys.mirrors:
        if folder.resolve().is_relative_to(settings.state_dir.resolve()):
            raise ConfigError(
                f"the mirror {folder} lies in the state directory, and copies of that must hold no key",
                cure="name another place in [keys] mirrors",
            )
    return settings.keys.mirrors


async def _shown(settings: Settings, store: KeyStore) -> dict[str, Any]:
    return await KeyDesk(store, master_key.locate(store.directory), settings.state_dir).show({})


async def _no_accounts(settings: Settings) -> bool:
    database = connect(settings.database_url)
    if not await database.look():
        return True
    try:
        return await database.read(lambda db: db.execute("SELECT 1 FROM account LIMIT 1").fetchone() is None)
    finally:
        await database.close()
