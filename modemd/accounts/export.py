"""Everything held about an account, machine-readable, as a stream: one JSON object, its lists piece by piece.

Passwords and API keys are not in it: only their hashes exist. Every table with a column ``account`` is either here or
named below with the reason why it holds nothing to show; a test compares that with the schema.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Protocol

import orjson

from modemd import ids
from modemd.accounts import views
from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.billing.parts import Billing
from modemd.accounts.directory import Directory
from modemd.accounts.groups import Groups
from modemd.accounts.opt_outs import OptOuts
from modemd.accounts.recipients import Recipients
from modemd.accounts.sending import Sending
from modemd.clock import Clock, rfc3339
from modemd.db import Database

PAGE = 250
"""Items read at a time."""

SHOWN = frozenset(
    {"account", "api_key", "session", "message", "event", "segment", "recipient", "recipient_group", "membership"}
    | {"opt_out", "inbound", "account_usage", "balance", "booking", "billing_data", "invoice"}
    | {"webhook", "webhook_event", "callback"}
)
"""Tables whose content is exported."""
NOTHING_TO_SHOW = {
    "credential": "hashes of passwords",
    "idempotency": "keyed forms of calls whose messages are here",
    "staging": "calls that are not accepted yet",
    "turn": "a counter for fairness",
    "retention_later": "ids of messages that are here",
    "early_report": "reports on messages that are being sent: seconds later they are here",
    "inbound_part": "segments of inbound messages that are not complete yet",
    "charge": "what is given back for a message that is not sent: what was taken is in the bookings",
    "inbound_seen": "keyed forms of inbound messages that are here",
}
"""Tables that are not, and why."""

Page = Sequence[dict[str, Any]]


class Inbox(Protocol):
    """Where inbound SMS are listed, newest first."""

    async def list(self, account: int, before: int | None = None, limit: int = 100) -> Page:
        """A page of them, each with its ``id``."""


class Lists(Protocol):
    """Further lists of an account, from a part that this one does not know."""

    def lists(self) -> list[tuple[str, Callable[[int], AsyncIterator[Page]]]]:
        """Their names, and what gives their pages."""


class Export:
    """Writes exports."""

    def __init__(
        self,
        database: Database,
        *,
        directory: Directory,
        keys: ApiKeys,
        sending: Sending,
        recipients: Recipients,
        groups: Groups,
        opt_outs: OptOuts,
        billing: Billing,
        clock: Clock,
    ) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys
        self._sending = sending
        self._recipients = recipients
        self._groups = groups
        self._opt_outs = opt_outs
        self._billing = billing
        self._clock = clock
        self.inbox: Inbox | None = None
        """Set by who has one."""
        self.more: Lists | None = None
        """Set by who has more."""

    async def pieces(self, account: int) -> AsyncIterator[bytes]:
        """The document, piece by piece. Raises NotFound, StorageError."""
        head = {
            "exported_at": rfc3339(self._clock.now()),
            "account": await self._account(account),
            "billing": await self._billing.held(account),
        }
        yield orjson.dumps(head)[:-1]
        lists: list[tuple[str, Callable[[int], AsyncIterator[Page]]]] = [
            ("api_keys", self._api_keys),
            ("sessions", self._sessions),
            ("recipients", self._cards),
            ("groups", self._all_groups),
            ("opt_outs", self._all_opt_outs),
            ("messages", self._messages),
            ("inbox", self._inbound),
            *(self.more.lists() if self.more is not None else ()),
        ]
        for name, pages in lists:
            yield b',"' + name.encode() + b'":['
            first = True
            async for page in pages(account):
                piece = orjson.dumps(page)[1:-1]
                if piece:
                    yield piece if first else b"," + piece
                    first = False
            yield b"]"
        yield b"}"

    async def _account(self, number: int) -> dict[str, Any]:
        account = await self._directory.account(number)
        return views.account(account) | {"segments": await self._usage(number)}

    async def _usage(self, account: int) -> dict[str, Any]:
        """The segments counted for the account, on the last day and in the last month on which it sent."""
        sql = "SELECT day, day_used, month, month_used FROM account_usage WHERE account = ?"
        names = ("day", "day_used", "month", "month_used")
        return next((dict(zip(names, row, strict=True)) for row in await self._select(sql, account)), {})

    async def _api_keys(self, account: int) -> AsyncIterator[Page]:
        yield [views.api_key(key) for key in await self._keys.of(account)]

    async def _sessions(self, account: int) -> AsyncIterator[Page]:
        rows = await self._select("SELECT created, expires FROM session WHERE account = ? ORDER BY id", account)
        yield [{"opened_at": rfc3339(created), "expires_at": rfc3339(expires)} for created, expires in rows]

    async def _cards(self, account: int) -> AsyncIterator[Page]:
        after = 0
        while found := await self._recipients.of(account, after, PAGE):
            after = found[-1].id
            yield [views.recipient(one) for one in found]

    async def _all_groups(self, account: int) -> AsyncIterator[Page]:
        after = 0
        while found := await self._groups.of(account, after, PAGE):
            after = found[-1].id
            for group in found:
                sql = "SELECT recipient FROM membership WHERE account = ? AND grouping = ? ORDER BY recipient"
                members = await self._select(sql, account, group.id)
                yield [views.group(group) | {"recipients": [ids.encode("r", row[0]) for row in members]}]

    async def _all_opt_outs(self, account: int) -> AsyncIterator[Page]:
        after = 0
        while found := await self._opt_outs.of(account, after, PAGE):
            after = found[-1].id
            yield [views.opt_out(one) for one in found]

    async def _messages(self, account: int) -> AsyncIterator[Page]:
        before: int | None = None
        while found := await self._sending.messages(account, before=before, limit=PAGE):
            numbers = [ids.decode("m", one["id"]) or 0 for one in found]
            before = numbers[-1]
            stories = await self._stories(account, numbers)
            yield [{**one, **stories[number]} for one, number in zip(found, numbers, strict=True)]

    async def _stories(self, account: int, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
        """What happened to messages, and what their status reports said."""
        stories: dict[int, dict[str, Any]] = {number: {"events": [], "segments": []} for number in numbers}
        marks = ", ".join("?" * len(numbers))
        events = "SELECT message, at, part, what, sim, code, detail FROM event"
        events += f" WHERE account = ? AND message IN ({marks}) ORDER BY at"
        for number, at, *rest in await self._select(events, account, *numbers):
            fields = dict(zip(("part", "what", "sim", "code", "detail"), rest, strict=True))
            stories[number]["events"].append({"at": rfc3339(at), **fields})
        segments = "SELECT message, number, sim, sent_at, status FROM segment"
        segments += f" WHERE account = ? AND message IN ({marks})"
        for number, part, sim, sent_at, status in await self._select(segments, account, *numbers):
            one = {"number": part, "sim": sim, "sent_at": rfc3339(sent_at), "status": status}
            stories[number]["segments"].append(one)
        return stories

    async def _inbound(self, account: int) -> AsyncIterator[Page]:
        before: int | None = None
        while self.inbox is not None and (found := await self.inbox.list(account, before, PAGE)):
            yield found
            before = ids.decode("i", found[-1]["id"])
            if before is None:
                return

    async def _select(self, sql: str, *params: int) -> Iterable[tuple[Any, ...]]:
        return await self._database.read(lambda reader: reader.execute(sql, params).fetchall())
