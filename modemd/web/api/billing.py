"""/v1/account/billing and /v1/account/usage: who pays for an account, and what it has used."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts.billing import buyers
from modemd.accounts.billing.parts import Billing
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import account as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, read_json


class Paying:
    """The endpoints."""

    def __init__(self, billing: Billing, doorkeeper: Doorkeeper) -> None:
        self._billing = billing
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        path, putting = "/v1/account/billing", (400, 401, 403, 422, 503)
        return routes(
            "billing",
            Operation("GET", path, self.show, shapes.Billing, problems=(401, 403, 503)),
            Operation("PUT", path, self.put, shapes.Billing, body=shapes.Buyer, problems=putting),
            Operation("GET", "/v1/account/usage", self.usage, shapes.Usage, problems=(401, 503)),
        )

    async def show(self, request: Request) -> Response:
        """The account's billing data, and how it stands. Money is in the smallest unit of the currency."""
        caller = await self._doorkeeper.person(request)
        return answer(await self._billing.data(caller.account_id))

    async def put(self, request: Request) -> Response:
        """Give billing data, or replace it. The VAT id may be left out; it is checked by form and check digits."""
        caller = await self._doorkeeper.person(request)
        await self._billing.buyers.put(caller.account_id, buyers.read(await read_json(request)))
        return answer(await self._billing.data(caller.account_id))

    async def usage(self, request: Request) -> Response:
        """What the account has used, month by month, the newest first, and how it stands."""
        caller = await self._doorkeeper.caller(request)
        return answer(await self._billing.used(caller.account_id))
