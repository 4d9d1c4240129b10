"""The cheapest encoding that loses nothing: the default alphabet, a national table if one is allowed, UCS-2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemd.at.pdu.alphabet import DEFAULT, Language, Tables, national
from modemd.at.pdu.dcs import Alphabet
from modemd.at.pdu.header import NO_HEADER, Header
from modemd.errors import InvalidField

MAX_USER_DATA = 140
"""Octets of user data in one TPDU, header included (TS 23.040 9.2.3.24)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text in one alphabet, not yet cut: one octet a septet for GSM 7-bit, else the octets themselves."""

    alphabet: Alphabet
    units: bytes
    text: str = ""
    tables: Tables = DEFAULT

    @property
    def header(self) -> Header:
        """What every segment has to say about the tables."""
        if self.tables is DEFAULT:
            return NO_HEADER
        return Header(single=self.tables.single, locking=self.tables.locking)


def encode(text: str, languages: Sequence[Language] = ()) -> Encoded:
    """``text`` in the cheapest alphabet that loses nothing. InvalidField ``text`` if there is none, or no text."""
    if not text:
        raise InvalidField("text", "the text is empty", cure="give at least one character")
    septets = DEFAULT.encode(text)
    if septets is not None:
        return Encoded(Alphabet.GSM7, septets, text)
    return _national(text, languages) or _ucs2(text)


def _national(text: str, languages: Sequence[Language]) -> Encoded | None:
    candidates = []
    for pair in (pair for language in languages for pair in national(language)):
        septets = pair.encode(text)
        if septets is not None:
            candidates.append(Encoded(Alphabet.GSM7, septets, text, pair))
    return min(candidates, key=_cost, default=None)


def _cost(encoded: Encoded) -> tuple[int, int]:
    """Segments needed (give or take a pair at a cut), then septets."""
    header = len(encoded.header.octets())
    if len(encoded.units) <= room(encoded.alphabet, header):
        return 1, len(encoded.units)
    return -(-len(encoded.units) // room(encoded.alphabet, header + 5)), len(encoded.units)


def _ucs2(text: str) -> Encoded:
    try:
        return Encoded(Alphabet.UCS2, text.encode("utf-16-be"), text)
    except UnicodeEncodeError:
        pass  # raised anew below, because this exception carries the text
    raise InvalidField("text", "the text holds half of a surrogate pair", cure="send well-formed Unicode")


def room(alphabet: Alphabet, header_octets: int) -> int:
    """Septets (GSM 7-bit) or octets that fit beside a header of so many octets, its length octet included."""
    octets = MAX_USER_DATA - header_octets
    if alphabet is Alphabet.GSM7:
        return octets * 8 // 7
    return octets & ~1 if alphabet is Alphabet.UCS2 else octets
