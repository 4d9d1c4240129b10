"""What the key store's file holds, and how the keys in it are wrapped by one master key.

The file is a line of hex (HMAC-SHA256 over the rest, keyed from the master key) and a JSON document.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from typing import TypedDict

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modemd.errors import KeyStoreError, Unreadable

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = 1
RESTORE = "restore it from a mirror: modemd keys restore DIR"


class Entry(TypedDict):
    """One account's part of the file: base64 throughout."""

    key: str
    tags: dict[str, str]


class Document(TypedDict):
    """The JSON part of the file."""

    format: int
    id: str
    """The same in every copy of one store, for as long as it lives."""
    generation: int
    accounts: dict[str, Entry]
    erased: list[int]
    secrets: dict[str, str]
    mirrors: list[str]


class KeyRing:
    """A document and the master key that opens it. Whoever works on several keys takes one ring for all of them."""

    __slots__ = ("_file_key", "_wrap", "document")

    def __init__(self, master: bytes, document: Document) -> None:
        self.document = document
        self._wrap = AESGCM(master)
        self._file_key = _file_key(master)

    def wrapped(self, key: bytes, name: str) -> str:
        """A key as it stands in the document, bound to its name."""
        nonce = os.urandom(NONCE_BYTES)
        return in_text(nonce + self._wrap.encrypt(nonce, key, name.encode()))

    def unwrapped(self, wrapped: str, name: str) -> bytes:
        """The key itself. Raises Unreadable if it was wrapped by another master key, or under another name."""
        raw = b64decode(wrapped)
        try:
            return self._wrap.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode())
        except InvalidTag:
            raise Unreadable("a wrapped key does not belong to this master key", cure=RESTORE) from None

    def under(self, master: bytes) -> KeyRing:
        """The same keys wrapped by another master key."""
        new = KeyRing(master, self.document)
        accounts = {
            number: Entry(key=new.wrapped(self.unwrapped(entry["key"], of(number)), of(number)), tags=entry["tags"])
            for number, entry in self.document["accounts"].items()
        }
        secrets = {name: new.wrapped(self.unwrapped(key, name), name) for name, key in self.document["secrets"].items()}
        new.document = {**self.document, "accounts": accounts, "secrets": secrets}
        return new

    def written(self, document: Document) -> bytes:
        """The octets of the file."""
        content = orjson.dumps(document)
        return hmac.digest(self._file_key, content, hashlib.sha256).hex().encode() + b"\n" + content


def of(account: int | str) -> str:
    """The name under which an account's key is wrapped."""
    return f"account {account}"


def opened(octets: bytes, master: bytes, where: object) -> Document:
    """The document of a file. Raises KeyStoreError if it is damaged, of another master key, or of a later format."""
    seal, _, content = octets.partition(b"\n")
    if not hmac.compare_digest(seal, hmac.digest(_file_key(master), content, hashlib.sha256).hex().encode()):
        raise KeyStoreError(f"the key store {where} is damaged, or the master key is another one's", cure=RESTORE)
    document: Document = orjson.loads(content)
    if document["format"] != FORMAT:
        raise KeyStoreError(f"the key store {where} has format {document['format']}", cure="install a newer modemd")
    return document


def whose(octets: bytes) -> tuple[str, int]:
    """The id of a store and its generation, without the master key; no id and 0 if it is none."""
    try:
        document = orjson.loads(octets.partition(b"\n")[2])
        return str(document["id"]), int(document["generation"])
    except (ValueError, KeyError, TypeError):
        return "", 0


def in_text(raw: bytes) -> str:
    """Octets as the document holds them."""
    return b64encode(raw).decode()


def _file_key(master: bytes) -> bytes:
    """The key of the file's first line."""
    return hmac.digest(master, b"modemd key store file", hashlib.sha256)
