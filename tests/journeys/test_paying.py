"""Paying through the whole service: from the trial to credit, and not a penny lost when the daemon is killed."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import httpx
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, as_json, cli, numbers
from test_registration import EMAIL, JAN, Street

PRICE, CREDIT = 9, 1_000_000
BUYER = {"name": "Zakład Wilhelmina Zgrzyt", "address": "ul. Kwiecista 4711", "vat_id": "PL5260250274"}
UNSENT = {"cancelled", "failed", "expired"}


def priced(folder: Path, trial: int) -> tuple[str, str]:
    """The options of a daemon that sells."""
    path = folder / "modemd.toml"
    path.write_text(f'[billing]\ntrial = {trial}\n[billing.prices]\n"+48" = {PRICE}\n')
    return "--config", str(path)


def paying(street: Street) -> Daemon:
    """Jan has registered, given billing data and bought credit; his key is used from now on."""
    modemd = street.modemd
    modemd.private.words |= {BUYER["name"], BUYER["address"], BUYER["vat_id"]}
    street.register(EMAIL, JAN)
    person = (EMAIL, street.password(JAN))
    with httpx.Client(base_url=modemd.url, auth=person, timeout=30) as jan:
        modemd.key = jan.post("/v1/keys", json={"name": "till"}).json()["key"]
        modemd.private.words.add(modemd.key)
        assert modemd.post(numbers(4), "too many").json()["code"] == "billing_data_required"
        assert jan.put("/v1/account/billing", json=BUYER).status_code == 200
    assert modemd.post(numbers(4), "too many").json()["code"] == "no_credit"
    booked = cli("accounts", "credit", EMAIL, f"{CREDIT / 100:.2f}", "--json", state_dir=modemd.state_dir)
    assert as_json(booked.out)["credit"] == CREDIT, booked.err
    return modemd


def test_credit_and_messages_agree_to_the_penny_after_every_sigkill(
    hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path
) -> None:
    bank = hw_sim_bank("--air", "0.02", modems=2)
    modemd = paying(Street(daemon(bank, *priced(tmp_path, 3)), bank))
    answers: Counter[int] = Counter()

    def hammer(url: str, first: int) -> None:
        """Submit calls small and large, and take back some, until the daemon is gone."""
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {modemd.key}"}, timeout=30) as client:
            for place in range(1000):
                to = numbers((1, 150, 3)[place % 3], first=first + 200 * place)
                try:
                    answer = client.post("/v1/messages", json={"to": to, "text": "buy"})
                    answers[answer.status_code] += 1
                    if place % 2 and answer.status_code == 202:
                        client.delete(f"/v1/messages/{answer.json()['messages'][-1]['id']}")
                except httpx.TransportError:
                    return

    for run in range(2):
        workers = [
            threading.Thread(target=hammer, args=(modemd.url, 100_000 * (4 * run + place))) for place in range(4)
        ]
        for worker in workers:
            worker.start()
        modemd.wait_until_killed(0.8 + 0.4 * run)
        for worker in workers:
            worker.join()
        modemd.start()
        kept = [one for one in modemd.messages() if one["lane"] != "system" and one["state"] not in UNSENT]
        usage = modemd.request("GET", "/v1/account/usage").json()
        on_trial = 3 - usage["trial_left"]
        assert usage["credit"] + PRICE * (sum(one["parts"] for one in kept) - on_trial) == CREDIT
        assert sum(one["amount"] for one in usage["months"]) == CREDIT - usage["credit"]
    month = usage["months"][0]
    words = ("accounts", "invoice", EMAIL, "--month", month["month"])
    draft = as_json(cli(*words, "--json", state_dir=modemd.state_dir).out)
    assert (draft["number"], draft["total"], draft["buyer"]) == (None, month["amount"], BUYER)
    assert BUYER["address"] in cli(*words, state_dir=modemd.state_dir).out
    assert answers.keys() == {202}
    assert answers[202] > 10
