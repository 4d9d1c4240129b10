"""/v1/account: what is held about the caller's account, and its end; /v1/erasures: the receipt, which names nobody."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from modemd.accounts import receipts
from modemd.accounts.directory import Directory
from modemd.accounts.erasure import Erasures
from modemd.accounts.export import Export
from modemd.accounts.login import Login
from modemd.clock import rfc3339
from modemd.errors import NotFound
from modemd.ids import decode, encode
from modemd.web.api import shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.edge import network_of
from modemd.web.lean import LeanRoute, answer, read_json, strings


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
        router = APIRouter(route_class=LeanRoute, tags=["account"])
        router.add_api_route(
            "/v1/account",
            self.show,
            methods=["GET"],
            response_model=shapes.Account,
            responses=shapes.problems(401, 503),
        )
        router.add_api_route(
            "/v1/account",
            self.erase,
            methods=["DELETE"],
            status_code=202,
            response_model=shapes.ErasureBegun,
            responses=shapes.problems(400, 401, 403, 422, 429, 503),
            openapi_extra=shapes.body(shapes.Password),
        )
        router.add_api_route(
            "/v1/account/export",
            self.export,
            methods=["GET"],
            responses=shapes.problems(401, 403, 503),
        )
        router.add_api_route(
            "/v1/erasures/{id}",
            self.receipt,
            methods=["GET"],
            response_model=shapes.Erasure,
            responses=shapes.problems(404, 503),
            openapi_extra={"parameters": [shapes.ident("e", "e_… as the deletion answered")]},
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
        number = decode("e", request.path_params["id"])
        if number is None:
            raise NotFound("there is no such erasure", cure="an id looks like e_01hzy3kd8q2v5")
        return answer(receipts.document(await self._erasures.show(number)))
