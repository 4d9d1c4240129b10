"""TP-Data-Coding-Scheme: which alphabet, which class, which lamp to light (TS 23.038 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from modemd.errors import PduError

_GSM7_BITS, _DATA_BITS, _UCS2_BITS = 0x00, 0x04, 0x08
_HAS_CLASS = 0x10
_COMPRESSED = 0x20
_AUTO_DELETE = 0x40


class Alphabet(StrEnum):
    """How user data is coded."""

    GSM7 = "gsm7"
    """7-bit septets, packed."""
    DATA = "data"
    """Octets that are no text."""
    UCS2 = "ucs2"
    """UTF-16BE in practice, emoji included."""


class MessageClass(IntEnum):
    """Where the phone puts the message (TS 23.038 4)."""

    FLASH = 0
    """Shown at once, not stored."""
    ME = 1
    """The phone's own memory."""
    SIM = 2
    TE = 3
    """The device behind the phone."""


class Waiting(IntEnum):
    """What is waiting (TS 23.038 4, message waiting indication groups)."""

    VOICEMAIL = 0
    FAX = 1
    EMAIL = 2
    OTHER = 3


_BITS = {Alphabet.GSM7: _GSM7_BITS, Alphabet.DATA: _DATA_BITS, Alphabet.UCS2: _UCS2_BITS}
_ALPHABETS = (Alphabet.GSM7, Alphabet.DATA, Alphabet.UCS2, Alphabet.GSM7)  # 11 is reserved: read as the default
_WAITING_GROUPS = {0xC0: (Alphabet.GSM7, False), 0xD0: (Alphabet.GSM7, True), 0xE0: (Alphabet.UCS2, True)}


@dataclass(frozen=True, slots=True)
class DataCoding:
    """A data coding scheme, read."""

    alphabet: Alphabet = Alphabet.GSM7
    message_class: MessageClass | None = None
    compressed: bool = False
    auto_delete: bool = False
    waiting: Waiting | None = None
    active: bool = False
    """Whether the waiting indication is switched on, rather than off."""
    store: bool = True
    """False where the text of a waiting indication may be thrown away."""

    def octet(self) -> int:
        """The octet that says this. PduError if none can."""
        if self.waiting is not None:
            return self._waiting_octet(self.waiting)
        flags = (_COMPRESSED if self.compressed else 0) | (_AUTO_DELETE if self.auto_delete else 0)
        if self.message_class is not None:
            flags |= _HAS_CLASS | self.message_class
        return _BITS[self.alphabet] | flags

    def _waiting_octet(self, waiting: Waiting) -> int:
        for group, meaning in _WAITING_GROUPS.items():
            if meaning == (self.alphabet, self.store):
                return group | (0x08 if self.active else 0) | waiting
        raise PduError("TP-DCS", 0, "no waiting indication can say this alphabet with this storage")


PLAIN_TEXT = DataCoding()
"""The default alphabet, and nothing special."""


def read_coding(octet: int) -> DataCoding:
    """What ``octet`` says; reserved values are the default alphabet (TS 23.038 4)."""
    group = octet & 0xF0
    if group < 0x80:
        return DataCoding(
            alphabet=_ALPHABETS[octet >> 2 & 3],
            message_class=MessageClass(octet & 3) if octet & _HAS_CLASS else None,
            compressed=bool(octet & _COMPRESSED),
            auto_delete=bool(octet & _AUTO_DELETE),
        )
    if group in _WAITING_GROUPS:
        alphabet, store = _WAITING_GROUPS[group]
        return DataCoding(alphabet, waiting=Waiting(octet & 3), active=bool(octet & 0x08), store=store)
    if group == 0xF0:
        return DataCoding(Alphabet.DATA if octet & 0x04 else Alphabet.GSM7, MessageClass(octet & 3))
    return PLAIN_TEXT
