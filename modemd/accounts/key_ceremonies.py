"""What an operator does to the key store by hand: bring it back from a mirror, change its master key."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from modemd.accounts import durable_file, keystore, master_key
from modemd.accounts.key_mirrors import Mirrors
from modemd.accounts.key_ring import KEY_BYTES, RESTORE, Document
from modemd.accounts.keychain import STORE, KeyStore
from modemd.accounts.master_key import MasterKey
from modemd.errors import Conflict, KeyStoreError


def restore(
    directory: Path, mirror: Path, master: MasterKey, *, typed: bytes | None = None, mirrors: Iterable[Path] = ()
) -> KeyStore:
    """Bring the store back from a mirror, when no daemon runs; ``typed`` is the master key from its paper form.

    Where the store that is here lacks only its master key, the typed one is put in place and nothing else changes.
    Raises KeyStoreError, also if the store that is here, or another mirror, is newer; Conflict if it is another store.
    """
    key = typed or _waiting_or_placed(mirror, master)
    found, here = _mirrored(mirror, key), directory / STORE
    mine = _readable(here, [*([typed] if typed else []), *_placed(directory, master)])
    if mine is not None and mine["id"] != found["id"]:
        raise Conflict(f"{directory} holds another key store", cure="move it away if its accounts are not wanted")
    lacks_only_the_key = typed is not None and mine is not None and not _placed(directory, master)
    if mine is not None and mine["generation"] >= found["generation"] and not lacks_only_the_key:
        raise KeyStoreError(
            f"the key store in {directory} is as new as the mirror, or newer",
            cure="it needs no restoring; an older one would bring erased accounts back",
        )
    Mirrors(STORE, found["id"], found["generation"], [*mirrors, *map(Path, found["mirrors"])])  # refuses a newer one
    keystore.make_folder(directory)
    if typed is not None:
        _put(master, typed)
    if mine is None or mine["generation"] < found["generation"]:
        durable_file.replace(here, (mirror / STORE).read_bytes())
    return keystore.load(directory, master, mirrors)


def rotate(store: KeyStore, master: MasterKey) -> None:
    """Wrap every key anew under a new master key; the old one, and mirrors of it, are worth nothing afterwards.

    A crash leaves the old or the new master key beside a store that fits one of them; ``keystore.settle`` finds out
    which. Where the master key is a credential, the new one waits until the operator has put it in place.
    Raises KeyStoreError; Conflict while an earlier one still waits.
    """
    if master.waiting.exists():
        _agree(store, master)
    if master.waiting.exists():
        raise Conflict(
            f"the new master key of an earlier rotation waits in {master.waiting}",
            cure="make it the credential master.key, restart, then rotate again",
        )
    fresh = secrets.token_bytes(KEY_BYTES)
    master_key.write(master.waiting, fresh)
    try:
        store.rewrap(fresh)
    except KeyStoreError:
        with suppress(KeyStoreError):  # the first error is told; what it left, the next start settles
            _agree(store, master)
        raise
    keystore.settle(store.directory, master)


def _agree(store: KeyStore, master: MasterKey) -> None:
    """Write the store as it is in memory, under the master key that is known there, and make that key the one."""
    store.save()
    keystore.settle(store.directory, master)


def _waiting_or_placed(mirror: Path, master: MasterKey) -> bytes:
    """The master key that fits a mirror: during a rotation that was cut off it may be the new one."""
    if master.waiting.exists():
        try:
            fresh = master_key.read(master.waiting)
            _mirrored(mirror, fresh)
        except KeyStoreError:
            return master.read()
        return fresh
    return master.read()


def _mirrored(mirror: Path, key: bytes) -> Document:
    """What a mirror holds. Raises KeyStoreError that names the mirror and does not send there again."""
    try:
        return keystore.read_document(mirror / STORE, key)
    except KeyStoreError as error:
        cure = error.cure if error.cure != RESTORE else "name another mirror, and check that the master key is its own"
        raise KeyStoreError(error.detail.replace("the key store", "the mirror", 1), cure=cure) from None


def _readable(path: Path, keys: Iterable[bytes]) -> Document | None:
    """The document of a store file under whichever of the keys fits; None if there is none, or none fits."""
    for key in keys:
        with suppress(KeyStoreError):
            return keystore.read_document(path, key)
    return None


def _placed(directory: Path, master: MasterKey) -> list[bytes]:
    """The master key in place, if it fits the store that is here."""
    try:
        return [keystore.settle(directory, master)] if (directory / STORE).exists() else []
    except KeyStoreError:
        return []


def _put(master: MasterKey, typed: bytes) -> None:
    """Make the typed master key the one in place."""
    if master.path.exists() and master.read() == typed:
        return
    if not master.ours:
        raise KeyStoreError("the credential is another master key", cure=f"replace the credential {master.path}")
    master_key.write(master.path, typed)
