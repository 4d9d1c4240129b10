"""/v1/inbox: inbound SMS of the account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts.export import Inbox
from modemd.web.api import paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import messages as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, query


class InboxView:
    """The endpoint."""

    def __init__(self, inbox: Inbox, doorkeeper: Doorkeeper) -> None:
        self._inbox = inbox
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Its path, and what OpenAPI says of it."""
        listing = Operation("GET", "/v1/inbox", self.list, shapes.InboxPage, parameters=paging.PARAMETERS)
        return routes("inbox", listing, refusals=(401, 422, 503))

    async def list(self, request: Request) -> Response:
        """Inbound SMS, newest first."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset(paging.NAMES))
        limit = paging.limit(wanted)
        found = await self._inbox.list(caller.account_id, paging.place(wanted), limit + 1)
        return answer(paging.page("messages", found, limit))
