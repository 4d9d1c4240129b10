"""Trial, billing data and usage over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from test_entrance_api import PHONE, cookie_of, login, registered
from web_service import Service

from modemd.accounts.billing.tariff import Tariff

BUYER = {"name": "Zakład Zgrzyt", "address": "ul. Kwiecista 4711\n80-001 Gdańsk", "vat_id": "PL5260250274"}


@pytest.fixture
def tariff() -> Tariff:
    return Tariff({"+48": 9}, trial=3)


@pytest.fixture
async def owner(service: Service, stranger: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the session of an account that has just registered."""
    answer = await login(stranger, PHONE, await registered(service, stranger))
    async with httpx.AsyncClient(base_url=service.url, headers=cookie_of(answer), timeout=30) as client:
        yield client


async def send(client: httpx.AsyncClient, many: int = 1) -> httpx.Response:
    numbers = [f"+48600100{place:03}" for place in range(many)]
    return await client.post("/v1/messages", json={"to": numbers, "text": "x"})


async def test_the_way_from_the_trial_to_credit(service: Service, owner: httpx.AsyncClient) -> None:
    assert (await send(owner, 3)).status_code == 202
    over = await send(owner)
    assert (over.status_code, over.headers["content-type"]) == (402, "application/problem+json")
    assert over.json()["code"] == "billing_data_required"
    assert "PUT /v1/account/billing" in over.json()["cure"]
    given = await owner.put("/v1/account/billing", json=BUYER)
    assert given.status_code == 200
    assert {name: given.json()[name] for name in BUYER} == BUYER
    assert (await send(owner)).json()["code"] == "no_credit"
    await service.accounts.billing.plans.pay(service.accounts.directory.owners(PHONE)[0], 10)
    assert (await send(owner)).status_code == 202
    assert (await send(owner)).status_code == 402
    usage = (await owner.get("/v1/account/usage")).json()
    assert {name: usage[name] for name in ("plan", "currency", "decimals", "credit", "trial_left")} == {
        **{"plan": "prepaid", "currency": "PLN", "decimals": 2},
        **{"credit": 1, "trial_left": 0},
    }
    (month,) = usage["months"]
    assert (month["segments"], month["trial_segments"], month["amount"], month["paid"]) == (1, 3, 9, 10)


async def test_a_key_sees_usage_but_no_billing_data(service: Service, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/account/usage")).json()["plan"] == "free"
    for answer in (await client.get("/v1/account/billing"), await client.put("/v1/account/billing", json=BUYER)):
        assert (answer.status_code, answer.json()["code"]) == (403, "key_may_not")
    assert await service.accounts.billing.buyers.get(service.account.id) is None


async def test_before_any_is_given_billing_data_is_null(owner: httpx.AsyncClient) -> None:
    shown = (await owner.get("/v1/account/billing")).json()
    assert (shown["name"], shown["address"], shown["vat_id"], shown["trial_left"]) == (None, None, None, 3)


async def test_a_vat_id_may_be_left_out(owner: httpx.AsyncClient) -> None:
    for body in ({"name": "Jan", "address": "x"}, {"name": "Jan", "address": "x", "vat_id": None}):
        answer = await owner.put("/v1/account/billing", json=body)
        assert (answer.status_code, answer.json()["vat_id"]) == (200, None)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": ""}, "name", "invalid_field"),
        ({"name": "x\ny"}, "name", "invalid_field"),
        ({"name": 1}, "name", "invalid_field"),
        ({"name": "x" * 201}, "name", "invalid_field"),
        ({"address": "x" * 501}, "address", "invalid_field"),
        ({"address": "x\u202ey"}, "address", "invalid_field"),
        ({"vat_id": "PL5260250275"}, "vat_id", "invalid_vat_id"),
        ({"vat_id": "5260250281"}, "vat_id", "invalid_vat_id"),
        ({"vat_id": "US123456789"}, "vat_id", "invalid_vat_id"),
        ({"vat_id": ""}, "vat_id", "invalid_vat_id"),
        ({"vat_id": 5260250281}, "vat_id", "invalid_vat_id"),
        ({"iban": "x"}, "body", "unknown_field"),
    ],
)
async def test_wrong_billing_data_is_refused_and_changes_nothing(
    service: Service, owner: httpx.AsyncClient, change: dict[str, Any], field: str, code: str
) -> None:
    answer = await owner.put("/v1/account/billing", json={**BUYER, **change})
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)
    assert all(str(value) not in answer.text for value in change.values() if len(str(value)) > 5)
    assert (await owner.get("/v1/account/billing")).json()["name"] is None
    assert (await owner.put("/v1/account/billing", json=[])).status_code == 422


async def test_billing_is_in_the_export(owner: httpx.AsyncClient) -> None:
    await owner.put("/v1/account/billing", json=BUYER)
    await send(owner, 2)
    billing = (await owner.get("/v1/account/export")).json()["billing"]
    assert {name: billing[name] for name in BUYER} == BUYER
    assert [(one["kind"], one["segments"]) for one in billing["bookings"]] == [("trial", 2)]
