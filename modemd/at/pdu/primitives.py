"""What python-gsmmodem-new does for us, and where it is put right.

Its GSM 03.38 tables, septet packing and semi-octets are used; TPDU layout is ours. Checked against TS 23.038 and
TS 23.040, these needed a hand:

- ``GSM7_BASIC`` has a backtick at 5Fh where the alphabet has ``§``, and offers ESC as an ordinary character;
- ``GSM7_EXTENDED`` has ``ÿ`` for form feed, and is missing nothing else;
- ``packSeptets`` is right, but takes a bytearray only, and counts fill bits from the other end;
- ``unpackSeptets`` counts octets as septets, and drops a last septet of 0 (``@``);
- ``encodeSemiOctets`` knows no ``*``, ``#``, ``a``, ``b``, ``c``; ``decodeSemiOctets`` gives them as hex digits.
"""

from __future__ import annotations

from typing import cast

from gsmmodem import pdu as gsm  # type: ignore[import-untyped]  # it ships no annotations

ESC = 0x1B
"""Escape to the extension table (TS 23.038 6.2.1.1)."""

DEFAULT_ALPHABET: str = gsm.GSM7_BASIC[:0x5F] + "§" + gsm.GSM7_BASIC[0x60:]
"""The 128 characters of the default alphabet by septet (TS 23.038 6.2.1); 1Bh is the escape, no character."""

EXTENSION: dict[int, str] = {
    int(code) if isinstance(code, int) else ord(code): char for char, code in gsm.GSM7_EXTENDED.items()
} | {0x0A: "\f"}
"""What the septet after an escape stands for (TS 23.038 6.2.1.1)."""

_DIALLED = str.maketrans("*#abc", "ABCDE")
_READ = str.maketrans("abcde", "*#abc")


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets, one an octet, as octets with no bit between them, after ``fill_bits`` zeros (TS 23.038 6.1.2.1)."""
    return bytes(gsm.packSeptets(bytearray(septets), padBits=(7 - fill_bits) % 7))


def unpack(octets: bytes, count: int) -> bytes:
    """The first ``count`` septets of ``octets``, fewer when there are not that many (TS 23.038 6.1.2.1)."""
    count = min(count, len(octets) * 8 // 7)
    if not count:
        return b""
    septets = bytes(gsm.unpackSeptets(bytearray(octets[: (count * 7 + 7) // 8])))
    return septets[:count].ljust(count, b"\0")


def to_semi_octets(digits: str) -> bytes:
    """Digits, ``*``, ``#``, ``a``, ``b``, ``c`` as swapped semi-octets, filled with F (TS 23.040 9.1.2.3)."""
    return bytes(gsm.encodeSemiOctets(digits.translate(_DIALLED)))


def from_semi_octets(octets: bytes) -> str:
    """The digits of swapped semi-octets up to the first fill (TS 23.040 9.1.2.3)."""
    digits = cast("str", gsm.decodeSemiOctets(bytearray(octets)))
    return digits.partition("f")[0].translate(_READ)
