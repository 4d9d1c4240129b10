"""/v1/account: what is held about the caller's account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts.directory import Directory
from modemd.clock import rfc3339
from modemd.ids import encode
from modemd.web.api import shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import LeanRoute, answer


class OwnAccount:
    """The endpoints."""

    def __init__(self, directory: Directory, doorkeeper: Doorkeeper) -> None:
        self._directory = directory
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        router = APIRouter(route_class=LeanRoute, tags=["account"])
        router.add_api_route(
            "/v1/account",
            self.show,
            methods=["GET"],
            response_model=shapes.Account,
            responses=shapes.problems(401, 503),
        )
        return router

    async def show(self, request: Request) -> Response:
        """The caller's account."""
        caller = await self._doorkeeper.caller(request)
        account = await self._directory.account(caller.account_id)
        return answer(
            {
                "id": encode("a", account.id),
                "email": account.email,
                "phone": account.phone,
                "created_at": rfc3339(account.created),
            }
        )
