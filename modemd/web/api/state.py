"""/v1/status for the operator; /healthz and /readyz for whoever watches the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from modemd.web import problems
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import service as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer

Status = Callable[[], Awaitable[dict[str, Any]]]
Ready = Callable[[], Awaitable[str | None]]


class ServiceState:
    """The endpoints. ``status`` makes the document of `modemd status --json`; ``ready`` says what is missing."""

    def __init__(self, status: Status, ready: Ready, doorkeeper: Doorkeeper) -> None:
        self._status = status
        self._ready = ready
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        return routes(
            "service",
            Operation("GET", "/v1/status", self.status, shapes.Status, problems=(401, 403, 503)),
            Operation("GET", "/healthz", self.health, shapes.Health),
            Operation("GET", "/readyz", self.ready, shapes.Readiness, problems=(503,)),
        )

    async def status(self, request: Request) -> Response:
        """Queue depth, totals, rates and modems: the document of `modemd status --json`. The operator's keys only."""
        await self._doorkeeper.operator(request)
        return answer(await self._status())

    async def health(self, _: Request) -> Response:
        """The process answers."""
        return answer({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Messages can be accepted."""
        missing = await self._ready()
        if missing is not None:
            return problems.problem(503, "not_ready", missing)
        return answer({"status": "ready"})
