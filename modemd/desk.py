"""The operator's desk for messages: what the command line may ask of the running daemon about them, verb by verb.

Each verb takes the arguments of the control socket and gives a JSON document back; `progress` gives one at every
change. Numbers and texts pass through here on their way to the operator's own account and are kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from modemd import story
from modemd.accounts import request as requests
from modemd.accounts.directory import OPERATOR
from modemd.accounts.sending import Sending
from modemd.clock import Clock, rfc3339
from modemd.errors import InvalidField, NotFound
from modemd.ids import decode, encode
from modemd.queue import ENDED, Message, Queue, State
from modemd.queue.listing import Wanted
from modemd.queue.states import by_label

Arguments = Mapping[str, Any]
Verb = Callable[[Arguments], Awaitable[dict[str, Any]]]
Stream = Callable[[Arguments], AsyncIterator[dict[str, Any]]]

SHOWN_EVERY_S = 0.2
"""Progress is told five times a second at most: more than an eye reads, less than a bank of modems makes."""

LISTED = 50
"""Messages of one listing unless the caller asks for more or fewer."""


class Desk:
    """The verbs on messages, and the status of everything."""

    def __init__(
        self,
        *,
        queue: Queue,
        sending: Sending,
        status: Callable[[], Awaitable[dict[str, Any]]],
        holdup: story.HoldUp,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._sending = sending
        self._status = status
        self._holdup = holdup
        self._clock = clock

    @property
    def verbs(self) -> dict[str, Verb | Stream]:
        """Every verb by its name on the control socket."""
        return {
            "status": self.status,
            "send": self.send,
            "progress": self.progress,
            "why": self.why,
            "queue.list": self.list_messages,
            "queue.cancel": self.cancel,
            "queue.retry": self.retry,
            "queue.resolve": self.resolve,
        }

    async def status(self, _: Arguments) -> dict[str, Any]:
        """The status document."""
        return await self._status()

    async def send(self, args: Arguments) -> dict[str, Any]:
        """Send as the operator's own account: the body of POST /v1/messages."""
        receipt = await self._sending.submit(OPERATOR, requests.read(dict(args), self._clock.now()))
        return asdict(receipt)

    async def progress(self, args: Arguments) -> AsyncIterator[dict[str, Any]]:
        """How far some messages are, at once and at every change, until all have ended.

        With ``patience``, seconds: that long after the last of them was sent, no status report is awaited any more.
        """
        numbers = sorted(_message_id(text) for text in args.get("messages", []))
        patience = float(args["patience"]) if "patience" in args else None
        with self._queue.watch() as watch:
            ends = None
            while True:
                found = await self._queue.tally(numbers)
                done = sum(count for (state, report), count in found.items() if _settled(state, report))
                yield {"done": done, "total": sum(found.values()), "states": _labelled(found)}
                if done == sum(found.values()):
                    return
                only_reports = all(_settled(state, report=False) for state, _ in found)
                if patience is not None and only_reports:
                    ends = ends or self._clock.monotonic() + patience
                if not await watch.change(None if ends is None else ends - self._clock.monotonic()):
                    return
                await asyncio.sleep(SHOWN_EVERY_S)

    async def why(self, args: Arguments) -> dict[str, Any]:
        """Everything that happened to a message."""
        told, now = await self._queue.story(_message_id(args.get("id"))), self._clock.now()
        holdup = await self._holdup(told.message) if story.could_go(told.message, now) else ""
        return story.tell(told, now, holdup)

    async def list_messages(self, args: Arguments) -> dict[str, Any]:
        """Messages of all accounts, newest first, without what is in them."""
        wanted = Wanted(
            states=_states(args.get("state")), before=_message_id(args["cursor"]) if args.get("cursor") else None
        )
        limit = min(max(1, int(args.get("limit") or LISTED)), 1000)
        found = await self._queue.messages(wanted, limit)
        cursor = encode("m", found[-1].id) if len(found) == limit else None
        return {"messages": [_row(message) for message in found], "cursor": cursor}

    async def cancel(self, args: Arguments) -> dict[str, Any]:
        """Take a waiting message back, or what still waits of a whole call."""
        batch = decode("b", str(args.get("id")))
        if batch is not None:
            return {"cancelled": await self._queue.cancel_call(batch)}
        return _state(await self._queue.cancel(_message_id(args.get("id"))))

    async def retry(self, args: Arguments) -> dict[str, Any]:
        """Queue a message again that has failed."""
        return _state(await self._queue.retry(_message_id(args.get("id"))))

    async def resolve(self, args: Arguments) -> dict[str, Any]:
        """Settle an uncertain message."""
        how = args.get("how")
        if how not in ("sent", "resend", "fail"):
            raise InvalidField("how", "that is no way to settle a message", cure="sent, resend or fail")
        return _state(await self._queue.resolve(_message_id(args.get("id")), how))


def _message_id(text: object) -> int:
    number = decode("m", text) if isinstance(text, str) else None
    if number is None:
        raise NotFound("that is no id of a message", cure="ids look like m_01hzy3kd8q2v5")
    return number


def _states(label: object) -> frozenset[State] | None:
    if not label:
        return None
    state = by_label(str(label))
    if state is None:
        raise InvalidField("state", "there is no such state", cure=", ".join(state.label for state in State))
    return frozenset({state})


def _settled(state: State, report: bool) -> bool:
    """Nothing more will happen by itself, or nothing that the caller waits for."""
    return not report if state is State.SENT else state in ENDED or state is State.UNCERTAIN


def _labelled(found: Mapping[tuple[State, bool], int]) -> dict[str, int]:
    states: dict[str, int] = {}
    for (state, _), count in found.items():
        states[state.label] = states.get(state.label, 0) + count
    return states


def _row(message: Message) -> dict[str, Any]:
    return {
        "id": encode("m", message.id),
        "account": encode("a", message.account),
        "state": message.state.label,
        "lane": message.lane.name.lower(),
        "parts": message.parts,
        "sent_parts": message.sent_parts,
        "attempts": message.attempts,
        "created_at": rfc3339(message.created),
        "due_at": rfc3339(message.due),
        "sent_at": rfc3339(message.sent_at),
        "error": message.error_code,
    }


def _state(state: State) -> dict[str, Any]:
    return {"state": state.label}
