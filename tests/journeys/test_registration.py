"""Opening an account and getting in, through the whole service: what comes to which phone, and what strangers learn."""

from __future__ import annotations

import re
from collections.abc import Sequence

import httpx
from conftest import StartDaemon
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, cli, told, until

from modemd.accounts.budgets import PER_NETWORK, PER_NUMBER
from modemd.accounts.login import FAILURES
from modemd.accounts.passwords import ALPHABET, LENGTH

JAN, OTHER, FOREIGN, LANDLINE = "+48600200300", "+48600200301", "+4915123456789", "+48221234567"
EMAIL = "jan.kowalski@example.org"
SENT = {"status": "password_sent"}
HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"


class Street:
    """People with phones, who come from a network that a trusted proxy tells."""

    def __init__(self, modemd: Daemon, bank: BankProcess) -> None:
        self.modemd, self.bank = modemd, bank
        modemd.environ |= {"MODEMD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
        modemd.private.words.add(EMAIL)
        modemd.private.numbers |= {JAN, OTHER, FOREIGN, LANDLINE}
        modemd.start()

    def post(self, path: str, body: dict[str, str], network: str | None = None) -> httpx.Response:
        headers = {"X-Forwarded-For": network} if network else {}
        return self.modemd.request("POST", path, json=body, headers=headers)

    def register(self, email: str, phone: str, network: str | None = None) -> httpx.Response:
        return self.post("/v1/accounts", {"email": email, "phone": phone}, network)

    def log_in(self, login: str, password: str, network: str | None = None) -> httpx.Response:
        return self.post("/v1/session", {"login": login, "password": password}, network)

    def received(self, phone: str, count: int) -> Sequence[str]:
        """What a phone has received once that is so many."""
        return until(lambda: found if len(found := self.bank.received(phone)) >= count else None)

    def password(self, phone: str, count: int = 1) -> str:
        found = re.search(rf"\b[{ALPHABET}]{{{LENGTH}}}\b", self.received(phone, count)[-1])
        assert found
        self.modemd.private.words.add(found.group())
        return found.group()

    def idle(self) -> None:
        """Every request of a stranger has been looked at, and what it caused has been sent."""
        queue = self.modemd.status
        until(lambda: queue()["queue"]["queued"] + queue()["queue"]["sending"] == 0)


def test_who_registers_gets_a_password_and_nobody_learns_who_has_an_account(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    street = Street(daemon(bank := hw_sim_bank("--air", "0.02", modems=2)), bank)
    new = street.register(EMAIL, JAN)
    password = street.password(JAN)
    assert street.log_in(JAN, password).status_code == street.log_in(EMAIL, password).status_code == 200

    known = [street.register("other@example.org", phone) for phone in (JAN, "600 200 300")]
    assert {(one.status_code, one.text) for one in known} == {(new.status_code, new.text)}
    assert (new.status_code, new.json()) == (202, SENT)
    assert "has an account" in street.received(JAN, 2)[1]

    again = street.register(EMAIL, OTHER)
    assert (again.status_code, again.text) == (new.status_code, new.text)
    second = street.password(OTHER)
    accounts = {street.log_in(EMAIL, one).json()["account"] for one in (password, second)}
    assert len(accounts) == 2, "an e-mail address may have several accounts, each with its own password"

    for phone, code in ((FOREIGN, "country_not_allowed"), (LANDLINE, "not_mobile"), ("12", "invalid_number")):
        refused = street.register(EMAIL, phone)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    street.idle()
    assert [len(bank.received(phone)) for phone in (JAN, OTHER, FOREIGN, LANDLINE)] == [2, 1, 0, 0]
    assert len(street.modemd.ask("accounts.list")["accounts"]) == 3


def test_what_strangers_may_cause_has_bounds_that_they_do_not_see(hw_sim_bank: StartBank, daemon: StartDaemon) -> None:
    street = Street(daemon(bank := hw_sim_bank("--air", "0.02", modems=2)), bank)
    street.register(EMAIL, JAN)
    street.password(JAN)
    for _ in range(PER_NUMBER):
        answer = street.post("/v1/account/password-reset", {"login": JAN})
        assert (answer.status_code, answer.json()) == (202, SENT)
    street.received(JAN, PER_NUMBER)
    phones = [f"+4860030{place}000" for place in range(PER_NETWORK + 1)]
    street.modemd.private.numbers |= set(phones)
    for place, phone in enumerate(phones):
        answer = street.register(EMAIL, phone, f"198.51.100.{place}")
        assert (answer.status_code, answer.json()) == (202, SENT)
    assert street.register(EMAIL, OTHER, ELSEWHERE).json() == SENT
    street.password(OTHER)

    held = until(lambda: found if len(found := told(street.modemd.log, "errand.held")) == 2 else None)
    assert {one["bound"] for one in held} == {"number", "network"}
    [alarm] = street.modemd.status()["alarms"]
    assert alarm.startswith("2 registrations and resets are held")
    street.idle()
    assert len(bank.received(JAN)) == PER_NUMBER
    assert sum(len(bank.received(phone)) for phone in phones) == PER_NETWORK


def test_wrong_passwords_make_one_login_from_one_network_wait_and_nobody_else(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    street = Street(daemon(bank := hw_sim_bank("--air", "0.02", modems=1)), bank)
    street.register(EMAIL, JAN)
    password = street.password(JAN)
    for _ in range(FAILURES):
        assert street.log_in(JAN, "wrong", HOME).status_code == 401
    paused = street.log_in(JAN, password, HOME)
    assert (paused.status_code, paused.json()["code"]) == (429, "login_paused")
    assert 0 < int(paused.headers["retry-after"]) <= 900
    assert street.log_in(JAN, password, "198.51.100.99").status_code == 429, "the whole network waits"
    assert street.log_in(JAN, password, ELSEWHERE).status_code == 200, "its owner elsewhere does not"
    assert street.log_in(EMAIL, password, HOME).status_code == 200, "nor do other log-ins"


def test_the_operator_makes_accounts_with_and_without_a_password_sms(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    street = Street(daemon(bank := hw_sim_bank("--air", "0.02", modems=1)), bank)
    create = ("accounts", "create", "--email", "-", "--phone", "-")
    loud = cli(*create, state_dir=street.modemd.state_dir, stdin=f"{EMAIL}\n{JAN}\n")
    quiet = cli(*create, "--no-sms", state_dir=street.modemd.state_dir, stdin=f"{EMAIL}\n{OTHER}\n")
    assert (loud.code, quiet.code) == (0, 0), loud.err + quiet.err
    assert street.log_in(JAN, street.password(JAN)).status_code == 200
    street.idle()
    assert bank.received(OTHER) == []
    street.post("/v1/account/password-reset", {"login": OTHER})
    assert street.log_in(OTHER, street.password(OTHER)).status_code == 200, "who got none can ask for one"
