"""/v1/webhooks as a client meets it, and the receiver that docs/api.md describes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from receiver import Receiver, receiving
from web_service import Service

from modemd.accounts.whose import Piece
from modemd.webhooks.courier import Courier
from modemd.webhooks.event import KINDS

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def other(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another account."""
    account = await service.accounts.directory.create("other@example.org", "+48600100101")
    _, key = await service.accounts.keys.mint(account.id)
    async with httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


async def made(client: httpx.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def cancelled(client: httpx.AsyncClient) -> str:
    """A message that something has happened to; its id."""
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "private words"})
    number = str(answer.json()["messages"][0]["id"])
    assert (await client.delete(f"/v1/messages/{number}")).status_code == 200
    return number


async def shown(client: httpx.AsyncClient, webhook: str, until: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The webhook once something is true of it."""
    async with asyncio.timeout(15):
        while not until(found := (await client.get(f"/v1/webhooks/{webhook}")).json()):
            await asyncio.sleep(0.02)
    return dict(found)


def documented() -> Callable[..., bool]:
    """The receiver's check as docs/api.md has it."""
    [code] = re.findall(r"```python\n(import hashlib.*?)```", DOCS, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["is_from_modemd"]  # type: ignore[no-any-return]


async def test_a_webhook_is_made_shown_and_removed(client: httpx.AsyncClient, receiver: Receiver) -> None:
    new = await made(client, receiver.url, events=["message.sent", "message.failed"])
    secret = new.pop("secret")
    assert re.fullmatch(r"wh_[\w-]{43}", secret)
    assert (await client.get(f"/v1/webhooks/{new['id']}")).json() == new
    assert (await client.get("/v1/webhooks")).json() == {"webhooks": [new]}
    assert (new["url"], new["events"], new["state"]) == (receiver.url, ["message.failed", "message.sent"], "active")
    assert (new["backlog"], new["dead_letters"], new["last_error"]) == (0, 0, None)
    assert secret not in (await client.get("/v1/webhooks")).text
    assert (await client.delete(f"/v1/webhooks/{new['id']}")).status_code == 204
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/dead-letters")):
        assert (await client.request(method, f"/v1/webhooks/{new['id']}{path}")).status_code == 404


async def test_an_event_is_verified_by_the_documented_receiver(client: httpx.AsyncClient, receiver: Receiver) -> None:
    webhook = await made(client, receiver.url)
    number = await cancelled(client)
    [got] = await asyncio.to_thread(receiver.wait, 1)
    is_from_modemd, signature = documented(), got.headers["modemd-signature"]
    assert is_from_modemd(webhook["secret"], signature, got.body)
    assert not is_from_modemd(webhook["secret"], signature, got.body + b" ")
    assert not is_from_modemd(webhook["secret"][:-1], signature, got.body)
    assert not is_from_modemd(webhook["secret"], re.sub(r"t=\d", "t=2", signature), got.body)
    assert not is_from_modemd(webhook["secret"], signature, got.body, tolerance_s=-1)
    assert (got.event["type"], got.event["data"]["id"]) == ("message.cancelled", number)
    assert b"private words" not in got.body


async def test_an_event_looks_as_documented(client: httpx.AsyncClient, receiver: Receiver) -> None:
    await made(client, receiver.url)
    await cancelled(client)
    [got] = await asyncio.to_thread(receiver.wait, 1)
    [example] = re.findall(r"```json\n(\{\"id\": \"v_.*?)```", DOCS, re.DOTALL)
    documented_event = orjson.loads(example)
    assert got.event.keys() == documented_event.keys()
    assert got.event["data"].keys() == documented_event["data"].keys()


def test_every_event_and_header_is_documented() -> None:
    assert {kind for kind in KINDS if f"`{kind}`" not in DOCS} == set()
    for header in ("Modemd-Signature", "Modemd-Event-Id", "Modemd-Event"):
        assert f"`{header}`" in DOCS


async def test_an_inbound_sms_is_told_with_its_text(
    service: Service, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    """One that answers a message of this account."""
    await made(client, receiver.url, events=["inbound.received"])
    answer = await client.post("/v1/messages", json={"to": "+48600100200", "text": "how are you?"})
    assert answer.status_code == 202
    await service.database.write(
        lambda tx: tx.execute("UPDATE message SET state = 4, sim = 'sim0', sent_at = 1").rowcount
    )
    await service.inbox.take(Piece("sim0", "+48600100200", None, b"fine", b"identity", b"", 1, 1))
    [listed] = (await client.get("/v1/inbox")).json()["messages"]
    [got] = await asyncio.to_thread(receiver.wait, 1)
    assert (got.event["type"], got.event["data"]) == ("inbound.received", listed)
    assert listed["text"] == "fine"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "url", "invalid_field"),
        ([], "body", "invalid_field"),
        ({"url": 5}, "url", "invalid_field"),
        ({"url": "https://a.test/" + "x" * 2048}, "url", "invalid_field"),
        ({"url": "ftp://example.org/"}, "url", "invalid_url"),
        ({"url": "https://user:word@example.org/"}, "url", "invalid_url"),
        ({"url": "https://example.org:25/"}, "url", "invalid_url"),
        ({"url": "https://169.254.169.254/latest"}, "url", "url_not_allowed"),
        ({"url": "https://does-not-exist.invalid/"}, "url", "url_not_allowed"),
        ({"url": "http://93.184.216.34/"}, "url", "url_not_allowed"),
        ({"url": "http://127.0.0.1:8080/", "events": []}, "events", "invalid_field"),
        ({"url": "http://127.0.0.1:8080/", "events": "message.sent"}, "events", "invalid_field"),
        ({"url": "http://127.0.0.1:8080/", "events": ["message.read"]}, "events", "invalid_field"),
        ({"url": "http://127.0.0.1:8080/", "events": [["message.sent"]]}, "events", "invalid_field"),
        ({"url": "http://127.0.0.1:8080/", "secret": "mine"}, "body", "unknown_field"),
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(
    client: httpx.AsyncClient, body: Any, field: str, code: str
) -> None:
    answer = await client.post("/v1/webhooks", json=body)
    assert (answer.status_code, answer.json().get("field"), answer.json()["code"]) == (422, field, code)
    assert "169.254" not in answer.text
    assert "user:word" not in answer.text


async def test_private_addresses_need_the_operators_leave(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.telling.webhooks, "_courier", Courier())
    for url in (
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:a00:1]/",
    ):
        answer = await client.post("/v1/webhooks", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed"), url
    assert (await client.post("/v1/webhooks", json={"url": "http://127.0.0.1/"})).json()["code"] == "invalid_url"


async def test_an_eleventh_is_a_conflict(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        await made(client, "http://127.0.0.1:8080/")
    answer = await client.post("/v1/webhooks", json={"url": "http://127.0.0.1:8080/"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")


async def test_dead_letters_are_listed_and_sent_again(
    service: Service, client: httpx.AsyncClient, other: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 410
    webhook = (await made(client, receiver.url))["id"]
    numbers = [await cancelled(client)]
    disabled = await shown(client, webhook, lambda found: found["dead_letters"])
    assert (disabled["state"], disabled["backlog"], disabled["last_error"]["code"]) == ("disabled", 0, "http-410")
    page = (await client.get(f"/v1/webhooks/{webhook}/dead-letters?limit=1")).json()
    [letter] = page["dead_letters"]
    assert (letter["type"], letter["subject"], letter["error"]) == ("message.cancelled", numbers[0], "http-410")
    assert page["cursor"] is None
    following = await client.get(f"/v1/webhooks/{webhook}/dead-letters?cursor=c{letter['id'][1:]}")
    assert following.json() == {"dead_letters": [], "cursor": None}
    export = (await client.get("/v1/account/export")).json()
    assert export["code"] == "key_may_not"
    pieces = b"".join([piece async for piece in service.accounts.export.pieces(service.account.id)])
    exported = orjson.loads(pieces)
    assert exported["webhooks"][0]["url"] == receiver.url
    assert exported["webhook_events"] == [{"webhook": webhook, **letter}]
    for body, status in (
        ({"events": ["v_0000000000000"]}, 404),
        ({"events": ["nonsense"]}, 404),
        ({"events": []}, 422),
        ({"events": "all"}, 422),
        ({"all": True}, 422),
    ):
        assert (await client.post(f"/v1/webhooks/{webhook}/redeliver", json=body)).status_code == status, body
    assert (await other.post(f"/v1/webhooks/{webhook}/redeliver", json={})).status_code == 404
    receiver.answer = lambda _: 204
    answer = await client.post(f"/v1/webhooks/{webhook}/redeliver", json={"events": [letter["id"]]})
    assert (answer.status_code, answer.json()) == (202, {"events": 1})
    again = await asyncio.to_thread(receiver.wait, 2)
    assert again[1].event["id"] == letter["id"] == again[0].event["id"]
    back = await shown(client, webhook, lambda found: not found["backlog"] and not found["dead_letters"])
    assert back["state"] == "active"
