"""One connection of an HTTP client, with bounds: what uvicorn's protocol leaves open is closed here.

- A request's head has to be complete within ``head_s`` of its first octet (the first one of a connection: of the
  connection), its body within ``body_s``: drop by drop (slow loris) nobody holds a connection for longer. 408.
- A head has at most ``MAX_HEAD`` octets and ``MAX_FIELDS`` fields. 431.
- Who does not read his answer for ``UNREAD_S`` is cut off; who has vanished is found out by TCP itself.
- There are at most ``most`` connections, a part of them for one address; beyond, an idle one makes room, or 503.
- A client that has closed its sending half still gets the answer to what it has sent.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from modemd.web import problems
from modemd.web.access_log import AccessLog
from modemd.web.edge import network_of
from modemd.web.whereabouts import is_loopback

MAX_HEAD = 32 * 1024
MAX_FIELDS = 100
MAX_PIPELINED = 32
"""Requests sent ahead of their turn on one connection."""
UNREAD_S = 60.0
IDLE_S = 65
"""Seconds a connection is kept for the next request: longer than the 60 s of common clients and proxies, so that it
is they who close it, and no request meets a closing connection."""
SHARE = 4
"""One address other than loopback has at most this part of the connections."""

_CLOSING = [(b"connection", b"close"), (b"cache-control", b"no-store")]
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_S * 1000)),
]


@dataclass
class Bounds(ServerState):
    """What all connections of a listener share."""

    head_s: float = 10.0
    body_s: float = 120.0
    most: int = 2000
    access: AccessLog = field(default_factory=AccessLog)

    def __post_init__(self) -> None:
        super().__init__()


class Connection(HttpToolsProtocol):
    """One connection."""

    server_state: Bounds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._in_head = self._in_body = False
        self._head_octets = 0

    # --- its beginning and end ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            for level, option, value in _KEEPALIVE:
                connected.setsockopt(level, option, value)
        if self._crowded():
            self._refuse(503, "too_many_connections", "there are too many connections", "try again")
        else:
            self._within(self.server_state.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self.resume_writing()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio lets True keep the sending half open
        if self.scheme == "http" and self._answering():
            self.cycle.keep_alive = False
            return True
        return None

    def _crowded(self) -> bool:
        """Whether there is no room for this connection, even after an idle one has gone."""
        bounds = self.server_state
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        if self.client is not None and not is_loopback(self._scope()):
            address = self.client[0]
            if sum(one.client is not None and one.client[0] == address for one in others) >= bounds.most // SHARE:
                return True
        if len(others) < bounds.most:
            return False
        idle = next((one for one in others if not one._answering()), None)
        if idle is not None:
            idle.transport.abort()
        return idle is None

    # --- octets ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._head_octets += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # nothing to upgrade to: it is answered as what it is
        except httptools.HttpParserError:
            self._refuse(400, "bad_request", "this is no HTTP request", "speak HTTP/1.1")
        if self.transport.is_closing():
            return
        if self._in_head and self._head_octets > MAX_HEAD:
            self._too_long()
        elif self._deadline is None and (self._in_head or self._in_body or not self._answering()):
            self._within(self.server_state.body_s if self._in_body else self.server_state.head_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_time()
        self._in_head, self._in_body, self._head_octets = False, True, 0
        if self.transport.is_closing():
            return
        octets = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if octets > MAX_HEAD or len(self.headers) > MAX_FIELDS or len(self.pipeline) >= MAX_PIPELINED:
            self._too_long()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_time()
        self._in_body, self._head_octets = False, 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        if self.flow is not None:
            super().resume_writing()

    # --- time --------------------------------------------------------------------------------------------------

    def _within(self, seconds: float) -> None:
        self._in_time()
        self._deadline = self.loop.call_later(seconds, self._expired)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        self._deadline = None
        if self._in_head or self._in_body:
            self._refuse(408, "request_timeout", "the request took too long to come", "send it at once")
        else:
            self.transport.abort()

    def _answering(self) -> bool:
        """Whether a complete request waits for its answer."""
        return self.cycle is not None and not self.cycle.response_complete and not self._in_body

    # --- answers that no application gives ---------------------------------------------------------------------

    def _too_long(self) -> None:
        cure = f"a head has at most {MAX_HEAD // 1024} KiB in {MAX_FIELDS} fields"
        self._refuse(431, "head_too_large", "the head of the request is too large", cure)

    def _refuse(self, status: int, code: str, detail: str, cure: str) -> None:
        """Answer, unless an answer is under way, and close."""
        self._in_time()
        self.server_state.access.note(("-", "-", status, network_of(self._scope())), 0.0)
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
            return
        response = problems.problem(status, code, detail, cure=cure)
        lines = [b"%s: %s" % field for field in [*response.raw_headers, *_CLOSING]]
        phrase = f"HTTP/1.1 {status} {code.replace('_', ' ')}".encode()
        self.transport.write(b"\r\n".join([phrase, *lines, b"", bytes(response.body)]))
        self.transport.close()

    def _scope(self) -> Scope:
        return {"client": self.client}
