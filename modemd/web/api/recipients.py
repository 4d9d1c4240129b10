"""/v1/recipients: the account's address book, also from and to CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from modemd.accounts import csv_cards, views
from modemd.accounts.groups import Groups
from modemd.accounts.numbers import Numbers
from modemd.accounts.recipients import Recipient, Recipients, read
from modemd.errors import InvalidField, NotFound, UsageError
from modemd.ids import decode
from modemd.web import problems
from modemd.web.api import openapi, paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import recipients as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import announced, answer, id_in, query, read_json

_EXPORTED = 500
"""Recipients read at a time for an export."""


class AddressBook:
    """The endpoints."""

    def __init__(self, recipients: Recipients, groups: Groups, numbers: Numbers, doorkeeper: Doorkeeper) -> None:
        self._recipients = recipients
        self._groups = groups
        self._numbers = numbers
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        path, one, ident = "/v1/recipients", "/v1/recipients/{id}", openapi.ident("r", "r_…")
        listed = [*paging.PARAMETERS, openapi.parameter("group", "query", "g_…", openapi.id_of("g"))]
        merged: openapi.Responses = {200: {"model": shapes.Recipient, "description": "merged"}}
        written = openapi.text("text/csv", "all recipients")
        return routes(
            "recipients",
            *_NO_IDS,
            Operation("GET", path, self.list, shapes.RecipientPage, parameters=listed),
            Operation("POST", path, self.add, shapes.Recipient, 201, body=shapes.CardBody, others=merged),
            Operation("POST", f"{path}/import", self.take, shapes.Imported, extra=_CSV),
            Operation("GET", f"{path}/export", self.give, others=written),
            Operation("GET", one, self.get, shapes.Recipient, parameters=[ident]),
            Operation("PUT", one, self.change, shapes.Recipient, body=shapes.CardBody, parameters=[ident]),
            Operation("DELETE", one, self.remove, status=204, parameters=[ident]),
            refusals=(400, 401, 404, 409, 413, 422, 503),
        )

    async def list(self, request: Request) -> Response:
        """Recipients, oldest first; of one group, if it is named."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset({"group", *paging.NAMES}))
        group = decode("g", wanted["group"]) if "group" in wanted else None
        if "group" in wanted and group is None:
            raise InvalidField("group", "this is no id of a group", cure="take it from the list of groups")
        if group is not None and not await self._groups.exists(caller.account_id, group):
            raise NotFound("there is no such group", cure="list the groups")
        limit, after = paging.limit(wanted), paging.place(wanted) or 0
        found = await self._recipients.of(caller.account_id, after, limit + 1, group)
        return answer(paging.page("recipients", [views.recipient(one) for one in found], limit))

    async def add(self, request: Request) -> Response:
        """Add a recipient; one of the same number is merged with it: 200 instead of 201."""
        caller = await self._doorkeeper.caller(request)
        card = read(await read_json(request), self._numbers)
        recipient, new = await self._recipients.put(caller.account_id, card)
        return answer(views.recipient(recipient), 201 if new else 200)

    async def get(self, request: Request) -> Response:
        """One recipient."""
        caller = await self._doorkeeper.caller(request)
        return answer(views.recipient(await self._recipients.one(caller.account_id, id_in(request, "r", "recipient"))))

    async def change(self, request: Request) -> Response:
        """Replace what is known of a recipient."""
        caller = await self._doorkeeper.caller(request)
        card = read(await read_json(request), self._numbers)
        number = id_in(request, "r", "recipient")
        return answer(views.recipient(await self._recipients.replace(caller.account_id, number, card)))

    async def remove(self, request: Request) -> Response:
        """Remove a recipient, from its groups too."""
        caller = await self._doorkeeper.caller(request)
        await self._recipients.remove(caller.account_id, id_in(request, "r", "recipient"))
        return Response(status_code=204)

    async def take(self, request: Request) -> Response:
        """Read recipients from CSV; every line that was left out is named with its reason."""
        caller = await self._doorkeeper.caller(request)
        announced(request, "text/csv", "CSV", "not_csv")
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


_NO_IDS = (
    Operation("DELETE GET PUT", "/v1/recipients/import", problems.no_such_method, shown=False),
    Operation("DELETE POST PUT", "/v1/recipients/export", problems.no_such_method, shown=False),
)
"""What has a name of its own below /v1/recipients is no recipient's id."""


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
