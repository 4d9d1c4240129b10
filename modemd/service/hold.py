"""The state directory, held by one process at a time: a daemon, or a command that needs it stopped."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from modemd.errors import AlreadyRunning
from modemd.state_dir import prepare, unusable


class Hold:
    """A lock that dies with its process; raises ConfigError, or AlreadyRunning with the cure that is given."""

    def __init__(self, state_dir: Path, cure: str = "stop it, or name another with --state-dir") -> None:
        self._state_dir = prepare(state_dir)
        self._cure = cure

    def __enter__(self) -> None:
        try:
            self._descriptor = os.open(self._state_dir / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(self._state_dir, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise AlreadyRunning(f"another modemd runs on {self._state_dir}", cure=self._cure) from None

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
