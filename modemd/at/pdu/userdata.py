"""TP-User-Data: a header perhaps, then text or octets (TS 23.040 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu.alphabet import Language, Tables, tables
from modemd.at.pdu.dcs import Alphabet, DataCoding
from modemd.at.pdu.header import NO_HEADER, Header, read_header
from modemd.at.pdu.octets import Octets
from modemd.at.pdu.primitives import pack, unpack

_LANGUAGES = {int(language): language for language in Language}


@dataclass(frozen=True, slots=True)
class UserData:
    """What one TPDU carries."""

    units: bytes
    """One septet an octet for the default alphabet, else the octets themselves."""
    alphabet: Alphabet = Alphabet.GSM7
    header: Header = NO_HEADER
    complete: bool = True
    """False if there was less than TP-UDL said, or the header made no sense."""

    @property
    def text(self) -> str:
        """The text; empty for data. What no alphabet knows is replaced, never refused."""
        return decode(self.units, self.alphabet, self.header)

    def octets(self) -> bytes:
        """TP-UDL and TP-UD. For the default alphabet the text begins at a septet boundary (9.2.3.16)."""
        header = self.header.octets()
        if self.alphabet is not Alphabet.GSM7:
            return bytes((len(header) + len(self.units),)) + header + self.units
        header_septets = _septets(len(header))
        fill_bits = header_septets * 7 - len(header) * 8
        return bytes((header_septets + len(self.units),)) + header + pack(self.units, fill_bits)


def decode(units: bytes, alphabet: Alphabet, header: Header) -> str:
    """The text of ``units``, which may be those of several segments in a row."""
    if alphabet is Alphabet.GSM7:
        return _tables(header).decode(units)
    return units.decode("utf-16-be", "replace") if alphabet is Alphabet.UCS2 else ""


def _tables(header: Header) -> Tables:
    """The tables the header names; a language that is not known here shows the default characters (TS 23.038 A.1)."""
    single = None if header.single is None else _LANGUAGES.get(header.single)
    locking = None if header.locking is None else _LANGUAGES.get(header.locking)
    return tables(single, locking)


def read_user_data(octets: Octets, coding: DataCoding, *, has_header: bool) -> UserData:
    """TP-UDL and TP-UD from ``octets``; less than TP-UDL promises is taken for what it is. PduError without TP-UDL."""
    length = octets.octet("TP-UDL")
    # compressed text (TS 23.042) is in use nowhere: it is handed on as octets
    alphabet = Alphabet.DATA if coding.compressed else coding.alphabet
    packed = coding.alphabet is Alphabet.GSM7 and not coding.compressed
    expected = (length * 7 + 7) // 8 if packed else length
    content = octets.take(min(expected, len(octets)), "TP-UD")
    complete = len(content) == expected
    header, skip = NO_HEADER, 0
    if has_header and content:
        skip = content[0] + 1
        found = read_header(content[1:skip]) if skip <= len(content) else None
        header, complete = found or NO_HEADER, complete and found is not None
    units = unpack(content, length)[_septets(skip) :] if packed else content[skip:]
    return UserData(units, alphabet, header, complete)


def _septets(octets: int) -> int:
    """Septets that so many octets of header take, fill bits included."""
    return (octets * 8 + 6) // 7
