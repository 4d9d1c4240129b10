"""TP-Validity-Period: how long the SMSC may keep trying, in each of its formats (TS 23.040 9.2.3.12)."""

from __future__ import annotations

from dataclasses import dataclass

from modemd.at.pdu import primitives
from modemd.at.pdu.octets import Octets
from modemd.at.pdu.timestamp import LENGTH, Stamp, read_stamp, write_stamp

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 604_800
_NONE, _ENHANCED, _RELATIVE, _ABSOLUTE = 0x00, 0x08, 0x10, 0x18
FORMAT_BITS = 0x18
"""Where the first octet of a SUBMIT names the format (TP-VPF, 9.2.3.3)."""
_SINGLE_SHOT = 0x40
_AS_RELATIVE, _AS_SECONDS, _AS_CLOCK = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Enhanced:
    """The enhanced format: seconds instead of steps, and perhaps one try only."""

    seconds: int | None = None
    """None leaves it to the SMSC."""
    single_shot: bool = False


Validity = int | Stamp | Enhanced | None
"""Seconds from now (relative), a moment (absolute), the enhanced format, or nothing said."""


def relative(seconds: int) -> int:
    """The octet of the longest period that is not longer than ``seconds``, but at least 5 minutes."""
    if seconds <= 12 * HOUR:
        return max(seconds // (5 * MINUTE) - 1, 0)
    if seconds <= 24 * HOUR:
        return 143 + (seconds - 12 * HOUR) // (30 * MINUTE)
    if seconds < 5 * WEEK:
        return 166 + min(seconds // DAY, 30)
    return min(192 + seconds // WEEK, 255)


def relative_seconds(octet: int) -> int:
    """The seconds a relative validity period stands for."""
    if octet <= 143:
        return (octet + 1) * 5 * MINUTE
    if octet <= 167:
        return 12 * HOUR + (octet - 143) * 30 * MINUTE
    if octet <= 196:
        return (octet - 166) * DAY
    return (octet - 192) * WEEK


def write_validity(validity: Validity) -> tuple[int, bytes]:
    """The format bits of the first octet, and TP-VP. PduError if an absolute time is not of this century."""
    match validity:
        case None:
            return _NONE, b""
        case Stamp():
            return _ABSOLUTE, write_stamp(validity)
        case Enhanced():
            return _ENHANCED, _write_enhanced(validity)
    return _RELATIVE, bytes((relative(validity),))


def _write_enhanced(validity: Enhanced) -> bytes:
    indicator = _SINGLE_SHOT if validity.single_shot else 0
    seconds = validity.seconds
    if seconds is None:
        value = b""
    elif 1 <= seconds <= 255:
        indicator, value = indicator | _AS_SECONDS, bytes((seconds,))
    elif 0 < seconds < 100 * HOUR:
        clock = f"{seconds // HOUR:02}{seconds // MINUTE % 60:02}{seconds % 60:02}"
        indicator, value = indicator | _AS_CLOCK, primitives.to_semi_octets(clock)
    else:
        indicator, value = indicator | _AS_RELATIVE, bytes((relative(seconds),))
    return (bytes((indicator,)) + value).ljust(LENGTH, b"\0")


def read_validity(first: int, octets: Octets) -> Validity:
    """The validity that the first octet of a SUBMIT announces; None if there is none, or none that makes sense."""
    match first & FORMAT_BITS:
        case 0x10:
            return relative_seconds(octets.octet("TP-VP"))
        case 0x18:
            return read_stamp(octets.take(LENGTH, "TP-VP"))
        case 0x08:
            return _read_enhanced(octets.take(LENGTH, "TP-VP"))
    return None


def _read_enhanced(value: bytes) -> Enhanced:
    shot = bool(value[0] & _SINGLE_SHOT)
    match value[0] & 0x07:
        case 1:
            return Enhanced(relative_seconds(value[1]), shot)
        case 2 if value[1]:
            return Enhanced(value[1], shot)
        case 3:
            clock = primitives.from_semi_octets(value[1:4])
            if len(clock) == 6 and clock.isdecimal():
                return Enhanced(int(clock[:2]) * HOUR + int(clock[2:4]) * MINUTE + int(clock[4:]), shot)
    return Enhanced(None, shot)
