"""What an operator does to the key store by hand: bring it back from a mirror, change its master key, write it down.

For a daemon that is stopped, or by the daemon itself.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32decode, b32encode
from pathlib import Path

from modemd.accounts import durable_file
from modemd.accounts.keychain import KEY_BYTES, STORE, KeyStore
from modemd.accounts.keystore import MASTER, NEXT, load, read_document, read_master, settle
from modemd.errors import InvalidField, KeyStoreError

_GROUP = 4


def restore(directory: Path, mirror: Path, master_file: Path | None = None) -> KeyStore:
    """Bring the store back from a mirror. Raises KeyStoreError, also if the one that is here is newer."""
    master = read_master(master_file or directory / MASTER)
    found = read_document(mirror / STORE, master)
    here = directory / STORE
    if here.exists():
        mine = read_document(here, master)
        if mine["generation"] >= found["generation"]:
            raise KeyStoreError(
                f"the key store in {directory} is as new as the mirror, or newer",
                cure="it needs no restoring; an older one would bring erased accounts back",
            )
    durable_file.replace(here, (mirror / STORE).read_bytes())
    return load(directory, master_file)


def rotate(store: KeyStore, master_file: Path | None = None) -> KeyStore:
    """Wrap every key anew under a new master key; the old one, and mirrors of it, are worth nothing afterwards.

    A crash leaves the old or the new master key beside a store that fits one of them; ``settle`` finds out which.
    """
    path = master_file or store.directory / MASTER
    master = secrets.token_bytes(KEY_BYTES)
    durable_file.replace(path.with_name(path.name + NEXT), master.hex().encode() + b"\n")
    fresh = store.rewrapped(master)
    fresh.save()
    settle(store.directory, path)
    return fresh


def paper(master: bytes) -> str:
    """The master key to be written down: base 32 in groups of four, the last a check of the others."""
    text = b32encode(master + hashlib.sha256(master).digest()[:3]).decode().rstrip("=")
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def from_paper(text: str) -> bytes:
    """The master key from its paper form. Raises InvalidField if it was mistyped."""
    compact = "".join(text.split()).upper().replace("0", "O").replace("1", "I").replace("8", "B")
    try:
        raw = b32decode(compact + "=" * (-len(compact) % 8))
    except ValueError:
        raw = b""
    master, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if len(master) != KEY_BYTES or hashlib.sha256(master).digest()[:3] != check:
        raise InvalidField("key", "this is not the paper form of a master key", cure="compare it letter by letter")
    return master
