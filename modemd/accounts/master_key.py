"""The master key: a file of 64 hex digits that only its owner may read, or a systemd credential; never in a mirror.

It lies beside the key store unless systemd hands it to the service (LoadCredentialEncrypted=master.key). A credential
cannot be replaced from here: a new one waits in the key directory until the operator has put it in place.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from base64 import b32decode, b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modemd.accounts.durable_file import replace
from modemd.accounts.key_ring import KEY_BYTES
from modemd.errors import InvalidField, KeyStoreError

MASTER = "master.key"
NEXT = "master.key.next"
"""What a new master key is called until the store fits it and it stands where the old one stood."""

_GROUP = 4
_CHECK = 3
"""Octets of the paper form that check the others."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Where the master key of one key store is."""

    path: Path
    waiting: Path
    ours: bool = True
    """Whether it may be replaced from here; a credential may not."""

    def read(self) -> bytes:
        """The key. Raises KeyStoreError, also if others than its owner may read it."""
        return read(self.path, closed_to=0o077 if self.ours else 0o007)

    def make(self, master: bytes | None = None) -> None:
        """Write it down, a random one unless it is given, where there is none yet. Raises KeyStoreError."""
        if not self.path.exists():
            write(self.path, master or secrets.token_bytes(KEY_BYTES))


def locate(directory: Path, environ: Mapping[str, str] = os.environ) -> MasterKey:
    """The master key of a key directory: the systemd credential of that name if there is one, else the file there."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    handed = Path(credentials) / MASTER if credentials else None
    if handed is not None and handed.exists():
        return MasterKey(handed, directory / NEXT, ours=False)
    return MasterKey(directory / MASTER, directory / NEXT)


def read(path: Path, closed_to: int = 0o077) -> bytes:
    """A master key from its file. Raises KeyStoreError, also if somebody it must be closed to may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyStoreError(
            f"the master key {path} cannot be read ({type(error).__name__})",
            cure="put the file back, or type its paper form in: modemd keys restore DIR --from-paper",
        ) from error
    if mode & closed_to:
        raise KeyStoreError(f"the master key {path} is open to others", cure=f"chmod 600 {path}")
    try:
        master = bytes.fromhex(text)
    except ValueError:
        master = b""
    if len(master) != KEY_BYTES:
        raise KeyStoreError(f"the master key {path} is not {2 * KEY_BYTES} hex digits", cure="put the right file back")
    return master


def write(path: Path, master: bytes) -> None:
    """Put a master key there, durably; what stood there is overwritten. Raises KeyStoreError."""
    replace(path, master.hex().encode() + b"\n")


def paper(master: bytes) -> str:
    """The master key to be written down: base 32 in groups of four, the last a check of the others."""
    text = b32encode(master + hashlib.sha256(master).digest()[:_CHECK]).decode().rstrip("=")
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def from_paper(text: str) -> bytes:
    """The master key from its paper form. Raises InvalidField if it was mistyped."""
    compact = "".join(text.split()).upper().replace("0", "O").replace("1", "I").replace("8", "B")
    try:
        raw = b32decode(compact + "=" * (-len(compact) % 8))
    except ValueError:
        raw = b""
    master, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if len(master) != KEY_BYTES or hashlib.sha256(master).digest()[:_CHECK] != check:
        raise InvalidField("key", "this is not the paper form of a master key", cure="compare it letter by letter")
    return master
