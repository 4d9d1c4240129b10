"""GET /metrics: for programs on this machine, and from anywhere with an operator's key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from modemd.web.api import openapi
from modemd.web.doorkeeper import Doorkeeper, from_here
from modemd.web.lean import LeanRoute
from modemd.web.metrics import Reading, render
from modemd.web.whereabouts import is_loopback


class Metrics:
    """The endpoint. ``read`` takes the reading."""

    def __init__(self, read: Callable[[], Awaitable[Reading]], doorkeeper: Doorkeeper) -> None:
        self._read = read
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Its path, and what OpenAPI says of it."""
        router = APIRouter(route_class=LeanRoute, tags=["service"])
        responses = openapi.problems(401, 403, 503) | openapi.text("text/plain", "Prometheus' text")
        router.add_api_route("/metrics", self.show, methods=["GET"], response_class=Response, responses=responses)
        return router

    async def show(self, request: Request) -> Response:
        """The metrics, for programs on this machine and for an operator's key."""
        if is_loopback(request.scope) and "authorization" not in request.headers:
            from_here(request)
        else:
            await self._doorkeeper.operator(request)
        reading = await self._read()
        return Response(await asyncio.to_thread(render, reading), media_type=CONTENT_TYPE_LATEST)
