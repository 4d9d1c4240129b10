"""Every command against a real daemon with simulated modems."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from running import Modemd, Ran, Running, start, stop

from modemd.cli import daemon as client
from modemd.clock import SystemClock
from modemd.db import Database
from modemd.db.schema import Migration, shipped
from modemd.db.sqlite import SqliteEngine
from modemd.web.api.shapes.service import Status

PERFECT = "Zażółć gęślą jaźń [bold]🙂[/bold]"


@pytest.fixture
def at(modemd: Modemd, daemon: Running) -> Modemd:
    """Run a command on the running daemon."""
    return lambda *words: modemd(*words, "--state-dir", str(daemon.state_dir))


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def received(daemon: Running, number: str) -> list[str]:
    """The texts that the simulated network has taken for a number, from the air log."""
    air = (daemon.state_dir.parent / f"{daemon.state_dir.name}.sim" / "air.jsonl").read_text()
    entries = [json.loads(line) for line in air.splitlines()]
    return [entry["text"] for entry in entries if entry["to"] == number and entry["outcome"] == "accepted"]


def test_status_is_the_document_of_the_interface(at: Modemd) -> None:
    document = at("status", "--json").json
    assert document["running"] is True
    assert document.keys() == {"running", "version", "node", "uptime_s", "queue", "totals", "rate", "modems"}
    assert len(document["modems"]) == 2


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", "| true"])
def test_a_daemon_needs_nobody_who_reads_what_it_says(modemd: Modemd, tmp_path: Path, streams: str) -> None:
    state = tmp_path / "unheard"
    words = [sys.executable, "-m", "modemd", "start", "--state-dir", str(state), "--listen", "127.0.0.1:0"]
    command = f"{shlex.join([*words, '--simulate', '1'])} {streams}"
    with subprocess.Popen(["/bin/bash", "-c", f"set -o pipefail; {command}"], start_new_session=True) as shell:
        try:
            wait_for(lambda: modemd("modems", "--state-dir", str(state)).code == 0)
            wait_for(lambda: "ready" in modemd("modems", "--state-dir", str(state)).out)
        finally:
            os.killpg(shell.pid, signal.SIGTERM)
        wait_for(lambda: modemd("status", "--state-dir", str(state)).code == 3)


def test_what_is_closed_of_the_standard_streams_is_nobody_elses(tmp_path: Path) -> None:
    program = "import os, sys; from modemd.cli import main; sys.argv = ['modemd', '--version']\n"
    program += "try: main()\nexcept SystemExit: pass\n"
    program += (
        f"open({str(tmp_path / 'seen')!r}, 'w').write(' '.join(os.readlink(f'/proc/self/fd/{{n}}') for n in '012'))"
    )
    command = f"{shlex.join([sys.executable, '-c', program])} <&- >&- 2>&-"
    subprocess.run(["/bin/sh", "-c", command], check=True, timeout=30)
    assert (tmp_path / "seen").read_text() == "/dev/null /dev/null /dev/null"


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding_is_shown_what_it_can_show(daemon: Running, encoding: str) -> None:
    for words in (["modems"], ["start", "--help"]):
        command = [sys.executable, "-m", "modemd", *words, "--state-dir", str(daemon.state_dir)]
        environ = {**os.environ, "PYTHONIOENCODING": encoding}
        ran = subprocess.run(command, capture_output=True, check=True, env=environ)
        assert ran.stderr == b""
        assert b"modem" in ran.stdout


@pytest.mark.parametrize("words", [("status",), ("modems",), ("keys",), ("queue", "list"), ("modems", "drain", "x")])
def test_a_configuration_that_is_not_there_is_told_though_a_daemon_answers(at: Modemd, words: tuple[str, ...]) -> None:
    ran = at(*words, "--config", "/no/such/file")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no configuration file /no/such/file" in ran.err


def test_status_for_people_names_the_modems(at: Modemd) -> None:
    ran = at("status")
    assert ran.code == 0
    assert "modem0" in ran.out
    assert "modem1" in ran.out


def test_status_watched_tells_the_document_again_and_again_until_ctrl_c(daemon: Running) -> None:
    command = [sys.executable, "-m", "modemd", "status", "--watch", "--json", "--state-dir", str(daemon.state_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
        watching.send_signal(signal.SIGINT)
        assert watching.wait(5) == 0
    assert second["uptime_s"] > first["uptime_s"]


def test_status_watched_through_a_pipe_is_told_as_it_changes(daemon: Running) -> None:
    command = [sys.executable, "-m", "modemd", "status", "--watch", "--state-dir", str(daemon.state_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        heads = [line for line in itertools.islice(watching.stdout, 14) if line.startswith("modemd ")]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(5) == 0
    assert len(heads) == 2


def test_what_a_wait_shows_is_for_terminals(daemon: Running) -> None:
    command = [sys.executable, "-m", "modemd", "send", "--to", "600100077", "x", "--wait"]
    ran = subprocess.run([*command, "--state-dir", str(daemon.state_dir)], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert ran.stdout.endswith("1 sent\n")


def test_a_csv_file_may_be_in_any_encoding_that_has_ascii_digits(at: Modemd, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("imię;phone\nŁucja;600100078\n".encode("cp1250"))
    receipt = at("send", "--from-csv", str(file), "x", "--json").json
    assert [message["to"] for message in receipt["messages"]] == ["+48600100078"]


def test_json_may_be_asked_of_the_group(at: Modemd) -> None:
    assert at("modems", "--json", "drain", "modem1").json["name"] == "modem1"
    assert at("modems", "--json", "resume", "modem1").json["name"] == "modem1"


def test_a_message_is_sent_and_waited_for(at: Modemd, daemon: Running) -> None:
    ran = at("send", "--to", "600 100 001", PERFECT, "--wait")
    assert ran.code == 0
    assert ran.out.splitlines()[-1] == "1 sent"
    assert received(daemon, "+48600100001") == [PERFECT]


def test_a_receipt_as_json_has_the_batch_the_messages_and_how_they_ended(at: Modemd) -> None:
    receipt = at("send", "--to", "600100002", "--to", "+48600100003", "x", "--wait", "--json").json
    assert [message["to"] for message in receipt["messages"]] == ["+48600100002", "+48600100003"]
    assert receipt["states"] == {"sent": 2}
    assert receipt["batch"].startswith("b_")


def test_text_and_numbers_can_come_from_standard_input(
    at: Modemd, daemon: Running, type_in: Callable[[str], None]
) -> None:
    type_in("two\nlines\n")
    assert at("send", "--to", "600100004", "-", "--wait").code == 0
    assert received(daemon, "+48600100004") == ["two\nlines"]
    type_in("600100005\n\n600100006\n")
    assert len(at("send", "--to", "-", "x", "--json").json["messages"]) == 2


def test_recipients_come_from_a_csv_file_each_once(at: Modemd, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("name;phone\nAnna;600100007\nJan;600 100 008\nAnna;600100007\n")
    receipt = at("send", "--from-csv", str(file), "x", "--wait", "--json").json
    assert [message["to"] for message in receipt["messages"]] == ["+48600100007", "+48600100008"]


def test_what_was_accepted_is_shown_though_a_later_call_fails(
    at: Modemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemd.cli.send.MOST", 2)
    file = tmp_path / "people.csv"
    file.write_text("600100011\n600100012\n600100013\n")
    whole = at("send", "--from-csv", str(file), "x", "--json").json
    assert (len(whole["batches"]), whole["batches"][0], len(whole["messages"])) == (2, whole["batch"], 3)
    file.write_text("600100011\n600100012\n12\n")
    for words in ((), ("--json",)):
        ran = at("send", "--from-csv", str(file), "x", *words)
        assert ran.code == 2
        assert "+48600100012" in ran.out
        assert "too short" in ran.err


def test_a_rejected_number_is_told_and_the_others_are_sent(at: Modemd) -> None:
    ran = at("send", "--to", "600100009", "--to", "12", "x")
    assert ran.code == 1
    assert "rejected 12:" in ran.err
    assert "+48600100009" in ran.out


def test_nothing_but_bad_numbers_is_wrong_usage(at: Modemd) -> None:
    ran = at("send", "--to", "12", "x")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_an_empty_text_is_wrong_usage(at: Modemd) -> None:
    assert at("send", "--to", "600100200", " ").code == 2


def sent(at: Modemd) -> str:
    return str(at("send", "--to", "600100010", "x", "--wait", "--json").json["messages"][0]["id"])


def test_why_tells_the_story_of_a_message(at: Modemd) -> None:
    message = sent(at)
    ran = at("why", message)
    assert ran.code == 0
    assert ran.out.startswith(f"{message} is sent\n")
    assert at("why", message, "--json").json["summary"] == ran.out.splitlines()[-1]


def test_the_queue_lists_messages_by_state(at: Modemd) -> None:
    message = sent(at)
    listed = at("queue", "list", "--state", "sent", "--json").json["messages"]
    assert message in [entry["id"] for entry in listed]
    assert message in at("queue", "list").out
    assert at("queue", "list", "--state", "uncertain").out == "no messages are uncertain\n"
    assert at("queue", "list", "--state", "lost").code == 2


def test_the_list_goes_on_where_it_stopped(at: Modemd) -> None:
    newest, _ = sent(at), sent(at)
    first = at("queue", "list", "--limit", "1", "--json").json
    assert len(first["messages"]) == 1
    second = at("queue", "list", "--limit", "1", "--cursor", first["cursor"], "--json").json
    assert second["messages"][0]["id"] == newest


@pytest.mark.parametrize(
    "words",
    [("queue", "cancel"), ("queue", "retry"), ("queue", "resolve", "sent"), ("queue", "resolve", "resend")],
)
def test_a_sent_message_can_neither_be_cancelled_nor_settled(at: Modemd, words: tuple[str, ...]) -> None:
    ran = at(*words[:2], sent(at), *words[2:])
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("words", [("why",), ("queue", "cancel"), ("queue", "retry")])
def test_a_message_that_does_not_exist_is_a_failure(at: Modemd, words: tuple[str, ...]) -> None:
    for message in ("m_0000000000000", "nonsense"):
        assert at(*words, message).code == 1


def test_the_modems_are_shown_drained_and_resumed(at: Modemd) -> None:
    assert [modem["name"] for modem in at("modems", "--json").json["modems"]] == ["modem0", "modem1"]
    assert "modem1" in at("modems").out
    assert at("modems", "drain", "modem1").code == 0
    assert at("modems", "resume", "modem1").code == 0
    assert at("modems", "drain", "modem9").code == 1


def test_an_account_is_created_with_a_key_that_works(at: Modemd, daemon: Running) -> None:
    account = at(
        *("accounts", "create", "--email", "anna@example.org", "--phone", "601000001"),
        *("--no-sms", "--with-key", "--json"),
    ).json
    assert account.keys() == {"id", "email", "api_key"}
    ran = curl(f"curl -sS {daemon.url}/v1/messages -H 'Authorization: Bearer {account['api_key']}'")
    assert json.loads(ran.out)["messages"] == []


def test_an_account_can_be_typed_in_and_is_then_shown(at: Modemd, type_in: Callable[[str], None]) -> None:
    type_in("jan@example.org\n601000002\n")
    created = at("accounts", "create", "--email", "-", "--phone", "-", "--no-sms", "--json").json
    assert created["email"] == "jan@example.org"
    for who in (created["id"], "jan@example.org", "+48601000002"):
        assert created["id"] in at("accounts", "show", who).out
    assert created["id"] in at("accounts", "list").out
    assert at("accounts", "show", "nobody@example.org").code == 1


def test_the_operator_s_key_opens_the_status_until_it_is_revoked(at: Modemd, daemon: Running) -> None:
    made = at("accounts", "operator-key", "--name", "prometheus", "--json").json
    assert made.keys() == {"id", "api_key"}
    assert f"{made['id']}" in at("accounts", "show", "a_0000000000001").out
    with httpx.Client(base_url=daemon.url, headers={"Authorization": f"Bearer {made['api_key']}"}) as client:
        shown = client.get("/v1/status")
        assert (shown.status_code, shown.json().keys()) == (200, at("status", "--json").json.keys())
        assert len(Status.model_validate(shown.json()).modems) == 2, "as OpenAPI tells, and not a field more"
        assert made["id"] in at("accounts", "operator-key", "--revoke", made["id"]).out
        assert client.get("/v1/status").status_code == 401
    assert at("accounts", "operator-key", "--revoke", made["id"]).code == 1
    assert at("accounts", "operator-key", "--revoke", "nonsense").code == 1


def test_an_account_needs_a_phone_of_its_own(at: Modemd) -> None:
    words = ("accounts", "create", "--email", "eva@example.org", "--no-sms", "--phone")
    assert at(*words, "601000003").code == 0
    assert at(*words, "601000003").code == 1
    assert at(*words, "not a number").code == 2


def test_how_an_account_pays_is_shown_and_changed(at: Modemd) -> None:
    words = ("accounts", "create", "--email", "ola@example.org", "--no-sms", "--phone", "601000004")
    assert at(*words).code == 0
    assert "sends    freely" in at("accounts", "show", "ola@example.org").out
    assert "100 segments left" in at("accounts", "plan", "ola@example.org", "prepaid").out
    assert "100 segments left of its trial" in at("accounts", "show", "ola@example.org").out
    assert at("accounts", "plan", "ola@example.org", "free", "--json").json["plan"] == "free"
    assert at("accounts", "plan", "ola@example.org", "dear").code == 2
    assert at("accounts", "plan", "nobody@example.org", "free").code == 1
    assert at("accounts", "plan", "a_0000000000001", "prepaid").code == 1  # his own: nobody could book him credit
    assert at("accounts", "plan", "a_0000000000001", "free").code == 0


def test_without_prices_there_is_no_credit_and_no_invoice(at: Modemd) -> None:
    words = ("accounts", "create", "--email", "iza@example.org", "--no-sms", "--phone", "601000005")
    assert at(*words).code == 0
    refused = at("accounts", "credit", "iza@example.org", "12.30")
    assert (refused.code, "[billing] prices" in refused.err) == (1, True)
    assert at("accounts", "credit", "iza@example.org", "12.3").code == 2
    assert at("accounts", "credit", "iza@example.org", "-5").code == 1
    for form in ("--text", "--json"):
        nothing = at("accounts", "invoice", "iza@example.org", form)
        assert (nothing.code, len(nothing.err.splitlines())) == (1, 1)
    assert at("accounts", "invoice", "iza@example.org", "--month", "2026-13").code == 2


def test_a_number_is_suppressed_checked_and_allowed_again(at: Modemd, type_in: Callable[[str], None]) -> None:
    type_in("601000006\n")
    assert at("suppression", "add", "-").code == 0
    assert at("suppression", "check", "+48601000006", "--json").json == {"suppressed": True}
    assert "wants no SMS from here" in at("send", "--to", "601000006", "hello").err
    assert at("suppression", "lift", "601000006").code == 0
    assert "not suppressed" in at("suppression", "check", "601000006").out
    assert at("suppression", "add", "nobody").code == 2


def curl(line: str) -> Ran:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    ran = subprocess.run(shlex.split(line), capture_output=True, text=True, check=False, timeout=10)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_a_newcomer_pastes_the_line_that_start_prints_and_the_message_arrives(tmp_path: Path) -> None:
    daemon = start(tmp_path / "new", "--simulate", "1", "--first-message")
    try:
        assert daemon.process.stdout is not None
        lines = []
        for line in daemon.process.stdout:
            lines.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        first = json.loads(curl(next(line for line in lines if line.startswith("curl "))).out)
        message = first["messages"][0]
        assert message["to"] == "+48600100200"
        *_, ended = client.stream(daemon.state_dir, "progress", messages=[message["id"]])
        assert ended["states"] == {"sent": 1}
        assert received(daemon, "+48600100200") == ["Hello from modemd"]
        assert any(line.endswith("air.jsonl") and "hw-sim phone +48600100200" in line for line in lines)
    finally:
        assert stop(daemon) == 0


def test_a_second_daemon_on_the_same_state_is_refused(modemd: Modemd, daemon: Running) -> None:
    ran = modemd("start", "--state-dir", str(daemon.state_dir), "--listen", "127.0.0.1:0")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "--state-dir" in ran.err


def test_a_port_that_is_taken_is_told_with_the_cure(modemd: Modemd, daemon: Running, tmp_path: Path) -> None:
    taken = daemon.url.rpartition("/")[2]
    ran = modemd("start", "--state-dir", str(tmp_path / "other"), "--listen", taken, "--no-discover")
    assert ran.code == 1
    assert "--listen" in ran.err
    assert len([line for line in ran.err.splitlines() if line.startswith("modemd:")]) == 1


def test_without_a_daemon_status_answers_from_the_database_and_is_exit_3(modemd: Modemd, tmp_path: Path) -> None:
    state_dir = tmp_path / "gone"
    never = modemd("status", "--json", "--state-dir", str(state_dir))
    assert never.code == 3
    assert never.json["running"] is False
    assert not state_dir.exists()

    daemon = start(state_dir, "--simulate", "1")
    try:
        assert modemd("send", "--to", "600100200", "x", "--wait", "--state-dir", str(state_dir)).code == 0
    finally:
        assert stop(daemon) == 0
    gone = modemd("status", "--json", "--state-dir", str(state_dir))
    assert gone.code == 3
    assert gone.json["running"] is False
    assert gone.json["totals"]["sent"] == 1
    assert "not running" in modemd("status", "--state-dir", str(state_dir)).out


def test_without_a_daemon_status_counts_what_an_older_modemd_has_left_and_changes_nothing(
    modemd: Modemd, tmp_path: Path
) -> None:
    state_dir = tmp_path / "older"
    state_dir.mkdir()
    older = tuple(migration for migration in shipped() if migration.number <= 3)
    for migrations, waiting in ((older[:1], 0), (older, 1)):
        database = Database(SqliteEngine(state_dir / "modemd.db", SystemClock()), SystemClock(), migrations)
        asyncio.run(_with_one_queued(database, waiting))
        before = (state_dir / "modemd.db").read_bytes()
        found = modemd("status", "--json", "--state-dir", str(state_dir))
        assert found.code == 3, found.err
        assert found.json["queue"]["queued"] == waiting
        assert (state_dir / "modemd.db").read_bytes() == before


async def _with_one_queued(database: Database, messages: int) -> None:
    await database.open()
    if messages:
        await database.write(lambda tx: tx.tally("state.queued", messages))
    await database.close()


def test_without_a_daemon_status_says_that_the_database_is_newer(modemd: Modemd, tmp_path: Path) -> None:
    newer = (*shipped(), Migration(9999, "later", "SELECT 1;"))
    database = Database(SqliteEngine(tmp_path / "modemd.db", SystemClock()), SystemClock(), newer)
    asyncio.run(_with_one_queued(database, 0))
    found = modemd("status", "--state-dir", str(tmp_path))
    assert (found.code, found.out) == (1, "")
    assert "schema 9999" in found.err
    assert "install" in found.err


def test_a_file_that_is_no_database_is_told_and_left_alone(modemd: Modemd, tmp_path: Path) -> None:
    state_dir = tmp_path / "broken"
    state_dir.mkdir()
    (state_dir / "modemd.db").write_text("a letter to my aunt")
    for words in (["status"], ["start", "--no-discover", "--listen", "127.0.0.1:0"]):
        ran = modemd(*words, "--state-dir", str(state_dir))
        assert ran.code == 1
        assert "database" in ran.err
    assert (state_dir / "modemd.db").read_text() == "a letter to my aunt"
