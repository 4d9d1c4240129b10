"""Seals what users typed: AES-256-GCM under the account's data key, bound to its table, column, row and account.

Nothing derived from a data key outlives the unit of work it was derived for. Keys for sealing and for each look-up
purpose come from the data key (uniformly random, so there is nothing to extract: RFC 5869 3.3) by keyed BLAKE2b, so
they die with it.

A sealed value is one octet of format, 12 of nonce, the ciphertext, 16 of authentication tag.
"""

from __future__ import annotations

import hashlib
from types import TracebackType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modemd.accounts.key_ring import KEY_BYTES, NONCE_BYTES
from modemd.accounts.keychain import KeyStore
from modemd.entropy import octets
from modemd.errors import Unreadable

TAG_BYTES = 16
"""Octets of a look-up tag: 128 bits, so two different values of one account do not meet."""
_FORMAT = b"\x01"
_OVERHEAD = len(_FORMAT) + NONCE_BYTES + 16


class Box:
    """One account's keys during one unit of work; used by one thread at a time."""

    __slots__ = ("_account", "_cipher", "_key", "_purposes")

    def __init__(self, account: int, key: bytes) -> None:
        self._account = account.to_bytes(8, "big")
        self._key = key
        self._cipher: AESGCM | None = None
        self._purposes: dict[str, bytes] = {}

    def __enter__(self) -> Box:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._key, self._cipher = b"", None
        self._purposes.clear()

    def seal(self, place: str, row: int, plain: bytes) -> bytes:
        """``plain``, readable again only for this ``place`` (table.column), row and account."""
        nonce = octets(NONCE_BYTES)
        return _FORMAT + nonce + self._ready().encrypt(nonce, plain, self._bound(place, row))

    def open(self, place: str, row: int, sealed: bytes) -> bytes:
        """What was sealed. Raises Unreadable if it was sealed for another place, row or account, or altered."""
        if len(sealed) < _OVERHEAD or sealed[:1] != _FORMAT:
            raise Unreadable("the value was not sealed by this version of modemd")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._ready().decrypt(nonce, body, self._bound(place, row))
        except InvalidTag:
            raise Unreadable("the value was altered, or belongs to another row or account") from None

    def tag(self, purpose: str, value: str | bytes) -> bytes:
        """The keyed look-up form of ``value`` (BLAKE2b, RFC 7693 2.9): equal for one account, purpose and value."""
        key = self._purposes.get(purpose)
        if key is None:
            self._alive()
            key = self._purposes[purpose] = expand(self._key, f"look-up {purpose}")
        raw = value.encode() if isinstance(value, str) else value
        return hashlib.blake2b(raw, digest_size=TAG_BYTES, key=key).digest()

    def _ready(self) -> AESGCM:
        if self._cipher is None:
            self._alive()
            self._cipher = AESGCM(expand(self._key, "seal"))
        return self._cipher

    def _alive(self) -> None:
        if not self._key:
            raise Unreadable("this unit of work is over")

    def _bound(self, place: str, row: int) -> bytes:
        return b"%b\0%b%b" % (place.encode(), row.to_bytes(8, "big"), self._account)


class Vault:
    """Opens units of work on accounts. For any thread."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def unit(self, account: int) -> Box:
        """The account's keys until the ``with`` block ends. Raises Unreadable if the account has none (any more)."""
        return Box(account, self._keys.data_key(account))

    def seal(self, account: int, place: str, row: int, plain: bytes) -> bytes:
        """One value sealed, in a unit of work of its own."""
        with self.unit(account) as box:
            return box.seal(place, row, plain)

    def open(self, account: int, place: str, row: int, sealed: bytes) -> bytes:
        """One value opened, in a unit of work of its own. Raises Unreadable."""
        with self.unit(account) as box:
            return box.open(place, row, sealed)

    def tag(self, account: int, purpose: str, value: str | bytes) -> bytes:
        """One look-up tag, in a unit of work of its own. Raises Unreadable."""
        with self.unit(account) as box:
            return box.tag(purpose, value)


def expand(key: bytes, purpose: str) -> bytes:
    """A key of 32 octets for one purpose: keyed BLAKE2b, as the tags. HKDF on OpenSSL's HMAC says the same in 27 µs."""
    return hashlib.blake2b(b"modemd " + purpose.encode(), digest_size=KEY_BYTES, key=key).digest()
