"""The control socket: how the command line talks to the daemon.

One request a connection: a line of JSON ``{"verb", "args"}``. The answer is lines of JSON: ``{"data"}`` once for a
verb that answers, many times for one that streams, or ``{"error"}``; last comes ``{"end": true}``. A client that goes
away ends what it asked for. Only the daemon's own user and root are listened to: the directory is closed (0700), the
socket is (0600), and the kernel is asked for the peer's uid.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from modemd import log
from modemd.errors import AlreadyRunning, ConfigError, InvalidField, ModemdError, UsageError
from modemd.state_dir import socket_address

Verb = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]] | AsyncIterator[Mapping[str, Any]]]
"""What a request asks for: answers once, or streams."""

MAX_REQUEST = 1 << 20
"""Octets of a request: 10,000 recipients (the most one call may have) of 20 octets each, and ample room for a text."""

_ALIVE_WITHIN = 1.0
"""Seconds in which another daemon takes a connection; one that is too busy for that counts as running."""


class Control:
    """Listens on the control socket and hands requests to the verbs."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        self._path = path
        self._verbs = verbs
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises AlreadyRunning if another daemon answers there, ConfigError if the path cannot be used."""
        listener = await asyncio.to_thread(_listener, self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_REQUEST)

    async def stop(self) -> None:
        """Stop listening, end every session, take the socket away."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.create_task(self._session(reader, writer))
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if _may_command(writer.get_extra_info("socket")):
                await self._serve(reader, writer)
            else:
                log.event("control.refused", level="WARNING")
        except _Gone:
            log.event("control.gone", level="DEBUG")
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, for as long as its client stays."""
        try:
            verb, args = _request(await reader.readline())
        except ConnectionError as error:
            raise _Gone from error
        except ValueError:
            unread = UsageError("the request cannot be read", cure="use the modemd command", code="bad_request")
            await _write(writer, {"error": told(unread)})
            return
        answer = asyncio.create_task(self._answer(verb, args, writer))
        gone = asyncio.create_task(reader.read(1))  # a client says one thing: what follows is its end
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    async def _answer(self, name: str, args: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        try:
            answer = self._verb(name)(args)
            if isinstance(answer, AsyncIterator):
                await _stream(writer, answer)
            else:
                await _write(writer, {"data": await answer})
        except ModemdError as error:
            await _write(writer, {"error": told(error)})
        except _Gone:
            log.event("control.gone", level="DEBUG", verb=name)
        except Exception as error:  # whatever a verb stumbles over, the daemon goes on and says so
            log.failed("control.failed", error, verb=name)
            stumbled = ModemdError(
                f"the daemon stumbled over {log.described(error)}", cure="its log says where", code="internal"
            )
            await _write(writer, {"error": told(stumbled)})
        await _write(writer, {"end": True})

    def _verb(self, name: str) -> Verb:
        try:
            return self._verbs[name]
        except KeyError:
            detail = "the running daemon does not know this command"
            raise UsageError(detail, cure="restart it: it is older than this modemd", code="unknown_verb") from None


class _Gone(Exception):
    """The client went away."""


def told(error: ModemdError) -> dict[str, str]:
    """An error as it crosses the socket; ``kind`` is its class, so that the command line can raise it again."""
    fields = {"kind": type(error).__name__, "code": error.code, "detail": error.detail, "cure": error.cure}
    return fields | ({"field": error.field} if isinstance(error, InvalidField) else {})


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    """Verb and arguments; raises ValueError for anything else."""
    request = orjson.loads(line)
    match request:
        case {"verb": str(verb), "args": dict(args)}:
            return verb, args
    raise ValueError("no request")


async def _stream(writer: asyncio.StreamWriter, answers: AsyncIterator[Mapping[str, Any]]) -> None:
    try:
        async for each in answers:
            await _write(writer, {"data": each})
    finally:
        if isinstance(answers, AsyncGenerator):  # ends now, not when it is collected
            await answers.aclose()


async def _write(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
    try:
        writer.write(orjson.dumps(answer) + b"\n")
        await writer.drain()
    except ConnectionError as error:
        raise _Gone from error


def _may_command(peer: socket.socket) -> bool:
    """Whether the peer's process runs as our own user or as root (unix(7), SO_PEERCRED: pid, uid, gid)."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (0, os.geteuid())


def _listener(path: Path) -> socket.socket:
    """A socket bound to the path, after what a dead daemon may have left there is taken away."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            _clear(path, address)
            os.fchmod(listener.fileno(), 0o600)  # before bind, so that it is never open to others
            listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {path} ({error.strerror})", cure="name another place with --state-dir"
        ) from error
    except ModemdError:
        listener.close()
        raise
    return listener


def _clear(path: Path, address: str) -> None:
    """Take away a socket that nobody listens on."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ConfigError(f"{path} is no socket", cure="move it away, or name another place with --state-dir")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ALIVE_WITHIN)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # somebody listens, and is busy
    raise AlreadyRunning(
        f"a daemon is already running in {path.parent}",
        cure="stop it first, or name another place with --state-dir",
    )
