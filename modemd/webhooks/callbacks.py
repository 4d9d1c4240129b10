"""Callbacks of front doors: what a single message's sender wants called when something happens to it.

A door prepares a callback before it submits, and hands what it gets to ``Sending.submit``: the callback is written with
the message. When something happens, the door makes the request from what it had kept; delivery, its rules and its
patience are those of webhooks. Callbacks to one origin (scheme, host, port) wait in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson

from modemd.accounts.sending import Beside
from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database, Transaction
from modemd.errors import Conflict
from modemd.ids import IdSource
from modemd.webhooks.courier import Courier
from modemd.webhooks.event import Event
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.target import Target, read

MOST_ORIGINS = 100
"""Of one account."""
BODY = "callback.body"

Request = tuple[str, str, bytes, dict[str, str]]
"""Method, URL, body, headers."""
Fill = Callable[[Mapping[str, Any], Event, Mapping[str, Any]], Request]
"""A door's own: the request, of what it has kept (``url`` and its arguments), the event, and the event's document."""


class Callbacks:
    """Prepares callbacks and makes their requests."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        outbox: Outbox,
        courier: Courier,
        *,
        ids: IdSource,
        clock: Clock,
        allow_private: bool = False,
    ) -> None:
        self._database = database
        self._vault = vault
        self._outbox = outbox
        self._courier = courier
        self._ids = ids
        self._clock = clock
        self._allow_private = allow_private
        self.doors: dict[str, Fill] = {}
        """How each door makes its requests; a door enters itself by its name."""

    async def prepare(
        self,
        account: int,
        door: str,
        url: str,
        *,
        kinds: Collection[str],
        arguments: Mapping[str, Any] | None = None,
        field: str = "url",
    ) -> Beside:
        """What writes this callback for each message of a call; ``url`` may hold the door's own placeholders.

        ``kinds`` are the events to call for. Raises InvalidField if the URL may not be called, Conflict
        (``too_many_origins``), StorageError.
        """
        target = read(url, field, allow_private=self._allow_private)
        webhook = await self._line(account, door, url, target, field)
        kept = orjson.dumps({"door": door, "url": url, "arguments": dict(arguments or {})})
        wanted = ",".join(sorted(kinds))

        def beside(tx: Transaction, messages: Sequence[int]) -> None:
            with self._vault.unit(account) as box:
                rows = [(one, account, webhook, wanted, box.seal(BODY, one, kept)) for one in messages]
            tx.insert("callback", ("message", "account", "webhook", "kinds", "body"), rows)

        return beside

    async def request(self, event: Event, document: bytes) -> Request | None:
        """The request for an event; None if its callback is gone, or its door shut. Raises Unreadable."""
        row = await self._database.read(
            lambda db: db.execute("SELECT body FROM callback WHERE message = ?", (event.subject,)).fetchone()
        )
        if row is None:
            return None
        kept = orjson.loads(self._vault.open(event.account, BODY, event.subject, bytes(row[0])))
        fill = self.doors.get(kept["door"])
        if fill is None:
            return None
        return fill({"url": kept["url"], **kept["arguments"]}, event, orjson.loads(document)["data"])

    async def _line(self, account: int, door: str, url: str, target: Target, field: str) -> int:
        """Where callbacks to this origin wait; made with the first of them."""
        tag = self._vault.tag(account, f"callback {door}", target.origin)
        sql = "SELECT id FROM webhook WHERE account = ? AND door = ? AND origin = ?"
        known = await self._database.read(lambda db: db.execute(sql, (account, door, tag)).fetchone())
        if known is not None:
            return int(known[0])
        await self._courier.check_url(url, field)
        number, now = self._ids.next(), self._clock.now()

        def insert(tx: Transaction) -> int:
            (count,) = tx.execute(
                "SELECT count(*) FROM webhook WHERE account = ? AND door <> ''", (account,)
            ).fetchone()
            if count >= MOST_ORIGINS:
                detail = f"the account's callbacks go to {MOST_ORIGINS} hosts already"
                raise Conflict(detail, cure="use fewer hosts", code="too_many_origins")
            tx.execute(
                "INSERT INTO webhook (id, account, door, origin, kinds, created) VALUES (?, ?, ?, ?, '', ?)"
                " ON CONFLICT DO NOTHING",
                (number, account, door, tag, now),
            )
            return int(tx.execute(sql, (account, door, tag)).fetchone()[0])

        found = await self._database.write(insert)
        await self._outbox.reload()
        return found
