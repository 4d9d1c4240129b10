"""The front door: durable messages per second over HTTP, beside an empty FastAPI endpoint and the bare insert rate.

    python -m bench submit [--seconds 5] [--clients 16]

The clients are keep-alive connections in a process of their own; each single submission is one POST that is on disk
before its 202. The bare insert is SQLite with WAL and synchronous=FULL, 1,000 rows a commit, in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.rig import bank, daemon, report

EMPTY = """
import orjson, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()
@app.post("/")
async def empty(request: Request) -> Response:
    orjson.loads(await request.body())
    return Response(b"{}", 202, media_type="application/json")
uvicorn.run(app, port=PORT, log_level="error", access_log=False, http="httptools", loop="asyncio")
"""


async def client(port: int, path: str, key: str, bodies: list[bytes], until: float) -> int:
    """Post bodies over one connection until the time is over; how many were accepted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    while time.monotonic() < until:
        body = bodies[done % len(bodies)]
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 202 " not in answer[:20]:
            raise RuntimeError(f"not accepted: {answer[:60]!r}")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        done += 1
    writer.close()
    return done


async def load(port: int, path: str, key: str, clients: int, seconds: float, recipients: int) -> float:
    """Calls per second of so many clients."""
    bodies = [
        json.dumps(
            {"to": [f"+48601{(place * recipients + number) % 1_000_000:06d}" for number in range(recipients)],
             "text": "Hello from the bench"}
        ).encode()
        for place in range(20)
    ]  # fmt: skip
    started = time.monotonic()
    counts = await asyncio.gather(*(client(port, path, key, bodies, started + seconds) for _ in range(clients)))
    return sum(counts) / (time.monotonic() - started)


def apart(*arguments: Any) -> float:
    """The load, made by a process of its own."""
    code = "import asyncio, sys; from bench.submit import load; a = sys.argv[1:]; "
    code += "print(asyncio.run(load(int(a[0]), a[1], a[2], int(a[3]), float(a[4]), int(a[5]))))"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout)


def bare_inserts(folder: Path, rows: int = 100_000) -> float:
    """Rows per second of an INSERT of about a message's size, 1,000 a commit."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE m (id INTEGER PRIMARY KEY, "
                           "account BIGINT, state SMALLINT, due BIGINT, to_key BLOB, body BLOB)")  # fmt: skip
    started = time.monotonic()
    for start in range(0, rows, 1000):
        database.execute("BEGIN")
        values = [(number, 1, 1, number, b"k" * 16, b"b" * 90) for number in range(start, start + 1000)]
        database.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?, ?)", values)
        database.execute("COMMIT")
    return rows / (time.monotonic() - started)


def empty_endpoint(clients: int, seconds: float) -> float:
    """Calls per second of a FastAPI endpoint that only reads the JSON."""
    port = 18160
    process = subprocess.Popen([sys.executable, "-c", EMPTY.replace("PORT", str(port))])
    try:
        for _ in range(100):
            time.sleep(0.1)
            if process.poll() is None and _answers(port):
                break
        return apart(port, "/", "none", clients, seconds, 1)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        folder = Path(name)
        empty = empty_endpoint(options.clients, options.seconds)
        bare = bare_inserts(folder)
        with bank(folder, 4, 0.5) as modems, daemon(folder, modems.ports) as gateway:
            port, path = int(gateway.url.rpartition(":")[2]), "/v1/messages"
            single = apart(port, path, gateway.key, options.clients, options.seconds, 1)
            bulk = 1000 * apart(port, path, gateway.key, 2, options.seconds, 1000)
            sent = len(modems.messages())
    report(
        "submit",
        {
            "single_per_s": single,
            "empty_endpoint_per_s": empty,
            "single_share_of_empty": single / empty,
            "bulk_messages_per_s": bulk,
            "bare_insert_rows_per_s": bare,
            "bulk_share_of_bare": bulk / bare,
            "sent_meanwhile": sent,
        },
    )


if __name__ == "__main__":
    main()
