"""One HTTP request to a URL that a user gave, under rules that no URL can get around.

The name is resolved once, every address it has must be callable (address.py), and the connection goes to an address
that was checked, while Host, SNI and the certificate are those of the name. Redirects are not followed, proxies and
cookies do not exist, of the answer no more than ``MAX_ANSWER`` is read, and all of it has one deadline.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpcore

from modemd import __version__
from modemd.errors import InvalidField
from modemd.webhooks import address as addresses
from modemd.webhooks.resolver import Resolver
from modemd.webhooks.target import Target, read

MAX_ANSWER = 4096
"""Octets of an answer that are read: what it says is not used, but a connection whose answer was read goes on."""
MOST_CONNECTIONS = 128
IDLE_S = 15.0
"""Seconds for which a connection is kept: a burst of events shares one TLS handshake."""
LOOK_UP_S = 5.0
"""Seconds that the check of a new URL may take to resolve its name."""
_NOT_PUBLIC = "the host has no address that may be called"


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request."""

    code: str
    """``http-204``, or why there was no answer: ``address``, ``dns``, ``connection``, ``tls``, ``timeout``, ``url``."""
    status: int = 0
    retry_after: float = 0.0
    """Seconds, if the receiver asks for patience."""

    @property
    def taken(self) -> bool:
        """Whether the receiver has it: 2xx, nothing else."""
        return 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more (410)."""
        return self.status == 410


class Courier:
    """Makes requests; used on one event loop."""

    def __init__(self, *, allow_private: bool = False, timeout_s: float = 10.0) -> None:
        self._allow_private = allow_private
        self._timeout = timeout_s
        self._resolver = Resolver()
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}
        """By scheme: what plain http may reach is less."""
        self._making = asyncio.Lock()

    async def check_url(self, url: str, field: str = "url") -> Target:
        """The parts of a URL that may be called as things are now. Raises InvalidField, which names the fault.

        A host that does not exist and one inside the operator's network are told alike.
        """
        target = read(url, field, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(LOOK_UP_S):
                await self.callable_addresses(target.scheme, target.host, target.port)
        except (OSError, _Refused):  # TimeoutError is an OSError
            cure = "use a name that resolves to a public address; an operator can allow private ones"
            raise InvalidField(field, _NOT_PUBLIC, cure=cure, code="url_not_allowed") from None
        return target

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST a body."""
        return await self.request("POST", url, body, headers)

    async def request(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> Reply:
        """Make one request; whatever goes wrong is told by the reply."""
        try:
            target = read(url, allow_private=self._allow_private)
        except InvalidField:
            return Reply("url")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(method, target, body, headers)
        except _Refused:
            return Reply("address")
        except _NoSuchHost:
            return Reply("dns")
        except (TimeoutError, httpcore.TimeoutException):
            return Reply("timeout")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Reply("tls" if _of_tls(error) else "connection")

    async def close(self) -> None:
        """Close what is kept open."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _exchange(self, method: str, target: Target, body: bytes, headers: Mapping[str, str]) -> Reply:
        sent = {
            "Host": target.authority,
            "User-Agent": f"modemd/{__version__}",
            "Accept-Encoding": "identity",
            **({"Content-Length": str(len(body))} if body or method == "POST" else {}),
            **headers,
        }
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        pool = await self._pool(target.scheme)
        async with pool.stream(method, url, headers=list(sent.items()), content=body or None) as response:
            read_so_far = 0
            async for piece in response.aiter_stream():
                read_so_far += len(piece)
                if read_so_far > MAX_ANSWER:
                    break  # the connection is closed with the response
            return Reply(f"http-{response.status}", response.status, _retry_after(response.headers))

    async def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        """Made when first needed: reading the system's certificates takes tens of milliseconds."""
        async with self._making:
            if scheme not in self._pools:
                encrypted = scheme == "https"
                self._pools[scheme] = httpcore.AsyncConnectionPool(
                    ssl_context=await asyncio.to_thread(ssl.create_default_context) if encrypted else None,
                    max_connections=MOST_CONNECTIONS,
                    max_keepalive_connections=MOST_CONNECTIONS // 2,
                    keepalive_expiry=IDLE_S,
                    network_backend=_Pinned(self, scheme),
                )
        return self._pools[scheme]

    async def callable_addresses(self, scheme: str, host: str, port: int) -> list[str]:
        """The addresses of a host, every one of them callable. Raises _Refused, OSError if there is no such host."""
        found = await self._resolver.addresses(host, port)
        if not found or not all(self._may_call(scheme, one) for one in found):
            raise _Refused(_NOT_PUBLIC)
        return found

    def _may_call(self, scheme: str, address: str) -> bool:
        if not addresses.callable_(address, allow_private=self._allow_private):
            return False
        return scheme == "https" or addresses.private(addresses.plain(address))


class _Refused(Exception):
    """An address of the host may not be called."""


class _NoSuchHost(Exception):
    """The name does not resolve."""


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked; TLS above it still asks for the name."""

    def __init__(self, courier: Courier, scheme: str) -> None:
        self._courier = courier
        self._scheme = scheme
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that answers. Raises _Refused, _NoSuchHost, httpcore.NetworkError."""
        try:
            found = await self._courier.callable_addresses(self._scheme, host, port)
        except OSError:
            raise _NoSuchHost from None
        for address in found[:-1]:
            with suppress(httpcore.NetworkError):
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._backend.connect_tcp(found[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Between two tries; there is but one."""
        await self._backend.sleep(seconds)


def _of_tls(error: BaseException | None) -> bool:
    """Whether a TLS error is among the causes."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _retry_after(headers: list[tuple[bytes, bytes]]) -> float:
    """Seconds of the header Retry-After; 0 where it is missing or a date (RFC 9110 10.2.3)."""
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
    return float(value) if value.isdigit() and len(value) < 7 else 0.0
