"""/v1/recipients: the account's address book, also from and to CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from modemd.accounts import csv_cards
from modemd.accounts.numbers import Numbers
from modemd.accounts.recipients import Recipient, Recipients, read
from modemd.clock import rfc3339
from modemd.errors import InvalidField, UnsupportedMedia, UsageError
from modemd.ids import decode, encode
from modemd.web.api import paging, shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import LeanRoute, answer, id_in, query, read_json

_EXPORTED = 500
"""Recipients read at a time for an export."""


class AddressBook:
    """The endpoints."""

    def __init__(self, recipients: Recipients, numbers: Numbers, doorkeeper: Doorkeeper) -> None:
        self._recipients = recipients
        self._numbers = numbers
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        router = APIRouter(route_class=LeanRoute, tags=["recipients"])
        one = {"parameters": [shapes.ident("r", "r_…")]}
        card, listed = (
            shapes.body(shapes.CardBody),
            [*paging.PARAMETERS, shapes.parameter("group", "query", "g_…", shapes.id_of("g"))],
        )
        calls: list[tuple[str, str, Any, int, Any, dict[str, Any]]] = [
            ("GET", "/v1/recipients", self.list, 200, shapes.RecipientPage, {"parameters": listed}),
            ("POST", "/v1/recipients", self.add, 201, shapes.Recipient, card),
            ("POST", "/v1/recipients/import", self.take, 200, shapes.Imported, _CSV),
            ("GET", "/v1/recipients/export", self.give, 200, None, {}),
            ("GET", "/v1/recipients/{id}", self.get, 200, shapes.Recipient, one),
            ("PUT", "/v1/recipients/{id}", self.change, 200, shapes.Recipient, card | one),
            ("DELETE", "/v1/recipients/{id}", self.remove, 204, None, one),
        ]
        more: dict[tuple[str, str], dict[int | str, dict[str, Any]]] = {
            ("POST", "/v1/recipients"): {200: {"model": shapes.Recipient, "description": "merged"}},
            ("GET", "/v1/recipients/export"): shapes.text("text/csv", "all recipients"),
        }
        for path, method in (("/v1/recipients/import", "POST"), ("/v1/recipients/export", "GET")):
            others = sorted({"GET", "POST", "PUT", "DELETE"} - {method})
            router.add_api_route(path, _no_id, methods=others, include_in_schema=False)
        for method, path, endpoint, status, model, extra in calls:
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=status,
                response_model=model,
                responses=shapes.problems(400, 401, 404, 409, 413, 422, 503) | more.get((method, path), {}),
                openapi_extra=extra,
            )
        return router

    async def list(self, request: Request) -> Response:
        """Recipients, oldest first; of one group, if it is named."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset({"group", *paging.NAMES}))
        group = decode("g", wanted["group"]) if "group" in wanted else None
        if "group" in wanted and group is None:
            raise InvalidField("group", "this is no id of a group", cure="take it from the list of groups")
        limit, after = paging.limit(wanted), paging.place(wanted) or 0
        found = await self._recipients.of(caller.account_id, after, limit, group)
        return answer(paging.page("recipients", [_shown(one) for one in found], limit))

    async def add(self, request: Request) -> Response:
        """Add a recipient; one of the same number is merged with it: 200 instead of 201."""
        caller = await self._doorkeeper.caller(request)
        card = read(await read_json(request), self._numbers)
        recipient, new = await self._recipients.put(caller.account_id, card)
        return answer(_shown(recipient), 201 if new else 200)

    async def get(self, request: Request) -> Response:
        """One recipient."""
        caller = await self._doorkeeper.caller(request)
        return answer(_shown(await self._recipients.one(caller.account_id, id_in(request, "r", "recipient"))))

    async def change(self, request: Request) -> Response:
        """Replace what is known of a recipient."""
        caller = await self._doorkeeper.caller(request)
        card = read(await read_json(request), self._numbers)
        number = id_in(request, "r", "recipient")
        return answer(_shown(await self._recipients.replace(caller.account_id, number, card)))

    async def remove(self, request: Request) -> Response:
        """Remove a recipient, from its groups too."""
        caller = await self._doorkeeper.caller(request)
        await self._recipients.remove(caller.account_id, id_in(request, "r", "recipient"))
        return Response(status_code=204)

    async def take(self, request: Request) -> Response:
        """Read recipients from CSV; every line that was left out is named with its reason."""
        caller = await self._doorkeeper.caller(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
            raise UnsupportedMedia(
                "the body is not announced as CSV", cure="send Content-Type: text/csv", code="not_csv"
            )
        try:
            text = (await request.body()).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UsageError("the file is not in UTF-8", cure="save it as CSV in UTF-8", code="not_utf8") from None
        if not text.strip():
            raise InvalidField(
                "body", "the file is empty", cure="name the columns in its first line, one of them number"
            )
        reading, added, merged = csv_cards.Reading(text, self._numbers), 0, 0
        async for cards in reading.slices():
            new = sum(new for _, new in await self._recipients.put_all(caller.account_id, cards))
            added, merged = added + new, merged + len(cards) - new
        return answer({"added": added, "merged": merged, "rejected": reading.bad})

    async def give(self, request: Request) -> Response:
        """All recipients as CSV, safe to open in a spreadsheet."""
        caller = await self._doorkeeper.caller(request)
        fields: dict[str, None] = {}
        async for some in _all(self._recipients, caller.account_id):
            for one in some:
                fields |= dict.fromkeys(one.card.fields)
        headers = {"Content-Disposition": 'attachment; filename="recipients.csv"'}
        pieces = csv_cards.write(_all(self._recipients, caller.account_id), list(fields))
        return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


async def _no_id(_: Request) -> Response:
    """What has a name of its own below /v1/recipients is no recipient's id."""
    raise HTTPException(405)


async def _all(recipients: Recipients, account: int) -> AsyncIterator[list[Recipient]]:
    after = 0
    while found := await recipients.of(account, after, _EXPORTED):
        yield found
        after = found[-1].id


_CSV = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "format": "csv"}, "example": "number,name\n+48600100200,Jan\n"}
        },
    }
}


def _shown(one: Recipient) -> dict[str, Any]:
    card = one.card
    return {
        "id": encode("r", one.id),
        "number": card.number,
        "name": card.name,
        "fields": card.fields,
        "created_at": rfc3339(one.created),
    }
