"""One request to a user's URL: where it goes, what it carries, how each failure is told."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Got, make_certificate, receiving

from modemd.errors import InvalidField
from modemd.webhooks.courier import MAX_ANSWER, Courier


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    """One that may call private addresses."""
    courier = Courier(allow_private=True, timeout_s=5)
    yield courier
    await courier.close()


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name resolve to these, as a name server of an attacker's may; the names that were asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


async def test_a_post_reaches_its_receiver_as_it_was_given(courier: Courier) -> None:
    with receiving() as receiver:
        reply = await courier.post(receiver.url + "?a=%20b", b'{"x":1}', {"Content-Type": "application/json"})
        [got] = receiver.got
    assert (reply.taken, reply.code) == (True, "http-204")
    assert (got.method, got.path, got.body) == ("POST", "/hook?a=%20b", b'{"x":1}')
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == receiver.url.split("/")[2]
    assert got.headers["user-agent"].startswith("modemd/")


async def test_a_get_has_no_body(courier: Courier) -> None:
    with receiving() as receiver:
        assert (await courier.request("GET", receiver.url)).taken
        [got] = receiver.got
    assert (got.method, got.body, "content-length" in got.headers) == ("GET", b"", False)


async def test_requests_to_one_receiver_share_a_connection(courier: Courier) -> None:
    with receiving() as receiver:
        for _ in range(3):
            await courier.post(receiver.url, b"{}", {})
        assert len({got.client for got in receiver.got}) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 404, 410, 500, 503])
async def test_only_2xx_is_taken_and_no_redirect_is_followed(courier: Courier, status: int) -> None:
    with receiving() as other, receiving() as receiver:
        receiver.answer = lambda _: status
        receiver.headers = {"Location": other.url}
        reply = await courier.post(receiver.url, b"{}", {})
        assert other.got == []
    assert (reply.taken, reply.gone) == (False, status == 410)


async def test_no_proxy_of_the_environment_is_asked(courier: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await courier.post(receiver.url, b"{}", {})).taken
        assert proxy.got == []


async def test_a_receiver_may_ask_for_patience(courier: Courier) -> None:
    with receiving() as receiver:
        receiver.answer, receiver.headers = lambda _: 503, {"Retry-After": "120"}
        assert (await courier.post(receiver.url, b"{}", {})).retry_after == 120
        receiver.headers = {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}
        assert (await courier.post(receiver.url, b"{}", {})).retry_after == 0


async def test_of_a_long_answer_little_is_read(courier: Courier) -> None:
    with receiving() as receiver:
        receiver.answer, receiver.body = lambda _: 200, b"x" * (50 << 20)
        started = time.monotonic()
        assert (await courier.post(receiver.url, b"{}", {})).taken
        receiver.body = b"x" * MAX_ANSWER
        assert (await courier.post(receiver.url, b"{}", {})).taken
    assert time.monotonic() - started < 3


async def test_one_that_drips_or_hangs_is_left_at_the_deadline() -> None:
    courier = Courier(allow_private=True, timeout_s=0.4)
    released = threading.Event()

    def hang(_: Got) -> int:
        released.wait(10)
        return 200

    with receiving() as receiver:
        receiver.answer = hang
        assert (await courier.post(receiver.url, b"{}", {})).code == "timeout"
        released.set()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        try:
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await courier.post(f"http://127.0.0.1:{port}/", b"{}", {})).code == "timeout"
        await courier.close()


async def test_what_answers_no_http_or_not_at_all_is_told(courier: Courier) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 smtp ready\r\n")
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await courier.post(f"http://127.0.0.1:{port}/", b"{}", {})).code == "connection"
    assert (await courier.post(f"http://127.0.0.1:{port}/", b"{}", {})).code == "connection"


async def test_tls_is_checked_by_name_while_the_address_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path, "receiver.test")
    answers(monkeypatch, "127.0.0.1")
    with receiving(certificate) as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        stranger = Courier(allow_private=True)
        assert (await stranger.post(f"https://receiver.test:{port}/", b"{}", {})).code == "tls", "nobody vouches for it"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        courier = Courier(allow_private=True)
        assert (await courier.post(f"https://receiver.test:{port}/", b"{}", {})).taken
        assert (await courier.post(f"https://other.test:{port}/", b"{}", {})).code == "tls", "it is for another name"
        assert receiver.got[0].headers["host"] == f"receiver.test:{port}"
        await stranger.close()
        await courier.close()


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("::ffff:127.0.0.1",), ("169.254.169.254",), ()]
)
async def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    answers(monkeypatch, *addresses)
    courier = Courier()
    assert (await courier.post("https://rebind.test/", b"{}", {})).code == "address"
    with pytest.raises(InvalidField) as caught:
        await courier.check_url("https://rebind.test/")
    assert (caught.value.code, "rebind" in str(caught.value)) == ("url_not_allowed", False)


@pytest.mark.parametrize("url", ["https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://localhost./"])
async def test_other_ways_to_write_loopback_lead_nowhere(url: str) -> None:
    with pytest.raises(InvalidField):
        await Courier().check_url(url)
    assert not (await Courier().post(url, b"{}", {})).taken


async def test_a_name_is_resolved_once_and_what_was_checked_is_called(
    courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers differently the second time gets no second question."""
    with receiving() as receiver:
        asked = answers(monkeypatch, "127.0.0.1")
        port = receiver.url.split(":")[2].split("/")[0]
        assert (await courier.post(f"http://rebind.test:{port}/", b"{}", {})).taken
    assert asked == ["rebind.test"]


async def test_plain_http_goes_to_private_addresses_only(courier: Courier, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "93.184.216.34")
    assert (await courier.post("http://example.test/", b"{}", {})).code == "address"


async def test_a_name_that_does_not_exist_is_told_like_one_inside() -> None:
    with pytest.raises(InvalidField) as missing:
        await Courier().check_url("https://does-not-exist.invalid/")
    with pytest.raises(InvalidField) as inside:
        await Courier().check_url("https://127.0.0.1/")
    assert str(missing.value) == str(inside.value)


async def test_a_name_server_that_does_not_answer_holds_up_nobody_else(
    courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent, real = threading.Event(), socket.getaddrinfo

    def resolve(host: str, *args: Any, **options: Any) -> Any:
        if host.endswith(".silent"):
            silent.wait(10)
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    waiting = [asyncio.create_task(courier.post(f"http://x{n}.silent:8080/", b"", {})) for n in range(10)]
    with receiving() as receiver:
        assert (await courier.post(receiver.url, b"{}", {})).taken
    assert not any(task.done() for task in waiting)
    silent.set()
    assert {(await task).taken for task in waiting} == {False}
