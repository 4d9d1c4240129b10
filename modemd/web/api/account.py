"""/v1/account: what is held about the caller's account, and its end; /v1/erasures: the receipt, which names nobody."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from modemd.accounts import receipts, views
from modemd.accounts.directory import Directory
from modemd.accounts.erasure import Erasures
from modemd.accounts.export import Export
from modemd.accounts.login import Login
from modemd.ids import encode
from modemd.web.api import openapi
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import account as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.edge import network_of
from modemd.web.lean import answer, id_in, read_json, strings


class OwnAccount:
    """The endpoints."""

    def __init__(
        self, directory: Directory, erasures: Erasures, login: Login, *, export: Export, doorkeeper: Doorkeeper
    ) -> None:
        self._directory = directory
        self._export = export
        self._erasures = erasures
        self._login = login
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        path, one = "/v1/account", openapi.ident("e", "e_… as the deletion answered")
        erasing = (400, 401, 403, 422, 429, 503)
        return routes(
            "account",
            Operation("GET", path, self.show, shapes.Account, problems=(401, 503)),
            Operation("DELETE", path, self.erase, shapes.ErasureBegun, 202, body=shapes.Password, problems=erasing),
            Operation("GET", f"{path}/export", self.export, problems=(401, 403, 503)),
            Operation("GET", "/v1/erasures/{id}", self.receipt, shapes.Erasure, parameters=[one], problems=(404, 503)),
        )

    async def show(self, request: Request) -> Response:
        """The caller's account."""
        caller = await self._doorkeeper.caller(request)
        return answer(views.account(await self._directory.account(caller.account_id)))

    async def export(self, request: Request) -> Response:
        """Everything that is held about the account, as one JSON object."""
        caller = await self._doorkeeper.person(request)
        pieces = self._export.pieces(caller.account_id)
        headers = {"Content-Disposition": 'attachment; filename="modemd-account.json"'}
        return StreamingResponse(pieces, media_type="application/json", headers=headers)

    async def erase(self, request: Request) -> Response:
        """Forget the account and everything it handed over. Needs the password, once more."""
        caller = await self._doorkeeper.person(request)
        password = strings(await read_json(request), "password")["password"]
        await self._login.confirm(caller.account_id, password, network_of(request.scope))
        return answer({"erasure": encode("e", await self._erasures.request(caller.account_id))}, 202)

    async def receipt(self, request: Request) -> Response:
        """How far an erasure is. Needs no authentication: there is nobody left to authenticate."""
        self._doorkeeper.count_stranger(request)
        return answer(receipts.document(await self._erasures.show(id_in(request, "e", "erasure"))))
