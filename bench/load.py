"""Many clients at once: of what is answered with 202, how much is in the database and on the air? All of it, once.

    python -m bench load [--seconds 30] [--clients 64] [--modems 16]

Each client keeps one connection and posts one message after the other, each to a number of its own; beside them,
a hundred connections send their request drop by drop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.rig import Bank, Daemon, bank, daemon, percentile, report, until

SLOW = 100


async def client(port: int, key: str, place: int, ends: float, seen: dict[str, Any]) -> None:
    """Post over one connection until the time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    while time.monotonic() < ends:
        number = f"+4860{place:02}{done:05}"
        body = json.dumps({"to": number, "text": "Hello from the bench"}).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        asked = time.monotonic()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        content = await reader.readexactly(int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        seen["ms"].append((time.monotonic() - asked) * 1000)
        seen["statuses"][answer[9:12].decode()] += 1
        if answer[9:12] == b"202":
            seen["accepted"][json.loads(content)["messages"][0]["id"]] = number
        done += 1
    writer.close()


async def dripping(port: int, ends: float) -> None:
    """Send a request drop by drop, again and again: the server hangs up, and the next one begins."""
    while time.monotonic() < ends:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            for octet in b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n":
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(0.5)
                if time.monotonic() > ends:
                    break
            writer.close()


async def load(port: int, key: str, clients: int, seconds: float) -> dict[str, Any]:
    """What all clients have seen: accepted ids with their numbers, statuses, milliseconds."""
    seen: dict[str, Any] = {"accepted": {}, "statuses": Counter(), "ms": []}
    ends = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for place in range(clients):
            tasks.create_task(client(port, key, place, ends, seen))
        for _ in range(SLOW):
            tasks.create_task(dripping(port, ends))
    return seen


def apart(port: int, key: str, clients: int, seconds: float) -> dict[str, Any]:
    """The load, made by a process of its own."""
    code = "import asyncio, json, sys; from bench.load import load; a = sys.argv[1:]; "
    code += "print(json.dumps(asyncio.run(load(int(a[0]), a[1], int(a[2]), float(a[3])))))"
    command = [sys.executable, "-c", code, str(port), key, str(clients), str(seconds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # type: ignore[no-any-return]


def in_database(gateway: Daemon) -> set[str]:
    """The ids of all messages there are."""
    found: set[str] = set()
    cursor = ""
    while True:
        page = gateway.request("GET", f"/v1/messages?limit=500{cursor}")
        found |= {message["id"] for message in page["messages"]}
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


def sent(gateway: Daemon, modems: Bank, count: int) -> Counter[str]:
    """How often each number was sent to, when nothing waits any more."""
    until(lambda: gateway.status()["totals"]["sent"] >= count, 600)
    return Counter(str(line["to"]) for line in modems.messages() if line["outcome"] == "accepted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--modems", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        folder = Path(name)
        with bank(folder, options.modems, 0.02) as modems, daemon(folder, modems.ports) as gateway:
            port = int(gateway.url.rpartition(":")[2])
            seen = apart(port, gateway.key, options.clients, options.seconds)
            accepted: dict[str, str] = seen["accepted"]
            on_air = sent(gateway, modems, len(accepted))
            known = in_database(gateway)
    report(
        "load",
        {
            "accepted": len(accepted),
            "accepted_per_s": len(accepted) / options.seconds,
            "other_answers": sum(seen["statuses"].values()) - len(accepted),
            "answer_p50_ms": percentile(sorted(seen["ms"]), 0.5),
            "answer_p99_ms": percentile(sorted(seen["ms"]), 0.99),
            "share_in_database": len(accepted.keys() & known) / len(accepted),
            "share_on_air": sum(number in on_air for number in accepted.values()) / len(accepted),
            "on_air_twice": sum(count > 1 for count in on_air.values()),
            "in_database_unasked": len(known - accepted.keys()),
        },
    )


if __name__ == "__main__":
    main()
