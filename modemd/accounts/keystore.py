"""Finding, making and reading the key store of a state directory.

It lies in a folder beside the state directory, never inside it. A missing key store never starts empty beside
accounts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from modemd import log
from modemd.accounts import master_key
from modemd.accounts.durable_file import scrap, sync_folder, tidy
from modemd.accounts.key_ring import FORMAT, RESTORE, Document, opened
from modemd.accounts.keychain import STORE, KeyStore
from modemd.accounts.master_key import MASTER, NEXT, MasterKey
from modemd.errors import KeyStoreError

__all__ = ["MASTER", "NEXT", "STORE", "KeyStore", "create", "load", "open_or_create", "read_document", "settle"]


def create(directory: Path, master: MasterKey | None = None, mirrors: Iterable[Path] = ()) -> KeyStore:
    """A new, empty key store and, unless there is one, a new master key.

    Raises KeyStoreError if there already is a store in ``directory``.
    """
    master = master or master_key.locate(directory)
    make_folder(directory)
    if (directory / STORE).exists():
        raise KeyStoreError(f"{directory} already holds a key store", cure="use it, or move it away")
    master.make()
    document = Document(
        format=FORMAT, id=secrets.token_hex(8), generation=0, accounts={}, erased=[], secrets={}, mirrors=[]
    )
    store = KeyStore(directory, master.read(), document, mirrors)
    store.save()
    return store


def make_folder(directory: Path) -> None:
    """Make the folder of a key store, closed to others. Raises KeyStoreError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(directory.parent)
    except OSError as error:
        raise KeyStoreError(
            f"{directory} cannot be made ({error.strerror})", cure="check its parent's owner"
        ) from error


def load(directory: Path, master: MasterKey | None = None, mirrors: Iterable[Path] = ()) -> KeyStore:
    """The key store in ``directory``.

    Raises KeyStoreError if it is missing, damaged, older than a mirror, or of another master key.
    """
    master = master or master_key.locate(directory)
    path = directory / STORE
    if not path.exists():
        raise KeyStoreError(f"the key store {path} is missing", cure=RESTORE)
    tidy(path)
    key = settle(directory, master)
    return KeyStore(directory, key, read_document(path, key), mirrors)


def read_document(path: Path, key: bytes) -> Document:
    """The document of a store file. Raises KeyStoreError if it is missing, damaged, or of another master key."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise KeyStoreError(f"the key store {path} cannot be read ({error.strerror})", cure=RESTORE) from error
    return opened(octets, key, path)


def open_or_create(directory: Path, *, fresh: bool, mirrors: Iterable[Path] = ()) -> KeyStore:
    """The key store of a daemon that starts. ``fresh``: the database holds no account yet.

    A missing key store never starts empty beside accounts: that would make a lost file look like a working system.
    """
    if (directory / STORE).exists() or not fresh:
        return load(directory, mirrors=mirrors)
    return create(directory, mirrors=mirrors)


def settle(directory: Path, master: MasterKey) -> bytes:
    """Finish or undo a rotation that was cut off; the master key that the store fits.

    A credential that is still the old one stays as it is, and the new one goes on waiting. Raises KeyStoreError if
    no key fits.
    """
    tidy(master.waiting)
    if master.ours:
        tidy(master.path)
    if not master.waiting.exists():
        return master.read()
    try:
        fresh = master_key.read(master.waiting)  # a crash may have left it overwritten
        read_document(directory / STORE, fresh)
    except KeyStoreError:
        fresh = master.read()
        read_document(directory / STORE, fresh)
        scrap(master.waiting)
        return fresh
    if master.ours:
        master_key.write(master.path, fresh)
    elif master.read() != fresh:
        log.event("keys.credential_old", level="WARNING", waiting=str(master.waiting))
        return fresh
    scrap(master.waiting)
    return fresh
