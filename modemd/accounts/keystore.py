"""The key store: one file beside the state directory that holds what makes sealed data readable.

Per account the data key, wrapped by the master key, and the look-up tags of its phone and e-mail; the operator's own
secrets, wrapped likewise; a generation that counts every change; the ids of erased accounts. Destroying an account's
entry makes everything sealed for it unreadable, wherever copies of the database are.

The file is a line of hex (HMAC-SHA256 over the rest, keyed from the master key) and a JSON document.
The master key lies in a file of its own, as hex; it is not part of any mirror.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modemd.accounts.durable_file import replace, sync_folder, tidy
from modemd.errors import KeyStoreError, Unreadable

KEY_BYTES = 32
NONCE_BYTES = 12
STORE, MASTER = "store", "master.key"
_FORMAT = 1


class Entry(TypedDict):
    """One account's part of the file: base64 throughout."""

    key: str
    tags: dict[str, str]


class Document(TypedDict):
    """The JSON part of the file."""

    format: int
    generation: int
    accounts: dict[str, Entry]
    erased: list[int]
    secrets: dict[str, str]


class KeyStore:
    """The keys of one modemd; reads take no lock, changes are on disk when they return. For any thread."""

    def __init__(self, directory: Path, master: bytes, document: Document) -> None:
        self.directory = directory
        self._wrap = AESGCM(master)
        self._seal = hmac.digest(master, b"modemd key store file", hashlib.sha256)
        self._document = document
        self._accounts = document["accounts"]
        self._owners: dict[tuple[str, str], list[int]] = {}
        for account, entry in self._accounts.items():
            self._index(int(account), entry)
        self._lock = threading.Lock()

    @property
    def generation(self) -> int:
        """How many times the store has changed; the highest among mirrors is the newest."""
        return int(self._document["generation"])

    def accounts(self) -> list[int]:
        """The accounts that have a key."""
        return [int(account) for account in list(self._accounts)]

    def untagged(self) -> list[int]:
        """Entries without look-up tags: the operator's account, and requests nobody has looked at yet."""
        return [int(account) for account, entry in list(self._accounts.items()) if not entry["tags"]]

    def erased(self) -> frozenset[int]:
        """The accounts whose key was destroyed."""
        return frozenset(self._document["erased"])

    def data_key(self, account: int) -> bytes:
        """The key everything of this account is sealed with. Raises Unreadable if there is none."""
        entry = self._accounts.get(str(account))
        if entry is None:
            raise Unreadable("the account's key does not exist", cure="restore the newest mirror of the key store")
        return self._unwrap(entry["key"], f"account {account}")

    def owners(self, kind: str, tag: bytes) -> list[int]:
        """Every account with this look-up tag; ``kind`` is ``phone`` or ``email``."""
        return list(self._owners.get((kind, _text(tag)), ()))

    def sharing(self, kind: str, account: int) -> list[int]:
        """The other accounts that have the same look-up tag as this one."""
        entry = self._accounts.get(str(account))
        tag = entry["tags"].get(kind) if entry else None
        owners = self._owners.get((kind, tag), ()) if tag is not None else ()
        return [owner for owner in owners if owner != account]

    def add(self, account: int, tags: Mapping[str, bytes]) -> None:
        """Give a new account its random data key. Raises KeyStoreError; then nothing has changed."""
        key = self._wrapped(secrets.token_bytes(KEY_BYTES), f"account {account}")
        with self._lock:
            self._put(account, Entry(key=key, tags={kind: _text(tag) for kind, tag in tags.items()}))

    def tag(self, account: int, tags: Mapping[str, bytes]) -> None:
        """Give an account that has a key its look-up tags. Raises Unreadable, KeyStoreError."""
        with self._lock:
            entry = self._accounts.get(str(account))
            if entry is None:
                raise Unreadable("the account's key does not exist")
            self._put(account, Entry(key=entry["key"], tags={kind: _text(tag) for kind, tag in tags.items()}))

    def destroy(self, account: int, *, remember: bool = True) -> None:
        """Make everything sealed for an account unreadable for good. Raises KeyStoreError; may be repeated.

        ``remember`` writes it down as erased, so that no restored database brings it back.
        """
        with self._lock:
            rest = {name: entry for name, entry in self._accounts.items() if name != str(account)}
            erased = sorted({*self._document["erased"], account}) if remember else self._document["erased"]
            self._save({**self._document, "accounts": rest, "erased": erased})
            self._document["erased"] = erased
            entry = self._accounts.pop(str(account), None)
            if entry is not None:
                self._unindex(account, entry)

    def secret(self, name: str) -> bytes:
        """The operator's own random secret of this name, made when first asked for."""
        known = self._document["secrets"].get(name)
        if known is None:
            with self._lock:
                known = self._document["secrets"].get(name) or self._wrapped(secrets.token_bytes(KEY_BYTES), name)
                self._save({**self._document, "secrets": {**self._document["secrets"], name: known}})
                self._document["secrets"][name] = known
        return self._unwrap(known, name)

    def _put(self, account: int, entry: Entry) -> None:
        self._save({**self._document, "accounts": {**self._accounts, str(account): entry}})
        former = self._accounts.get(str(account))
        if former is not None:
            self._unindex(account, former)
        self._accounts[str(account)] = entry
        self._index(account, entry)

    def _index(self, account: int, entry: Entry) -> None:
        for kind, tag in entry["tags"].items():
            self._owners[kind, tag] = [*self._owners.get((kind, tag), ()), account]

    def _unindex(self, account: int, entry: Entry) -> None:
        for kind, tag in entry["tags"].items():
            self._owners[kind, tag] = [other for other in self._owners[kind, tag] if other != account]
            if not self._owners[kind, tag]:
                del self._owners[kind, tag]

    def _save(self, document: Document) -> None:
        """Write ``document`` as the next generation."""
        generation = self.generation + 1
        content = orjson.dumps({**document, "generation": generation})
        replace(
            self.directory / STORE, hmac.digest(self._seal, content, hashlib.sha256).hex().encode() + b"\n" + content
        )
        self._document["generation"] = generation

    def _wrapped(self, key: bytes, name: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return _text(nonce + self._wrap.encrypt(nonce, key, name.encode()))

    def _unwrap(self, wrapped: str, name: str) -> bytes:
        raw = b64decode(wrapped)
        try:
            return self._wrap.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise Unreadable("a wrapped key does not belong to this master key", cure=_RESTORE) from None


_RESTORE = "restore it from a mirror: modemd keys restore DIR"


def create(directory: Path, master_file: Path | None = None) -> KeyStore:
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
    document = Document(format=_FORMAT, generation=0, accounts={}, erased=[], secrets={})
    store = KeyStore(directory, read_master(master_file), document)
    store._save(document)
    return store


def load(directory: Path, master_file: Path | None = None) -> KeyStore:
    """The key store in ``directory``. Raises KeyStoreError if it is missing, damaged, or of another master key."""
    path = directory / STORE
    if not path.exists():
        raise KeyStoreError(f"the key store {path} is missing", cure=_RESTORE)
    tidy(path)
    master = read_master(master_file or directory / MASTER)
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise KeyStoreError(f"the key store {path} cannot be read ({error.strerror})", cure=_RESTORE) from error
    key = hmac.digest(master, b"modemd key store file", hashlib.sha256)
    if not hmac.compare_digest(seal, hmac.digest(key, content, hashlib.sha256).hex().encode()):
        raise KeyStoreError(f"the key store {path} is damaged, or the master key is another one's", cure=_RESTORE)
    document = orjson.loads(content)
    if document["format"] != _FORMAT:
        raise KeyStoreError(f"the key store {path} has format {document['format']}", cure="install a newer modemd")
    return KeyStore(directory, master, document)


def open_or_create(directory: Path, *, fresh: bool, master_file: Path | None = None) -> KeyStore:
    """The key store of a daemon that starts. ``fresh``: the database holds no account yet.

    A missing key store never starts empty beside accounts: that would make a lost file look like a working system.
    """
    if (directory / STORE).exists() or not fresh:
        return load(directory, master_file)
    return create(directory, master_file)


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


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
