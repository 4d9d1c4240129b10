"""Passwords: made here, never chosen, sent by SMS and kept as argon2id hashes.

13 characters of an alphabet of 31 that no telephone turns into something else: 64 bits. The hash costs 19 MiB and two
passes (OWASP's first choice for argon2id); two are computed at a time, so that log-ins cannot take the processor away
from the modems.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from modemd.errors import TooMany

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH = 13
SALT_BYTES = 16
HASH_BYTES = 32
AT_ONCE = 2
MOST_WAITING = 32
"""Log-ins that may wait for their hash, about a second's worth; more are asked to come back."""


def mint() -> str:
    """A new password."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def salt() -> bytes:
    """A new salt."""
    return secrets.token_bytes(SALT_BYTES)


def read(typed: str) -> str:
    """A password as a person typed it: telephones capitalise the first letter and add blanks."""
    return "".join(typed.split()).lower()


def derive(password: str, own_salt: bytes) -> bytes:
    """The hash, about 25 ms of one processor; the interpreter is free meanwhile."""
    kdf = Argon2id(salt=own_salt, length=HASH_BYTES, iterations=2, lanes=1, memory_cost=19 * 1024)
    return kdf.derive(password.encode("utf-8", "replace"))


class Hasher:
    """Computes hashes off the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="modemd-password")
        self._waiting = 0

    async def derive(self, password: str, own_salt: bytes) -> bytes:
        """The hash of what was typed. Raises TooMany when too many wait."""
        if self._waiting >= MOST_WAITING:
            raise TooMany("too many log-ins at once", retry_after=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, derive, read(password), own_salt)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
