"""Nobody waits for somebody else's campaign: judged by the order on the air, not by the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import pytest
from conftest import StartDaemon
from hw_sim.air_log import AirEntry
from hw_sim.pytest_plugin import BankProcess, StartBank
from journey import Daemon, befall, numbers, until

CAMPAIGN = 20_000
"""Messages of a large campaign: what a test has time to hand in. `python -m bench fairness` does it with 100,000."""
MOST = 10_000
"""Recipients of one call."""
BULK = "nobody waits for this"
LONG = "seven hundred and sixty-five characters take five segments, " * 12


@dataclass
class Rivals:
    """Two accounts, the campaigner and the single sender, on one pool."""

    modemd: Daemon
    bank: BankProcess
    keys: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, phone in (("campaigner", "+48600999001"), ("single", "+48600999002")):
            self.keys[name] = self.modemd.open_account(f"{name}@example.org", phone)

    def send(self, who: str, to: Sequence[str], text: str = "one of a campaign", **more: object) -> list[str]:
        """Submit as one of the two."""
        self.modemd.key = self.keys[who]
        return [one for at in range(0, len(to), MOST) for one in self.modemd.send(to[at : at + MOST], text, **more)]

    def busy(self) -> None:
        """Wait until every modem has sent something: the pool is in full swing."""
        until(lambda: {entry.modem for entry in self.bank.air()} == set(range(self.bank.modems)))

    def sends_one(self, to: str, text: str = "just this one", **more: object) -> list[AirEntry]:
        """The single sender submits one message: the campaigner's that began on the air before it and after its 202."""
        self.send("single", [to], text, **more)
        return self.before(to, time.time())

    def before(self, to: str, since: float) -> list[AirEntry]:
        """The messages that began after a moment and before the first one to this number."""
        first = until(lambda: next((entry for entry in self.bank.air() if entry.to == to), None)).started
        # what was on the air at that moment is written only when it has ended
        self.bank.wait_for_air(len(self.bank.air()) + self.bank.modems)
        return [entry for entry in self.bank.air() if since < entry.started < first and entry.part == 1]

    def handed_at_most(self, ahead: Sequence[AirEntry]) -> None:
        """Only what modems had been handed went ahead: one message each."""
        by_modem = [entry.modem for entry in ahead]
        assert len(by_modem) == len(set(by_modem)), ahead


@pytest.fixture
def rivals(hw_sim_bank: StartBank, daemon: StartDaemon, request: pytest.FixtureRequest) -> Rivals:
    """Two accounts on four modems; the parameter, if there is one, is the time on the air."""
    bank = hw_sim_bank("--air", str(getattr(request, "param", 0.4)), modems=4)
    modemd = daemon(bank)
    modemd.start()
    modemd.ready(4)
    return Rivals(modemd, bank)


def test_a_large_campaign_delays_one_message_and_a_password_only_by_what_modems_hold(rivals: Rivals) -> None:
    rivals.send("campaigner", numbers(CAMPAIGN))
    rivals.busy()
    for place in range(3):
        rivals.handed_at_most(rivals.sends_one(f"+48601000{place:03}"))
    asked = rivals.modemd.request("POST", "/v1/account/password-reset", json={"login": "single@example.org"})
    assert asked.status_code == 202
    rivals.handed_at_most(rivals.before("+48600999002", _accepted_at(rivals.modemd, "system")))
    queue = rivals.modemd.status()["queue"]
    assert queue["queued"] > CAMPAIGN * 0.9, "the campaign was there all the time"


def test_in_the_bulk_lane_too_nobody_waits_for_a_campaign(rivals: Rivals) -> None:
    rivals.send("campaigner", numbers(2000), lane="bulk")
    rivals.busy()
    rivals.handed_at_most(rivals.sends_one("+48601000001", lane="bulk"))
    rivals.handed_at_most(rivals.sends_one("+48601000002", lane="transactional"))


def test_a_cancelled_campaign_does_not_set_its_account_back(rivals: Rivals) -> None:
    rivals.modemd.key = rivals.keys["campaigner"]
    batch = rivals.modemd.post(numbers(CAMPAIGN // 4), "one of a campaign").json()["batch"]
    rivals.busy()
    answer = rivals.modemd.request("DELETE", "/v1/messages", params={"batch": batch})
    assert CAMPAIGN / 5 < answer.json()["cancelled"] < CAMPAIGN / 4
    rivals.send("single", numbers(300, first=1000), "now the other one has a campaign")
    until(lambda: sum(entry.text.startswith("now") for entry in rivals.bank.air()) >= 2 * rivals.bank.modems)
    rivals.send("campaigner", ["+48601000001"], "and the first one a single message")
    rivals.handed_at_most(rivals.before("+48601000001", time.time()))


def test_long_messages_that_the_network_refuses_half_the_time_delay_nobody_else(rivals: Rivals) -> None:
    befall(rivals.bank, "all", "cms_error", code=38, rate=0.5)
    rivals.send("campaigner", numbers(400), LONG)
    rivals.busy()
    until(lambda: sum(entry.outcome == "rejected" for entry in rivals.bank.air()) >= 8)
    for place in range(3):
        rivals.handed_at_most(rivals.sends_one(f"+48601000{place:03}"))


@pytest.mark.parametrize("rivals", [0.06], indirect=True)
def test_bulk_gets_every_twentieth_claim_while_others_press(rivals: Rivals) -> None:
    rivals.send("campaigner", numbers(200), BULK, lane="bulk")
    rivals.send("single", numbers(600, first=1000), "somebody waits for this")
    since = time.time()
    until(lambda: sum(entry.started > since for entry in rivals.bank.air()) >= 400)
    begun = sorted((entry for entry in rivals.bank.air() if entry.started > since), key=lambda entry: entry.started)
    places = [place for place, entry in enumerate(begun[:400]) if entry.text == BULK]
    assert len(places) >= 0.05 * 400 - 1, places
    longest = max(after - before for before, after in pairwise(places))
    assert longest <= 20 + rivals.bank.modems, "claims reach the air a little out of order, by a modem's place at most"


def _accepted_at(modemd: Daemon, lane: str) -> float:
    """When the newest message of a lane was accepted, in unix seconds."""

    def newest() -> float | None:
        found = [one for one in modemd.ask("queue.list", limit=50)["messages"] if one["lane"] == lane]
        return datetime.fromisoformat(found[0]["created_at"]).timestamp() if found else None

    return until(newest)
