"""Bad input: each gets a clear answer that names the cure, nothing is half done, and no traceback is seen."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, Private, arrived, cli, numbers, one_line_with_cure, told, until

# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.fixture
def running(hw_sim_bank: StartBank, daemon: StartDaemon) -> Daemon:
    """A daemon that sends, and an account."""
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=1))
    modemd.start()
    modemd.open_account()
    return modemd


WRONG_BODIES: list[tuple[Any, str]] = [
    ({"to": "+4860010", "text": "x"}, "to"),
    ({"to": "not a number", "text": "x"}, "to"),
    ({"to": [], "text": "x"}, "to"),
    ({"to": "+48600100200"}, "text"),
    ({"to": "+48600100200", "text": ""}, "text"),
    ({"to": "+48600100200", "text": 5}, "text"),
    ({"to": "+48600100200", "text": "x", "lane": "system"}, "lane"),
    ({"to": "+48600100200", "text": "x", "send_at": "tomorrow"}, "send_at"),
    ({"to": "+48600100200", "text": "x", "valid_for": -1}, "valid_for"),
    ({"to": "+48600100200", "text": "x", "colour": "red"}, "body"),
    ({"to": ["+48600100200"] * 10_001, "text": "x"}, "to"),
    ({"to": "+48600100200", "text": "x" * 40_000}, "text"),
    ([], "body"),
]


def test_a_request_that_cannot_be_says_which_field_and_how_to_write_it(running: Daemon) -> None:
    for body, field in WRONG_BODIES:
        answer = running.request("POST", "/v1/messages", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert all(problem[key] for key in ("code", "detail", "cure")), problem
        assert problem["field"] == field
        assert "+4860010" not in answer.text.replace("+48600100200", ""), "the input is not repeated"
    assert running.status()["totals"]["accepted"] == 0


def test_every_other_wrong_request_is_a_problem_too(running: Daemon) -> None:
    wrong = {
        "not said to be JSON": (running.request("POST", "/v1/messages", content=b"{"), 415),
        "no JSON": (
            running.request("POST", "/v1/messages", content=b"{", headers={"Content-Type": "application/json"}),
            400,
        ),
        "a wrong key": (running.request("GET", "/v1/messages", headers={"Authorization": "Bearer mk_wrong"}), 401),
        "no key": (running.request("GET", "/v1/messages", headers={"Authorization": ""}), 401),
        "no such message": (running.request("GET", "/v1/messages/m_0000000000000"), 404),
        "an id that is none": (running.request("DELETE", "/v1/messages/42"), 404),
        "no such path": (running.request("GET", "/v2/messages"), 404),
        "no such method": (running.request("PUT", "/v1/messages"), 405),
        "a state that is none": (running.request("GET", "/v1/messages?state=lost"), 422),
        "somebody else's cursor": (running.request("GET", "/v1/messages?cursor=nonsense"), 422),
    }
    for what, (answer, status) in wrong.items():
        assert answer.status_code == status, (what, answer.status_code, answer.text)
        assert answer.headers["content-type"] == "application/problem+json", what
        assert {"code", "detail"} <= answer.json().keys(), what


def test_one_bad_number_among_good_ones_is_rejected_alone(running: Daemon) -> None:
    answer = running.post(["+48600500100", "+4860", "+48600500101"], "two of three")
    running.private.numbers |= {"+48600500100", "+48600500101"}
    assert answer.status_code == 202
    receipt = answer.json()
    assert [message["to"] for message in receipt["messages"]] == ["+48600500100", "+48600500101"]
    assert [(one["to"], bool(one["code"] and one["detail"])) for one in receipt["rejected"]] == [("+4860", True)]
    assert running.settled([message["id"] for message in receipt["messages"]]) == {"sent": 2}


def test_a_body_of_50_mb_is_refused_and_the_connection_still_tells_why(running: Daemon) -> None:
    text = "z" * (50 * 1024 * 1024)
    announced = running.request("POST", "/v1/messages", content=f'{{"to": "+48600100200", "text": "{text}"}}'.encode())
    assert (announced.status_code, announced.json()["code"]) == (413, "too_large")

    def unannounced() -> Iterator[bytes]:
        yield b'{"to": "+48600100200", "text": "'
        for _ in range(50):
            yield b"z" * 1024 * 1024

    json = {"Content-Type": "application/json"}
    streamed = running.request("POST", "/v1/messages", content=unannounced(), headers=json)
    assert (streamed.status_code, streamed.json()["code"]) == (413, "too_large")
    assert running.settled(running.send("+48600500200", "the next one is served")) == {"sent": 1}
    assert _resident_mb(running.pid) < 300


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


# --- a start that cannot be --------------------------------------------------------------------------------------


def refused(modemd: Daemon, code: int, *options: str) -> str:
    """The one line with which a daemon refuses to start."""
    modemd.launch(*options)
    ended = modemd.wait()
    assert ended.code == code, ended
    assert ended.out == ""
    return one_line_with_cure(ended)


def test_a_file_that_is_no_database_is_refused_and_left_alone(daemon: StartDaemon) -> None:
    modemd = daemon(None)
    modemd.state_dir.mkdir()
    file = modemd.state_dir / "modemd.db"
    for content in (b"These are my memoirs. " * 1000, b"SQLite format 3\0" + b"\xff" * 4080):
        file.write_bytes(content)
        assert "database" in refused(modemd, 1)
        assert file.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_left_alone(daemon: StartDaemon) -> None:
    modemd = daemon(None)
    modemd.state_dir.mkdir()
    file = modemd.state_dir / "modemd.db"
    subprocess.run(["python3", "-c", f"import sqlite3; c = sqlite3.connect({str(file)!r}); "
                    "c.execute('CREATE TABLE mine (x)'); c.commit()"], check=True)  # fmt: skip
    before = file.read_bytes()
    assert "another program" in refused(modemd, 1)
    assert file.read_bytes() == before


def test_an_address_that_is_taken_is_named(running: Daemon, daemon: StartDaemon) -> None:
    other = daemon(None, name="other")
    taken = running.url.removeprefix("http://")
    line = refused(other, 1, "--listen", taken)
    assert taken in line
    assert "--listen" in line


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--listen", "0.0.0.0:0"), "TLS"),
        (("--listen", "nowhere"), "listen"),
        (("--simulate", "0"), "--simulate"),
        (("--config", "/does/not/exist.toml"), "exist.toml"),
        (("--colour",), "--colour"),
    ],
)
def test_wrong_usage_is_said_with_exit_code_2(daemon: StartDaemon, options: tuple[str, ...], named: str) -> None:
    modemd = daemon(None)
    modemd.launch(*options)
    ended = modemd.wait()
    assert ended.code == 2, ended
    assert named in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_unknown_setting_is_refused_by_name(daemon: StartDaemon, tmp_path: Path) -> None:
    config = tmp_path / "modemd.toml"
    config.write_text('[server]\nlissen = "127.0.0.1:0"\n')
    assert "lissen" in refused(daemon(None), 2, "--config", str(config))


def test_a_state_directory_that_is_a_file_is_refused(daemon: StartDaemon, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    assert "no directory" in refused(daemon(None), 2)


def test_a_key_store_that_is_gone_never_starts_empty(running: Daemon) -> None:
    assert running.stop().code == 0
    keys = running.state_dir.with_name("state.keys")
    shutil.move(keys, keys.with_name("elsewhere"))
    line = refused(running, 1)
    assert "key store" in line
    assert not (keys / "store").exists(), "none was made in its place"
    shutil.rmtree(keys, ignore_errors=True)
    shutil.move(keys.with_name("elsewhere"), keys)
    running.start()
    assert running.settled(running.send("+48600500300", "all is back")) == {"sent": 1}


def test_commands_without_a_daemon_say_so_with_exit_code_3(tmp_path: Path) -> None:
    for words in (["send", "--to", "+48600100200", "hello"], ["modems"], ["queue", "list"], ["why", "m_0000000000000"]):
        ended = cli(*words, state_dir=tmp_path / "none")
        assert ended.code == 3, ended
        assert "modemd start" in one_line_with_cure(ended)


# --- ports -------------------------------------------------------------------------------------------------------


def test_a_port_that_does_not_exist_is_absent_with_a_reason_and_used_when_it_comes(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    bank.stop()
    modemd = daemon(bank, "--modem", "socket://127.0.0.1:1", "--modem", "/etc/hostname")
    modemd.start()
    until(lambda: all(modem["reason"] for modem in modemd.status()["modems"]))
    modems = {modem["port"]: modem for modem in modemd.status()["modems"]}
    assert {modem["state"] for modem in modems.values()} == {"absent"}
    assert "does not exist" in modems[bank.ports[0]]["reason"]
    assert "plug the modem in" in modems[bank.ports[0]]["reason"]
    assert "nothing answers" in modems["socket://127.0.0.1:1"]["reason"]
    assert modems["/etc/hostname"]["reason"]
    modemd.open_account()
    waiting = modemd.send(numbers(3, 700), "for when there is a modem")
    bank.start()
    assert modemd.settled(waiting) == {"sent": 3}


def test_a_port_that_another_program_holds_names_the_program(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=1)
    first = daemon(bank, name="first")
    first.start()
    first.ready(1)
    second = daemon(bank, name="second")
    second.start()
    until(lambda: second.status()["modems"][0]["reason"])
    modem = second.status()["modems"][0]
    assert modem["state"] == "absent"
    assert "held by" in modem["reason"]
    first.open_account()
    assert first.settled(first.send("+48600500400", "undisturbed")) == {"sent": 1}
    first.stop()
    second.ready(1)


# --- a full disk -------------------------------------------------------------------------------------------------

needs_a_small_disk = pytest.mark.skipif(os.geteuid() != 0, reason="not root: no small file system can be mounted")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A state directory on a file system of 4 MiB."""
    folder = tmp_path / "state"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("no small file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no octet free."""
    ballast = folder / "ballast"
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    for size in (65536, 4096):
        with contextlib.suppress(OSError):
            while os.write(file, b"\0" * size):
                pass
    os.close(file)
    return ballast


@needs_a_small_disk
def test_on_a_full_disk_nothing_is_half_written_and_sending_recovers_with_the_space(
    hw_sim_bank: StartBank, daemon: StartDaemon, small_disk: Path, private: Private
) -> None:
    bank = hw_sim_bank("--air", "0.2", modems=2)
    modemd = Daemon(small_disk, private, ports=bank.ports)
    try:
        modemd.begin(2)
        accepted = modemd.send(numbers(20), "before the disk is full")
        bank.wait_for_air(2)
        ballast = fill(small_disk)
        refusals = [modemd.post(numbers(200, first=1000 * turn), "too much " * 10) for turn in range(1, 4)]
        assert {answer.status_code for answer in refusals} <= {507, 202}
        full = [answer for answer in refusals if answer.status_code == 507]
        assert full, "the disk is full"
        assert full[-1].json()["code"] == "storage_full"
        assert full[-1].json()["cure"]
        for answer in refusals:
            accepted += [message["id"] for message in answer.json().get("messages", [])]
        until(lambda: any("modem" in event for event in told(modemd.log, "storage.refused")))
        ballast.unlink()
        assert modemd.settled(accepted, 90) == {"sent": len(accepted)}
        listed = modemd.messages()
        assert sorted(message["id"] for message in listed) == sorted(accepted), "of what was refused there is nothing"
        assert sorted(found.to for found in arrived(bank.air())) == sorted(message["to"] for message in listed)
        assert modemd.settled(modemd.send("+48600500500", "after")) == {"sent": 1}
        assert modemd.stop().code == 0
        modemd.check()
    finally:
        modemd.close()


@needs_a_small_disk
def test_on_a_full_disk_books_keys_and_large_calls_are_refused_whole(
    daemon: StartDaemon, small_disk: Path, private: Private
) -> None:
    modemd = Daemon(small_disk, private)
    try:
        modemd.start()
        modemd.open_account()
        before = modemd.request("GET", "/v1/keys").json()
        ballast = fill(small_disk)
        cards = "number,name\n" + "\n".join(f"{number},{'x' * 100}" for number in numbers(2000))
        csv = {"Content-Type": "text/csv"}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/v1/messages", {"json": {"to": numbers(10_000), "text": "x" * 160, "lane": "bulk"}}),
            ("POST", "/v1/recipients/import", {"content": cards.encode(), "headers": csv}),
            *(("POST", "/v1/recipients", {"json": {"number": to, "name": "x" * 200}}) for to in numbers(40, 5000)),
            *(("POST", "/v1/groups", {"json": {"name": f"{turn} {'x' * 90}"}}) for turn in range(20)),
            *(("POST", "/v1/opt-outs", {"json": {"number": to}}) for to in numbers(20, 7000)),
        ]
        answers = [(path, modemd.request(method, path, **more)) for method, path, more in calls]
        refused = {path: answer for path, answer in answers if answer.status_code >= 400}
        assert {answer.status_code for answer in refused.values()} <= {503, 507}
        assert {"/v1/messages", "/v1/recipients/import"} <= refused.keys()
        for answer in refused.values():
            assert answer.json()["cure"]
            assert int(answer.headers["retry-after"]) > 0
        readiness = modemd.request("GET", "/readyz")
        assert (readiness.status_code, readiness.json()["detail"]) == (503, "the disk is full")
        ballast.unlink()
        assert modemd.messages() == [], "nothing of a large call that was refused is there"
        made = sum(answer.status_code < 300 for path, answer in answers if path == "/v1/groups")
        assert len(modemd.request("GET", "/v1/groups?limit=500").json()["groups"]) == made
        added = sum(answer.status_code < 300 for path, answer in answers if path == "/v1/recipients")
        listed = modemd.request("GET", "/v1/recipients?limit=500").json()["recipients"]
        assert len([card for card in listed if card["name"] == "x" * 200]) == added
        assert modemd.request("GET", "/v1/keys").json()["keys"][0]["id"] == before["keys"][0]["id"]
        assert modemd.request("POST", "/v1/groups", json={"name": "after"}).status_code == 201
        assert modemd.stop().code == 0
        modemd.check()
    finally:
        modemd.close()


@needs_a_small_disk
def test_a_daemon_killed_on_a_full_disk_starts_again_when_there_is_space(
    hw_sim_bank: StartBank, small_disk: Path, private: Private
) -> None:
    bank = hw_sim_bank("--air", "0.2", modems=2)
    modemd = Daemon(small_disk, private, ports=bank.ports)
    try:
        modemd.begin(2)
        accepted = modemd.send(numbers(12), "twelve")
        bank.wait_for_air(2)
        ballast = fill(small_disk)
        modemd.post(numbers(300, first=1000), "too much " * 20)
        modemd.kill()
        modemd.launch()
        started = modemd.says_where()
        if not started:
            assert "disk" in one_line_with_cure(modemd.wait())
        ballast.unlink()
        if not started:
            modemd.start()
        done = modemd.settled(accepted, 60)
        assert set(done) <= {"sent", "uncertain"}
        assert done.get("uncertain", 0) <= 2
        came = [found.to for found in arrived(bank.air())]
        assert len(came) == len(set(came)), "nothing twice"
        modemd.check()
    finally:
        modemd.close()
