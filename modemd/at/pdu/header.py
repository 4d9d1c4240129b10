"""The user data header: concatenation, ports, national tables (TS 23.040 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modemd.errors import PduError

CONCAT_8, PORTS_8, PORTS_16, CONCAT_16, SINGLE, LOCKING = 0x00, 0x04, 0x05, 0x08, 0x24, 0x25
"""Information element identifiers that are read and written here."""
MAX_SEGMENTS = 255
"""The sequence number of a segment is one octet (TS 23.040 9.2.3.24.1)."""


@dataclass(frozen=True, slots=True)
class Concat:
    """This is segment ``number`` of ``total``; they belong together by ``reference`` (and by its width)."""

    reference: int
    total: int
    number: int
    wide: bool = False
    """A 16-bit reference instead of an 8-bit one."""

    def element(self) -> bytes:
        """The information element."""
        tail = bytes((self.total, self.number))
        if self.wide:
            return bytes((CONCAT_16, 4)) + (self.reference & 0xFFFF).to_bytes(2, "big") + tail
        return bytes((CONCAT_8, 3, self.reference & 0xFF)) + tail


@dataclass(frozen=True, slots=True)
class Ports:
    """Application ports (TS 23.040 9.2.3.24.3 and .4)."""

    destination: int
    source: int = 0
    wide: bool = True
    """16-bit port numbers instead of 8-bit ones."""

    def element(self) -> bytes:
        """The information element. PduError if a port does not fit."""
        width = 2 if self.wide else 1
        if not 0 <= max(self.destination, self.source) < 1 << 8 * width or min(self.destination, self.source) < 0:
            raise PduError("ports", 0, f"a port number of {8 * width} bits expected")
        value = self.destination.to_bytes(width, "big") + self.source.to_bytes(width, "big")
        return bytes((PORTS_16 if self.wide else PORTS_8, len(value))) + value


@dataclass(frozen=True, slots=True)
class Header:
    """What a user data header says; all of it is optional."""

    concat: Concat | None = None
    ports: Ports | None = None
    single: int | None = None
    """National language identifier of the single shift table."""
    locking: int | None = None
    """National language identifier of the locking shift table."""
    others: tuple[tuple[int, bytes], ...] = ()
    """Information elements that mean nothing here, as identifier and value."""

    def __bool__(self) -> bool:
        """Whether it says anything: without, no header is written (TP-UDHI)."""
        return self is not NO_HEADER and self != NO_HEADER

    def octets(self) -> bytes:
        """The header with its length octet; nothing if it says nothing. PduError if it is too long."""
        if self is NO_HEADER:
            return b""
        elements = b"".join(element.element() for element in (self.concat, self.ports) if element)
        for identifier, value in self._plain_elements():
            elements += bytes((identifier, len(value))) + value
        if len(elements) > 139:
            raise PduError("UDH", 0, "a header of more than 140 octets")
        return bytes((len(elements),)) + elements if elements else b""

    def _plain_elements(self) -> list[tuple[int, bytes]]:
        languages = ((SINGLE, self.single), (LOCKING, self.locking))
        return [(code, bytes((language,))) for code, language in languages if language is not None] + list(self.others)


NO_HEADER = Header()


def read_header(elements: bytes) -> Header | None:
    """The header whose information elements are ``elements``.

    None if the last element is cut off: then the whole header is to be ignored (TS 23.040 9.2.3.24). An element of
    impossible length is kept among the others; a concatenation with segment 0 or a segment above the total is ignored
    (9.2.3.24.1). Of several of a kind the last counts (9.2.3.24).
    """
    found: dict[str, Any] = {}
    others: list[tuple[int, bytes]] = []
    at = 0
    while at < len(elements):
        end = at + 2 + elements[at + 1] if at + 1 < len(elements) else len(elements) + 1
        if end > len(elements):
            return None
        identifier, value = elements[at], elements[at + 2 : end]
        at = end
        known = _read_element(identifier, value)
        if known is None:
            others.append((identifier, value))
        else:
            found |= known
    return Header(**found, others=tuple(others))


def _read_element(identifier: int, value: bytes) -> dict[str, Any] | None:
    match identifier, len(value):
        case (0x00, 3) | (0x08, 4):
            concat = Concat(int.from_bytes(value[:-2], "big"), value[-2], value[-1], wide=identifier == CONCAT_16)
            return {"concat": concat} if 1 <= concat.number <= concat.total else {}
        case (0x04, 2) | (0x05, 4):
            half = len(value) // 2
            destination, source = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            return {"ports": Ports(destination, source, wide=identifier == PORTS_16)}
        case 0x24, 1:
            return {"single": value[0]}
        case 0x25, 1:
            return {"locking": value[0]}
    return None
