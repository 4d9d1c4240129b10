"""Backups of a daemon that sends, and what comes back of them: nobody, and nothing twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, arrived, as_json, cli, numbers, one_line_with_cure

from modemd.service import key_directory


def back_up(modemd: Daemon, file: Path) -> None:
    done = cli("backup", str(file), "--json", state_dir=modemd.state_dir)
    assert done.code == 0, done.err
    assert as_json(done.out)["bytes"] == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600


def restore(modemd: Daemon, file: Path) -> dict[str, object]:
    done = cli("restore", str(file), "--json", state_dir=modemd.state_dir)
    assert done.code == 0, done.err
    return as_json(done.out)


def refused(modemd: Daemon, *words: str, code: int = 1) -> str:
    done = cli(*words, state_dir=modemd.state_dir)
    assert (done.code, done.out) == (code, "")
    return one_line_with_cure(done)


def test_an_old_backup_brings_no_account_back_and_sends_nothing_again(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.25", modems=4)
    modemd = daemon(bank)
    modemd.start()
    gone = modemd.open_account("gone@example.org", "+48600999301")
    forgotten = modemd.send(numbers(20), "of somebody who will leave", send_at="2027-01-16T08:00:00Z")
    stays = modemd.open_account("stays@example.org", "+48600999302")
    modemd.ready(4)
    later = modemd.send("+48600555001", "for next year", send_at="2027-01-16T08:00:00Z", if_uncertain="resend")
    ids = modemd.send(numbers(200, first=100), "sent once", if_uncertain="resend")
    bank.wait_for_air(20)
    back_up(modemd, tmp_path / "old.bak")
    assert len(bank.air()) < 200, "the backup was taken while messages were sent"
    assert "exists" in refused(modemd, "backup", str(tmp_path / "old.bak"))
    assert modemd.settled(ids) == {"sent": 200}
    assert "stop it first" in refused(modemd, "restore", str(tmp_path / "old.bak"))
    assert cli("accounts", "delete", "gone@example.org", "--yes", state_dir=modemd.state_dir).code == 0
    assert modemd.stop().code == 0

    content = (tmp_path / "old.bak").read_bytes()
    with (modemd.state_dir / "modemd.db").open("rb") as replaced:  # held: its blocks can be read without its name
        report = restore(modemd, tmp_path / "old.bak")
        assert not any(replaced.read())
    assert report["accounts_removed"] == 1
    assert (tmp_path / "old.bak").read_bytes() == content
    modemd.start()
    modemd.key = gone
    assert modemd.request("GET", "/v1/messages").status_code == 401
    assert refused(modemd, "accounts", "show", "gone@example.org")
    assert "there is no such message" in refused(modemd, "why", forgotten[0])
    modemd.key = stays
    states = modemd.states()
    assert states.keys() == {"sent", "uncertain"}
    assert states["uncertain"] == report["messages_held"]
    assert modemd.message(later[0])["state"] == "uncertain"
    held = [message["id"] for message in modemd.messages(state="uncertain")]
    why = cli("why", held[0], state_dir=modemd.state_dir)
    assert "a backup was restored" in why.out
    assert "modemd queue resolve" in why.out

    modemd.ready(4)
    again = modemd.send("+48600555002", "after the restore")
    assert modemd.settled(again) == {"sent": 1}
    assert cli("queue", "resolve", held[0], "sent", state_dir=modemd.state_dir).code == 0
    assert modemd.stop().code == 0
    came = Counter((message.to, message.text) for message in arrived(bank.air()))
    assert set(came.values()) == {1}
    assert came.keys() == {
        *((to, "sent once") for to in numbers(200, first=100)),
        ("+48600555002", "after the restore"),
    }


def test_a_restore_that_is_refused_changes_nothing(hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path) -> None:
    bank = hw_sim_bank(modems=1)
    other = daemon(bank, name="other")
    other.start()
    assert other.stop().code == 0
    back_up(other, tmp_path / "others.bak")
    modemd = daemon(None)
    assert "there is no database" in refused(modemd, "backup", str(tmp_path / "early.bak"))
    modemd.start()
    modemd.open_account()
    assert modemd.stop().code == 0
    before = (modemd.state_dir / "modemd.db").read_bytes()
    shutil.copy(modemd.state_dir / "modemd.db", tmp_path / "copied.db")
    (tmp_path / "letter").write_text("dear aunt")
    assert "another modemd" in refused(modemd, "restore", str(tmp_path / "others.bak"))
    assert "no backup" in refused(modemd, "restore", str(tmp_path / "copied.db"))
    assert "no backup" in refused(modemd, "restore", str(tmp_path / "letter"))
    assert "there is no file" in refused(modemd, "restore", str(tmp_path / "nowhere"))
    keys = key_directory(modemd.state_dir).rename(tmp_path / "away")
    assert "modemd keys restore" in refused(modemd, "restore", str(tmp_path / "others.bak"))
    keys.rename(key_directory(modemd.state_dir))
    assert (modemd.state_dir / "modemd.db").read_bytes() == before
    assert {file.name for file in modemd.state_dir.iterdir()} <= {
        "modemd.db",
        "daemon.lock",
        "handover",
        "control.sock",
    }
    modemd.start()
    assert modemd.messages() == []


@pytest.mark.parametrize("lost", ["missing", "damaged"])
def test_a_backup_replaces_a_database_that_is_lost(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path, lost: str
) -> None:
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=1))
    modemd.start()
    modemd.open_account()
    ids = modemd.send(numbers(3), "kept in a backup")
    modemd.settled(ids)
    assert modemd.stop().code == 0
    back_up(modemd, tmp_path / "good.bak")
    path = modemd.state_dir / "modemd.db"
    if lost == "missing":
        path.unlink()
    else:
        path.write_bytes(os.urandom(path.stat().st_size))
        path.with_name("modemd.db-wal").write_bytes(os.urandom(4096))
    report = restore(modemd, tmp_path / "good.bak")
    assert report["replaced"] == {"missing": "none", "damaged": "damaged"}[lost]
    modemd.start()
    assert modemd.states() == {"sent": 3}
    assert {message["text"] for message in modemd.messages()} == {"kept in a backup"}


def test_a_file_that_was_put_in_place_by_hand_can_be_made_safe(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    modemd = daemon(hw_sim_bank(modems=1))
    modemd.start()
    modemd.open_account()
    waiting = modemd.send("+48600555001", "for next year", send_at="2027-01-16T08:00:00Z")
    assert modemd.stop().code == 0
    done = cli("restore", "--in-place", "--json", state_dir=modemd.state_dir)
    assert done.code == 0, done.err
    assert as_json(done.out)["messages_held"] == 1
    modemd.start()
    assert modemd.message(waiting[0])["state"] == "uncertain"


def test_a_restore_that_is_killed_leaves_the_old_database_or_the_new_one(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    modemd = daemon(hw_sim_bank(modems=1))
    modemd.start()
    modemd.open_account()
    waiting = modemd.send("+48600555001", "for next year", send_at="2027-01-16T08:00:00Z")
    back_up(modemd, tmp_path / "old.bak")
    assert modemd.stop().code == 0
    path = modemd.state_dir / "modemd.db"
    for moment in ("unpack", "close_down", "put"):
        killed = cli_killed_at(moment, modemd, tmp_path / "old.bak")
        assert killed == -9
        assert path.with_name("modemd.db.new").exists()
        modemd.start()
        assert modemd.message(waiting[0])["state"] == "scheduled"
        assert modemd.stop().code == 0
        assert not path.with_name("modemd.db.new").exists(), "what was left is overwritten"
    restore(modemd, tmp_path / "old.bak")
    modemd.start()
    assert modemd.message(waiting[0])["state"] == "uncertain"


def cli_killed_at(moment: str, modemd: Daemon, file: Path) -> int:
    """A restore that dies after it has made the new database, before it closes it, or before it puts it in place."""
    where = {"unpack": "copies.unpack", "close_down": "copies.close_down", "put": "durable_file.put"}[moment]
    program = f"""
import os, signal, sys
from modemd import cli
from modemd.service import restoring
real = restoring.{where}
def die(*arguments):
    if "{moment}" == "unpack":
        real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
restoring.{where} = die
sys.exit(cli.run(sys.argv[1:]))
"""
    words = ["restore", str(file), "--state-dir", str(modemd.state_dir)]
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, check=False).returncode
