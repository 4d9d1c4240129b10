"""Every call of the OpenAPI document, made as it says and as it does not, by schemathesis against a running daemon."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import StartDaemon
from journey import Daemon

COMMAND = Path(sys.executable).with_name("schemathesis")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
PATIENCE_S = 115.0


def put_to_the_test(server: Daemon, tmp_path: Path, phases: str, examples: int, headers: Sequence[str] = ()) -> str:
    """Run it; what it has to say. It is the same each time: no chance decides whether a test passes."""
    words = ["run", f"{server.url}/openapi.json", "--generation-deterministic"]
    words += ["--exclude-path", "/v1/events"]  # a stream has no end to wait for
    words += ["--phases", phases, "--max-examples", str(examples), "--request-timeout", "20", *headers]
    ran = subprocess.run(
        [str(COMMAND), *words],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout.partition("FAILURES")[2][:5000]
    return ran.stdout


def generated(said: str) -> int:
    """How many calls were made."""
    found = re.search(r"(\d+) generated, \d+ passed", said)
    assert found is not None, said[-2000:]
    return int(found[1])


@pytest.fixture
def server(daemon: StartDaemon) -> Daemon:
    """A daemon that is ready, and an account."""
    modemd = daemon(None, "--simulate", "1")
    modemd.environ = {"MODEMD_WEBHOOKS__ALLOW_PRIVATE": "true"}
    modemd.start()
    modemd.ready(1)
    modemd.open_account()
    return modemd


def test_with_an_api_key(server: Daemon, tmp_path: Path) -> None:
    said = put_to_the_test(
        server, tmp_path, "examples,coverage,fuzzing", 3, ["--header", f"Authorization: Bearer {server.key}"]
    )
    assert generated(said) > 500
    server.check()


def test_without_a_credential(server: Daemon, tmp_path: Path) -> None:
    assert generated(put_to_the_test(server, tmp_path, "examples,fuzzing", 3)) > 100
    assert server.messages() == []
    server.check()
