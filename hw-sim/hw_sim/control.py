"""Live control of a running bank: one JSON line asked and one answered, through a socket beside the ports.

Faults are armed, phones reply, storages are looked into. `ask` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "control"
LONGEST_REQUEST = 1 << 20

Request = Mapping[str, Any]
Answer = Callable[[Request], Any]
"""Does what a request asks and gives what is answered; raises ControlError or ValueError."""


class ControlError(Exception):
    """What was asked cannot be done; or nobody is there to do it."""


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path to the socket that fits into a socket address (108 octets) however long the folder's is."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


class Control:
    """The server's end."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._folder = folder
        self._answer = answer
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; raises ControlError if another bank lives in this folder."""
        path = self._folder / NAME
        if path.is_socket():
            if _is_alive(self._folder):
                raise ControlError(f"another hw-sim runs in {self._folder}: stop it, or choose another --dir")
            path.unlink()
        with _short_path(self._folder) as short:
            self._server = await asyncio.start_unix_server(self._serve, short, limit=LONGEST_REQUEST)
        path.chmod(0o600)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._reply(line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # gone, or a line without an end
            return
        finally:
            writer.close()

    def _reply(self, line: bytes) -> Mapping[str, Any]:
        try:
            return {"ok": self._answer(json.loads(line))}
        except (ControlError, ValueError, KeyError) as wrong:
            return {"error": str(wrong)}

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                (self._folder / NAME).unlink()


def _is_alive(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, _short_path(folder) as short:
        try:
            probe.connect(short)
        except OSError:
            return False
        return True


def ask(folder: Path, request: Request) -> Any:
    """Have a running bank do something and give its answer; raises ControlError."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            with _short_path(folder) as short:
                line.connect(short)
        except OSError:
            raise ControlError(f"no hw-sim runs in {folder}") from None
        line.sendall(json.dumps(request).encode() + b"\n")
        with line.makefile("rb") as answers:
            answer = json.loads(answers.readline() or b'{"error": "hw-sim has gone"}')
    if "error" in answer:
        raise ControlError(answer["error"])
    return answer["ok"]
