"""Fixtures for tests that want modems: a bank as a process of its own, and what it has put on the air.

Register it with ``pytest_plugins = ["hw_sim.pytest_plugin"]`` where the distribution's entry point is not installed.
"""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from hw_sim.air_log import AirEntry, read_air_log
from hw_sim.control import ask
from hw_sim.inotify import MODIFY, Inotify
from hw_sim.phone import Phone

START_SECONDS = 30.0
"""How long a bank may take to print that it is up; a loaded machine needs a few."""


class BankProcess:
    """A running ``hw-sim`` with its ports and its air log."""

    def __init__(self, folder: Path, *options: str, modems: int = 4) -> None:
        self.folder = folder / "ports"
        self.air_log = folder / "air.jsonl"
        self.modems = modems
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    @property
    def ports(self) -> list[str]:
        """The paths of the modems' ports."""
        return [str(self.folder / f"modem{index}") for index in range(self.modems)]

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    def start(self) -> None:
        """Start it and return when every port exists."""
        command = [sys.executable, "-m", "hw_sim", "--modems", str(self.modems)]
        command += ["--dir", str(self.folder), "--air-log", str(self.air_log), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - the test's own words
        output = self._process.stdout
        if output is None or not select.select([output], [], [], START_SECONDS)[0] or not output.readline():
            self.kill()
            raise RuntimeError(f"hw-sim did not start: {' '.join(command)}")

    def stop(self) -> int:
        """End it by SIGTERM and give its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it by SIGKILL: the ports' links stay behind, dangling."""
        return self._end(signal.SIGKILL)

    def _end(self, name: signal.Signals) -> int:
        self._running().send_signal(name)
        return self.wait()

    def wait(self, timeout: float = 10.0) -> int:
        """Wait until it has ended and give its exit code."""
        process = self._running()
        code = process.wait(timeout)
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
        return code

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("this bank is not running")
        return self._process

    @property
    def running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    def air(self) -> list[AirEntry]:
        """What has been on the air so far."""
        return read_air_log(self.air_log)

    def received(self, number: str) -> list[str]:
        """The texts that a phone has received so far, long ones joined."""
        return [message.text for message in Phone(number).receive(self.air())]

    def strike(self, modem: str, fault: str, **settings: object) -> None:
        """Let a fault befall ``modem0`` or ``all`` (``for`` is written ``for_``); raises ControlError."""
        table = {"name": fault, **{key.rstrip("_"): value for key, value in settings.items()}}
        ask(self.folder, {"verb": "fault", "modem": modem, "fault": table})

    def end(self, modem: str, fault: str) -> None:
        """Let a fault befall a modem no more; raises ControlError."""
        ask(self.folder, {"verb": "end", "modem": modem, "name": fault})

    def reply(self, number: str, text: str) -> str:
        """Let a phone reply to the modem that last sent to it; gives that modem's name, raises ControlError."""
        return str(ask(self.folder, {"verb": "reply", "number": number, "text": text}))

    def look(self, modem: str) -> dict[str, Any]:
        """What is inside a modem: phase, registration, PIN tries, every octet of its storages."""
        seen: dict[str, Any] = ask(self.folder, {"verb": "look", "modem": modem})[0]
        return seen

    def wait_for_air(self, count: int, timeout: float = 30.0) -> list[AirEntry]:
        """Wait until the air log has at least *count* lines and give them all; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        with contextlib.closing(Inotify()) as changes:
            changes.watch(self.air_log, MODIFY, lambda: None)
            while len(entries := self.air()) < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{len(entries)} of {count} messages on the air after {timeout} s")
                select.select([changes], [], [], left)
                changes.dispatch()
        return entries


class StartBank(Protocol):
    """Starts a bank; it ends with the test."""

    def __call__(self, *options: str, modems: int = 4, scenario: str = "") -> BankProcess:
        """Start it with further command-line options and the text of a scenario file."""


@pytest.fixture
def hw_sim_bank(tmp_path: Path) -> Iterator[StartBank]:
    """Start banks: ``bank = hw_sim_bank("--air", "0.1", modems=2)``."""
    banks: list[BankProcess] = []

    def start(*options: str, modems: int = 4, scenario: str = "") -> BankProcess:
        folder = tmp_path / f"bank{len(banks)}"
        if scenario:
            folder.mkdir()
            (folder / "scenario.toml").write_text(scenario, "utf-8")
            options = ("--scenario", str(folder / "scenario.toml"), *options)
        bank = BankProcess(folder, *options, modems=modems)
        banks.append(bank)
        bank.start()
        return bank

    yield start
    for bank in banks:
        if bank.running:
            bank.stop()
