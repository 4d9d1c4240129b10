"""Clients that mistreat a running daemon: slow, half open, oversized, too many; the others are served meanwhile."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from conftest import StartDaemon
from journey import Daemon

HEAD_S, BODY_S = 1.0, 2.0
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture
def server(daemon: StartDaemon) -> Daemon:
    """A daemon without modems that has little patience, and an account."""
    modemd = daemon(None)
    modemd.environ = {"MODEMD_SERVER__HEAD_TIMEOUT": str(HEAD_S), "MODEMD_SERVER__BODY_TIMEOUT": str(BODY_S)}
    modemd.start()
    modemd.open_account()
    return modemd


def connect(server: Daemon) -> socket.socket:
    """A connection of one's own."""
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port or 80), timeout=15)


def heard(connection: socket.socket) -> bytes:
    """Everything until the server closes; a reset counts as that."""
    octets = b""
    try:
        while piece := connection.recv(65536):
            octets += piece
    except ConnectionError:
        return octets
    return octets


def problem(octets: bytes) -> tuple[int, str]:
    """Status and code of the last answer among some octets."""
    head, _, body = octets.rpartition(b"\r\n\r\n")
    assert b"application/problem+json" in head, octets
    status = re.findall(rb"HTTP/1.1 (\d{3})", head)[-1]
    code = re.search(rb'"code":"(\w+)"', body)
    assert code is not None
    return int(status), code[1].decode()


def cut_off(connection: socket.socket, start: bytes) -> float:
    """Send this, then drop by drop until the server has had enough; the seconds it took."""
    started = time.monotonic()
    connection.sendall(start)
    try:
        for _ in range(2000):
            connection.sendall(b"x")
            time.sleep(0.02)
    except ConnectionError:
        return time.monotonic() - started
    pytest.fail("the server waits for ever")


def post(server: Daemon, length: int) -> bytes:
    """The head of a submission."""
    key = f"Authorization: Bearer {server.key}\r\n".encode()
    return b"POST /v1/messages HTTP/1.1\r\n" + HOST + JSON + key + b"Content-Length: %d\r\n\r\n" % length


def test_who_sends_drop_by_drop_is_cut_off_and_told_so(server: Daemon) -> None:
    silent = connect(server)
    assert cut_off(connect(server), b"GET /healthz HTTP/1.1\r\nX: ") > HEAD_S / 2
    assert heard(silent) == b"", "who says nothing is told nothing"
    assert cut_off(connect(server), post(server, 10_000) + b"{") > BODY_S / 2
    again = connect(server)
    again.sendall(post(server, 1000) + b"{")
    assert problem(heard(again)) == (408, "request_timeout")
    stray = connect(server)
    stray.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    octets = b""
    while not octets.endswith(b'{"status":"ok"}'):
        octets += stray.recv(65536)
    stray.sendall(b"\r\n")
    assert heard(stray) == b"", "an empty line after an answer keeps no connection for ever"
    assert server.request("GET", "/v1/messages").json() == {"messages": [], "cursor": None}


def oversized() -> Iterator[tuple[str, bytes, tuple[int, str]]]:
    """Heads that no program needs."""
    start = b"GET /healthz HTTP/1.1\r\n" + HOST
    yield "one long field", start + b"X: " + b"x" * 300_000, (431, "head_too_large")
    yield "a long field and an end", start + b"X: " + b"x" * 40_000 + b"\r\n\r\n", (431, "head_too_large")
    yield "a long path", b"GET /" + b"x" * 300_000, (431, "head_too_large")
    yield "many fields", start + b"X: 1\r\n" * 200 + b"\r\n", (431, "head_too_large")
    yield "no HTTP", b"EHLO modemd\r\n\r\n", (400, "bad_request")
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500, (400, "bad_request")
    yield (
        "two lengths",
        start + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (400, "bad_request"),
    )
    yield "a negative length", start + b"Content-Length: -1\r\n\r\n", (400, "bad_request")
    yield "a bad chunk", post_chunked() + b"zz\r\n", (400, "bad_request")


def post_chunked() -> bytes:
    """The head of a body in chunks."""
    return b"POST /v1/accounts HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def test_what_is_too_long_or_no_http_gets_a_problem_and_the_connection_ends(server: Daemon) -> None:
    for what, octets, told in oversized():
        connection = connect(server)
        try:
            connection.sendall(octets)
        except ConnectionError:
            pytest.fail(f"{what}: cut off before it could be answered")
        assert problem(heard(connection)) == told, what
    assert server.request("GET", "/healthz").status_code == 200


def test_who_closes_his_half_still_gets_his_answer(server: Daemon) -> None:
    connection = connect(server)
    connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    connection.shutdown(socket.SHUT_WR)
    assert b'{"status":"ok"}' in heard(connection)
    cut = connect(server)
    cut.sendall(post(server, 1000) + b'{"to"')
    cut.shutdown(socket.SHUT_WR)
    assert heard(cut) == b"", "half a request is none"
    assert server.request("GET", "/v1/messages").json()["messages"] == []


def test_requests_sent_ahead_are_answered_in_order_within_bounds(server: Daemon) -> None:
    paths = [b"/healthz", b"/v1/nothing", b"/healthz"]
    connection = connect(server)
    connection.sendall(b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths))
    octets = b""
    while octets.count(b"HTTP/1.1 ") < 3:
        octets += connection.recv(65536)
    assert re.findall(rb"HTTP/1.1 (\d{3})", octets) == [b"200", b"404", b"200"]
    flood = connect(server)
    flood.sendall((b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n") * 1000)
    assert heard(flood).count(b"HTTP/1.1 200") < 100, "a thousand at once are not kept in memory"
    assert server.request("GET", "/healthz").status_code == 200


def test_an_upgrade_is_answered_as_if_it_were_not_asked_for(server: Daemon) -> None:
    for protocol in (b"websocket", b"h2c"):
        connection = connect(server)
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_five_hundred_idle_connections_do_not_keep_anybody_out(server: Daemon) -> None:
    idle = [connect(server) for _ in range(500)]
    started = time.monotonic()
    assert server.request("GET", "/healthz").status_code == 200
    assert time.monotonic() - started < 2
    assert all(heard(connection) == b"" for connection in idle)
    assert server.status()["running"]
