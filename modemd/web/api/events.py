"""/v1/events: what happens to the account's messages, live, as server-sent events (HTML standard, 9.2).

A stream ends with the credential it was opened by, with the account, with the daemon, and when its reader falls
behind. Whoever comes back with the header ``Last-Event-ID`` gets what he has missed, as far as it is still in memory;
where it is not, the first event is ``missed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from modemd import ids
from modemd.errors import InvalidField, ModemdError
from modemd.web.api import openapi
from modemd.web.api.operations import Operation, routes
from modemd.web.doorkeeper import Doorkeeper
from modemd.web.edge import HEAD
from modemd.webhooks.event import Documents, Event
from modemd.webhooks.live import Live, Stream

HEARTBEAT_S = 15.0
"""A comment so often: proxies close what is silent for a minute, and a reader that is gone is noticed."""
_HEAD = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]

Still = Callable[[], Awaitable[bool]]
"""Whether the reader may stay."""


class Events:
    """The endpoint."""

    def __init__(self, live: Live, documents: Documents, doorkeeper: Doorkeeper) -> None:
        self._live = live
        self._documents = documents
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Its path, and what OpenAPI says of it."""
        last = openapi.parameter("Last-Event-ID", "header", "the last event of an earlier stream, v_…")
        streamed = openapi.text("text/event-stream", "events, until the stream ends")
        listening = Operation("GET", "/v1/events", self.stream, parameters=[last], others=streamed)
        return routes("events", listening, refusals=(401, 422, 429, 503))

    async def stream(self, request: Request) -> Response:
        """What happens to the account's messages, and inbound SMS, as it happens: server-sent events."""
        caller = await self._doorkeeper.caller(request)
        last = request.headers.get("last-event-id")
        after = None if last is None else ids.decode("v", last)
        if last is not None and after is None:
            raise InvalidField("Last-Event-ID", "this is no event of a stream", cure="leave the header out")
        if request.scope.get(HEAD):
            return Response(media_type="text/event-stream")
        stream = self._live.listen(caller.account_id, after)
        return _Answer(stream, self._documents, lambda: self._doorkeeper.still(request))


class _Answer(Response):
    """Events until the stream ends."""

    def __init__(self, stream: Stream, documents: Documents, still: Still) -> None:
        super().__init__()
        self._stream = stream
        self._documents = documents
        self._still = still

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; ends at once when the reader goes."""
        with self._stream:
            await send({"type": "http.response.start", "status": 200, "headers": _HEAD})
            telling = asyncio.ensure_future(self._tell(send))
            gone = asyncio.ensure_future(_gone(receive))
            try:
                await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                telling.cancel()
                gone.cancel()
                await asyncio.gather(telling, gone, return_exceptions=True)
        if not telling.cancelled():
            telling.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        stream = self._stream
        await _write(send, b"event: missed\ndata: {}\n\n" if stream.missed else b": modemd\n\n")
        while True:
            events = await stream.next(HEARTBEAT_S)
            if not events or stream.doubtful:
                stream.doubtful = False
                if stream.ended or not await self._still():
                    return
            try:
                octets = await self._written(events)
            except ModemdError:
                return  # the account is gone, or the database is: the reader comes back, or cannot
            if octets or not events:
                await _write(send, octets or b": still here\n\n")

    async def _written(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        documents = await self._documents.of(self._stream.account, events)
        pairs = zip(events, documents, strict=True)
        return b"".join(_event(event, document) for event, document in pairs if document is not None)


def _event(event: Event, document: bytes) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (ids.encode("v", event.id).encode(), event.kind.encode(), document)


async def _write(send: Send, octets: bytes) -> None:
    await send({"type": "http.response.body", "body": octets, "more_body": True})


async def _gone(receive: Receive) -> None:
    """Return when the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
