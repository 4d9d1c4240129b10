"""Ids: one 63-bit integer inside, ``m_01hzy3kd8q2v5`` outside.

The integer is the primary key: milliseconds since 1970 in the upper 41 bits, 22 bits below that start at random and
count up within a millisecond. So ids sort by the time they were made, append to an index instead of tearing it, and
cannot be guessed from one another by a caller who is not in the same millisecond. The outside form is the prefix of
the kind and 13 characters of Crockford's base 32 (no i, l, o, u), lower case.
"""

from __future__ import annotations

import threading

from modemd.clock import Clock, SystemClock
from modemd.entropy import octets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Two characters at a time: a receipt names ten thousand ids."""
_LENGTH = 13
_RANDOM_BITS = 22


class IdSource:
    """Makes ids that never repeat and never go back, also across threads and when the clock is set back."""

    def __init__(self, clock: Clock | None = None, after: int = 0) -> None:
        """``after`` is an id made in an earlier run, where one is known."""
        self._clock = clock or SystemClock()
        self._last = after
        self._lock = threading.Lock()

    def next(self) -> int:
        """One new id."""
        return self.many(1)[0]

    def many(self, count: int) -> range:
        """``count`` new ids in a row, ascending."""
        with self._lock:
            fresh = (self._clock.now() // 1000) << _RANDOM_BITS | int.from_bytes(octets(4), "big") >> 33 - _RANDOM_BITS
            first = max(fresh, self._last + 1)
            self._last = first + count - 1
        return range(first, first + count)


def encode(prefix: str, number: int) -> str:
    """The outside form of an id: ``encode("m", …)`` gives ``m_…``."""
    head, high, low = number >> 60, number >> 30, number
    return (
        f"{prefix}_{_ALPHABET[head]}"
        f"{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}"
        f"{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}{_PAIRS[low & 1023]}"
    )


def decode(prefix: str, text: str) -> int | None:
    """The integer of an outside form; None if it is none of this kind."""
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != _LENGTH:
        return None
    number = 0
    for character in tail:
        value = _VALUES.get(character)
        if value is None:
            return None
        number = number << 5 | value
    return number if number < 1 << 63 else None
