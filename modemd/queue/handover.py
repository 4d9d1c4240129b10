"""What was handed to modems, for the daemon that comes after a ``kill -9``.

The barrier marks a segment on disk before its Ctrl-Z is written; a daemon that is killed between the two leaves a
segment marked that no modem has. This file tells the two apart: a segment is noted here in the same turn of the loop
in which its Ctrl-Z is written, in microseconds, for nothing waits for the disk. What a process has written outlives
it in the kernel's memory, but not the kernel; so the file counts only within the boot in which it was begun, and
after a power cut everything that was marked is uncertain.

What a modem has answered is noted too, before anything else is said to it: so the next daemon knows what its
predecessor had not come to write down, and that an error which comes late answers a Ctrl-Z and nothing else.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from modemd.errors import StorageError
from modemd.queue.matching import UNKNOWN
from modemd.queue.rows import Handed
from modemd.values import Outcome, Verdict

_SLOT = struct.Struct("<QQ8sq")
"""The segment a SIM was handed last: id of the message, number of the segment, mark of the port, its answer."""
_NOTHING = (0, 0, bytes(8))
_OWED = -1000
"""As an answer: none has come, and nothing but Ctrl-Z has been said that could be answered."""
_DOUBTFUL = -1001
"""As an answer: none that settles it; something else has been said since."""
_FORM = "2 "
_HEADER_SIZE = 64
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Handover:
    """The file of a running daemon: one slot for each SIM that it has sent through."""

    def __init__(self, path: Path, boot: str) -> None:
        """Begin it anew; raises OSError."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.pwrite(self._file, _header(boot).ljust(_HEADER_SIZE, b"\0"), 0)
        self._slots: dict[str, int] = {}
        self._last: dict[str, tuple[int, int, bytes]] = {}
        self._owed: dict[bytes, int] = {}

    def keep(self, handed: Handed, port: bytes) -> None:
        """An earlier daemon handed this segment over at this port, and its answer may still come."""
        self._owed[port] = handed.at
        self._write(handed.sim, (handed.message, handed.part, port), _DOUBTFUL)

    def owes(self, port: str) -> int | None:
        """When an earlier daemon handed over at this port what is still unanswered; None if it did not."""
        return self._owed.get(mark(port))

    def note(self, sim: str, message: int, part: int, port: bytes) -> None:
        """The Ctrl-Z of this segment is about to be written; raises StorageError, and then it must not be."""
        self._write(sim, (message, part, port), _OWED)

    def answered(self, sim: str, message: int, part: int, outcome: Outcome) -> None:
        """What has become of this segment; nothing else was said to its modem yet. Raises StorageError."""
        segment = self._last.get(sim, _NOTHING)
        if segment[:2] != (message, part) or outcome.code == "stopped":
            return  # it was never handed over, or nothing will be said to its modem any more
        if outcome.verdict is Verdict.ACCEPTED:
            self._write(sim, segment, UNKNOWN if outcome.reference is None else outcome.reference)
        elif outcome.verdict is Verdict.UNCERTAIN:
            self._write(sim, segment, _DOUBTFUL)
        else:
            self._write(sim, _NOTHING, _DOUBTFUL)

    def _write(self, sim: str, segment: tuple[int, int, bytes], answer: int) -> None:
        slot = self._slots.setdefault(sim, _HEADER_SIZE + _SLOT.size * len(self._slots))
        self._last[sim] = segment
        try:
            os.pwrite(self._file, _SLOT.pack(*segment, answer), slot)
        except OSError as error:
            raise StorageError(f"a message cannot be handed over ({error.strerror})", cure="free disk space") from None

    def close(self) -> None:
        """The daemon ends; what the file says stays."""
        os.close(self._file)


def mark(port: str) -> bytes:
    """A port in eight octets, so that a slot has one size."""
    return blake2b(port.encode(), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier daemon left: of each SIM the segment, as (message, number), that it was handed last."""

    ports: dict[tuple[int, int], bytes]
    """Each with the mark of the port."""
    accepted: dict[tuple[int, int], int]
    """Those of which the modem had said so, each with its TP-MR."""
    owed: frozenset[tuple[int, int]]
    """Those of which it had said nothing, and nothing else was said to it."""


def read(path: Path, boot: str) -> Left | None:
    """What was handed over last; None where nothing can be told."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if not boot or content[:_HEADER_SIZE].rstrip(b"\0") != _header(boot):
        return None
    slots = content[_HEADER_SIZE:]
    whole = slots[: len(slots) // _SLOT.size * _SLOT.size]
    slot = [((message, part), port, answer) for message, part, port, answer in _SLOT.iter_unpack(whole) if message]
    return Left(
        {segment: port for segment, port, _ in slot},
        {segment: answer for segment, _, answer in slot if answer >= UNKNOWN},
        frozenset(segment for segment, _, answer in slot if answer == _OWED),
    )


def _header(boot: str) -> bytes:
    return (_FORM + boot).encode()


def this_boot() -> str:
    """What the kernel calls the time since it was started; empty where it does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""
