"""What was handed to modems, for the daemon that comes after a ``kill -9``.

The barrier marks a segment on disk before its Ctrl-Z is written; a daemon that is killed between the two leaves a
segment marked that no modem has. This file tells the two apart: a segment is noted here in the same turn of the loop
in which its Ctrl-Z is written, in microseconds, for nothing waits for the disk. What a process has written outlives
it in the kernel's memory, but not the kernel; so the file counts only within the boot in which it was begun, and
after a power cut everything that was marked is uncertain.
"""

from __future__ import annotations

import os
import struct
from hashlib import blake2b
from pathlib import Path

from modemd.errors import StorageError
from modemd.queue.rows import Handed

_SLOT = struct.Struct("<QQ8s")
"""The segment a SIM was handed last: id of the message, number of the segment, mark of the port."""
_HEADER_SIZE = 64
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Handover:
    """The file of a running daemon: one slot for each SIM that it has sent through."""

    def __init__(self, path: Path, boot: str) -> None:
        """Begin it anew; raises OSError."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.pwrite(self._file, boot.encode().ljust(_HEADER_SIZE, b"\0"), 0)
        self._slots: dict[str, int] = {}
        self._owed: dict[bytes, int] = {}

    def keep(self, handed: Handed, port: bytes) -> None:
        """An earlier daemon handed this segment over at this port, and its answer may still come."""
        self._owed[port] = handed.at
        self.note(handed.sim, handed.message, handed.part, port)

    def owes(self, port: str) -> int | None:
        """When an earlier daemon handed over at this port what is still unanswered; None if it did not."""
        return self._owed.get(mark(port))

    def note(self, sim: str, message: int, part: int, port: bytes) -> None:
        """The Ctrl-Z of this segment is about to be written; raises StorageError, and then it must not be."""
        slot = self._slots.setdefault(sim, _HEADER_SIZE + _SLOT.size * len(self._slots))
        try:
            os.pwrite(self._file, _SLOT.pack(message, part, port), slot)
        except OSError as error:
            raise StorageError(f"a message cannot be handed over ({error.strerror})", cure="free disk space") from None

    def close(self) -> None:
        """The daemon ends; what the file says stays."""
        os.close(self._file)


def mark(port: str) -> bytes:
    """A port in eight octets, so that a slot has one size."""
    return blake2b(port.encode(), digest_size=8).digest()


def read(path: Path, boot: str) -> dict[tuple[int, int], bytes] | None:
    """The segments, as (message, number), that were handed over last, and where; None where nothing can be told."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if not boot or content[:_HEADER_SIZE].rstrip(b"\0") != boot.encode():
        return None
    slots = content[_HEADER_SIZE:]
    whole = slots[: len(slots) // _SLOT.size * _SLOT.size]
    return {(message, part): port for message, part, port in _SLOT.iter_unpack(whole)}


def this_boot() -> str:
    """What the kernel calls the time since it was started; empty where it does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
