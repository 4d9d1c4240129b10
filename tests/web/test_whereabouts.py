"""Whom a request is meant for and where it comes from; what a browser can be made to send gets nowhere."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import httpx
import pytest
from web_service import Service

from modemd.web.whereabouts import Whereabouts, is_loopback

PROXY = ipaddress.ip_network("10.0.0.0/8")


def scope(host: str | None = "localhost", client: str = "127.0.0.1", version: str = "1.1", **headers: str) -> Any:
    """A request of these headers; underscores stand for hyphens."""
    given = {"host": host, **headers}
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items() if value is not None]
    return {
        "headers": listed,
        "client": (client, 5000),
        "server": ("192.0.2.9", 8160),
        "http_version": version,
        "scheme": "http",
    }


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8160", "127.0.0.1:80", "[::1]:8160", "sms.example.org", "sms.example.org.:1", "192.0.2.9"],
)
def test_its_own_names_and_the_address_it_was_reached_at_are_known(host: str) -> None:
    assert Whereabouts(["sms.example.org"]).means_us(scope(host))


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "evil.example:8160", "sms.example.org.evil.example", "192.0.2.10"),
        *("", "localhost:x", "a@localhost", "localhost/evil", "[::1", "localhost evil"),
    ],
)
def test_another_name_is_not(host: str) -> None:
    assert not Whereabouts(["sms.example.org"]).means_us(scope(host))


def test_only_http_1_0_may_leave_the_host_out_and_nobody_may_give_two() -> None:
    assert Whereabouts().means_us(scope(None, version="1.0"))
    assert not Whereabouts().means_us(scope(None))
    twice = scope()
    twice["headers"].append((b"host", b"localhost"))
    assert not Whereabouts().means_us(twice)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "127.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5, 10.2.3.4", "203.0.113.5"),
        ("10.0.0.1", "nonsense", "0.0.0.0"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("203.0.113.5", "127.0.0.1", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.1", "0.0.0.0"),
    ],
)
def test_only_a_trusted_proxy_is_believed_and_only_its_own_word(peer: str, forwarded: str, client: str) -> None:
    request = scope(client=peer, x_forwarded_for=forwarded, x_forwarded_proto="https")
    Whereabouts(proxies=[PROXY]).locate(request)
    assert request["client"][0] == client
    assert (request["scheme"] == "https") == ("10.0." in peer)
    assert not is_loopback(request)


def test_without_a_proxy_the_peer_is_the_client() -> None:
    request = scope()
    Whereabouts(proxies=[PROXY]).locate(request)
    assert request["client"] == ("127.0.0.1", 5000)
    assert is_loopback(request)


async def test_a_stranger_s_name_that_points_here_is_refused_whatever_it_asks(client: httpx.AsyncClient) -> None:
    for path in ("/v1/messages", "/healthz", "/docs", "/nothing"):
        answer = await client.get(path, headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
        assert "[server] hosts" in answer.json()["cure"]
        assert "evil" not in answer.text


@pytest.mark.parametrize("foreign", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("credential", ["basic", "cookie", "none"])
async def test_what_another_site_causes_is_refused(
    service: Service, stranger: httpx.AsyncClient, foreign: dict[str, str], credential: str
) -> None:
    cookie, _ = await service.accounts.sessions.open(service.account.id)
    basic = base64.b64encode(b"user@example.org:x").decode()
    known = {"basic": {"Authorization": f"Basic {basic}"}, "cookie": {"Cookie": f"modemd_session={cookie}"}}
    headers = {**foreign, **known.get(credential, {})}
    body = {"email": "jan@example.org", "phone": "+48600200300"}
    method, path = ("POST", "/v1/accounts") if credential == "none" else ("DELETE", "/v1/account")
    answer = await stranger.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert not await service.notices()


async def test_a_form_cannot_submit_a_message(service: Service, stranger: httpx.AsyncClient) -> None:
    cookie, _ = await service.accounts.sessions.open(service.account.id)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        body = b'{"to": "+48600100200", "text": "x"}'
        headers = {"Content-Type": kind, "Cookie": f"modemd_session={cookie}"}
        answer = await stranger.post("/v1/messages", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


async def test_answers_are_kept_by_nobody_and_taken_for_nothing_else(client: httpx.AsyncClient) -> None:
    for path in ("/v1/messages", "/nothing", "/healthz"):
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_head_is_get_without_its_body(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/messages", "/docs"):
        head, get = await client.head(path), await client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(get.content))
