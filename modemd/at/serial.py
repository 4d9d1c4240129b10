"""Opens a port (device, pty, ``socket://host:port``) for one reader: exclusively, raw, non-blocking.

pyserial opens and configures; it does so in a thread of its own, because a device that is about to vanish can hold
``open`` and ``close`` for seconds, and one hung port must delay neither the loop nor another port. After that bytes go
by the descriptor alone: pyserial's own read and write use ``select()`` and end at 1,024 descriptors.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import termios
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import serial  # type: ignore[import-untyped]  # pyserial ships no types

from modemd.errors import PortUnusable

READ_SIZE = 4096
CONNECT_S = 5.0
"""A serial server on the local network answers at once or is not there."""
DEFAULT_BAUD = 115_200
"""USB modems ignore it; most serial ones detect it (SIM800 manual) or are set to it."""

T = TypeVar("T")


class Port(Protocol):
    """An open port: a descriptor to watch, and bytes."""

    path: str

    def fileno(self) -> int:
        """The descriptor, non-blocking."""

    def read(self) -> bytes:
        """What has come; ``b""`` or OSError when the port is gone; BlockingIOError when there is nothing."""

    def write(self, data: bytes) -> int:
        """How many octets the port took; BlockingIOError when none now."""

    async def close(self) -> None:
        """Let it go, and the locks with it; never raises."""


class _Quiet(serial.Serial):  # type: ignore[misc]  # pyserial ships no types
    """pyserial throws away what has come before ``open`` returns; a late ``+CMGS`` of a killed daemon may be in it."""

    def _reset_input_buffer(self) -> None:
        """Keep what is there."""


def _empty_is_not_gone(descriptor: int) -> None:
    """With pyserial's VMIN of 0 an empty port reads like one that has gone; with 1 it gives EAGAIN (termios(3))."""
    attributes = termios.tcgetattr(descriptor)
    attributes[6][termios.VMIN] = 1
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


class SerialPort:
    """A device or a pty."""

    def __init__(self, path: str, baud: int = DEFAULT_BAUD) -> None:
        """Open it; blocks. Raises OSError, or SerialException, which is one."""
        self.path = path
        self._serial = _Quiet(path, baud, exclusive=True)  # flock; raises when another program has it
        self._descriptor: int = self._serial.fileno()
        _empty_is_not_gone(self._descriptor)
        fcntl.ioctl(self._descriptor, termios.TIOCEXCL)  # nobody but root can open it any more

    def fileno(self) -> int:
        """The descriptor, non-blocking."""
        return self._descriptor

    def read(self) -> bytes:
        """What has come; ``b""`` or OSError when the port is gone."""
        return os.read(self._descriptor, READ_SIZE)

    def write(self, data: bytes) -> int:
        """How many octets the port took."""
        return os.write(self._descriptor, data)

    async def close(self) -> None:
        """Let it go in a thread: a driver may hold ``close`` until what was written has left."""
        await in_thread(self.shut)

    def shut(self) -> None:
        """Let it go; may block."""
        try:
            fcntl.ioctl(self._descriptor, termios.TIOCNXCL)
        except OSError as lost:
            if lost.errno not in {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOTTY}:
                raise  # a port that has gone needs no unlocking
        finally:
            self._serial.close()


class SocketPort:
    """A serial server: ``socket://host:port``."""

    def __init__(self, path: str, connection: socket.socket) -> None:
        self.path = path
        self._socket = connection

    def fileno(self) -> int:
        """The descriptor, non-blocking."""
        return self._socket.fileno()

    def read(self) -> bytes:
        """What has come; ``b""`` when the server hung up."""
        return self._socket.recv(READ_SIZE)

    def write(self, data: bytes) -> int:
        """How many octets the port took."""
        return self._socket.send(data)

    async def close(self) -> None:
        """Hang up."""
        self._socket.close()


async def open_port(path: str, baud: int = DEFAULT_BAUD) -> Port:
    """Open ``path`` for us alone; raises PortUnusable with the reason, who holds it if known, and the cure."""
    if path.startswith("socket://"):
        return await _connect(path)
    if not _exists(path):
        raise _missing(path)
    try:
        return await in_thread(lambda: SerialPort(path, baud), unwanted=SerialPort.shut)
    except (OSError, ValueError) as failure:
        reason = failure
    raise await in_thread(lambda: _explain(path, reason))


async def _connect(path: str) -> SocketPort:
    address = urlsplit(path)
    try:
        if not address.hostname or not address.port:
            raise ValueError("no host or no port")
        async with asyncio.timeout(CONNECT_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                address.hostname, address.port, type=socket.SOCK_STREAM
            )
            family, kind, protocol, _, endpoint = found[0]
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await asyncio.get_running_loop().sock_connect(connection, endpoint)
            except BaseException:
                connection.close()
                raise
    except ValueError:
        raise PortUnusable(f"{path} is no address", cure="write socket://host:port", code="port_name") from None
    except (OSError, TimeoutError):
        raise PortUnusable(
            f"nothing answers at {path}", cure="check that the serial server runs and its address", code="port_missing"
        ) from None
    return SocketPort(path, connection)


def _explain(path: str, reason: Exception) -> PortUnusable:
    number = getattr(reason, "errno", None)
    if number in {errno.ENOENT, errno.ENXIO, errno.ENODEV}:
        return _missing(path)
    if number in {errno.EACCES, errno.EPERM}:
        cure = f"add the daemon's user to the group that owns it: usermod -aG {_group(path)} USER"
        return PortUnusable(f"{path} may not be opened", cure=cure, code="port_permission")
    if number in {errno.EBUSY, errno.EAGAIN}:
        return _busy(path)
    return PortUnusable(
        f"{path} cannot be opened ({errno.errorcode.get(number or 0, type(reason).__name__)})",
        cure="check that it is a serial port",
    )


def _exists(path: str) -> bool:
    """Asked again and again while a modem is unplugged: a look into /dev is worth no thread."""
    return os.path.exists(path)


def _missing(path: str) -> PortUnusable:
    cure = "plug the modem in, or correct the port"
    return PortUnusable(f"{path} does not exist", cure=cure, code="port_missing")


def _busy(path: str) -> PortUnusable:
    from modemd.at.holders import cure_for, holder_of  # reads /proc: only when it is needed

    program = holder_of(path)
    held = f"{path} is held by {program}" if program else f"{path} is held by another program"
    return PortUnusable(held, cure=cure_for(program), code="port_busy")


def _group(path: str) -> str:
    import grp  # a long file of groups: only when it is needed

    try:
        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


async def in_thread(work: Callable[[], T], *, unwanted: Callable[[T], None] | None = None) -> T:
    """Run ``work`` in a daemon thread of its own: unlike a pool's, a hung one holds up nobody, nor the exit.

    ``unwanted`` gets the result if nobody waits for it any more.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def fail(error: BaseException) -> None:
        if not result.done():
            result.set_exception(error)

    def settle(value: T) -> None:
        if not result.done():
            result.set_result(value)
        elif unwanted is not None:
            unwanted(value)

    def run() -> None:
        try:
            value = work()
        except BaseException as error:
            _tell(loop, fail, error)
        else:
            if not _tell(loop, settle, value) and unwanted is not None:
                unwanted(value)

    threading.Thread(target=run, name="modemd-port", daemon=True).start()
    return await result


def _tell(loop: asyncio.AbstractEventLoop, hear: Callable[[T], None], value: T) -> bool:
    """Hand ``value`` to the loop; False where the loop has ended meanwhile."""
    try:
        loop.call_soon_threadsafe(hear, value)
    except RuntimeError:
        return False
    return True
