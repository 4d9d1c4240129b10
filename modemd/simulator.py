"""The simulated modems of `modemd start --simulate N`: hw-sim as a process of its own beside the daemon.

It survives the daemon's death, as real modems do, so that a crash can be judged from its air log; the next daemon on
the same state directory finds it by the lock it holds and goes on with it. A clean stop ends it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from modemd import log
from modemd.errors import DaemonError

READY_S = 30.0
"""Seconds until all ptys must be there: 512 take about one."""

END_S = 3.0
"""Seconds a simulator may take to end."""


class Simulator:
    """A bank of simulated modems; its folder lies beside the state directory, as the air does beside a gateway."""

    def __init__(self, state_dir: Path, modems: int) -> None:
        self.folder = state_dir.parent / f"{state_dir.name}.sim"
        self.air_log = self.folder / "air.jsonl"
        self._modems = modems
        self._lock = self.folder / "lock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ports(self) -> list[str]:
        """The ports of the bank."""
        return [str(self.folder / f"modem{number}") for number in range(self._modems)]

    async def start(self) -> None:
        """Go on with the bank that is there, or start one; raises DaemonError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not self._take(descriptor):
                if self._has_all_ports():
                    log.event("simulator.found", modems=self._modems)
                    return
                await self.stop()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            await self._spawn(descriptor)
        finally:
            os.close(descriptor)

    async def stop(self) -> None:
        """End the bank, whoever started it."""
        number = self._holder()
        if number is None:
            return
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        process = os.pidfd_open(number)
        loop.add_reader(process, gone.set)
        try:
            os.kill(number, signal.SIGTERM)
            await asyncio.wait_for(gone.wait(), END_S)
        except TimeoutError:
            os.kill(number, signal.SIGKILL)
        finally:
            loop.remove_reader(process)
            os.close(process)
            if self._process is not None:
                self._process.poll()

    async def _spawn(self, lock: int) -> None:
        """The child inherits the lock with the descriptor and holds it as long as it lives."""
        process = self._process = self._launch(lock)
        os.truncate(lock, 0)
        os.pwrite(lock, str(process.pid).encode(), 0)
        try:
            said = await asyncio.wait_for(asyncio.to_thread(_first_line, process), READY_S)
        except TimeoutError:
            said = b""
        if not said:
            raise DaemonError("the simulated modems do not start", cure="try hw-sim --modems 1 --dir DIR by hand")
        log.event("simulator.started", modems=self._modems)

    def _launch(self, lock: int) -> subprocess.Popen[bytes]:
        """Not through asyncio, which would kill the child together with its transport."""
        return subprocess.Popen(  # noqa: S603  # the command is ours
            [
                *(sys.executable, "-m", "hw_sim", "--modems", str(self._modems)),
                *("--dir", str(self.folder), "--air-log", str(self.air_log)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )

    def _has_all_ports(self) -> bool:
        return all(os.path.exists(port) for port in self.ports) and not (self.folder / f"modem{self._modems}").exists()

    def _take(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder(self) -> int | None:
        """The process that holds the bank's lock, if one does."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            if self._take(descriptor):
                return None
            return int(os.pread(descriptor, 20, 0) or 0) or None
        finally:
            os.close(descriptor)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    return process.stdout.readline() if process.stdout is not None else b""
