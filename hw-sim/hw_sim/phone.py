"""A simulated phone: what one number has received, long messages put together, read from the air log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hw_sim.air_log import AirEntry, AirOutcome, read_entries
from hw_sim.inotify import CREATE, MODIFY, Inotify


@dataclass(frozen=True, slots=True)
class Received:
    """One message on a phone."""

    t: float
    """When its last segment came, real unix seconds."""
    modem: int
    text: str


class Phone:
    """The phone with one number."""

    def __init__(self, number: str) -> None:
        self._number = bare(number)
        self._segments: dict[tuple[int, int | None, int], dict[int, AirEntry]] = {}

    def receive(self, entries: Iterable[AirEntry]) -> Iterator[Received]:
        """Take what was on the air, give the messages that are complete by it."""
        for entry in entries:
            if bare(entry.to) != self._number or entry.outcome == AirOutcome.REJECTED:
                continue
            if entry.parts == 1:
                yield Received(entry.t, entry.modem, joined([entry.text]))
                continue
            key = (entry.modem, entry.ref, entry.parts)
            segments = self._segments.setdefault(key, {})
            segments[entry.part] = entry
            if len(segments) == entry.parts:
                del self._segments[key]
                yield Received(entry.t, entry.modem, joined([segments[part].text for part in sorted(segments)]))


def bare(number: str) -> str:
    """A number without what people put around its digits."""
    return "".join(character for character in number if character not in "+ -()")


def joined(texts: list[str]) -> str:
    """Join segments; a surrogate pair cut in two is whole again, as on a phone that joins before it decodes."""
    return "".join(texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def follow(path: Path) -> Iterator[list[AirEntry]]:
    """Give the entries of an air log as they are written, from its beginning, for ever; raises OSError, BadAirLog."""
    changes = Inotify(blocking=True)
    changes.watch(path.parent, CREATE, lambda: None)
    while not path.exists():
        changes.dispatch()
    changes.watch(path, MODIFY, lambda: None)
    with path.open("rb") as file:
        rest = b""
        while True:
            *lines, rest = (rest + file.read()).split(b"\n")
            yield read_entries(lines)
            changes.dispatch()
