"""Where a modem's bytes meet a host: a pty behind a symbolic link, or a TCP port."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from hw_sim.inotify import CLOSE_NOWRITE, CLOSE_WRITE, Inotify

MOST_UNREAD = 65536
"""Octets kept for a host that does not read; what comes after is lost, as in a full UART buffer."""


class Port(Protocol):
    """A way in and out of a modem."""

    received: Callable[[bytes], None]

    def write(self, data: bytes) -> None:
        """Let the host read it."""

    def close(self) -> None:
        """Take the port away."""


class Outlet:
    """Writes to a descriptor that does not block, keeping what it does not take yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._unread = bytearray()
        self.closed = False

    def write(self, data: bytes) -> None:
        """Write now what can be written now; after the end, nothing."""
        if self.closed:
            return
        if self._unread:
            self._unread += data[: MOST_UNREAD - len(self._unread)]
            return
        try:
            written = os.write(self._descriptor, data)
        except BlockingIOError:
            written = 0
        except OSError:  # the port is going away
            return
        if written < len(data):
            self._unread += data[written:]
            self._loop.add_writer(self._descriptor, self._flush)

    def _flush(self) -> None:
        try:
            written = os.write(self._descriptor, self._unread)
        except BlockingIOError:
            return
        except OSError:
            self._unread.clear()
        else:
            del self._unread[:written]
        if not self._unread:
            self._loop.remove_writer(self._descriptor)


class PtyPort:
    """A pseudo-terminal in raw mode.

    The slave stays open here, so that a host may close it, die and come back, as with a real serial port; what the
    modem says meanwhile waits in the terminal's buffer. A host's TIOCEXCL would outlive it for the same reason:
    whenever somebody closes the port, it is taken off again.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Path, watcher: Inotify) -> None:
        self.received: Callable[[bytes], None] = lambda _: None
        self._links = [link]
        self._loop = loop
        self._watcher = watcher
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        os.set_inheritable(self._master, False)
        name = os.ttyname(self._slave)
        self._outlet = Outlet(loop, self._master)
        self._watch = watcher.watch(name, CLOSE_WRITE | CLOSE_NOWRITE, self._closed_by_host)
        self._name = name
        place_link(link, name)
        loop.add_reader(self._master, self._readable)
        self.write = self._outlet.write

    def also_at(self, link: Path) -> None:
        """Have a second link."""
        self._links.append(link)
        place_link(link, self._name)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        if data:
            self.received(data)

    def _closed_by_host(self) -> None:
        fcntl.ioctl(self._slave, termios.TIOCNXCL)

    def close(self) -> None:
        """Take the port away; a host that has it open reads end of file."""
        self._watcher.forget(self._watch)
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        self._outlet.closed = True
        for link in self._links:
            with contextlib.suppress(FileNotFoundError):
                link.unlink()
        os.close(self._slave)
        os.close(self._master)


def place_link(link: Path, target: str) -> None:
    """Make a symbolic link, in place of one that an earlier simulator left; raises FileExistsError otherwise."""
    if link.exists() and not link.is_symlink():
        raise FileExistsError(f"{link} is in the way")
    fresh = link.with_name(f".{link.name}.new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    fresh.symlink_to(target)
    fresh.rename(link)


class TcpPort:
    """A TCP port for one host at a time, as a serial device server; a later host takes over."""

    def __init__(self, host: str, port: int) -> None:
        self.received: Callable[[bytes], None] = lambda _: None
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connection: asyncio.Transport | None = None

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _TcpLine(self), self._host, self._port)

    def write(self, data: bytes) -> None:
        """Let the connected host read it; with none, it is lost."""
        if self._connection is not None and self._connection.get_write_buffer_size() < MOST_UNREAD:
            self._connection.write(data)

    def drop(self) -> None:
        """Drop the connected host."""
        if self._connection is not None:
            self._connection.abort()

    def connected(self, connection: asyncio.Transport) -> None:
        """A host has come."""
        if self._connection is not None:
            self._connection.abort()
        self._connection = connection

    def disconnected(self, connection: asyncio.Transport) -> None:
        """A host has gone."""
        if self._connection is connection:
            self._connection = None

    def close(self) -> None:
        """Stop listening and drop the host."""
        if self._server is not None:
            self._server.close()
        if self._connection is not None:
            self._connection.abort()


class _TcpLine(asyncio.Protocol):
    def __init__(self, port: TcpPort) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._port.connected(self._transport)

    def data_received(self, data: bytes) -> None:
        self._port.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._port.disconnected(self._transport)
