"""The outermost ring of the HTTP server: what holds for every request, whatever answers it.

- A body larger than ``MAX_BODY`` is answered with 413 as soon as that is known, by its announced length or while it
  streams. The rest of it is read and dropped for a while before the connection is closed: closing at once would
  reset it, and the client would never see the answer.
- An exception nobody expected becomes a problem; the log gets its type and place, never its text.
- A Host that is not ours is answered with 421; where a request comes from is settled here for all behind.
- HEAD is GET without its body.
- Every request is told to the access log, its address cut to its network.
"""

from __future__ import annotations

import asyncio
import ipaddress
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modemd import log
from modemd.clock import Clock
from modemd.web import problems
from modemd.web.access_log import AccessLog
from modemd.web.tls import HSTS, Certificate
from modemd.web.whereabouts import Whereabouts

HEAD = "modemd.head"
"""In the scope of a request that wants no body."""
MAX_BODY = 8 * 1024 * 1024
"""Octets of the largest request body."""
LINGER = 5.0
"""Seconds for which the rest of a refused body is read and dropped."""
LINGER_BYTES = 128 * 1024 * 1024

_TOO_LARGE = 413
_SAFE = [(b"x-content-type-options", b"nosniff")]
_NOT_KEPT = (b"cache-control", b"no-store")
"""Answers hold numbers and texts: no browser and no proxy keeps them, unless whoever answers allows it."""


class Edge:
    """ASGI middleware."""

    def __init__(
        self, app: ASGIApp, clock: Clock, whereabouts: Whereabouts, certificate: Certificate | None = None
    ) -> None:
        self._app = app
        self._clock = clock
        self._whereabouts = whereabouts
        self._certificate = certificate
        self._log = AccessLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, method = self._clock.monotonic(), scope["method"]
        if method == "HEAD":  # the server, which keeps the scope it made, leaves the body away
            scope = {**scope, "method": "GET", HEAD: True}
        self._whereabouts.locate(scope)
        insist = self._certificate is not None and self._certificate.hsts
        exchange = _Exchange(scope, receive, send, [*_SAFE, HSTS] if insist else _SAFE)
        try:
            await self._answer(exchange)
        finally:
            milliseconds = (self._clock.monotonic() - started) * 1000
            route = getattr(scope.get("route"), "path", "-")
            self._log.note((method, route, exchange.status, network_of(scope)), milliseconds)

    async def _answer(self, exchange: _Exchange) -> None:
        try:
            if not self._whereabouts.means_us(exchange.scope):
                await exchange.problem(problems.misdirected())
                return
            if exchange.announced > MAX_BODY:
                raise too_large()
            await self._app(exchange.scope, exchange.receive_at_most, exchange.send)
        except ClientDisconnect:
            exchange.status = 499  # nobody is there to read an answer
        except HTTPException as error:
            await exchange.problem(problems.of_http(error))
        except Exception as error:
            log.failed("http.failed", error)
            if exchange.status:
                raise RuntimeError("the answer had begun") from None  # the server cuts the connection
            await exchange.problem(problems.unexpected())


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self.scope = scope
        self.status = 0
        self._headers = headers
        self._receive = receive
        self._send = send
        self._taken = 0
        length = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        self.announced = int(length) if length is not None and length.isdigit() else 0
        self.receive_at_most = receive if length is not None else self._counted

    async def _counted(self) -> Message:
        """The next piece of a body that did not announce its length."""
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > MAX_BODY:
            raise too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on; a 413 is followed by its lingering close."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = headers = [*message["headers"], *self._headers]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NOT_KEPT)
            if self.status == _TOO_LARGE:
                headers.append((b"connection", b"close"))
        elif self.status == _TOO_LARGE and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def problem(self, response: Response) -> None:
        """Answer with a problem."""
        await response(self.scope, self._receive, self.send)

    async def _drain(self) -> None:
        """Read and drop what the client still sends, within bounds."""
        dropped = 0
        try:
            async with asyncio.timeout(LINGER):
                while dropped < LINGER_BYTES:
                    message = await self._receive()
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        return
                    dropped += len(message["body"])
        except TimeoutError:
            return


def too_large() -> HTTPException:
    """What ends a request with 413."""
    return HTTPException(_TOO_LARGE)


def network_of(scope: Scope) -> str:
    """The network a request comes from; a hyphen where there is none."""
    peer = scope.get("client")
    return cut(peer[0]) if peer else "-"


@lru_cache(maxsize=1024)
def cut(address: str) -> str:
    """An address as far as a log may know it: the /24 of IPv4, the /48 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "-"
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    network = ipaddress.ip_network((mapped, 24 if mapped.version == 4 else 48), strict=False)
    return str(network)
