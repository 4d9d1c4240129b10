"""Addresses: telephone numbers, short codes, and names where a number should be (TS 23.040 9.1.2.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modemd.at.pdu import primitives
from modemd.at.pdu.alphabet import DEFAULT
from modemd.at.pdu.octets import Octets
from modemd.errors import InvalidField, PduError

UNKNOWN, INTERNATIONAL, ALPHANUMERIC = 0, 1, 5
"""Types of number (TS 23.040 9.1.2.5) that mean something here."""
ISDN = 1
"""The numbering plan of E.164."""
MAX_DIGITS = 20
"""An address has at most 10 octets of value."""
MAX_NAME = 11
"""Characters of an alphanumeric address: 77 of 80 bits."""

_DIGITS = re.compile(rf"[0-9*#abc]{{0,{MAX_DIGITS}}}")
_DIALLABLE = re.compile(rf"\+[0-9]{{1,{MAX_DIGITS}}}|[0-9*#abc]{{1,{MAX_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Address:
    """One address: ``value`` holds the digits without a plus sign, or the characters of a name."""

    value: str
    ton: int = UNKNOWN
    npi: int = ISDN

    @classmethod
    def of(cls, number: str) -> Address:
        """The address of a number as people write it: ``+`` makes it international, anything else stays as dialled."""
        return cls(number[1:], INTERNATIONAL) if number.startswith("+") else cls(number)

    @classmethod
    def named(cls, name: str) -> Address:
        """An alphanumeric sender."""
        return cls(name, ALPHANUMERIC, 0)

    @property
    def text(self) -> str:
        """The address as people write it."""
        return "+" + self.value if self.ton == INTERNATIONAL and self.value else self.value


def recipient(number: str) -> Address:
    """The address of a number to send to: E.164 with the plus sign, or a short code. InvalidField ``to`` otherwise."""
    if not _DIALLABLE.fullmatch(number):
        raise InvalidField(
            "to",
            "this is no telephone number",
            cure=f"give a plus sign and the digits with country code, or a short code of up to {MAX_DIGITS} digits",
        )
    return Address.of(number)


def write_address(address: Address) -> bytes:
    """Length in semi-octets, type, value. PduError if the value does not fit in an address."""
    kind = bytes((0x80 | address.ton << 4 | address.npi,))
    if address.ton == ALPHANUMERIC:
        septets = DEFAULT.encode(address.value)
        if septets is None or len(septets) > MAX_NAME:
            raise PduError("address", 2, f"a name has at most {MAX_NAME} characters of the GSM alphabet")
        return bytes(((7 * len(septets) + 3) // 4,)) + kind + primitives.pack(septets)
    if not _DIGITS.fullmatch(address.value):
        raise PduError("address", 2, f"an address has at most {MAX_DIGITS} digits")
    return bytes((len(address.value),)) + kind + primitives.to_semi_octets(address.value)


def read_address(octets: Octets, field: str) -> Address:
    """The next address of ``octets``. PduError if it is cut off or longer than an address can be."""
    start = octets.at
    length = octets.octet(field)
    if length > MAX_DIGITS:
        raise PduError(field, start, f"an address of {length} semi-octets; {MAX_DIGITS} is the most")
    return _read_value(octets.octet(field), octets.take((length + 1) // 2, field), length)


def read_recipient(octets: Octets) -> Address:
    """TP-RA of a status report, undoing what some ZTE modems do to it. PduError if it is cut off.

    They write an address within the address: length, type, then the length and the type of the real one, and its
    digits; read as one number, its second digit would be the semi-octet of the inner length.
    """
    address = read_address(octets, "TP-RA")
    if address.ton == ALPHANUMERIC or address.value.isdecimal() or not address.value:
        return address
    value = octets.data[octets.at - (len(address.value) + 1) // 2 : octets.at]
    digits = primitives.from_semi_octets(value[2:])
    if value[0] == len(digits) and digits.isdecimal():
        return Address(digits, address.ton, address.npi)
    return address


def read_smsc(octets: Octets) -> str:
    """The service centre address in front of a TPDU, whose length counts octets, not digits; empty if left out."""
    length = octets.octet("SCA")
    if not length:
        return ""
    kind, value = octets.octet("SCA"), octets.take(length - 1, "SCA")
    return _read_value(kind, value, 2 * len(value)).text


def write_smsc(number: str) -> bytes:
    """The service centre address in front of a TPDU; ``00``, the one on the SIM, if ``number`` is empty."""
    if not number:
        return b"\0"
    address = write_address(Address.of(number))
    return bytes((len(address) - 1,)) + address[1:]


def _read_value(kind: int, value: bytes, length: int) -> Address:
    ton, npi = kind >> 4 & 7, kind & 0x0F
    if ton == ALPHANUMERIC:
        return Address(_name(value, length), ton, npi)
    return Address(primitives.from_semi_octets(value)[:length], ton, npi)


def _name(value: bytes, length: int) -> str:
    count = length * 4 // 7
    septets = primitives.unpack(value, count)
    if count and count % 8 == 0 and septets[-1] == 0:
        septets = septets[:-1]  # seven spare bits of a name that was measured in octets, not an @
    return DEFAULT.decode(septets)
