"""Service centre time stamps and absolute times: seven octets of swapped digits (TS 23.040 9.2.3.11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from modemd.at.pdu import primitives
from modemd.errors import PduError

LENGTH = 7
"""Octets of a time stamp."""
_SECOND = 1_000_000
_QUARTER_HOUR = 15 * 60 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUS = 0x08
"""The sign of the zone: the highest bit of its tens, which stand in the lower half of the octet."""


class Stamp(NamedTuple):
    """A moment, and the zone of the clock that said it."""

    moment: int
    """Microseconds since 1970 UTC, whole seconds."""
    zone: int = 0
    """Quarter hours ahead of UTC."""


def read_stamp(octets: bytes) -> Stamp | None:
    """What the seven octets say; None if that is no date, which happens. A zone that is none counts as UTC."""
    digits = primitives.from_semi_octets(octets[:6])
    if len(digits) != 12 or not digits.isdecimal():
        return None
    year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, 12, 2))
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    zone = _read_zone(octets[6])
    return Stamp(round((local - _EPOCH).total_seconds()) * _SECOND - zone * _QUARTER_HOUR, zone)


def _read_zone(octet: int) -> int:
    units, tens = octet >> 4, octet & 0x07
    if units > 9:
        return 0
    quarters = tens * 10 + units
    return -quarters if octet & _MINUS else quarters


def write_stamp(stamp: Stamp | None) -> bytes:
    """Seven octets; zeros, which are no date, for None. PduError if the moment is not of this century."""
    if stamp is None:
        return bytes(LENGTH)
    if not -80 < stamp.zone < 80:
        raise PduError("timestamp", 6, "a zone of more than 79 quarter hours")
    local = _EPOCH + timedelta(microseconds=stamp.moment + stamp.zone * _QUARTER_HOUR)
    if not 2000 <= local.year <= 2099:
        raise PduError("timestamp", 0, "a year outside 2000 to 2099")
    tens, units = divmod(abs(stamp.zone), 10)
    zone = units << 4 | tens | (_MINUS if stamp.zone < 0 else 0)
    return primitives.to_semi_octets(local.strftime("%y%m%d%H%M%S")) + bytes((zone,))
