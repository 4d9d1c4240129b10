"""What holds for every request: problems, sizes, the access log, no credential without an answer."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from loguru import logger
from web_service import Service

from modemd.errors import StorageBusy, StorageFull
from modemd.web.access_log import AccessLog
from modemd.web.edge import MAX_BODY, cut

TEXT = "tajemnica-8471"
BODY = {"to": "+48600100200", "text": TEXT}


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Every log line that is written during the test."""
    written: list[str] = []
    sink = logger.add(written.append, level="DEBUG")
    yield written
    logger.remove(sink)


def of_problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code, if it is a proper problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["detail"]
    assert problem["title"]
    return answer.status_code, problem["code"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer mk_wrong", "Basic dTpw", "Bearer żółw", "mk_wrong"])
async def test_a_call_without_a_valid_key_is_refused(stranger: httpx.AsyncClient, header: str) -> None:
    answer = await stranger.post("/v1/messages", json=BODY, headers={b"Authorization": header.encode()})
    status, code = of_problem(answer)
    assert (status, code) in {(401, "unauthorised"), (401, "unknown_key"), (401, "wrong_login")}
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_refused_at_once(service: Service, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/messages")).status_code == 200
    (key,) = await service.accounts.keys.of(service.account.id)
    await service.accounts.keys.revoke(service.account.id, key.id)
    assert (await client.get("/v1/messages")).status_code == 401


async def test_an_unknown_path_and_method_are_problems(client: httpx.AsyncClient) -> None:
    assert of_problem(await client.get("/v1/nothing")) == (404, "not_found")
    assert of_problem(await client.get("/v1/messages/")) == (404, "not_found")
    answer = await client.put("/v1/groups", json={})
    assert of_problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("body", [b"", b"{", b'{"to": "\\ud800"}', b"\xff\xfe", b"[" * 5000, b'{"a": NaN}'])
async def test_what_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert of_problem(answer) == (400, "invalid_json")


async def test_a_body_of_millions_of_elements_is_not_decoded(client: httpx.AsyncClient) -> None:
    body = b'{"to": [' + b'"",' * 2_000_000 + b'""]}'
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": "application/json"})
    assert of_problem(answer) == (400, "too_many_elements")


async def test_a_body_has_to_say_that_it_is_json(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/messages", data={"to": "+48600100200", "text": "x"})
    assert of_problem(answer) == (415, "not_json")


@pytest.mark.parametrize(("path", "kind"), [("messages", "application/json"), ("recipients/import", "text/csv")])
async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, path: str, kind: str) -> None:
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    answer = await client.post(f"/v1/{path}", content=gzip.compress(b"{}"), headers=headers)
    assert of_problem(answer) == (415, "compressed")


@pytest.mark.parametrize("path", ["messages", "recipients", "groups", "opt-outs", "webhooks"])
async def test_a_body_that_is_no_object_is_not_one_with_an_unknown_field(client: httpx.AsyncClient, path: str) -> None:
    listed = await client.post(f"/v1/{path}", json=[])
    unknown = await client.post(f"/v1/{path}", json={"sender": "me"})
    assert (of_problem(listed), of_problem(unknown)) == ((422, "invalid_field"), (422, "unknown_field"))
    assert "no JSON object" in listed.json()["detail"]


async def test_no_problem_repeats_the_input(client: httpx.AsyncClient) -> None:
    for body in (
        {"to": "+48600100200", "text": "x", TEXT: 1},
        {"to": TEXT, "text": "x"},
        {"to": "+48600100200", "text": {"x": TEXT}},
        {"to": "+48600100200", "text": "x", "lane": TEXT},
        {"to": "+48600100200", "text": "x", "send_at": TEXT},
        {"to": "+48600100200", "text": "x", "tag": TEXT * 50},
    ):
        answer = await client.post("/v1/messages", json=body)
        assert answer.status_code == 422
        assert TEXT not in answer.text
    for path in (f"/v1/messages?{TEXT}=1", f"/v1/messages?state={TEXT}", f"/v1/messages/{TEXT}", f"/{TEXT}"):
        assert TEXT not in (await client.get(path)).text


async def test_an_announced_body_of_50_mb_is_answered_413_before_it_is_read(service: Service) -> None:
    reader, writer = await asyncio.open_connection(*service.address)
    writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in head.lower()
    writer.close()


async def test_a_client_that_writes_50_mb_before_it_reads_still_gets_its_413(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/messages", content=b"x" * 50_000_000)
    assert of_problem(answer) == (413, "too_large")
    assert (await client.get("/v1/messages")).status_code == 200


async def test_a_body_that_never_ends_is_cut_off(service: Service) -> None:
    key = service.key.encode()

    def flood() -> bytes:
        with socket.create_connection(service.address, timeout=20) as connection:
            connection.sendall(
                b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer " + key + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            piece = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"
            try:
                while True:
                    connection.sendall(piece)
            except OSError:
                return b""

    answers = asyncio.to_thread(flood)
    assert await asyncio.wait_for(answers, 20) == b""


async def test_a_streamed_body_beyond_the_limit_is_answered_413(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65_536 + 2):
            yield b" " * 65_536

    answer = await client.post("/v1/messages", content=pieces(), headers={"Content-Type": "application/json"})
    assert of_problem(answer) == (413, "too_large")


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    content = b'{"to": "+48600100200", "text": "x"}'.ljust(MAX_BODY)
    answer = await client.post("/v1/messages", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("error", "status", "code"), [(StorageFull("full"), 507, "storage_full"), (StorageBusy("x"), 503, "storage_busy")]
)
async def test_a_database_that_refuses_is_told_with_a_time_to_retry(
    service: Service,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(service.queue, "submit", refuse)
    answer = await client.post("/v1/messages", json=BODY)
    assert of_problem(answer) == (status, code)
    assert int(answer.headers["retry-after"]) > 0


async def test_an_unexpected_error_is_a_problem_without_its_words(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError(TEXT)

    monkeypatch.setattr(service.queue, "submit", fail)
    answer = await client.post("/v1/messages", json=BODY)
    assert of_problem(answer) == (500, "internal")
    assert TEXT not in answer.text
    assert any("ValueError" in line and "test_edge.py" in line for line in lines)


async def test_repeated_requests_share_a_log_line(lines: list[str]) -> None:
    access = AccessLog()
    kind = ("GET", "/healthz", 200, "127.0.0.0/24")
    for milliseconds in (1.0, 2.0, 4.0):
        access.note(kind, milliseconds)
    access.flush()
    access.note(kind, 8.0)
    access.flush()
    assert len(lines) == 3
    assert "ms=1.000" in lines[0]
    assert "count=2 mean_ms=3.000 longest_ms=4.000" in lines[1]
    assert "ms=8.000" in lines[2]


async def test_the_log_has_one_line_for_a_request_and_nothing_personal(
    service: Service, client: httpx.AsyncClient, lines: list[str]
) -> None:
    await client.post("/v1/messages", json=BODY)
    await client.get("/v1/messages", params={"to": "+48600100200", "tag": TEXT})
    await client.get(f"/{TEXT}?x={TEXT}")
    requests = [line for line in lines if "route=" in line]
    assert len(requests) == 3
    assert "method=POST route=/v1/messages status=202 net=127.0.0.0/24 ms=" in requests[0]
    assert "method=GET route=- status=404" in requests[2]
    for secret in (TEXT, "600100200", service.key, "127.0.0.1"):
        assert not any(secret in line for line in lines)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.77", "198.51.100.0/24"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::/48"),
        ("::ffff:198.51.100.77", "198.51.100.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("a unix socket", "-"),
    ],
)
def test_an_address_is_cut_to_its_network(address: str, network: str) -> None:
    assert cut(address) == network
