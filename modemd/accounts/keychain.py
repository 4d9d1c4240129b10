"""The key store in memory and its file: what makes sealed data readable.

Per account the data key, wrapped by the master key, and the look-up tags of its phone and e-mail; the operator's own
secrets, wrapped likewise; a generation that counts every change; the ids of erased accounts. Destroying an account's
entry makes everything sealed for it unreadable, wherever copies of the database are.

The file is a line of hex (HMAC-SHA256 over the rest, keyed from the master key) and a JSON document; it is replaced
as a whole at every change, here and in its mirrors.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modemd.accounts.durable_file import replace
from modemd.accounts.key_mirrors import Mirrors
from modemd.errors import KeyStoreError, Unreadable

KEY_BYTES = 32
NONCE_BYTES = 12
STORE = "store"
RESTORE = "restore it from a mirror: modemd keys restore DIR"


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
    mirrors: list[str]


class KeyStore:
    """The keys of one modemd; reads take no lock, changes are on disk when they return. For any thread."""

    def __init__(self, directory: Path, master: bytes, document: Document, mirrors: Iterable[Path] = ()) -> None:
        self.directory = directory
        self._mirrors = Mirrors(STORE, dict.fromkeys([*mirrors, *map(Path, document["mirrors"])]))
        self._wrap = AESGCM(master)
        self._seal = file_key(master)
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

    def drop_secrets(self, begin: str, but: str) -> None:
        """Destroy the operator's secrets whose names begin so, those excepted that begin with ``but``."""
        with self._lock:
            known = self._document["secrets"]
            kept = {name: key for name, key in known.items() if not name.startswith(begin) or name.startswith(but)}
            if len(kept) < len(known):
                self._save({**self._document, "secrets": kept})
                self._document["secrets"] = kept

    @property
    def mirrors(self) -> list[Path]:
        """The places where copies are kept."""
        return self._mirrors.folders

    def behind(self) -> list[Path]:
        """The mirrors that do not hold the newest generation."""
        return self._mirrors.behind(self.generation)

    def catch_up(self) -> None:
        """Try to bring every mirror up to date. Raises KeyStoreError if the store itself cannot be read."""
        with self._lock:
            try:
                content = (self.directory / STORE).read_bytes()
            except OSError as error:
                raise KeyStoreError(f"the key store cannot be read ({error.strerror})", cure=RESTORE) from error
            self._mirrors.write(content, self.generation)

    def mirror(self, folder: Path) -> None:
        """Keep a copy in one more place, from now on and after a restart. Raises KeyStoreError."""
        if not folder.is_dir():
            raise KeyStoreError(f"{folder} is no directory", cure="make it, or mount it")
        with self._lock:
            named = list(dict.fromkeys([*self._document["mirrors"], str(folder)]))
            self._mirrors.add(folder)
            self._save({**self._document, "mirrors": named})
            self._document["mirrors"] = named

    def forget_mirror(self, folder: Path) -> None:
        """Keep no copy there any more; what lies there is overwritten if it is in reach. Raises KeyStoreError."""
        with self._lock:
            named = [name for name in self._document["mirrors"] if name != str(folder)]
            self._mirrors.remove(folder)
            self._save({**self._document, "mirrors": named})
            self._document["mirrors"] = named

    def rewrapped(self, master: bytes) -> KeyStore:
        """The same store under another master key, not yet written."""
        with self._lock:
            new = KeyStore(self.directory, master, {**self._document, "accounts": {}, "secrets": {}})
            accounts = {
                name: Entry(key=new._wrapped(self.data_key(int(name)), f"account {name}"), tags=entry["tags"])
                for name, entry in self._accounts.items()
            }
            own = {name: new._wrapped(self._unwrap(key, name), name) for name, key in self._document["secrets"].items()}
            document: Document = {**self._document, "accounts": accounts, "secrets": own}
            return KeyStore(self.directory, master, document, self.mirrors)

    def save(self) -> None:
        """Write the store as it is, as the next generation. Raises KeyStoreError."""
        with self._lock:
            self._save(self._document)

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
        """Write ``document`` as the next generation, here and in every mirror that can be reached."""
        generation = self.generation + 1
        content = orjson.dumps({**document, "generation": generation})
        sealed = hmac.digest(self._seal, content, hashlib.sha256).hex().encode() + b"\n" + content
        replace(self.directory / STORE, sealed)
        self._document["generation"] = generation
        self._mirrors.write(sealed, generation)

    def _wrapped(self, key: bytes, name: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        return _text(nonce + self._wrap.encrypt(nonce, key, name.encode()))

    def _unwrap(self, wrapped: str, name: str) -> bytes:
        raw = b64decode(wrapped)
        try:
            return self._wrap.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise Unreadable("a wrapped key does not belong to this master key", cure=RESTORE) from None


def file_key(master: bytes) -> bytes:
    """The key of the file's first line."""
    return hmac.digest(master, b"modemd key store file", hashlib.sha256)


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()
