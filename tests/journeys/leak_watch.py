"""Nothing leaks from the daemon of a journey: what it said, started, wrote and whom it spoke to, judged at the end.

What the daemon did is told by ``watch/sitecustomize.py`` inside it; what is private, by the journey.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

INSIDE = Path(__file__).with_name("watch")
LOOK_S = 5.0

FoundIn = Callable[[bytes], set[str]]
"""Which kinds of private words are in some octets."""


@dataclass(slots=True)
class LeakWatch:
    """What one daemon let out, over all its runs."""

    state_dir: Path
    found_in: FoundIn
    allowed: set[str] = field(default_factory=set)
    """Addresses it may connect to, HOST:PORT, and names it may look up: those of webhooks that a journey has set up."""
    plant: Path | None = None
    """A file of leaks to be planted, for the watch's own test."""
    _seen: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def report(self) -> Path:
        """What the daemon's process noted."""
        return self.state_dir.with_name(f"{self.state_dir.name}.leaks")

    @property
    def environ(self) -> dict[str, str]:
        """What makes a daemon note."""
        homes = [self.state_dir, *(self.state_dir.with_name(f"{self.state_dir.name}.{end}") for end in ("keys", "sim"))]
        return {
            "PYTHONPATH": os.pathsep.join([str(INSIDE), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "LEAK_REPORT": str(self.report),
            "LEAK_HOMES": os.pathsep.join(map(str, [*homes, self.report])),
            **({"LEAK_PLANT": str(self.plant)} if self.plant else {}),
        }

    def look(self, process: int, url: str) -> None:
        """Look at a daemon that is about to end: its metrics, what process listings show, what it holds open."""
        with suppress(httpx.HTTPError):  # it may hang, or be told not to answer: then nobody sees metrics either
            metrics = httpx.get(f"{url}/metrics", timeout=LOOK_S, verify=False).text
            samples = "\n".join(line for line in metrics.splitlines() if not line.startswith("#"))
            self._seen.append(("metric label", samples.encode()))
        for one in _family(process):
            for name in ("cmdline", "comm", "environ"):
                with suppress(OSError):  # it has ended
                    self._seen.append((f"process {name}", Path(f"/proc/{one}/{name}").read_bytes()))
            self._seen += [("open file", content) for content in _deleted(one)]

    def leaks(self) -> list[str]:
        """What leaked, each in a line that does not repeat it."""
        return sorted({leak for leak, found in self._judged() if found})

    def _private(self, octets: bytes) -> bool:
        """Whether something private is in some octets; the names of tests, which stand in every path, are not."""
        named = str(self.state_dir.parent).encode()
        running = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].encode()
        return bool(self.found_in(octets.replace(named, b"").replace(running or named, b"")))

    def _judged(self) -> Iterator[tuple[str, bool]]:
        for kind, octets in self._seen:
            yield kind, self._private(octets)
        for path in (self.report.with_name(f"{self.report.name}.removed")).glob("*"):
            yield "removed file", self._private(path.read_bytes())
        for told in self._told():
            yield from self._judge(told)

    def _judge(self, told: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        match told:
            case {"kind": "connection" | "look-up" as kind, "to": str(to)}:
                yield f"{kind} to {to}", to not in self.allowed
            case {"kind": "unnamed file" | "broken" as kind}:
                yield f"{kind}: {told}", True
            case {"kind": "file", "path": str(path)}:
                if Path(path).is_file():  # else it was removed, and is looked at there, or it is a modem
                    yield f"file {path}", self._private(Path(path).read_bytes())
            case {"kind": str(kind)}:
                yield kind, self._private(json.dumps(told, ensure_ascii=False).encode())

    def _told(self) -> Iterable[dict[str, Any]]:
        if self.report.exists():
            for line in {*self.report.read_text("utf-8").splitlines()}:
                yield json.loads(line)


def _family(process: int) -> list[int]:
    """A process and all it has started."""
    found = [process]
    for one in found:  # grows as it goes
        for task in Path(f"/proc/{one}/task").glob("*"):
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _deleted(process: int) -> Iterator[bytes]:
    """The content of files that a process holds open and that have no name any more."""
    for link in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(OSError):
            if str(link.readlink()).endswith(" (deleted)") and link.is_file():
                yield link.read_bytes()
