"""The command line's end of the control socket: ask the daemon, read its answer.

Blocking and without asyncio: a command says one thing and waits, and should not pay for importing a loop.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from modemd import errors
from modemd.errors import InvalidField, ModemdError, NotRunning
from modemd.state_dir import control_socket, socket_address


def call(state_dir: Path, verb: str, **args: Any) -> dict[str, Any]:
    """The daemon's answer to one verb; raises NotRunning without a daemon, or the error it answers with."""
    for answer in stream(state_dir, verb, **args):
        return answer
    raise _lost()


def stream(state_dir: Path, verb: str, **args: Any) -> Iterator[dict[str, Any]]:
    """Every answer of a verb that streams, as it comes; closing the iterator ends the verb.

    Raises UnicodeError if an argument came from octets that are no UTF-8, NotRunning, or the error it answers with.
    """
    request = json.dumps({"verb": verb, "args": args}, ensure_ascii=False).encode()
    with _connect(control_socket(state_dir)) as connection, connection.makefile("rb") as lines:
        with suppress(ConnectionError):  # if it refuses to read on, its answer says why
            connection.sendall(request + b"\n")
        yield from _answers(lines)


def _answers(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    try:
        for line in lines:
            match json.loads(line):
                case {"data": dict(data)}:
                    yield data
                case {"error": dict(error)}:
                    raise _raised(error)
                case {"end": True}:
                    return
    except (ConnectionError, ValueError) as error:
        raise _lost() from error
    raise _lost()


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            connection.connect(address)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        connection.close()
        raise NotRunning(
            f"no daemon is running in {path.parent}", cure="start it with modemd start, or name its --state-dir"
        ) from error
    except PermissionError as error:
        connection.close()
        raise ModemdError(
            f"{path.parent} is closed to you", cure="run this as the user of the daemon, or as root", code="permission"
        ) from error
    except OSError:
        connection.close()
        raise
    return connection


def _raised(told: dict[str, Any]) -> ModemdError:
    """The daemon's error, as an exception of the same kind."""
    kind = getattr(errors, str(told.get("kind")), ModemdError)
    detail, cure, code = (str(told.get(key, "")) for key in ("detail", "cure", "code"))
    if "field" in told:
        return InvalidField(str(told["field"]), detail, cure=cure, code=code)
    # Kinds with a signature of their own do not occur as answers; their text does not need it.
    plain = isinstance(kind, type) and issubclass(kind, ModemdError) and kind.__init__ is ModemdError.__init__
    return kind(detail, cure=cure, code=code) if plain else ModemdError(detail, cure=cure, code=code)


def _lost() -> NotRunning:
    return NotRunning("the daemon went away before it answered", cure="see its log, then start it again")
