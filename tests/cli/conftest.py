"""A real daemon with simulated modems for all tests of the command line, and the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Modemd, Ran, Running, apart, start, stop

from modemd import cli


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon with two simulated modems for the whole session."""
    running = start(tmp_path_factory.mktemp("cli") / "state", "--simulate", "2")
    yield running
    assert stop(running) == 0


@pytest.fixture
def modemd(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Modemd:
    """Run the command line in this process; without ``--state-dir`` on a directory without a daemon."""
    monkeypatch.setenv("MODEMD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)

    def run(*words: str) -> Ran:
        if words[:1] == ("start",):  # it takes the whole process: logs, signals, limits
            return apart(*words)
        capsys.readouterr()
        code = cli.run(words)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
