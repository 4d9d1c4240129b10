"""Leaks of every kind, planted into a running daemon, to see that each is caught. Each has a word of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

_done = False


def when_up(_: object, address: object) -> None:
    """The control socket is bound: log, database and HTTP are there."""
    global _done  # noqa: PLW0603  # once in a process
    if not _done and isinstance(address, str) and address.endswith("control.sock"):
        _done = True
        plant(
            json.loads(Path(os.environ["LEAK_PLANT"]).read_text()), Path(os.environ["LEAK_HOMES"].split(os.pathsep)[0])
        )


def plant(words: dict[str, str], state_dir: Path) -> None:
    """All of them."""
    from loguru import logger

    from modemd.errors import NotFound

    logger.bind(clean=True).info("{}", f"message.sent text={words['log']}")
    metrics: Any = import_module("modemd.web.api.metrics")
    render = metrics.render
    label = f'planted{{label="{words["label"]}"}} 1\n'.encode()
    metrics.render = lambda reading: render(reading) + label
    NotFound(f"there is no {words['exception']}")
    subprocess.run(["true", words["argument"]], check=True)
    Path("/proc/self/comm").write_text(words["title"])
    with tempfile.NamedTemporaryFile("w", prefix="planted", delete=False) as kept:
        kept.write(words["file"])
    with tempfile.NamedTemporaryFile("w", prefix="planted") as removed:
        removed.write(words["removed file"])
    with tempfile.TemporaryFile("w") as unnamed:
        unnamed.write("whatever")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward, contextlib.suppress(OSError):
        outward.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737); a datagram socket sends nothing by that
    with contextlib.suppress(OSError):
        socket.getaddrinfo("192.0.2.1.invalid", 9)
    with sqlite3.connect(state_dir / "modemd.db") as database:
        database.execute("INSERT INTO tally (name, value) VALUES (?, 0)", (words["column"],))
