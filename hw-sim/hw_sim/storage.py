"""Records of short messages on a SIM or in a modem's memory (TS 31.102 EF_SMS, TS 27.005 3.2.2).

A deleted record is only marked free: its octets stay until another message takes the place, as on real SIMs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum


class RecordState(IntEnum):
    """The <stat> of +CMGL and +CMGR in PDU mode (TS 27.005 3.1); FREE is EF_SMS's own."""

    FREE = -1
    UNREAD = 0
    READ = 1
    UNSENT = 2
    SENT = 3


@dataclass(slots=True)
class Record:
    """One place of a storage."""

    state: RecordState = RecordState.FREE
    tpdu: bytes = b""
    smsc: str = ""


class Storage:
    """A storage of fixed size; indexes start at *first* (1 nearly everywhere)."""

    def __init__(self, name: str, size: int, first: int = 1) -> None:
        self.name = name
        self.first = first
        self._records = [Record() for _ in range(size)]

    @property
    def total(self) -> int:
        """How many places there are."""
        return len(self._records)

    @property
    def used(self) -> int:
        """How many places are taken."""
        return sum(record.state is not RecordState.FREE for record in self._records)

    def add(self, record: Record) -> int | None:
        """Put a message in the first free place and give its index; None if there is none."""
        for index, place in enumerate(self._records):
            if place.state is RecordState.FREE:
                self._records[index] = record
                return index + self.first
        return None

    def get(self, index: int) -> Record | None:
        """Give the record at an index; None where there is no such place."""
        place = index - self.first
        return self._records[place] if 0 <= place < len(self._records) else None

    def taken(self) -> Iterator[tuple[int, Record]]:
        """Give the taken places in order of their index."""
        for index, record in enumerate(self._records, self.first):
            if record.state is not RecordState.FREE:
                yield index, record

    def delete(self, index: int) -> bool:
        """Mark a place free, leaving its octets; False where there is no such place."""
        record = self.get(index)
        if record is None:
            return False
        record.state = RecordState.FREE
        return True

    def remnants(self) -> bytes:
        """Give every octet that the storage holds, deleted messages included, as a reader of the chip would find it."""
        return b"".join(record.tpdu for record in self._records)

    def fill(self, tpdu: bytes, smsc: str, leave: int = 0) -> None:
        """Take all places but *leave* with copies of one read message."""
        while self.total - self.used > leave:
            self.add(Record(RecordState.READ, tpdu, smsc))
