"""/v1/account and /v1/erasures."""

from __future__ import annotations

import httpx
import orjson
from test_entrance_api import EMAIL, PHONE, cookie_of, login, registered
from web_service import Service

from modemd.accounts import erasing_rows, export


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


async def seal_inbound(service: Service, account: int, number: int, text: str) -> None:
    """An inbound SMS as the inbox keeps it."""
    body = service.accounts.vault.seal(account, "inbound.body", number, orjson.dumps(["+48600777888", text, 5_000_000]))
    row = (number, account, "sim0", 7_000_000, body)
    await service.database.write(
        lambda tx: tx.execute("INSERT INTO inbound (id, account, sim, created, body) VALUES (?, ?, ?, ?, ?)", row)
    )


async def test_inbound_messages_are_listed_newest_first(service: Service, client: httpx.AsyncClient) -> None:
    for number in (11, 12, 13):
        await seal_inbound(service, service.account.id, number, f"text {number}")
    first = (await client.get("/v1/inbox", params={"limit": 2})).json()
    second = (await client.get("/v1/inbox", params={"limit": 2, "cursor": first["cursor"]})).json()
    texts = [one["text"] for one in first["messages"] + second["messages"]]
    assert texts == ["text 13", "text 12", "text 11"]
    assert first["messages"][0]["from"] == "+48600777888"


async def test_the_export_holds_everything_and_is_the_owners(service: Service, stranger: httpx.AsyncClient) -> None:
    password = await registered(service, stranger)
    session = cookie_of(await login(stranger, PHONE, password))
    async with httpx.AsyncClient(base_url=service.url, headers=session) as owner:
        key = (await owner.post("/v1/keys", json={"name": "till"})).json()
        card = {"number": "+48600100200", "name": "Jan", "fields": {"city": "Gdynia"}}
        recipient = (await owner.post("/v1/recipients", json=card)).json()["id"]
        group = (await owner.post("/v1/groups", json={"name": "Klienci"})).json()["id"]
        await owner.post(f"/v1/groups/{group}/recipients", json={"recipients": [recipient]})
        await owner.post("/v1/opt-outs", json={"number": "+48600555209"})
        numbers = [f"+4860010{place:04}" for place in range(600)]
        await owner.post("/v1/messages", json={"to": numbers, "text": "zażółć", "tag": "spring"})
        account = service.accounts.directory.owners(PHONE)[0]
        await seal_inbound(service, account, 11, "odpowiedź")
        answer = await owner.get("/v1/account/export")
        assert answer.status_code == 200
        shown = answer.json()
    assert (shown["account"]["email"], shown["account"]["phone"]) == (EMAIL, PHONE)
    assert [(one["id"], one["name"]) for one in shown["api_keys"]] == [(key["id"], "till")]
    assert key["key"] not in answer.text
    assert len(shown["sessions"]) == 1
    assert {name: shown["recipients"][0][name] for name in card} == card
    assert shown["groups"][0]["recipients"] == [recipient]
    assert shown["opt_outs"][0]["number"] == "+48600555209"
    assert [one["to"] for one in shown["messages"]] == [*numbers[::-1], PHONE]
    assert shown["messages"][0]["text"] == "zażółć"
    assert shown["inbox"][0]["text"] == "odpowiedź"
    by_key = await stranger.get("/v1/account/export", headers={"Authorization": f"Bearer {key['key']}"})
    assert (by_key.status_code, by_key.json()["code"]) == (403, "key_may_not")


async def test_the_export_knows_every_table_of_accounts(service: Service) -> None:
    tables = await service.database.read(erasing_rows.tables)
    assert set(tables) == export.SHOWN | export.NOTHING_TO_SHOW.keys()
