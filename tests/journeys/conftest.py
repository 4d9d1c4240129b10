"""Fixtures of the journeys: banks that live on, daemons whose words are all read when the test is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hw_sim.pytest_plugin import BankProcess, hw_sim_bank
from journey import Daemon, Private

__all__ = ["hw_sim_bank"]


class StartDaemon(Protocol):
    """Makes a daemon on a state directory of its own; it is started by its `start`."""

    def __call__(self, bank: BankProcess | None, *options: str, name: str = "state") -> Daemon:
        """For a bank's ports, or none."""


@pytest.fixture
def private() -> Private:
    """What users said in confidence; `Daemon.send` and `Daemon.open_account` add to it."""
    return Private()


@pytest.fixture
def daemon(tmp_path: Path, private: Private) -> Iterator[StartDaemon]:
    """Make daemons: ``daemon(bank)``; when the test is over, everything they have ever written is read."""
    made: list[Daemon] = []

    def make(bank: BankProcess | None, *options: str, name: str = "state") -> Daemon:
        ports = bank.ports if bank is not None else ()
        made.append(Daemon(tmp_path / name, private, *options, ports=ports))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for one in made:
        one.check()
