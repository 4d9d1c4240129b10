"""The HTTP listener: uvicorn in the daemon's own loop, on a socket that is bound before anything is promised."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from modemd.errors import DaemonError
from modemd.web.connection import IDLE_S, Bounds, Connection
from modemd.web.tls import Certificate

BACKLOG = 1024
"""Connections that wait to be accepted: a burst of clients is slowed, not refused."""

STOP_S = 1
"""Seconds that requests under way have left at a stop."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (the daemon has its own), with connections that have bounds."""

    server_state: Bounds

    def __init__(self, config: uvicorn.Config, bounds: Bounds) -> None:
        super().__init__(config)
        self.server_state = bounds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; a TLS handshake has as long as a head."""
        loop, config, bounds = asyncio.get_running_loop(), self.config, self.server_state
        patience = bounds.head_s if config.ssl is not None else None
        self.servers = [
            await loop.create_server(
                lambda: Connection(config=config, server_state=bounds, app_state=self.lifespan.state),
                sock=listener,
                ssl=config.ssl,
                backlog=BACKLOG,
                ssl_handshake_timeout=patience,
            )
            for listener in sockets or ()
        ]
        self.started = True


class Listener:
    """Serves an application at one address."""

    def __init__(self, app: FastAPI, host: str, port: int, *, bounds: Bounds, certificate: Certificate | None) -> None:
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_S,
                timeout_keep_alive=IDLE_S,
                ssl_context_factory=(lambda _config, _default: certificate.context) if certificate else None,
            ),
            bounds,
        )

    def bind(self) -> int:
        """Take the address; its port. Raises DaemonError with the cure."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named as TCP, for asyncio turns Nagle's algorithm off only where it knows: else each answer takes 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another program" if taken else f"cannot be listened on ({error.strerror})"
            raise DaemonError(f"{self._host}:{self._port} {why}", cure="choose another with --listen") from error
        listener.listen(BACKLOG)
        listener.setblocking(False)
        self._socket = listener
        return int(listener.getsockname()[1])

    async def run(self) -> None:
        """Serve until ``stop``."""
        await self._server.serve(sockets=None if self._socket is None else [self._socket])

    def stop(self) -> None:
        """Accept nothing more; ``run`` returns when what is under way has had its second."""
        self._server.should_exit = True
