"""Transfer protocol data units of short messages, as they pass between a mobile and its service centre (TS 23.040).

Read: SMS-SUBMIT. Written: SMS-DELIVER and SMS-STATUS-REPORT.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum

from hw_sim import alphabet


class BadTpdu(ValueError):
    """The octets are no TPDU of the kind asked for; the message names the field and the octet."""


class Coding(Enum):
    """How the user data is coded (TP-DCS, TS 23.038 4)."""

    GSM7 = "gsm7"
    DATA = "data"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class Submit:
    """One SMS-SUBMIT, read (TS 23.040 9.2.2.2)."""

    to: str
    """``+`` and digits for an international number, else the digits as dialled."""
    text: str
    """What a phone shows of this segment; 8-bit data as hex digits."""
    ref: int | None
    """Concatenation reference, None for a message of its own."""
    part: int
    parts: int
    wants_report: bool
    """TP-SRR."""
    dcs: int
    has_header: bool
    user_data: bytes
    """TP-UDL and TP-UD as they came, to be handed on."""


INTERNATIONAL, UNKNOWN, ALPHANUMERIC = 0x91, 0x81, 0xD0
_DIGITS = "0123456789*#abc"
_SWAPPED = bytes((octet & 0x0F) << 4 | octet >> 4 for octet in range(256))
_HEX_TO_DIGIT = str.maketrans("abcdef", "*#abc?")
_CONCAT_8, _CONCAT_16, _SINGLE_SHIFT, _LOCKING_SHIFT = 0x00, 0x08, 0x24, 0x25


def coding_of(dcs: int) -> Coding:
    """Read the alphabet out of TP-DCS; reserved groups count as GSM 7 bit (TS 23.038 4)."""
    group = dcs >> 4
    if group < 8:
        return (Coding.GSM7, Coding.DATA, Coding.UCS2, Coding.GSM7)[dcs >> 2 & 3]
    if group == 0xE:
        return Coding.UCS2
    if group == 0xF and dcs & 4:
        return Coding.DATA
    return Coding.GSM7


def read_number(octets: bytes, kind: int, digits: int) -> str:
    """Read semi-octets (TS 23.040 9.1.2.3); an alphanumeric address is septets (9.1.2.5)."""
    if kind & 0x70 == 0x50:
        return alphabet.decode_septets(alphabet.unpack(octets, digits * 4 // 7))
    number = octets.translate(_SWAPPED).hex()[:digits].translate(_HEX_TO_DIGIT)
    return "+" + number if kind & 0x70 == 0x10 else number


def write_number(number: str) -> bytes:
    """Give an address field: length in semi-octets, type of address, value."""
    if number.startswith("+"):
        kind, digits = INTERNATIONAL, number[1:]
    elif all(character in _DIGITS for character in number):
        kind, digits = UNKNOWN, number
    else:
        septets = alphabet.encode_septets(number[:11]) or b""
        return bytes((-(-len(septets) * 7 // 4), ALPHANUMERIC)) + alphabet.pack(septets)
    return bytes((len(digits), kind)) + write_digits(digits)


def write_digits(digits: str) -> bytes:
    """Give swapped semi-octets, an odd one out filled with F."""
    halves = [_DIGITS.index(digit) for digit in digits] + [0xF] * (len(digits) % 2)
    return bytes(high << 4 | low for low, high in zip(halves[::2], halves[1::2], strict=True))


def read_submit(octets: bytes) -> Submit:
    """Read an SMS-SUBMIT; raises BadTpdu naming what does not fit."""
    try:
        return _read_submit(octets)
    except IndexError:
        raise BadTpdu(f"SUBMIT ends early, after {len(octets)} octets") from None


def _read_submit(octets: bytes) -> Submit:
    first = octets[0]
    if first & 3 != 1:
        raise BadTpdu(f"message type {first & 3} is not SUBMIT, octet 0")
    digits, kind = octets[2], octets[3]
    if digits > 20:
        raise BadTpdu(f"address of {digits} digits, octet 2")
    at = 4 + (digits + 1) // 2
    to = read_number(octets[4:at], kind, digits)
    dcs = octets[at + 1]
    at += 2 + (0, 7, 1, 7)[first >> 3 & 3]
    text, concat = read_user_data(octets[at], octets[at + 1 :], coding_of(dcs), has_header=bool(first & 0x40))
    ref, parts, part = concat
    return Submit(to, text, ref, part, parts, bool(first & 0x20), dcs, bool(first & 0x40), octets[at:])


@dataclass(frozen=True, slots=True)
class Deliver:
    """One SMS-DELIVER, read (TS 23.040 9.2.2.1)."""

    sender: str
    text: str
    sent: bytes
    """The service centre time stamp, as it stands in the TPDU."""


def read_deliver(octets: bytes) -> Deliver:
    """Read an SMS-DELIVER back, for the text mode of a modem."""
    digits, kind = octets[1], octets[2]
    at = 3 + (digits + 1) // 2
    has_header = bool(octets[0] & 0x40)
    text, _ = read_user_data(octets[at + 9], octets[at + 10 :], coding_of(octets[at + 1]), has_header=has_header)
    return Deliver(read_number(octets[3:at], kind, digits), text, octets[at + 2 : at + 9])


def read_user_data(
    length: int, data: bytes, coding: Coding, *, has_header: bool
) -> tuple[str, tuple[int | None, int, int]]:
    """Give the text and (concatenation reference, parts, part); TP-UDL counts septets in GSM 7 bit, else octets."""
    octets = (length * 7 + 7) // 8 if coding is Coding.GSM7 else length
    if octets != len(data):
        raise BadTpdu(f"user data of {len(data)} octets where its length says {octets}")
    header = data[1 : data[0] + 1] if has_header else b""
    elements = _read_header(header)
    start = len(header) + 1 if has_header else 0
    if coding is Coding.GSM7:
        skipped = -(-start * 8 // 7)
        septets = alphabet.unpack(data, length)[skipped:] if skipped else alphabet.unpack(data, length)
        locking, single = elements.get(_LOCKING_SHIFT, b"\0")[0], elements.get(_SINGLE_SHIFT, b"\0")[0]
        text = alphabet.decode_septets(septets, locking, single)
    elif coding is Coding.UCS2:
        text = alphabet.decode_ucs2(data[start:])
    else:
        text = data[start:].hex().upper()
    return text, _concatenation(elements)


def _read_header(header: bytes) -> dict[int, bytes]:
    elements: dict[int, bytes] = {}
    at = 0
    while at + 1 < len(header):
        size = header[at + 1]
        elements[header[at]] = header[at + 2 : at + 2 + size]
        at += 2 + size
    return elements


def _concatenation(elements: dict[int, bytes]) -> tuple[int | None, int, int]:
    """Give (reference, parts, part); a part 0 or above the total is ignored (TS 23.040 9.2.3.24.1)."""
    for element, size in ((_CONCAT_8, 3), (_CONCAT_16, 4)):
        value = elements.get(element, b"")
        if len(value) == size and 1 <= value[-1] <= value[-2]:
            return int.from_bytes(value[:-2], "big"), value[-2], value[-1]
    return None, 1, 1


def write_time(unix: float, quarter_hours: int = 0) -> bytes:
    """Give a service centre time stamp in the zone *quarter_hours* east of Greenwich (TS 23.040 9.2.3.11)."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(timezone(timedelta(minutes=15 * quarter_hours)))
    fields = (local.year % 100, local.month, local.day, local.hour, local.minute, local.second, abs(quarter_hours))
    octets = bytearray(value % 10 << 4 | value // 10 for value in fields)
    if quarter_hours < 0:
        octets[6] |= 0x08
    return bytes(octets)


def write_delivers(sender: str, text: str, *, sent: float, zone: int = 0, ref: int = 0) -> list[bytes]:
    """Give the SMS-DELIVER TPDUs that carry *text*: one, or as many segments as it takes (TS 23.040 9.2.2.1)."""
    septets = alphabet.encode_septets(text)
    if septets is None:
        units, dcs, whole, cut = alphabet.encode_ucs2(text), 0x08, 140, 134
    else:
        units, dcs, whole, cut = septets, 0x00, 160, 153
    chunks = [units] if len(units) <= whole else _cut(units, cut, gsm7=septets is not None)
    delivers = []
    for number, chunk in enumerate(chunks, 1):
        header = bytes((5, 0, 3, ref & 0xFF, len(chunks), number)) if len(chunks) > 1 else b""
        first = (0x40 if header else 0x00) | 0x04
        data = _write_user_data(chunk, header, gsm7=septets is not None)
        delivers.append(bytes((first,)) + write_number(sender) + bytes((0, dcs)) + write_time(sent, zone) + data)
    return delivers


def write_submit(to: str, units: bytes, *, first: int, pid: int, dcs: int, validity: int) -> bytes:
    """Give an SMS-SUBMIT with a relative validity, as text mode makes it; *units* are septets or octets by its DCS."""
    data = _write_user_data(units, b"", gsm7=coding_of(dcs) is Coding.GSM7)
    return bytes((first & 0x20 | 0x11, 0)) + write_number(to) + bytes((pid, dcs, validity)) + data


def write_forward(submit: Submit, sender: str, *, sent: float) -> bytes:
    """Give the SMS-DELIVER by which a SUBMIT reaches its recipient."""
    first = 0x44 if submit.has_header else 0x04
    fields = write_number(sender) + bytes((0, submit.dcs)) + write_time(sent)
    return bytes((first,)) + fields + submit.user_data


def _cut(units: bytes, size: int, *, gsm7: bool) -> list[bytes]:
    """Cut at *size*, never within an escape pair or a surrogate pair."""
    chunks = []
    while units:
        end = min(size, len(units))
        if end < len(units) and (units[end - 1] == alphabet.ESC if gsm7 else 0xD8 <= units[end - 2] <= 0xDB):
            end -= 1 if gsm7 else 2
        chunks.append(units[:end])
        units = units[end:]
    return chunks


def _write_user_data(units: bytes, header: bytes, *, gsm7: bool) -> bytes:
    if not gsm7:
        return bytes((len(header) + len(units),)) + header + units
    fill = -len(header) * 8 % 7
    skipped = (len(header) * 8 + fill) // 7
    return bytes((skipped + len(units),)) + header + alphabet.pack(units, fill)


def write_status_report(
    *, mr: int, recipient: str, accepted: float, discharged: float, status: int, zone: int = 0
) -> bytes:
    """Give an SMS-STATUS-REPORT without its optional fields, as most service centres send it (TS 23.040 9.2.2.3)."""
    times = write_time(accepted, zone) + write_time(discharged, zone)
    return bytes((0x06, mr)) + write_number(recipient) + times + bytes((status,))
