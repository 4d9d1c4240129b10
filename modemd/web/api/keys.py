"""/v1/keys: API keys, minted and revoked by the account's owner, never by a key."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd import ids
from modemd.accounts import views
from modemd.accounts.api_keys import ApiKeys
from modemd.errors import NotFound
from modemd.web.api import openapi
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import account as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, read_json, strings


class KeyRing:
    """The endpoints."""

    def __init__(self, keys: ApiKeys, doorkeeper: Doorkeeper) -> None:
        self._keys = keys
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        one = openapi.ident("k", "k_…")
        minting, revoking = (400, 401, 403, 409, 422, 503), (401, 403, 404, 503)
        return routes(
            "keys",
            Operation("POST", "/v1/keys", self.mint, shapes.NewKey, 201, body=shapes.KeyName, problems=minting),
            Operation("GET", "/v1/keys", self.list, shapes.KeyList, problems=(401, 503)),
            Operation("DELETE", "/v1/keys/{id}", self.revoke, status=204, parameters=[one], problems=revoking),
        )

    async def mint(self, request: Request) -> Response:
        """A new key; it is shown this once."""
        caller = await self._doorkeeper.person(request)
        name = strings(await read_json(request), "name")["name"]
        number, key = await self._keys.mint(caller.account_id, name)
        return answer({"id": ids.encode("k", number), "key": key}, 201)

    async def list(self, request: Request) -> Response:
        """The account's keys, without the keys themselves."""
        caller = await self._doorkeeper.caller(request)
        return answer({"keys": [views.api_key(key) for key in await self._keys.of(caller.account_id)]})

    async def revoke(self, request: Request) -> Response:
        """Make a key useless, at once."""
        caller = await self._doorkeeper.person(request)
        number = ids.decode("k", request.path_params["id"])
        if number is None:
            raise NotFound("there is no such API key", cure="list the keys of the account")
        await self._keys.revoke(caller.account_id, number)
        return Response(status_code=204)
