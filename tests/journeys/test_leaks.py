"""Every journey ends with a look at what its daemon let out (leak_watch.py); this one goes through every feature.

What it says in confidence is distinctive, and is looked for in every form in which a gateway could have left it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, until
from life import NAME, NUMBERS, WORDS, hits, lives, mistakes, on_the_command_line


@pytest.fixture
def modemd(hw_sim_bank: StartBank, daemon: StartDaemon, bank: BankProcess) -> Daemon:
    """A daemon that logs as much as it can, and knows what is private."""
    modemd = daemon(bank)
    modemd.environ |= {"MODEMD_LOGS__LEVEL": "DEBUG", "MODEMD_LOGS__FILE": "true"}
    modemd.private.words |= set(WORDS)
    modemd.private.numbers |= set(NUMBERS)
    modemd.start()
    modemd.ready(2)
    return modemd


@pytest.fixture
def bank(hw_sim_bank: StartBank) -> BankProcess:
    return hw_sim_bank("--air", "0.05", modems=2)


def test_a_life_leaks_nothing_to_logs_files_processes_or_strangers(modemd: Daemon, bank: BankProcess) -> None:
    login = lives(modemd, bank)
    mistakes(modemd)
    on_the_command_line(modemd)
    modemd.private.words |= {*login, NAME}
    assert hits(modemd) == set()
    erased = modemd._http.request("DELETE", f"{modemd.url}/v1/account", json={"password": login[1]}, auth=login)
    assert erased.status_code == 202, erased.text
    receipt = f"{modemd.url}/v1/erasures/{erased.json()['erasure']}"
    until(lambda: modemd._http.get(receipt).json()["state"] == "complete", 60)
    assert modemd.stop().code == 0
    assert hits(modemd) == set()


def test_a_leak_of_each_kind_is_caught(daemon: StartDaemon, tmp_path: Path) -> None:
    words = {
        name: f"planted-{place}"
        for place, name in enumerate(
            ["log", "label", "exception", "argument", "title", "file", "removed file", "column"], 1
        )
    }
    modemd = daemon(None, name="leaky")
    modemd.watch.plant = tmp_path / "planted.json"
    modemd.watch.plant.write_text(json.dumps(words))
    modemd.private.words |= set(words.values())
    modemd.start()
    assert modemd.stop().code == 0
    leaks = modemd.watch.leaks()
    modemd.watch.plant.unlink()
    kinds = {re.split(r"[: ]+(to|\{|/)", leak)[0] for leak in leaks}
    assert kinds == {
        *("metric label", "exception", "argument", "process comm", "file", "removed file"),
        *("unnamed file", "connection", "look-up"),
    }
    for plant in ("log", "column"):
        with pytest.raises(AssertionError, match="private word"):
            modemd.check()
        modemd.private.words.discard(words[plant])
    with pytest.raises(AssertionError, match=r"connection to 192\.0\.2\.1:9"):
        modemd.check()
    modemd.watch.allowed |= {"192.0.2.1:9", "192.0.2.1.invalid"}
    assert not any(leak.startswith(("connection", "look-up")) for leak in modemd.watch.leaks())
    modemd.watch.report.unlink()
    modemd.private.words.clear()
    modemd.watch._seen.clear()
