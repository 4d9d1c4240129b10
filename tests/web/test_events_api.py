"""/v1/events as a reader meets it: live, resumed, ended with its credential."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest
from web_service import Service

from modemd.ids import decode
from modemd.web.api import events
from modemd.webhooks import live, outbox

TO = "+48600100200"


class Reader:
    """What comes out of a stream, as an EventSource would dispatch it."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str, dict[str, Any]] | None:
        """(id, type, data) of the next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for text in self._lines:
                if text.startswith(":"):
                    self.comments += 1
                elif text:
                    name, _, value = text.partition(": ")
                    fields[name] = value
                elif fields:
                    return fields.get("id", ""), fields["event"], orjson.loads(fields["data"])
        return None


@asynccontextmanager
async def reading(client: httpx.AsyncClient, **headers: str) -> AsyncIterator[Reader]:
    """An open stream."""
    async with client.stream("GET", "/v1/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        yield Reader(response)


async def opened(service: Service, streams: int = 1) -> None:
    """Wait until so many streams listen."""
    async with asyncio.timeout(5):
        while len(service.telling.live._all()) != streams:
            await asyncio.sleep(0.01)


async def cancelled(client: httpx.AsyncClient, count: int = 1) -> list[str]:
    """Messages that something has happened to."""
    numbers = []
    for _ in range(count):
        answer = await client.post("/v1/messages", json={"to": TO, "text": "private words", "tag": "mine"})
        numbers.append(str(answer.json()["messages"][0]["id"]))
        assert (await client.delete(f"/v1/messages/{numbers[-1]}")).status_code == 200
    return numbers


async def test_what_happens_is_told_as_it_happens(service: Service, client: httpx.AsyncClient) -> None:
    async with reading(client) as reader:
        await opened(service)
        numbers = await cancelled(client, 3)
        for number in numbers:
            found = await reader.next()
            assert found is not None
            name, kind, event = found
            assert (kind, event["type"], event["id"]) == ("message.cancelled", "message.cancelled", name)
            assert (event["data"]["id"], event["data"]["tag"]) == (number, "mine")
            assert "text" not in event["data"]


async def test_nobody_hears_of_another_account(service: Service, client: httpx.AsyncClient) -> None:
    account = await service.accounts.directory.create("other@example.org", "+48600100101")
    _, key = await service.accounts.keys.mint(account.id)
    other = httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {key}"})
    async with other, reading(other) as reader:
        await opened(service)
        await cancelled(client)
        [own] = await cancelled(other)
        found = await reader.next()
        assert found is not None
        assert found[2]["data"]["id"] == own


async def test_who_comes_back_gets_what_was_missed(service: Service, client: httpx.AsyncClient) -> None:
    async with reading(client) as reader:
        await opened(service)
        await cancelled(client)
        found = await reader.next()
    assert found is not None
    await opened(service, 0)
    missed = await cancelled(client, 3)
    async with reading(client, **{"Last-Event-ID": found[0]}) as reader:
        seen = [await reader.next() for _ in missed]
        [later] = await cancelled(client)
        seen.append(await reader.next())
    assert [one and one[2]["data"]["id"] for one in seen] == [*missed, later]


async def test_who_was_away_for_too_long_is_told_so(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reading(client, **{"Last-Event-ID": "v_0000000000001"}) as reader:
        assert await reader.next() == ("", "missed", {})
    answer = await client.get("/v1/events", headers={"Last-Event-ID": "yesterday"})
    assert (answer.status_code, answer.json()["field"]) == (422, "Last-Event-ID")


async def test_a_silent_stream_has_a_heartbeat(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    async with reading(client) as reader:
        waiting = asyncio.create_task(reader.next())
        async with asyncio.timeout(5):
            while reader.comments < 4:
                await asyncio.sleep(0.01)
        waiting.cancel()


async def test_a_stream_ends_with_its_key(service: Service, client: httpx.AsyncClient) -> None:
    number, key = await service.accounts.keys.mint(service.account.id)
    other = httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {key}"})
    async with other, reading(other) as ending, reading(client) as staying:
        await opened(service, 2)
        await service.accounts.keys.revoke(service.account.id, number)
        assert await ending.next() is None
        await opened(service, 1)
        await cancelled(client)
        assert await staying.next() is not None


async def test_a_stream_ends_with_its_session(service: Service, stranger: httpx.AsyncClient) -> None:
    cookie, _ = await service.accounts.sessions.open(service.account.id)
    async with reading(stranger, cookie=f"modemd_session={cookie}") as reader:
        await opened(service)
        assert (await stranger.delete("/v1/session", headers={"cookie": f"modemd_session={cookie}"})).status_code == 204
        assert await reader.next() is None


async def test_a_stream_ends_with_its_account(service: Service, client: httpx.AsyncClient) -> None:
    async with reading(client) as reader:
        await opened(service)
        await service.accounts.erasures.request(service.account.id)
        assert await reader.next() is None


async def test_streams_end_with_the_daemon(service: Service, client: httpx.AsyncClient) -> None:
    async with reading(client) as reader:
        await opened(service)
        service.telling.live.close()
        assert await reader.next() is None
    async with reading(client) as reader:
        assert await reader.next() is None


async def test_a_reader_that_falls_behind_is_dropped_and_comes_back(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_BEHIND", 2)
    with service.telling.live.listen(service.account.id) as stream:
        numbers = await cancelled(client, 3)
        assert (stream.ended, await stream.next(1)) == (True, [])
    monkeypatch.setattr(live, "MOST_BEHIND", 100)
    with service.telling.live.listen(service.account.id, decode("v", "v_0000000000001")) as stream:
        assert stream.missed
        assert len(await stream.next(1)) == len(numbers)


async def test_memory_holds_the_newest_only(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent = service.telling.outbox._recent
    assert recent.maxlen == outbox.RECENT
    await cancelled(client, 2)
    assert len(recent) == 2
    assert service.telling.outbox.since(recent[0].id) == ([recent[1]], True)
    assert service.telling.outbox.since(recent[0].id - 1) == (list(recent), False)


async def test_who_wants_the_head_of_a_stream_gets_no_stream(client: httpx.AsyncClient) -> None:
    answer = await client.head("/v1/events", timeout=5)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")


async def test_an_account_has_ten_streams(service: Service, client: httpx.AsyncClient) -> None:
    streams = [service.telling.live.listen(service.account.id).__enter__() for _ in range(10)]
    answer = await client.get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    for stream in streams:
        stream.__exit__(None, None, None)
    assert service.telling.outbox.on_live is None
