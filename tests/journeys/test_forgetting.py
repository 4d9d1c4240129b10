"""An account lives, uses everything, and is forgotten: nothing of it can be read, at no step and in no place.

What it said is looked for, in every form a gateway could leave it in, in every raw file there is: state directory, key
store, mirror, logs, what the SIMs hold, and copies of the database from before.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, as_json, cli, one_line_with_cure, until

from modemd.accounts.receipts import Step
from modemd.cli import daemon as control
from modemd.service import find, key_directory

EMAIL, PHONE = "wilhelmina.zgrzyt@example.org", "+48600200300"
ANNA, JAN, STRANGER = "+48600777123", "+48600777456", "+48600777789"
SAID = {
    "text": "kwiecisty jarmark w sobotę",
    "plain text": "swietliki nad Biebrza",
    "long text": "Dobieszków " * 40,
    "template": "Droga {name}, twoj kod z {town}",
    "tag": "tajna-akcja-4711",
    "name": "Kunegunda Wrzosek",
    "field": "Szczebrzeszyn",
    "group": "dyskretne grono",
    "key": "kasa w Gdyni",
    "reply": "stokrotne dzieki, Kunegunda",
    "billing name": "Zgrzyt i Corki sp. z o.o.",
    "address": "ul. Zaciszna 17/3, 00-950 Zawoja",
    "vat id": "PL5260001246",
    "webhook": "tajny-odbiornik-4711",
}
UNREADABLE_WITHIN_S = 60.0


@dataclass(slots=True)
class User:
    """Somebody who registers by SMS and uses everything."""

    bank: BankProcess
    modemd: Daemon
    email: str = EMAIL
    phone: str = PHONE
    password: str = ""
    secret: str = "of its webhook"
    ids: list[str] = field(default_factory=list)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30.0))

    def registers(self) -> None:
        """By SMS; the password is read off the phone."""
        self.calls("POST", "/v1/accounts", {"email": self.email, "phone": self.phone}, expect=202)
        [sms] = until(lambda: self.bank.received(self.phone))
        self.password = sms.removeprefix("Your modemd password is ").split(" ", 1)[0]
        self.calls("POST", "/v1/session", {"login": self.email, "password": self.password})
        self.http.auth = (self.phone, self.password)
        self.modemd.ask("accounts.plan", who=self.phone, plan="free")

    def uses_everything(self) -> None:
        """Every feature that takes something in confidence."""
        key = self.calls("POST", "/v1/keys", {"name": SAID["key"]}, expect=201)["key"]
        buyer = {"name": SAID["billing name"], "address": SAID["address"], "vat_id": SAID["vat id"]}
        self.calls("PUT", "/v1/account/billing", buyer)
        card = {"number": ANNA, "name": SAID["name"], "fields": {"town": SAID["field"]}}
        anna = self.calls("POST", "/v1/recipients", card, expect=201)["id"]
        sheet = f"number,name\n{JAN},{SAID['name']} junior\n"
        self.http.post(
            self.modemd.url + "/v1/recipients/import", content=sheet, headers={"Content-Type": "text/csv"}
        ).raise_for_status()
        group = self.calls("POST", "/v1/groups", {"name": SAID["group"]}, expect=201)["id"]
        self.calls("POST", f"/v1/groups/{group}/recipients", {"recipients": [anna]})
        hook = {"url": f"https://127.0.0.1:1024/{SAID['webhook']}"}
        self.secret = self.calls("POST", "/v1/webhooks", hook, expect=201)["secret"]
        self.calls("POST", "/v1/opt-outs", {"number": STRANGER}, expect=201)
        for name in ("text", "plain text", "long text"):
            self.sends({"to": [ANNA, JAN], "text": SAID[name], "tag": SAID["tag"], "report": True})
        self.sends({"groups": [group], "text": SAID["template"]}, key)
        self.modemd.settled(self.ids)
        self.bank.reply(ANNA, SAID["reply"])
        until(lambda: self.calls("GET", "/v1/inbox")["messages"])
        self.sends({"to": JAN, "text": SAID["text"], "send_at": "2027-05-01T08:00:00Z"})

    def sends(self, body: dict[str, object], key: str = "") -> None:
        """Messages, with an API key or the session."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.calls("POST", "/v1/messages", body, expect=202, headers=headers)
        if "send_at" not in body:
            self.ids += [message["id"] for message in answer["messages"]]

    def wants_to_be_forgotten(self) -> str:
        """The erasure's id."""
        return str(self.calls("DELETE", "/v1/account", {"password": self.password}, expect=202)["erasure"])

    def calls(
        self, method: str, path: str, body: object = None, *, expect: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        """One call that must succeed."""
        auth = None if headers else self.http.auth
        answer = self.http.request(method, self.modemd.url + path, json=body, headers=headers, auth=auth)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    def confided(self) -> list[str]:
        """Everything that may be found nowhere."""
        numbers = [ANNA, JAN, STRANGER, self.phone]
        words = {name: value[:20] for name, value in SAID.items()}  # a segment breaks no more than that
        return [*words.values(), self.email, self.password, self.secret, *numbers, *(number[3:] for number in numbers)]


def receipt(modemd: Daemon, erasure: str) -> dict[str, Any]:
    """The receipt, which everybody may see."""
    return dict(httpx.get(f"{modemd.url}/v1/erasures/{erasure}").raise_for_status().json())


def completed(modemd: Daemon, erasure: str) -> dict[str, Any]:
    """The receipt once it is complete."""

    def complete() -> dict[str, Any] | None:
        found = receipt(modemd, erasure)
        return found if found["state"] == "complete" else None

    return until(complete, 30)


def seconds(found: dict[str, Any], what: str) -> float:
    """From the request of an erasure to a moment of its receipt."""
    moments = [datetime.fromisoformat(found[name]) for name in ("requested_at", what)]
    return (moments[1] - moments[0]).total_seconds()


def sims(bank: BankProcess, folder: Path) -> Path:
    """A file with every octet that the modems and SIMs of a bank hold, remnants of deleted records too."""
    stores = [bank.look(f"modem{index}")["storages"] for index in range(bank.modems)]
    path = folder / "sims"
    path.write_bytes(b"\xff".join(bytes.fromhex(store["octets"]) for of in stores for store in of.values()))
    return path


def hits(paths: Sequence[Path], confided: Sequence[str]) -> list[str]:
    """Where something of it is, and in which form."""
    return [f"{confided[hit.needle]!r} in {hit.path.name} as {hit.form}" for hit in find(paths, confided)]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "usb"
    folder.mkdir()
    return folder


@pytest.fixture
def make(daemon: StartDaemon, tmp_path: Path, mirror: Path) -> Callable[[BankProcess], Daemon]:
    """A daemon that logs to a file and keeps a mirror."""

    def made(bank: BankProcess) -> Daemon:
        config = tmp_path / "modemd.toml"
        config.write_text(
            f'[keys]\nmirrors = ["{mirror}"]\n[logs]\nfile = true\nlevel = "DEBUG"\n[webhooks]\nallow_private = true\n'
        )
        return daemon(bank, "--config", str(config))

    return made


def test_an_account_that_used_everything_is_unreadable_while_it_lives_and_gone_when_it_says_so(
    hw_sim_bank: StartBank, make: Callable[[BankProcess], Daemon], tmp_path: Path, mirror: Path
) -> None:
    bank = hw_sim_bank("--air", "0.05", modems=2)
    modemd = make(bank)
    modemd.start()
    modemd.ready(2)
    user = User(bank, modemd)
    user.registers()
    user.uses_everything()
    confided = user.confided()
    state, keys = modemd.state_dir, key_directory(modemd.state_dir)
    places = [state, keys, mirror, *modemd.outputs]
    exported = user.calls("GET", "/v1/account/export")
    assert len(exported["messages"]) == 9, "the password among them"
    assert (state / "modemd.log").stat().st_size > 0
    assert hits(places, confided) == []
    assert "as semi-octets" in " ".join(hits([sims(bank, tmp_path)], confided)), "the SIM still holds the reply"

    before = tmp_path / "before"
    shutil.copytree(state, before, ignore=shutil.ignore_patterns("*.sock"))
    erasure = user.wants_to_be_forgotten()
    found = completed(modemd, erasure)
    assert seconds(found, "unreadable_at") < UNREADABLE_WITHIN_S
    assert found["removed"]["message"] == 9
    assert (found["searched_at"] <= found["completed_at"], found["found"]) == (True, [])
    assert {"billing_data", "webhook", "webhook_event", "inbound", "recipient", "opt_out", "api_key"} <= found[
        "removed"
    ].keys()
    assert hits([*places, before, sims(bank, tmp_path)], confided) == []
    assert modemd.stop().code == 0

    proof = cli("erasures", "verify", erasure, "--search", "-", "--json", state_dir=state, stdin="\n".join(confided))
    assert (proof.code, as_json(proof.out)["left"], as_json(proof.out)["hits"]) == (0, {}, []), proof.out
    shutil.copytree(keys, key_directory(before))
    opened = cli("accounts", "export", exported["account"]["id"], state_dir=before)
    assert opened.code == 1, "today's keys do not open yesterday's database"
    assert "key" in one_line_with_cure(opened)
    assert opened.out == ""


# --- killed at each step -------------------------------------------------------------------------------------------

MANY = 1000


class Holding:
    """What makes an erasure stand still at a step, so that it can be killed there."""

    def __init__(self, bank: BankProcess, modemd: Daemon, mirror: Path) -> None:
        self.bank = bank
        self.modemd = modemd
        self.mirror = mirror

    @contextmanager
    def at(self, step: Step) -> Iterator[None]:
        """Hold whoever is erased now at this step; let go at the end."""
        hold = {
            Step.DRAIN: self._on_the_air,
            Step.DESTROY: self._mirror_away,
            Step.SCRUB: self._read_from_outside,
            Step.SEARCH: self._modem_away,
        }.get(step)
        with ExitStack() as stack:
            if hold is not None:
                stack.enter_context(hold())
            yield

    @contextmanager
    def _on_the_air(self) -> Iterator[None]:
        self.modemd.send(ANNA, "still on the air")
        until(lambda: self.modemd.status()["queue"]["sending"])
        yield

    @contextmanager
    def _mirror_away(self) -> Iterator[None]:
        away = self.mirror.rename(self.mirror.with_name("unplugged"))
        yield
        away.rename(self.mirror)

    @contextmanager
    def _read_from_outside(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.modemd.state_dir / "modemd.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM message").fetchone()
            yield

    @contextmanager
    def _modem_away(self) -> Iterator[None]:
        self.bank.strike("modem0", "unplug")
        until(lambda: self.modemd.modem("modem0")["state"] == "absent")
        yield
        self.bank.strike("modem0", "plug_in")


def stands_at(modemd: Daemon) -> Step:
    """The step that is written down of the newest erasure; there is no daemon now."""
    with closing(sqlite3.connect(modemd.state_dir / "modemd.db")) as reader:
        (step,) = reader.execute("SELECT step FROM erasure ORDER BY id DESC LIMIT 1").fetchone()
    return Step(step)


def killed_at(modemd: Daemon, step: Step, phone: str) -> str:
    """Begin to forget an account and SIGKILL the daemon as soon as it says that it has come to a step; the id."""
    accounts = {one["phone"]: one["id"] for one in modemd.ask("accounts.list")["accounts"]}
    erasure = deletion(modemd, accounts[phone])
    words = "erasure.requested" if step is Step.STOP else f"erasure={erasure} step={step.name.lower()}"
    deadline = time.monotonic() + 20
    while words not in modemd.log and time.monotonic() < deadline:
        pass  # shorter than any sleep: some steps take milliseconds
    modemd.kill()
    return erasure


def deletion(modemd: Daemon, account: str) -> str:
    """Have the operator delete an account, and do not wait for it."""
    return str(next(control.stream(modemd.state_dir, "accounts.delete", who=account))["id"])


@pytest.mark.timeout(120)
def test_killed_at_any_step_it_goes_on_where_it_was_and_nothing_is_left(
    hw_sim_bank: StartBank, make: Callable[[BankProcess], Daemon], tmp_path: Path, mirror: Path
) -> None:
    bank = hw_sim_bank("--air", "1", modems=1)
    modemd = make(bank)
    modemd.start()
    holding = Holding(bank, modemd, mirror)
    steps = [step for step in Step if step is not Step.DONE]
    confided: list[str] = []
    stood: list[Step] = []
    erasures: list[str] = []
    for step in steps:
        email, phone = f"{step.name.lower()}.zgrzyt@example.org", f"+4860020030{int(step)}"
        many = [f"+48601{int(step)}{place:05}" for place in range(MANY)]
        modemd.open_account(email, phone)
        modemd.ready(1)
        modemd.send(many, SAID["text"], tag=SAID["tag"], send_at="2027-05-01T08:00:00Z")
        confided += [email, phone, phone[3:], many[0], many[-1]]
        with holding.at(step):
            erasures.append(killed_at(modemd, step, phone))
            stood.append(stands_at(modemd))
        modemd.start()
        found = completed(modemd, erasures[-1])
        assert found["removed"]["message"] >= MANY
        if step is not Step.DESTROY:  # within that, the key may be gone or not
            assert (found["searched_at"] is None) is (step > Step.DESTROY), "the words are gone with the memory"
        assert seconds(found, "unreadable_at") < UNREADABLE_WITHIN_S
    assert stood == steps, "each was killed where it should be"
    places = [modemd.state_dir, key_directory(modemd.state_dir), mirror, *modemd.outputs, sims(bank, tmp_path)]
    assert hits(places, [*confided, SAID["text"], SAID["tag"]]) == []
    for erasure in erasures:
        assert cli("erasures", "verify", erasure, state_dir=modemd.state_dir).code == 0
