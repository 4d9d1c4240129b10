"""A daemon in a process of its own, and what a command printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 30
STOP_S = 10
"""What the interface promises for a stop."""


@dataclass(frozen=True)
class Running:
    """A daemon, and what it said when it was up."""

    process: subprocess.Popen[str]
    state_dir: Path
    said: list[str]

    @property
    def url(self) -> str:
        return self.said[0].removeprefix("modemd listens on ").strip()


def start(state_dir: Path, *options: str) -> Running:
    """Start a daemon on a free port and wait until it says that it is up."""
    command = [sys.executable, "-m", "modemd", "start", "--state-dir", str(state_dir), "--listen", "127.0.0.1:0"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MODEMD_")}
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, env=environ)
    assert process.stdout is not None
    return Running(process, state_dir, [process.stdout.readline()])


def stop(running: Running) -> int:
    """SIGTERM; the exit code."""
    running.process.send_signal(signal.SIGTERM)
    try:
        return running.process.wait(STOP_S)
    finally:
        running.process.kill()
        running.process.wait()
        if running.process.stdout:
            running.process.stdout.close()


@dataclass(frozen=True)
class Ran:
    """What one command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Modemd = Callable[..., Ran]


def apart(*words: str) -> Ran:
    """Run a command that is expected to end by itself in a process of its own."""
    command = [sys.executable, "-m", "modemd", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_S)
    return Ran(ran.returncode, ran.stdout, ran.stderr)
