"""Text to septets and back: the default alphabet, its extension, and the national tables that replace either.

A national *locking shift* table replaces the default alphabet, a *single shift* table replaces the extension after an
escape (TS 23.040 9.2.3.24.15 and .16, TS 23.038 A.2 and A.3). Each is named in the user data header of every segment.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache

from modemd.at.pdu.primitives import DEFAULT_ALPHABET, ESC, EXTENSION


class Language(IntEnum):
    """National language identifiers whose tables are known here (TS 23.038 A.1)."""

    TURKISH = 1
    SPANISH = 2
    PORTUGUESE = 3


def _shift(codes: str, chars: str) -> dict[int, str]:
    """The standard extension with more characters: ``codes`` in hex, one for each of ``chars``."""
    return EXTENSION | dict(zip(bytes.fromhex(codes), chars, strict=True))


def _locking(codes: str, chars: str) -> str:
    """The default alphabet with some characters replaced."""
    table = list(DEFAULT_ALPHABET)
    for code, char in zip(bytes.fromhex(codes), chars, strict=True):
        table[code] = char
    return "".join(table)


SINGLE_SHIFT = {
    Language.TURKISH: _shift("47 49 53 63 67 69 73", "ĞİŞçğış"),
    Language.SPANISH: _shift("09 41 49 4F 55 61 69 6F 75", "çÁÍÓÚáíóú"),
    Language.PORTUGUESE: _shift(
        "05 09 0B 0C 0E 0F 12 13 15 16 17 18 19 1F 41 49 4F 55 5B 5C 61 69 6F 75 7B 7C 7F",
        "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ",
    ),
}
"""What follows an escape, by language (TS 23.038 A.2)."""

LOCKING_SHIFT = {
    Language.TURKISH: _locking("04 07 0B 0C 1C 1D 40 60", "€ıĞğŞşİç"),
    Language.PORTUGUESE: _locking(
        "04 06 07 08 09 0B 0C 0E 0F 12 13 14 15 16 17 18 19 1A 1C 1D 1E 24 40 5B 5C 5D 60 7B 7C 7D",
        "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`",
    ),
}
"""What replaces the default alphabet, by language (TS 23.038 A.3); Spanish has none."""


@dataclass(frozen=True, slots=True)
class Tables:
    """One pair of tables: what a septet means, and what it means after an escape."""

    single: Language | None = None
    locking: Language | None = None
    basic: str = field(init=False, repr=False)
    shifted: dict[int, str] = field(init=False, repr=False)
    _codes: dict[int, int | bytes] = field(init=False, repr=False)
    _carries: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        basic = LOCKING_SHIFT.get(self.locking, DEFAULT_ALPHABET) if self.locking else DEFAULT_ALPHABET
        shifted = SINGLE_SHIFT[self.single] if self.single else EXTENSION
        codes: dict[int, int | bytes] = {ord(char): bytes((ESC, code)) for code, char in shifted.items()}
        codes |= {ord(char): code for code, char in enumerate(basic) if code != ESC}
        object.__setattr__(self, "basic", basic)
        object.__setattr__(self, "shifted", shifted)
        object.__setattr__(self, "_codes", codes)
        object.__setattr__(self, "_carries", re.compile(f"[{re.escape(''.join(map(chr, codes)))}]*"))

    def encode(self, text: str) -> bytes | None:
        """The septets of ``text``, one an octet, or None if a character is in neither table."""
        # asked first, because the codec takes long to refuse, and its exception carries the text
        return codecs.charmap_encode(text, "strict", self._codes)[0] if self._carries.fullmatch(text) else None

    def decode(self, septets: bytes) -> str:
        """The text of ``septets``; nothing is refused.

        After an escape, a septet the table does not know shows its default character, a second escape and an escape
        at the very end show a blank (TS 23.038 6.2.1.1).
        """
        if ESC not in septets:
            return "".join(map(self.basic.__getitem__, septets))
        text = []
        rest = iter(septets)
        for septet in rest:
            text.append(self.basic[septet] if septet != ESC else self._after_escape(next(rest, ESC)))
        return "".join(text)

    def _after_escape(self, septet: int) -> str:
        return " " if septet == ESC else self.shifted.get(septet) or self.basic[septet]


@cache
def tables(single: Language | None = None, locking: Language | None = None) -> Tables:
    """The one instance of this pair of tables."""
    return Tables(single, locking)


DEFAULT = tables()


def national(language: Language) -> list[Tables]:
    """Every pair of tables a language offers, those with the smaller header first."""
    pairs = [tables(single=language)]
    if language in LOCKING_SHIFT:
        pairs += [tables(locking=language), tables(single=language, locking=language)]
    return pairs
