"""The HTTP server of one daemon: what it needs of the other parts, its names, its certificate, its limits."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any

from modemd.accounts.inbound import Inbound
from modemd.accounts.parts import Accounts
from modemd.clock import Clock
from modemd.config import Settings
from modemd.service.measuring import Measuring
from modemd.service.readiness import Readiness
from modemd.web.api import create_app
from modemd.web.connection import Bounds
from modemd.web.rates import Rate, Rates
from modemd.web.server import Listener
from modemd.web.tls import Certificate
from modemd.web.whereabouts import Whereabouts
from modemd.webhooks.parts import Telling

MOST_CONNECTIONS = 2000


class Front:
    """Built before anything is sent, so that an address that is taken is told at once."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        accounts: Accounts,
        inbox: Inbound,
        telling: Telling,
        status: Callable[[], Awaitable[dict[str, Any]]],
        readiness: Readiness,
        measuring: Measuring,
    ) -> None:
        """Raises ConfigError if the certificate cannot be used."""
        server, pair = settings.server, settings.certificate
        self._certificate = None if pair is None else Certificate(*pair, clock)
        app = create_app(
            accounts=accounts,
            inbox=inbox,
            telling=telling,
            status=status,
            ready=readiness.missing,
            measure=measuring.read,
            clock=clock,
            rates=Rates(
                Rate(settings.server.requests_per_minute, clock), Rate(settings.server.strangers_per_minute, clock)
            ),
            doors=settings.doors.open,
            whereabouts=Whereabouts((server.host, *settings.server.hosts), settings.server.proxies, self._certificate),
            certificate=self._certificate,
        )
        bounds = Bounds(settings.server.head_timeout, settings.server.body_timeout, _connections())
        self._listener = Listener(app, server.host, server.port, bounds=bounds, certificate=self._certificate)

    def bind(self) -> int:
        """Take the address; its port. Raises DaemonError with the cure."""
        return self._listener.bind()

    async def run(self) -> None:
        """Serve until ``stop``."""
        await self._listener.run()

    def stop(self) -> None:
        """Accept nothing more; ``run`` returns when what is under way has had its second."""
        self._listener.stop()

    async def reload(self) -> None:
        """Take the certificate anew if its files have changed."""
        if self._certificate is not None:
            await asyncio.to_thread(self._certificate.reload)


def _connections() -> int:
    """How many connections there may be: half of the descriptors are for modems and files."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
