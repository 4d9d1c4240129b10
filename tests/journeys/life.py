"""A life of an account that uses everything there is, with words that nobody else would say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from hw_sim.control import ask
from hw_sim.pytest_plugin import BankProcess
from journey import Daemon, arrived, cli, until

from modemd.accounts.search import search
from modemd.at.pdu.alphabet import DEFAULT
from modemd.service import key_directory

EMAIL, PHONE, PASSWORD = "wilhelmina.zgrzyt@example.org", "+48601733191", "nicht-mein-passwort-4711"
NUMBER, OTHER, STRANGER, MISSING = "+48602844202", "+48603955313", "+48604166424", "+48605277535"
TEXT, ANSWER, TAG, CALL = (
    "kwiecisty jarmark przy moscie",
    "przyjde po dziewiatej",
    "tajna-akcja-zimowa",
    "zamowienie-77-x",
)
NAME, FIELD, GROUP, KEY = "Gerwazy Mlynarczyk", "klient-od-lutego", "sasiedzi z parteru", "kasa w Gdyni"
BUYER, STREET = "Zgrzyt i Corki sp. j.", "ul. Kocia 13, 80-001 Gdansk"
JSON = {"Content-Type": "application/json"}
WORDS = [EMAIL, PASSWORD, TEXT, ANSWER, TAG, CALL, NAME, FIELD, GROUP, KEY, BUYER, STREET]
NUMBERS = [PHONE, NUMBER, OTHER, STRANGER, MISSING]


def registered(modemd: Daemon, bank: BankProcess) -> tuple[str, str]:
    """An account that a stranger has opened, logged in with the password that came by SMS."""
    made = modemd.request("POST", "/v1/accounts", json={"email": EMAIL, "phone": PHONE})
    assert made.status_code == 202, made.text
    [sms] = until(lambda: [message.text for message in arrived(bank.air()) if message.to == PHONE])
    for word in re.findall(r"\S{13}", sms):
        if modemd.request("POST", "/v1/session", json={"login": EMAIL, "password": word}).status_code == 200:
            return EMAIL, word
    raise AssertionError("no password that works came by SMS")


def lives(modemd: Daemon, bank: BankProcess) -> tuple[str, str]:
    """An account uses everything there is; its e-mail and password."""
    login = registered(modemd, bank)
    modemd.private.words.add(login[1])
    modemd.key = modemd._http.post(f"{modemd.url}/v1/keys", json={"name": KEY}, auth=login).json()["key"]
    modemd.private.words.add(modemd.key)
    person = done(modemd, "POST", "/v1/recipients", json={"number": NUMBER, "name": NAME, "fields": {"since": FIELD}})
    group = done(modemd, "POST", "/v1/groups", json={"name": GROUP})
    done(modemd, "POST", f"/v1/groups/{group['id']}/recipients", json={"recipients": [person["id"]]})
    done(modemd, "POST", "/v1/opt-outs", json={"number": OTHER})
    table = f"number,name\n{STRANGER},{NAME}\nnonsense {FIELD},{NAME}\n"
    headers = {"Content-Type": "text/csv"}
    done(modemd, "POST", "/v1/recipients/import", content=table.encode(), headers=headers)
    body = {"to": [NUMBER, OTHER, "nonsense " + FIELD], "text": TEXT, "tag": TAG, "report": True}
    sent = done(modemd, "POST", "/v1/messages", json=body, headers={"Idempotency-Key": CALL})
    done(modemd, "POST", "/v1/messages", json={"groups": [group["id"]], "text": f"{{name}}: {TEXT}"})
    done(modemd, "POST", "/v1/messages", json={"to": STRANGER, "text": TEXT, "send_at": "2027-01-16T08:00:00Z"})
    modemd.settled([message["id"] for message in sent["messages"]])
    ask(bank.folder, {"verb": "reply", "number": NUMBER, "text": ANSWER})
    until(lambda: any(ANSWER in str(one) for one in done(modemd, "GET", "/v1/inbox").values()))
    done(modemd, "GET", "/v1/messages", params={"to": NUMBER, "tag": TAG})
    billing = modemd._http.put(f"{modemd.url}/v1/account/billing", json={"name": BUYER, "address": STREET}, auth=login)
    assert billing.status_code == 200, billing.text
    exported = modemd._http.get(f"{modemd.url}/v1/account/export", auth=login).text
    assert all(word in exported for word in (NAME, TEXT, ANSWER, BUYER, GROUP, KEY))
    return login


def done(modemd: Daemon, method: str, path: str, **more: Any) -> dict[str, Any]:
    """What a call answers that must succeed."""
    answer = modemd.request(method, path, **more)
    assert answer.status_code < 300, answer.text
    return dict(answer.json())


def mistakes(modemd: Daemon) -> None:
    """What goes wrong, with private words in every place where a caller can put some."""
    for method, path, more in (
        ("GET", f"/v1/messages/{MISSING}", {}),
        ("GET", f"/v1/recipients/{NAME}", {}),
        ("GET", f"/{TAG}/{MISSING}", {}),
        ("GET", "/v1/messages", {"params": {"cursor": TEXT}}),
        ("GET", "/v1/messages", {"params": {TAG: MISSING}}),
        ("POST", "/v1/messages", {"content": f'{{"to": "{MISSING}", "text": "{TEXT}"'.encode()}),
        ("POST", "/v1/messages", {"content": f'{{"to": "{MISSING}", "{TEXT}"'.encode(), "headers": JSON}),
        ("POST", "/v1/messages", {"json": {"to": MISSING, "text": TEXT, NAME: FIELD}}),
        ("POST", "/v1/messages", {"json": {"to": MISSING, "text": TEXT, "lane": TAG}}),
        ("POST", "/v1/messages", {"json": {"to": [MISSING, {NAME: FIELD}], "text": TEXT}}),
        ("POST", "/v1/messages", {"json": {"to": TEXT, "text": TEXT}}),
        ("POST", "/v1/session", {"json": {"login": EMAIL, "password": PASSWORD}}),
        ("POST", "/v1/accounts", {"json": {"email": NAME, "phone": MISSING}}),
        ("POST", "/v1/accounts", {"json": {"email": EMAIL, "phone": FIELD}}),
        ("POST", "/v1/groups", {"json": {"name": GROUP}}),
        ("PUT", "/v1/account/billing", {"json": {"name": BUYER, "vat_id": STREET}}),
        ("DELETE", "/v1/account", {"json": {"password": PASSWORD}}),
        ("GET", "/v1/inbox", {"headers": {"Authorization": f"Bearer {PASSWORD}"}}),
        ("GET", "/v1/inbox", {"headers": {"Cookie": f"session={PASSWORD}", "User-Agent": NAME, "Referer": EMAIL}}),
        ("PATCH", f"/v1/{NAME}", {}),
    ):
        answer = modemd.request(method, path, **more)
        assert 400 <= answer.status_code < 500 or "Cookie" in str(more), (path, answer.text)
        problem = {name: value for name, value in answer.json().items() if name != "instance"}
        told = json.dumps(problem, ensure_ascii=False) if answer.status_code >= 400 else ""
        assert not modemd.private.found_in(told.encode()), f"{method} {path} repeats what it was sent"


def on_the_command_line(modemd: Daemon) -> None:
    """The operator types what must not be in a process listing."""
    for words, typed in (
        (("send", "--to", "-", "-"), f"{MISSING}\n{TEXT}\n"),
        (("send", "--to", "-", TAG), f"{MISSING}\n"),
        (("accounts", "show", "-"), f"{EMAIL}\n"),
        (("accounts", "show", "-"), "nobody@example.org\n"),
    ):
        cli(*words, state_dir=modemd.state_dir, stdin=typed)


def hits(modemd: Daemon) -> set[str]:
    """Where anything private can be read, in whatever form: everything the daemon has written, and its reports."""
    needles = [*WORDS, *(number[1:] for number in NUMBERS), *(number[3:] for number in NUMBERS), modemd.key]
    report = modemd.watch.report
    places = [modemd.state_dir, key_directory(modemd.state_dir), report, Path(f"{report}.removed"), *modemd.outputs]
    return {f"{hit.path.name}: {needles[hit.needle]} as {hit.form}" for hit in search(places, needles, DEFAULT.encode)}
