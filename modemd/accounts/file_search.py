"""Searches files for words in a child process: the daemon's loop and its interpreter lock belong to the modems.

The words pass through a pipe, never through arguments, environment or files, and what comes back is names of files.
The child has the lowest priority, may take so much time and memory and no more, leaves no core, and ends as soon as
its standard input does, so it outlives no daemon, not even a killed one.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from modemd import log
from modemd.accounts.search import Septets, Wanted, files

LIMIT_S = 300.0
"""Seconds that a search may take: 20 GB on a machine with nothing else to do."""
GRACE_S = 30.0
"""Seconds more for a child to say how far it came; then it is killed."""
MEMORY = 1 << 29
"""Octets of address space: the words of an account with long texts take 50 MB in all their forms."""
TRIES = 3
"""Times that a child is started that does not come to its end."""
LEAST = 7
"""Octets of a form. Sealed data is random: in 1 GB of it a thousand forms of six octets are met by chance once in 300
searches, of seven once in 70,000."""
VARIETY = 3
"""Different octets in a form: zeros, blanks and rulers stand in any file."""
MOST_NAMED = 20
"""Files that are named; whoever has cured those searches again."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where to search."""

    paths: Sequence[Path]
    """Files, and folders with all that is in them."""
    left_out: Sequence[Path] = ()
    """Files among them that are not searched: what the operator has written himself."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search has found."""

    found: list[str] = field(default_factory=list)
    """Files in which a word stands, or whose name holds one: that much of it is left out."""
    unreadable: list[str] = field(default_factory=list)
    """What was not searched: it could not be read, or the time was up."""


class FileSearch:
    """Runs searches. ``places`` is asked for each, in a thread."""

    def __init__(self, places: Callable[[], Places], septets: Septets, limit_s: float = LIMIT_S) -> None:
        self._places = places
        self._septets = septets
        self._limit_s = limit_s

    async def search(self, words: Sequence[str]) -> Findings | None:
        """What is found of these words; None if no search came to its end, which is in the log."""
        for _ in range(TRIES):
            try:
                order = await asyncio.to_thread(self._order, words)
                async with asyncio.timeout(self._limit_s + GRACE_S):
                    answer = await _ask(order)
            except TimeoutError:
                log.event("search.hung", level="WARNING")
                return None
            except OSError as error:
                log.failed("search.failed", error, level="WARNING")
                continue
            if answer.endswith(b"\n"):
                return Findings(**orjson.loads(answer))
            log.event("search.died", level="WARNING")
        return None

    def _order(self, words: Sequence[str]) -> bytes:
        places = self._places()
        order = {
            "limit_s": self._limit_s,
            "paths": [str(path) for path in places.paths],
            "left_out": [str(path) for path in places.left_out],
            "words": [[word, None if (found := self._septets(word)) is None else list(found)] for word in words],
        }
        return json.dumps(order).encode()  # orjson knows no names of files that are no UTF-8


async def _ask(order: bytes) -> bytes:
    """One child's answer, empty if it dies; it does not outlive this."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, close_fds=True
    )
    try:
        return await _exchange(child, order)
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())


async def _exchange(child: Process, order: bytes) -> bytes:
    """Standard input stays open as long as the answer is wanted."""
    if child.stdin is None or child.stdout is None:
        return b""
    child.stdin.write(order + b"\n")
    with suppress(ConnectionError):
        await child.stdin.drain()
    return await child.stdout.read()


class _TimeIsUp(Exception):
    """Raised by the alarm."""


def look(order: dict[str, Any]) -> Findings:
    """Search as ordered, until the alarm; each file until its first hit."""
    septets = dict(order["words"])
    wanted = Wanted(list(septets), septets.get, LEAST, VARIETY)
    left_out = {Path(path) for path in order["left_out"]}
    findings, path = Findings(), Path("/")

    def refuse(error: OSError) -> None:
        findings.unreadable.append(_named(Path(str(error.filename)), wanted))

    try:
        for path in files(map(Path, order["paths"]), refuse):
            if path not in left_out and _has(path, wanted, refuse):
                findings.found.append(_named(path, wanted))
    except _TimeIsUp:
        findings.unreadable.append(f"{_named(path, wanted)} and what comes after it, the time was up")
    return Findings(_few(findings.found), _few(findings.unreadable))


def _has(path: Path, wanted: Wanted, refuse: Callable[[OSError], None]) -> bool:
    """Whether something wanted is in a file or its name; ``refuse`` is told if that cannot be known."""
    try:
        return wanted.is_in(os.fsencode(path.name)) or next(wanted.in_file(path), None) is not None
    except FileNotFoundError:  # a journal that has gone since it was listed
        return False
    except OSError as error:
        refuse(error)
        return False


def _named(path: Path, wanted: Wanted) -> str:
    """The path, as far as it does not say one of the words itself."""
    told = path
    while wanted.is_in(os.fsencode(told)):
        told = told.parent
    return os.fsencode(told if told == path else told / "…").decode(errors="replace")


def _few(names: Iterable[str]) -> list[str]:
    named = list(dict.fromkeys(names))
    return named if len(named) <= MOST_NAMED else [*named[:MOST_NAMED], f"and {len(named) - MOST_NAMED} more"]


def serve() -> None:
    """The child: an order in, the findings out, as JSON of one line each."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    order = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_the_daemon, daemon=True).start()
    ordered = json.loads(order)
    signal.signal(signal.SIGALRM, _stop_there)
    signal.setitimer(signal.ITIMER_REAL, ordered["limit_s"])
    findings = look(ordered)
    sys.stdout.buffer.write(orjson.dumps(findings) + b"\n")
    sys.stdout.buffer.flush()


def _stop_there(*_: object) -> None:
    raise _TimeIsUp


def _end_with_the_daemon() -> None:
    """The order is read, so what comes next is the end."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):  # Ctrl-C reaches the whole process group
        serve()
    os._exit(0)
