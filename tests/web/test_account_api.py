"""/v1/account and /v1/erasures."""

from __future__ import annotations

import httpx
from test_entrance_api import EMAIL, PHONE, cookie_of, login, registered
from web_service import Service


async def test_an_account_is_deleted_with_its_password_and_gives_a_receipt(
    service: Service, stranger: httpx.AsyncClient
) -> None:
    password = await registered(service, stranger)
    session = cookie_of(await login(stranger, PHONE, password))
    wrong = await stranger.request("DELETE", "/v1/account", json={"password": "wrong"}, headers=session)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_login")
    answer = await stranger.request("DELETE", "/v1/account", json={"password": password}, headers=session)
    assert answer.status_code == 202
    path = f"/v1/erasures/{answer.json()['erasure']}"
    before = (await stranger.get(path)).json()
    assert (before["state"], before["unreadable_at"], before["completed_at"]) == ("pending", None, None)
    assert (await stranger.get("/v1/account", headers=session)).status_code == 401
    assert (await login(stranger, PHONE, password)).status_code == 401
    await service.accounts.erasures.do_all()
    after = await stranger.get(path)
    receipt = after.json()
    assert receipt["state"] == "complete"
    assert before["requested_at"] <= receipt["unreadable_at"] <= receipt["completed_at"]
    assert receipt["removed"]["message"] == 1
    assert (receipt["waiting_for"], receipt["retained"]) == ([], [])
    for secret in (EMAIL, PHONE, "600200300"):
        assert secret not in after.text


async def test_after_it_the_phone_can_register_again(service: Service, stranger: httpx.AsyncClient) -> None:
    password = await registered(service, stranger)
    await stranger.request("DELETE", "/v1/account", json={"password": password}, auth=(PHONE, password))
    await service.accounts.erasures.do_all()
    again = await registered(service, stranger)
    assert (await login(stranger, PHONE, again)).status_code == 200


async def test_a_key_cannot_delete_the_account(client: httpx.AsyncClient) -> None:
    answer = await client.request("DELETE", "/v1/account", json={"password": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "key_may_not")


async def test_an_unknown_erasure_is_not_found(stranger: httpx.AsyncClient) -> None:
    for number in ("e_0000000000000", "m_0000000000000", "x"):
        assert (await stranger.get(f"/v1/erasures/{number}")).status_code == 404
