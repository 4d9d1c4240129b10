"""What went on the air: one JSON object a line, written when its outcome is known."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import orjson


class BadAirLog(ValueError):
    """A file that is no air log."""


class AirOutcome(StrEnum):
    """What became of one segment, as the network knows it."""

    ACCEPTED = "accepted"
    """The service centre has it, and said so to the host."""
    REJECTED = "rejected"
    """The service centre does not have it."""
    LOST_ANSWER = "lost_answer"
    """The service centre has it, but the host was never told."""


@dataclass(slots=True)
class AirEntry:
    """One segment on the air; the fields are those of the log's lines, times in real unix seconds."""

    t: float
    modem: int
    mr: int
    to: str
    text: str
    part: int
    parts: int
    ref: int | None
    started: float
    ended: float
    outcome: str
    cause: int | str | None
    """The CMS code, or the name of the fault, that rejected it or took its answer."""


class AirLog:
    """The file; a line is in it when `write` returns, so that killing the simulator loses none."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, entry: AirEntry) -> None:
        """Append one line."""
        try:
            line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # half a surrogate pair: no UTF-8, but JSON can escape it
            line = json.dumps(asdict(entry)).encode() + b"\n"
        os.write(self._file, line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_air_log(path: Path) -> list[AirEntry]:
    """Give the entries written so far, oldest first; a line that is still being written is left out.

    A bank that has not begun to write has said nothing yet. Raises OSError, BadAirLog.
    """
    if not path.exists():
        return []
    return read_entries(path.read_bytes().split(b"\n")[:-1])


def read_entries(lines: Iterable[bytes]) -> list[AirEntry]:
    """Read lines of an air log; raises BadAirLog."""
    try:
        return [AirEntry(**json.loads(line)) for line in lines if line]
    except (ValueError, TypeError):
        raise BadAirLog("it holds a line that no hw-sim has written") from None
