"""Finding, making and reading the key store of a state directory.

It lies in a folder beside the state directory, never inside it. The master key lies there too, in a file of its own,
as hex, unless the operator keeps it elsewhere; it is not part of any mirror. A missing key store never starts empty
beside accounts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

import orjson

from modemd.accounts.durable_file import replace, scrap, sync_folder, tidy
from modemd.accounts.keychain import KEY_BYTES, RESTORE, STORE, Document, KeyStore, file_key
from modemd.errors import KeyStoreError

__all__ = ["MASTER", "NEXT", "STORE", "KeyStore", "create", "load", "open_or_create", "read_document", "read_master"]

MASTER = "master.key"
NEXT = ".next"
"""What a new master key is called until the store fits it."""
_FORMAT = 1


def create(directory: Path, master_file: Path | None = None, mirrors: Iterable[Path] = ()) -> KeyStore:
    """A new, empty key store and, unless one is named that exists, a new master key.

    Raises KeyStoreError if there already is a store in ``directory``.
    """
    master_file = master_file or directory / MASTER
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyStoreError(
            f"{directory} cannot be made ({error.strerror})", cure="check its parent's owner"
        ) from error
    if (directory / STORE).exists():
        raise KeyStoreError(f"{directory} already holds a key store", cure="use it, or move it away")
    if not master_file.exists():
        replace(master_file, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        sync_folder(directory)
    document = Document(format=_FORMAT, generation=0, accounts={}, erased=[], secrets={}, mirrors=[])
    store = KeyStore(directory, read_master(master_file), document, mirrors)
    store.save()
    return store


def load(directory: Path, master_file: Path | None = None, mirrors: Iterable[Path] = ()) -> KeyStore:
    """The key store in ``directory``. Raises KeyStoreError if it is missing, damaged, or of another master key."""
    path = directory / STORE
    if not path.exists():
        raise KeyStoreError(f"the key store {path} is missing", cure=RESTORE)
    tidy(path)
    settle(directory, master_file)
    master = read_master(master_file or directory / MASTER)
    return KeyStore(directory, master, read_document(path, master), mirrors)


def read_document(path: Path, master: bytes) -> Document:
    """The document of a store file. Raises KeyStoreError if it is missing, damaged, or of another master key."""
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise KeyStoreError(f"the key store {path} cannot be read ({error.strerror})", cure=RESTORE) from error
    if not hmac.compare_digest(seal, hmac.digest(file_key(master), content, hashlib.sha256).hex().encode()):
        raise KeyStoreError(f"the key store {path} is damaged, or the master key is another one's", cure=RESTORE)
    document: Document = orjson.loads(content)
    if document["format"] != _FORMAT:
        raise KeyStoreError(f"the key store {path} has format {document['format']}", cure="install a newer modemd")
    document.setdefault("mirrors", [])
    return document


def open_or_create(
    directory: Path, *, fresh: bool, master_file: Path | None = None, mirrors: Iterable[Path] = ()
) -> KeyStore:
    """The key store of a daemon that starts. ``fresh``: the database holds no account yet.

    A missing key store never starts empty beside accounts: that would make a lost file look like a working system.
    """
    if (directory / STORE).exists() or not fresh:
        return load(directory, master_file, mirrors)
    return create(directory, master_file, mirrors)


def read_master(path: Path) -> bytes:
    """The master key from its file. Raises KeyStoreError, also if others than its owner may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyStoreError(
            f"the master key {path} cannot be read ({type(error).__name__})",
            cure="put the file back, or type its paper form into it",
        ) from error
    if mode & 0o077:
        raise KeyStoreError(f"the master key {path} is open to others", cure=f"chmod 600 {path}")
    try:
        master = bytes.fromhex(text)
    except ValueError:
        master = b""
    if len(master) != KEY_BYTES:
        raise KeyStoreError(f"the master key {path} is not {2 * KEY_BYTES} hex digits", cure="put the right file back")
    return master


def settle(directory: Path, master_file: Path | None = None) -> None:
    """Finish a rotation that was cut off: the master key that the store fits is the one.

    Raises KeyStoreError if neither fits.
    """
    path = master_file or directory / MASTER
    waiting = path.with_name(path.name + NEXT)
    tidy(waiting)
    tidy(path)
    if not waiting.exists():
        return
    try:
        read_document(directory / STORE, read_master(waiting))
    except KeyStoreError:
        read_document(directory / STORE, read_master(path))
        scrap(waiting)
        return
    replace(path, waiting.read_bytes())
    scrap(waiting)
