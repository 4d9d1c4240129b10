"""Deletion, export and their proof on the command line, with a daemon and without one."""

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from running import Modemd, Running, start, stop

from modemd.at.pdu import segments
from modemd.values import Sms

EMAIL, PHONE, NUMBER, TEXT = "wilhelmina.zgrzyt@example.org", "+48600200300", "+48600777123", "kwiecisty jarmark 4711"
PDU = segments(Sms(NUMBER, f"x{TEXT}y"), reference=1)[0].pdu
PLANTED = {
    "utf-8": TEXT.encode(),
    "utf-16-le": TEXT.encode("utf-16-le"),
    "utf-16-be": TEXT.encode("utf-16-be"),
    "septets 1": bytes.fromhex(PDU),
    "HEX septets 1": PDU.encode(),
    "hex septets 1": PDU.lower().encode(),
    "hex utf-8": TEXT.encode().hex().encode(),
    "HEX utf-8": TEXT.encode().hex().upper().encode(),
    "HEX utf-16-be": TEXT.encode("utf-16-be").hex().upper().encode(),
    "base64 0 utf-8": base64.b64encode(TEXT.encode()),
    "base64 1 utf-8": base64.b64encode(b"a" + TEXT.encode()),
    "base64 2 utf-8": base64.b64encode(b"ab" + TEXT.encode()),
    "digits": b"0048600777123",
    "semi-octets 0": bytes.fromhex("8406707721F3"),
    "HEX semi-octets 0": b"8406707721F3",
}


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[Running]:
    """A daemon of this test's own, with one simulated modem."""
    running = start(tmp_path / "own", "--simulate", "1")
    yield running
    if running.process.poll() is None:
        stop(running)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def at(modemd: Modemd, daemon: Running) -> Modemd:
    """Run a command on the daemon that all share."""
    return lambda *words: modemd(*words, "--state-dir", str(daemon.state_dir))


def test_an_account_is_exported_deleted_and_proved_gone(
    modemd: Modemd, lonely: Running, tmp_path: Path, type_in: Callable[[str], None]
) -> None:
    here = ("--state-dir", str(lonely.state_dir))
    made = modemd("accounts", "create", "--email", EMAIL, "--phone", PHONE, "--with-key", "--json", *here).json
    key = {"Authorization": f"Bearer {made['api_key']}"}
    sent = httpx.post(f"{lonely.url}/v1/messages", json={"to": NUMBER, "text": TEXT}, headers=key)
    assert sent.status_code == 202
    exported = modemd("accounts", "export", EMAIL, "--json", *here).json
    assert (exported["account"]["phone"], exported["messages"][0]["text"]) == (PHONE, TEXT)
    assert modemd("erasures", "list", *here).out == "no erasures\n"
    type_in(EMAIL + "\n")
    deleted = modemd("accounts", "delete", "-", "--yes", "--json", *here)
    assert deleted.code == 0, deleted.err
    receipt = deleted.json
    assert (receipt["state"], receipt["waiting_for"]) == ("complete", [])
    assert receipt["removed"]["account"] == receipt["removed"]["api_key"] == 1
    assert PHONE not in deleted.out
    assert EMAIL not in deleted.out
    number = receipt["id"]
    assert number in modemd("erasures", "list", *here).out

    def proved() -> None:
        type_in(f"{EMAIL}\n{PHONE}\n{TEXT}\n")
        ran = modemd("erasures", "verify", number, "--search", "-", "--json", *here)
        assert (ran.code, ran.json["left"], ran.json["hits"]) == (0, {}, [])
        assert str(lonely.state_dir) in ran.json["searched"]

    proved()
    assert modemd("accounts", "delete", EMAIL, "--yes", *here).code == 1
    assert stop(lonely) == 0
    proved()
    assert modemd("erasures", "list", "--json", *here).json["erasures"][0]["id"] == number
    assert modemd("accounts", "delete", EMAIL, "--yes", *here).code == 3


@pytest.mark.parametrize("form", PLANTED)
def test_the_search_finds_what_was_planted_in_each_form_and_does_not_repeat_it(
    at: Modemd, tmp_path: Path, type_in: Callable[[str], None], form: str
) -> None:
    (tmp_path / "planted").write_bytes(b"\x00before" + PLANTED[form] + b"after\x00")
    (number,) = erased(at)
    type_in(f"nothing like it\n{NUMBER}\n{TEXT}\n")
    ran = at("erasures", "verify", number, "--search", "-", "--in", str(tmp_path), "--json")
    assert ran.code == 1
    assert form in {hit["form"] for hit in ran.json["hits"]}
    assert {hit["line"] for hit in ran.json["hits"]} <= {2, 3}
    assert {hit["path"] for hit in ran.json["hits"]} == {str(tmp_path / "planted")}
    assert TEXT not in ran.out
    assert NUMBER not in ran.out


def erased(at: Modemd) -> list[str]:
    """One erasure on the shared daemon, the same for every test."""
    found = at("erasures", "list", "--json").json["erasures"]
    if not found:
        at("accounts", "create", "--email", EMAIL, "--phone", PHONE)
        found = [at("accounts", "delete", PHONE, "--yes", "--json").json]
    return [found[-1]["id"]]


def test_an_e_mail_that_two_accounts_have_is_not_enough(at: Modemd) -> None:
    phones = ("+48600200311", "+48600200312")
    for phone in phones:
        assert at("accounts", "create", "--email", "two@example.org", "--phone", phone).code == 0
    ran = at("accounts", "delete", "two@example.org", "--yes")
    assert ran.code == 1
    assert "name one of them by its phone" in ran.err
    for phone in phones:
        assert at("accounts", "delete", phone, "--yes").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("accounts", "delete", "nobody@example.org", "--yes"), 1, "no such account"),
        (("accounts", "delete", "nobody@example.org"), 2, "--yes"),
        (("accounts", "export", "nobody@example.org"), 1, "no such account"),
        (("erasures", "verify", "e_01hzy3kd8q2v5"), 1, "no such erasure"),
        (("erasures", "verify", "rubbish"), 1, "no id of an erasure"),
        (("erasures", "waive", "rubbish"), 1, "no id of an erasure"),
        (("erasures", "verify", "e_01hzy3kd8q2v5", "--search", "4711"), 2, "'-'"),
        (("erasures", "verify", "e_01hzy3kd8q2v5", "--in", "/etc"), 2, "--search"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(at: Modemd, words: tuple[str, ...], code: int, said: str) -> None:
    ran = at(*words)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_what_is_too_short_to_search_for_is_refused_by_its_line(at: Modemd, type_in: Callable[[str], None]) -> None:
    (number,) = erased(at)
    type_in("long enough\nabc\n")
    ran = at("erasures", "verify", number, "--search", "-")
    assert ran.code == 2
    assert "line 2" in ran.err
    type_in("")
    assert at("erasures", "verify", number, "--search", "-").code == 2


def test_without_daemon_and_database_it_says_so(modemd: Modemd, tmp_path: Path) -> None:
    for words in (("erasures", "list"), ("accounts", "export", "x@example.org")):
        assert modemd(*words).code == 3
    assert not (tmp_path / "state").exists()


def test_an_operator_cannot_delete_himself(at: Modemd) -> None:
    own = next(one["id"] for one in at("accounts", "list", "--json").json["accounts"] if one["operator"])
    ran = at("accounts", "delete", own, "--yes")
    assert ran.code == 1
    assert "operator" in ran.err
    assert json.loads(at("accounts", "list", "--json").out)["accounts"]
