"""Sixty-four clients on connections they keep, for five seconds: what was accepted is neither lost nor sent twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, arrived

CLIENTS, SECONDS, MOST = 64, 5.0, 25
"""``MOST`` messages of each client: what sixteen quick modems send in a few seconds."""


async def client(server: Daemon, place: int, ends: float) -> dict[str, str]:
    """Post one message after the other, each to a number of its own; the ids of what was accepted, and the numbers."""
    address, accepted = urlsplit(server.url), {}
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for turn in range(MOST):
        number = f"+4860{place:02}{turn:05}"
        body = json.dumps({"to": number, "text": "under load"}).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        content = await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        assert answer.startswith(b"HTTP/1.1 202"), content
        accepted[json.loads(content)["messages"][0]["id"]] = number
        if time.monotonic() > ends:
            break
    writer.close()
    return accepted


async def dripping(server: Daemon, ends: float) -> None:
    """Send a request drop by drop."""
    address = urlsplit(server.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    with suppress(ConnectionError):
        while time.monotonic() < ends:
            writer.write(b"G")
            await writer.drain()
            await asyncio.sleep(0.3)
    writer.close()


async def load(server: Daemon) -> dict[str, str]:
    """What all clients have had accepted."""
    ends = time.monotonic() + SECONDS
    async with asyncio.TaskGroup() as tasks:
        clients = [tasks.create_task(client(server, place, ends)) for place in range(CLIENTS)]
        slow = [tasks.create_task(dripping(server, ends)) for _ in range(50)]
        for one in clients:
            await one
        for other in slow:
            other.cancel()
    return {number: to for one in clients for number, to in one.result().items()}


def test_everything_that_was_accepted_is_in_the_database_and_on_the_air_once(
    hw_sim_bank: StartBank, daemon: StartDaemon
) -> None:
    bank = hw_sim_bank("--air", "0.01", modems=16)
    server = daemon(bank)
    server.start()
    server.open_account()
    server.ready(16)
    accepted = asyncio.run(load(server))
    server.private.numbers |= set(accepted.values())
    server.private.words.add("under load")
    assert len(accepted) > 2 * CLIENTS
    assert server.settled(list(accepted), 60) == {"sent": len(accepted)}
    assert {message["id"]: message["to"] for message in server.messages()} == accepted
    assert Counter(found.to for found in arrived(bank.air())) == Counter(accepted.values())
