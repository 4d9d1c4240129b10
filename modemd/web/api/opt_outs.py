"""/v1/opt-outs: numbers the account may not send to."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts import views
from modemd.accounts.opt_outs import OptOuts
from modemd.web.api import openapi, paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import recipients as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, id_in, query, read_json, strings


class OptingOut:
    """The endpoints."""

    def __init__(self, opt_outs: OptOuts, doorkeeper: Doorkeeper) -> None:
        self._opt_outs = opt_outs
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        one = openapi.ident("o", "o_…")
        return routes(
            "opt-outs",
            Operation("GET", "/v1/opt-outs", self.list, shapes.OptOutPage, parameters=paging.PARAMETERS),
            Operation("POST", "/v1/opt-outs", self.add, shapes.OptOut, 201, body=shapes.Number),
            Operation("GET", "/v1/opt-outs/{id}", self.get, shapes.OptOut, parameters=[one]),
            Operation("DELETE", "/v1/opt-outs/{id}", self.remove, status=204, parameters=[one]),
            refusals=(400, 401, 404, 422, 503),
        )

    async def list(self, request: Request) -> Response:
        """Opt-outs, oldest first."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset(paging.NAMES))
        limit = paging.limit(wanted)
        found = await self._opt_outs.of(caller.account_id, paging.place(wanted) or 0, limit + 1)
        return answer(paging.page("opt_outs", [views.opt_out(one) for one in found], limit))

    async def add(self, request: Request) -> Response:
        """Send nothing to this number any more."""
        caller = await self._doorkeeper.caller(request)
        number = strings(await read_json(request), "number")["number"]
        return answer(views.opt_out(await self._opt_outs.add(caller.account_id, number)), 201)

    async def get(self, request: Request) -> Response:
        """One opt-out."""
        caller = await self._doorkeeper.caller(request)
        return answer(views.opt_out(await self._opt_outs.one(caller.account_id, id_in(request, "o", "opt-out"))))

    async def remove(self, request: Request) -> Response:
        """Allow sending to it again."""
        caller = await self._doorkeeper.caller(request)
        await self._opt_outs.remove(caller.account_id, id_in(request, "o", "opt-out"))
        return Response(status_code=204)
