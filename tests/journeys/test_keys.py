"""The operator and his keys: a real daemon, its key store, a disk that comes and goes."""

from __future__ import annotations

from pathlib import Path

from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, as_json, cli, one_line_with_cure, until

from modemd.accounts import keystore
from modemd.accounts.keystore import MASTER, STORE
from modemd.service import key_directory


def keys(modemd: Daemon, *words: str, stdin: str = "") -> dict[str, object]:
    """What a command about keys answers."""
    done = cli("keys", *words, "--json", state_dir=modemd.state_dir, stdin=stdin)
    assert done.code == 0, done.err
    return as_json(done.out)


def refused(modemd: Daemon, *words: str) -> str:
    """The one line in which it is refused."""
    done = cli("keys", *words, state_dir=modemd.state_dir)
    assert done.code == 1, done.out
    assert done.out == ""
    return one_line_with_cure(done)


def test_the_keys_of_a_running_daemon_are_mirrored_rotated_lost_and_brought_back(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = daemon(bank)
    directory, usb = key_directory(modemd.state_dir), tmp_path / "usb"
    usb.mkdir()
    paper = str(keys(modemd, "init", "--paper")["paper"])
    modemd.private.words |= {paper, paper.replace(" ", ""), (directory / MASTER).read_text().strip()}
    modemd.begin(2)
    assert "--json" not in refused(modemd, "init")
    assert "stop it first" in refused(modemd, "restore", str(usb))
    assert keys(modemd, "mirror", str(usb))["mirrors"] == [{"directory": str(usb), "current": True}]

    ids = modemd.send([f"+4860010{place:04}" for place in range(40)], "under two master keys")
    paper = str(keys(modemd, "rotate", "--paper")["paper"])
    modemd.private.words |= {paper, (directory / MASTER).read_text().strip()}
    assert modemd.settled(ids) == {"sent": 40}
    assert (usb / STORE).read_bytes() == (directory / STORE).read_bytes()
    assert modemd.stop().code == 0

    for lost in (directory / STORE, directory / MASTER):
        lost.unlink()
    for words in (["start", "--listen", "127.0.0.1:0", "--no-discover"], ["keys", "init"]):
        done = cli(*words, state_dir=modemd.state_dir)
        assert done.code == 1
        assert "modemd keys restore" in one_line_with_cure(done)
    assert not (directory / STORE).exists(), "nothing starts empty beside accounts"
    assert "--from-paper" in refused(modemd, "restore", str(usb))
    status = cli("status", "--json", state_dir=modemd.state_dir)
    assert (status.code, as_json(status.out)["totals"]["sent"]) == (3, 40), "counting needs no key"

    keys(modemd, "restore", str(usb), "--from-paper", stdin=paper.lower() + "\n")
    assert "needs no restoring" in refused(modemd, "restore", str(usb))
    modemd.start()
    assert {message["text"] for message in modemd.messages()} == {"under two master keys"}


def test_a_mirror_out_of_reach_is_named_and_catches_up(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    modemd = daemon(hw_sim_bank(modems=1))
    modemd.environ["MODEMD_KEYS__MIRRORS"] = str(usb)
    modemd.start()
    assert "alarms" not in modemd.status()
    away = usb.rename(tmp_path / "drawer")
    modemd.open_account()
    assert "keys.mirror_behind" in modemd.log
    [alarm] = modemd.status()["alarms"]
    assert str(usb) in alarm
    assert str(usb) in cli("status", state_dir=modemd.state_dir).out
    away.rename(usb)
    modemd.open_account("other@example.org", "+48600999112")
    until(lambda: "alarms" not in modemd.status())
    assert (usb / STORE).read_bytes() == (key_directory(modemd.state_dir) / STORE).read_bytes()
    assert "configuration" in refused(modemd, "forget-mirror", str(usb))


def test_a_mirror_catches_up_when_the_daemon_starts_again(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    modemd = daemon(hw_sim_bank(modems=1))
    modemd.start()
    keys(modemd, "mirror", str(usb))
    away = usb.rename(tmp_path / "drawer")
    modemd.open_account()
    assert modemd.stop().code == 0
    assert keys(modemd)["mirrors"] == [{"directory": str(usb), "current": False}]
    away.rename(usb)
    modemd.start()
    until(lambda: (usb / STORE).read_bytes() == (key_directory(modemd.state_dir) / STORE).read_bytes())
    store = keystore.load(key_directory(modemd.state_dir))
    assert store.behind() == []
    assert keys(modemd, "forget-mirror", str(usb))["overwritten"] is True
    assert list(usb.iterdir()) == []
