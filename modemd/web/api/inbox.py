"""/v1/inbox: inbound SMS of the account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts.export import Inbox
from modemd.web.api import paging, shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import LeanRoute, answer, query


class InboxView:
    """The endpoint."""

    def __init__(self, inbox: Inbox, doorkeeper: Doorkeeper) -> None:
        self._inbox = inbox
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Its path, and what OpenAPI says of it."""
        router = APIRouter(route_class=LeanRoute, tags=["inbox"])
        router.add_api_route(
            "/v1/inbox",
            self.list,
            methods=["GET"],
            response_model=shapes.InboxPage,
            responses=shapes.problems(401, 422, 503),
            openapi_extra={"parameters": paging.PARAMETERS},
        )
        return router

    async def list(self, request: Request) -> Response:
        """Inbound SMS, newest first."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset(paging.NAMES))
        limit = paging.limit(wanted)
        found = await self._inbox.list(caller.account_id, paging.place(wanted), limit)
        return answer(paging.page("messages", found, limit))
