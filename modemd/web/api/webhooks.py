"""/v1/webhooks: who is told what happens to the account's messages, and what could not be delivered."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from modemd import ids
from modemd.errors import InvalidField, NotFound
from modemd.web.api import openapi, paging
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import webhooks as shapes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.lean import answer, fields_of, id_in, query, read_json
from modemd.webhooks.event import KINDS
from modemd.webhooks.exporting import letter, shown
from modemd.webhooks.target import MAX_URL
from modemd.webhooks.webhooks import Webhooks

MOST_AT_ONCE = 1000
"""Dead letters named in one call."""


class WebhookBook:
    """The endpoints."""

    def __init__(self, webhooks: Webhooks, doorkeeper: Doorkeeper) -> None:
        self._webhooks = webhooks
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        path, one, again = "/v1/webhooks", "/v1/webhooks/{id}", "/v1/webhooks/{id}/redeliver"
        ident = openapi.parameter("id", "path", "w_…")
        page = [ident, *paging.PARAMETERS]
        return routes(
            "webhooks",
            Operation("GET", path, self.list, shapes.WebhookList),
            Operation("POST", path, self.create, shapes.NewWebhook, 201, body=shapes.WebhookBody),
            Operation("GET", one, self.one, shapes.Webhook, parameters=[ident]),
            Operation("DELETE", one, self.remove, status=204, parameters=[ident]),
            Operation("GET", f"{one}/dead-letters", self.dead_letters, shapes.DeadLetterPage, parameters=page),
            Operation(
                "POST", again, self.redeliver, shapes.Redelivering, 202, body=shapes.Redelivery, parameters=[ident]
            ),
            refusals=(400, 401, 404, 409, 422, 503),
        )

    async def list(self, request: Request) -> Response:
        """The account's webhooks, oldest first."""
        caller = await self._doorkeeper.caller(request)
        return answer({"webhooks": [shown(one) for one in await self._webhooks.of(caller.account_id)]})

    async def create(self, request: Request) -> Response:
        """Have events sent to a URL from now on; the secret that signs them is shown this once."""
        caller = await self._doorkeeper.caller(request)
        url, kinds = _wanted(await read_json(request))
        made, secret = await self._webhooks.create(caller.account_id, url, kinds)
        return answer({**shown(made), "secret": secret}, 201)

    async def one(self, request: Request) -> Response:
        """One webhook: what waits for it, and how it last failed."""
        caller = await self._doorkeeper.caller(request)
        return answer(shown(await self._webhooks.one(caller.account_id, id_in(request, "w", "webhook"))))

    async def remove(self, request: Request) -> Response:
        """Send it nothing more, and forget what waits for it."""
        caller = await self._doorkeeper.caller(request)
        await self._webhooks.remove(caller.account_id, id_in(request, "w", "webhook"))
        return Response(status_code=204)

    async def dead_letters(self, request: Request) -> Response:
        """What could not be delivered, newest first; kept for 7 days."""
        caller = await self._doorkeeper.caller(request)
        number = id_in(request, "w", "webhook")
        wanted = query(request, frozenset(paging.NAMES))
        limit = paging.limit(wanted)
        found = await self._webhooks.dead_letters(caller.account_id, number, paging.place(wanted), limit + 1)
        return answer(paging.page("dead_letters", [letter(one) for one in found], limit))

    async def redeliver(self, request: Request) -> Response:
        """Send dead letters again, all or those named; a disabled webhook becomes active again."""
        caller = await self._doorkeeper.caller(request)
        number = id_in(request, "w", "webhook")
        events = _events(await read_json(request))
        return answer({"events": await self._webhooks.redeliver(caller.account_id, number, events)}, 202)


def _wanted(body: object) -> tuple[str, frozenset[str]]:
    """URL and kinds of events. Raises InvalidField."""
    fields = fields_of(body, "url", "events")
    url, kinds = fields.get("url"), fields.get("events")
    if not isinstance(url, str) or not 0 < len(url) <= MAX_URL:
        raise InvalidField("url", "the URL is missing or no text", cure=f"give it in at most {MAX_URL} characters")
    if kinds is None:
        return url, frozenset(KINDS)
    if not (isinstance(kinds, list) and kinds and all(isinstance(one, str) and one in KINDS for one in kinds)):
        cure = "leave it out for all, or give a list of " + ", ".join(KINDS)
        raise InvalidField("events", "this is no list of events", cure=cure)
    return url, frozenset(kinds)


def _events(body: object) -> list[int] | None:
    """The ids of dead letters; None for all. Raises InvalidField, NotFound."""
    given = fields_of(body, "events").get("events")
    if given is None:
        return None
    if not isinstance(given, list) or not 0 < len(given) <= MOST_AT_ONCE or not all(isinstance(i, str) for i in given):
        cure = f"leave it out for all, or give a list of 1 to {MOST_AT_ONCE} ids"
        raise InvalidField("events", "this is no list of dead letters", cure=cure)
    numbers = [ids.decode("v", one) for one in given]
    if None in numbers:
        raise NotFound("one of these is no dead letter", cure="an id looks like v_01hzy3kd8q2v5")
    return [number for number in numbers if number is not None]
