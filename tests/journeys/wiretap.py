"""Lines between a daemon and a bank that see every byte and can strike at exactly one.

The bank's side stays open for ever, as a modem's does. The daemon's side is a pty, where what the modem says while
nobody listens waits in the terminal's buffer, or a TCP port, where it is lost, as with a serial server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hw_sim.inotify import Inotify
from hw_sim.ports import PtyPort, TcpPort


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the dialogue of a message."""

    name: str
    from_modem: bool
    """Whether the modem says it, or the daemon."""
    pattern: re.Pattern[bytes]
    after: bool
    """Strike when the other side has it, or just before that."""


def _modem(name: str, pattern: bytes, *, after: bool = True) -> Point:
    return Point(name, True, re.compile(pattern), after)


def _daemon(name: str, pattern: bytes) -> Point:
    return Point(name, False, re.compile(pattern), True)


POINTS = (
    _daemon("before the prompt", rb"\+CMGS=\d+\r"),
    _modem("with the prompt on its way", rb"\r\n> ", after=False),
    _modem("after the prompt", rb"\r\n> "),
    _daemon("inside the PDU", rb"(?<![0-9A-F])[0-9A-F]{20}"),
    _daemon("after Ctrl-Z", rb"\x1a"),
    _modem("with the answer on its way", rb"\r\n\+CMGS", after=False),
    _modem("after +CMGS:", rb"\r\n\+CMGS: \d+\r\n"),
    _modem("after OK", rb"\r\n\+CMGS: \d+\r\n\r\nOK\r\n"),
)
"""Where a daemon is killed in the middle of a message."""


class Side(Protocol):
    """The daemon's side of a line."""

    received: Callable[[bytes], None]

    def write(self, data: bytes) -> None:
        """Let the daemon read it."""

    def close(self) -> None:
        """Take it away."""


@dataclass(slots=True)
class _Trap:
    point: Point
    skip: int
    strike: Callable[[], None]
    struck: Future[None]


class Line:
    """One tapped line."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bank: str, side: Side) -> None:
        self._loop = loop
        self._side = side
        self._bank = os.open(bank, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._trap: _Trap | None = None
        self._seen = {True: b"", False: b""}
        side.received = lambda data: self._pass(data, from_modem=False)
        loop.add_reader(self._bank, lambda: self._pass(os.read(self._bank, 65536), from_modem=True))

    def set(self, trap: _Trap) -> None:
        """Strike once, when the point has been passed ``skip`` times."""
        self._trap = trap
        self._seen = {True: b"", False: b""}

    def _pass(self, data: bytes, *, from_modem: bool) -> None:
        trap = self._trap
        if trap is None or trap.point.from_modem is not from_modem:
            self._hand_on(data, from_modem)
            return
        before, seen = len(self._seen[from_modem]), self._seen[from_modem] + data
        found = trap.point.pattern.search(seen)
        if found is None:
            self._seen[from_modem] = seen[-512:]
            self._hand_on(data, from_modem)
        elif trap.skip:
            trap.skip -= 1
            self._seen[from_modem] = b""
            self._hand_on(seen[before : found.end()], from_modem)
            if seen[found.end() :]:
                self._pass(seen[found.end() :], from_modem=from_modem)
        else:
            self._spring(trap, seen, before, found)

    def _spring(self, trap: _Trap, seen: bytes, before: int, found: re.Match[bytes]) -> None:
        """What came before the point goes on, then the blow falls; what a modem says after it, it says to nobody."""
        self._trap = None
        cut = max(before, found.end() if trap.point.after else found.start())
        self._hand_on(seen[before:cut], trap.point.from_modem)
        trap.strike()
        if trap.point.from_modem:
            self._hand_on(seen[cut:], from_modem=True)
        trap.struck.set_result(None)

    def _hand_on(self, data: bytes, from_modem: bool) -> None:
        if not data:
            return
        if from_modem:
            self._side.write(data)
        else:
            os.write(self._bank, data)

    def close(self) -> None:
        """Let both sides go."""
        self._loop.remove_reader(self._bank)
        os.close(self._bank)
        self._side.close()


class Wiretap:
    """All lines of a bank, on a loop and in a thread of their own."""

    def __init__(self, bank_ports: list[str], folder: Path, *, tcp: bool = False) -> None:
        self._bank_ports = bank_ports
        self._folder = folder
        self._tcp = tcp
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wiretap", daemon=True)
        self._lines: list[Line] = []
        self._watcher = Inotify()
        self.ports: list[str] = []
        """What the daemon is given as its modems."""

    def open(self) -> None:
        """Put the lines there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    async def _open(self) -> None:
        self._loop.add_reader(self._watcher.fileno(), self._watcher.dispatch)
        for index, bank in enumerate(self._bank_ports):
            self._lines.append(Line(self._loop, bank, await self._side(index)))

    async def _side(self, index: int) -> Side:
        if not self._tcp:
            link = self._folder / f"line{index}"
            self.ports.append(str(link))
            return PtyPort(self._loop, link, self._watcher)
        number = _free_port()
        self.ports.append(f"socket://127.0.0.1:{number}")
        side = TcpPort("127.0.0.1", number)
        await side.open()
        return side

    def trap(self, line: int, point: Point, strike: Callable[[], None], *, skip: int = 0) -> Future[None]:
        """Call ``strike`` at a point of the dialogue; the future is done when it has been called."""
        struck: Future[None] = Future()
        trap = _Trap(point, skip, strike, struck)
        self._loop.call_soon_threadsafe(self._lines[line].set, trap)
        return struck

    def close(self) -> None:
        """Take the lines away."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        for line in self._lines:
            line.close()
        self._loop.remove_reader(self._watcher.fileno())
        self._watcher.close()


@contextlib.contextmanager
def tapped(bank_ports: list[str], folder: Path, *, tcp: bool = False) -> Iterator[Wiretap]:
    """Tapped lines to a bank, for a while."""
    tap = Wiretap(bank_ports, folder, tcp=tcp)
    tap.open()
    try:
        yield tap
    finally:
        tap.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def after_a_moment(seconds: float, strike: Callable[[], None]) -> Callable[[], None]:
    """The same blow a little later: between two bytes lies what the daemon does with them."""

    def late() -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:  # shorter than a sleep can be
            pass
        strike()

    return late
