"""Runs inside every daemon of a journey, for Python imports it at its start: notes what leaves the process.

An audit hook (PEP 578) notes connections and name look-ups that leave this machine, the words of programs that are
started, files that are written outside the daemon's own places and files that are removed, which are linked to a
folder of ours just before. The words of the daemon's own exceptions are noted as they are made. Nothing is judged
here: ``leak_watch.py`` reads the report when the daemon has ended.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

REPORT = os.environ.get("LEAK_REPORT")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
HOMES = tuple(os.environ.get("LEAK_HOMES", "").split(os.pathsep))
"""Where the daemon may keep what it writes; looked through by the journey itself."""
NO_FILES = ("/dev/", "/proc/", "/sys/")
_numbers = count()


def note(kind: str, **told: Any) -> None:
    """One line of the report; where there is no room, it is lost."""
    with contextlib.suppress(OSError):
        os.write(_report, json.dumps({"kind": kind, **told}, default=repr).encode() + b"\n")


def connects(_: object, address: object) -> None:
    """A socket is connected, or sends to an address of its own."""
    if isinstance(address, tuple) and not local(str(address[0])):
        note("connection", to=f"{address[0]}:{address[1]}")


def looks_up(host: object, *_: object) -> None:
    """A name is asked for, which tells the name to whoever answers."""
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name != "localhost" and not _address(name):
        note("look-up", to=name)


def local(host: str) -> bool:
    """Whether an address is on this machine."""
    return host == "localhost" or (_address(host) and ipaddress.ip_address(host).is_loopback)


def _address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def starts(*words: object) -> None:
    """A program is started, with these words and this environment."""
    note("argument", words=[repr(word) for word in words])


def opens(path: object, _mode: object, flags: object) -> None:
    """A file is opened."""
    if not isinstance(flags, int) or not isinstance(path, str | bytes | os.PathLike):
        return
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        note("unnamed file", folder=os.fsdecode(path))
    elif flags & WRITES and not own(name := os.path.abspath(os.fsdecode(path))):
        note("file", path=name)


def own(path: str) -> bool:
    """Whether a file is none, Python's own, or in a place that is looked through anyhow."""
    return path.startswith(NO_FILES) or "__pycache__" in path or any(path.startswith(home) for home in HOMES)


def removes(path: str | bytes, folder: int) -> None:
    """A file is removed: it stays in our folder."""
    where = folder if folder >= 0 else None
    try:
        if stat.S_ISREG(os.stat(path, dir_fd=where, follow_symlinks=False).st_mode):
            os.link(path, f"{REPORT}.removed/{os.getpid()}.{next(_numbers)}", src_dir_fd=where)
    except OSError as error:
        if error.errno == errno.EXDEV:  # it lies on another disk
            shutil.copy(os.fsdecode(path), f"{REPORT}.removed/{os.getpid()}.{next(_numbers)}")
        elif error.errno not in (errno.ENOENT, errno.ENOSPC):
            raise


HANDLERS: dict[str, Callable[..., None]] = {
    "socket.connect": connects,
    "socket.sendto": connects,
    "socket.sendmsg": connects,
    "socket.getaddrinfo": looks_up,
    "socket.gethostbyname": looks_up,
    "subprocess.Popen": starts,
    "os.posix_spawn": starts,
    "os.exec": starts,
    "os.system": starts,
    "open": opens,
    "os.remove": removes,
}


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Never raises: that would forbid what is only watched."""
    handler = HANDLERS.get(event)
    if handler is None:
        return
    try:
        handler(*arguments)
    except Exception as error:
        note("broken", event=event, error=repr(error))


def watch_exceptions() -> None:
    """Note the words of every exception that modemd makes: they reach users, logs and terminals."""
    from modemd.errors import ModemdError

    made = ModemdError.__init__

    def init(self: ModemdError, detail: str, *, cure: str = "", code: str | None = None) -> None:
        note("exception", type=type(self).__name__, words=f"{detail}: {cure} ({code})")
        made(self, detail, cure=cure, code=code)

    ModemdError.__init__ = init  # type: ignore[method-assign]  # that is the point


if REPORT:
    _report = os.open(REPORT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    Path(f"{REPORT}.removed").mkdir(exist_ok=True)
    watch_exceptions()
    if "LEAK_PLANT" in os.environ:
        import planted

        HANDLERS["socket.bind"] = planted.when_up
    sys.addaudithook(hook)
