"""How many requests somebody may make: by account, and by network where nobody is known."""

from __future__ import annotations

import httpx
import pytest
from web_service import Service

from modemd.clock import ManualClock
from modemd.errors import TooMany
from modemd.web import rates
from modemd.web.rates import Rate


def allowed(rate: Rate, who: str, tries: int) -> int:
    """How many of so many requests are let through."""
    count = 0
    for _ in range(tries):
        try:
            rate.spend(who)
        except TooMany:
            continue
        count += 1
    return count


def test_a_minute_s_worth_may_come_at_once_and_then_one_by_one() -> None:
    clock = ManualClock()
    rate = Rate(60, clock)
    assert allowed(rate, "a", 100) == 60
    assert allowed(rate, "b", 100) == 60, "everybody has his own"
    with pytest.raises(TooMany) as refusal:
        rate.spend("a")
    assert 0 < refusal.value.retry_after <= 1
    clock.advance(refusal.value.retry_after)
    assert allowed(rate, "a", 10) == 1
    clock.advance(10)
    assert allowed(rate, "a", 100) == 10
    clock.advance(600)
    assert allowed(rate, "a", 100) == 60, "what is not used is not saved up"


def test_none_is_no_limit() -> None:
    assert allowed(Rate(0, ManualClock()), "a", 10_000) == 10_000


def test_memory_is_bounded_and_those_already_known_keep_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KEPT", 100)
    clock = ManualClock()
    rate = Rate(60, clock)
    for who in range(1000):
        clock.advance(0.0001)
        try:
            rate.spend(who)
        except TooMany:
            continue
    assert len(rate._whole) <= 101
    assert allowed(rate, "0", 100) == 59
    assert allowed(rate, "a newcomer", 100) == 0, "newcomers share what the first of them have used up"
    clock.advance(60)
    assert allowed(rate, "another newcomer", 100) == 60


async def test_an_account_is_slowed_down_by_itself_alone(service: Service, client: httpx.AsyncClient) -> None:
    service.rates.accounts.most = 5
    answers = [await client.get("/v1/messages") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 13
    other = {"Authorization": f"Bearer {service.operator_key}"}
    assert (await client.get("/v1/status", headers=other)).status_code == 200


async def test_who_has_no_credential_is_slowed_down_and_nobody_who_has_one(
    service: Service, client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    service.rates.strangers.most = 5
    wrong = [(await stranger.get("/v1/messages", headers={"Authorization": "Bearer mk_no"})) for _ in range(3)]
    assert {answer.status_code for answer in wrong} == {401}
    asked = [await stranger.post("/v1/account/password-reset", json={"login": "jan@example.org"}) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [202, 202, 429]
    body = {"login": "jan@example.org", "password": "x"}
    assert (await stranger.post("/v1/session", json=body)).status_code == 429
    assert (await stranger.get("/v1/messages")).status_code == 429
    assert (await client.get("/v1/messages")).status_code == 200
    assert (await stranger.get("/healthz")).status_code == 200, "whoever watches the process is not slowed down"
