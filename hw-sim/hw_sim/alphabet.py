"""What characters septets and octets stand for: GSM 7 bit with its national tables, and UCS-2 (TS 23.038).

National tables: TS 23.038 A.2 (single shift) and A.3 (locking shift); Turkish, Spanish and Portuguese, the ones
that are in use. An unknown table falls back to the default one, as a phone that does not know it would show it.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping

ESC = 0x1B

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet, index = septet (TS 23.038 6.2.1)."""

EXTENSION: Mapping[int, str] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
"""What follows ESC (TS 23.038 6.2.1.1)."""

_TURKISH_SINGLE = {0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"}
_SPANISH_SINGLE = {
    0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú",
}  # fmt: skip
_PORTUGUESE_SINGLE = {
    0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π",
    0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ",
    0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â",
}  # fmt: skip
SINGLE_SHIFT: Mapping[int, Mapping[int, str]] = {
    1: {**EXTENSION, **_TURKISH_SINGLE},
    2: {**EXTENSION, **_SPANISH_SINGLE},
    3: {**EXTENSION, **_PORTUGUESE_SINGLE},
}
"""By national language identifier (TS 23.040 9.2.3.24.15)."""

_TURKISH_LOCKING = {
    0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç",
}  # fmt: skip
_PORTUGUESE_LOCKING = {
    0x04: "ê", 0x06: "ú", 0x07: "í", 0x08: "ó", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "ª",
    0x13: "Ç", 0x14: "À", 0x15: "∞", 0x16: "^", 0x17: "\\", 0x18: "€", 0x19: "Ó", 0x1A: "|", 0x1C: "Â", 0x1D: "â",
    0x1E: "Ê", 0x24: "º", 0x40: "Í", 0x5B: "Ã", 0x5C: "Õ", 0x5D: "Ú", 0x60: "~", 0x7B: "ã", 0x7C: "õ", 0x7D: "`",
}  # fmt: skip


def _locking(changes: Mapping[int, str]) -> str:
    return "".join(changes.get(septet, character) for septet, character in enumerate(BASIC))


LOCKING_SHIFT: Mapping[int, str] = {0: BASIC, 1: _locking(_TURKISH_LOCKING), 3: _locking(_PORTUGUESE_LOCKING)}
"""By national language identifier (TS 23.040 9.2.3.24.16); 0 is the default alphabet."""

_SEPTET = {character: septet for septet, character in enumerate(BASIC) if septet != ESC}
_ESCAPED = {character: septet for septet, character in EXTENSION.items()}


def unpack(octets: bytes, septets: int, fill_bits: int = 0) -> bytes:
    """Give *septets* septets, one a byte, that start after *fill_bits* (TS 23.038 6.1.2.1)."""
    stream = int.from_bytes(octets, "little") >> fill_bits
    return bytes([stream >> bit & 0x7F for bit in range(0, 7 * septets, 7)])


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """Pack septets into octets after *fill_bits* zero bits."""
    stream = 0
    for septet in reversed(septets):
        stream = stream << 7 | septet
    return (stream << fill_bits).to_bytes((7 * len(septets) + fill_bits + 7) // 8, "little")


def pack_ussd(text: str) -> bytes:
    """Pack a USSD string: seven spare bits at its end are a CR, not an ``@`` (TS 23.038 6.1.2.3)."""
    septets = encode_septets(text) or b""
    return pack(septets + b"\r" if len(septets) % 8 == 7 else septets)


def decode_septets(septets: bytes, locking: int = 0, single: int = 0) -> str:
    """Read septets as text; an ESC at the very end shows as a blank, as on a phone."""
    table = LOCKING_SHIFT.get(locking, BASIC)
    if ESC not in septets:
        return codecs.charmap_decode(septets, "strict", table)[0]
    extension = SINGLE_SHIFT.get(single, EXTENSION)
    text: list[str] = []
    escaped = False
    for septet in septets:
        if escaped:
            text.append(extension.get(septet, table[septet] if septet != ESC else " "))
            escaped = False
        elif septet == ESC:
            escaped = True
        else:
            text.append(table[septet])
    return "".join(text) + (" " if escaped else "")


def encode_septets(text: str) -> bytes | None:
    """Give the default alphabet's septets of *text*, or None where a character is in neither of its tables."""
    septets = bytearray()
    for character in text:
        if character in _SEPTET:
            septets.append(_SEPTET[character])
        elif character in _ESCAPED:
            septets += bytes((ESC, _ESCAPED[character]))
        else:
            return None
    return bytes(septets)


def decode_ucs2(octets: bytes) -> str:
    """Read UTF-16BE, which is what "UCS-2" is on phones; half a surrogate pair stays as it came."""
    return octets[: len(octets) & ~1].decode("utf-16-be", "surrogatepass")


def encode_ucs2(text: str) -> bytes:
    """Write UTF-16BE, two units for a character outside the basic plane."""
    return text.encode("utf-16-be", "surrogatepass")
