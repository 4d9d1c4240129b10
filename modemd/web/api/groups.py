"""/v1/groups: groups of recipients, and who is in them."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd.accounts import views
from modemd.accounts.groups import MAX_CHANGE, Groups
from modemd.errors import InvalidField
from modemd.ids import decode
from modemd.web.api import openapi, paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import recipients as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, fields_of, id_in, query, read_json, strings


class Grouping:
    """The endpoints."""

    def __init__(self, groups: Groups, doorkeeper: Doorkeeper) -> None:
        self._groups = groups
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        group, member = openapi.ident("g", "g_…"), openapi.ident("r", "r_…", "recipient")
        one, name = "/v1/groups/{id}", shapes.GroupName
        return routes(
            "groups",
            Operation("GET", "/v1/groups", self.list, shapes.GroupPage, parameters=paging.PARAMETERS),
            Operation("POST", "/v1/groups", self.make, shapes.Group, 201, body=name),
            Operation("GET", one, self.get, shapes.Group, parameters=[group]),
            Operation("PUT", one, self.rename, shapes.Group, body=name, parameters=[group]),
            Operation("DELETE", one, self.remove, status=204, parameters=[group]),
            Operation("POST", f"{one}/recipients", self.put_in, shapes.Group, body=shapes.Members, parameters=[group]),
            Operation(
                "DELETE", f"{one}/recipients/{{recipient}}", self.take_out, status=204, parameters=[group, member]
            ),
            refusals=(400, 401, 404, 409, 422, 503),
        )

    async def list(self, request: Request) -> Response:
        """Groups, oldest first."""
        caller = await self._doorkeeper.caller(request)
        wanted = query(request, frozenset(paging.NAMES))
        limit = paging.limit(wanted)
        found = await self._groups.of(caller.account_id, paging.place(wanted) or 0, limit + 1)
        return answer(paging.page("groups", [views.group(group) for group in found], limit))

    async def make(self, request: Request) -> Response:
        """A new group."""
        caller = await self._doorkeeper.caller(request)
        name = strings(await read_json(request), "name")["name"]
        return answer(views.group(await self._groups.make(caller.account_id, name)), 201)

    async def get(self, request: Request) -> Response:
        """One group; its recipients are at /v1/recipients?group=."""
        caller = await self._doorkeeper.caller(request)
        return answer(views.group(await self._groups.one(caller.account_id, id_in(request, "g", "group"))))

    async def rename(self, request: Request) -> Response:
        """Another name for a group."""
        caller = await self._doorkeeper.caller(request)
        name = strings(await read_json(request), "name")["name"]
        return answer(views.group(await self._groups.rename(caller.account_id, id_in(request, "g", "group"), name)))

    async def remove(self, request: Request) -> Response:
        """Remove a group; its members stay recipients."""
        caller = await self._doorkeeper.caller(request)
        await self._groups.remove(caller.account_id, id_in(request, "g", "group"))
        return Response(status_code=204)

    async def put_in(self, request: Request) -> Response:
        """Put recipients into a group."""
        caller = await self._doorkeeper.caller(request)
        number, members = id_in(request, "g", "group"), _members(await read_json(request))
        return answer(views.group(await self._groups.put_in(caller.account_id, number, members)))

    async def take_out(self, request: Request) -> Response:
        """Take a recipient out of a group."""
        caller = await self._doorkeeper.caller(request)
        member = id_in(request, "r", "recipient", "recipient")
        await self._groups.take_out(caller.account_id, id_in(request, "g", "group"), member)
        return Response(status_code=204)


def _members(body: object) -> list[int]:
    cure = f'send {{"recipients": [ids]}}, at most {MAX_CHANGE}'
    given = fields_of(body, "recipients").get("recipients")
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_CHANGE:
        raise InvalidField("recipients", "this is no list of ids, or too long", cure=cure)
    found = [decode("r", one) if isinstance(one, str) else None for one in given]
    if None in found:
        raise InvalidField(f"recipients[{found.index(None)}]", "this is no id of a recipient", cure=cure)
    return [number for number in found if number is not None]
