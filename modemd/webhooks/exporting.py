"""What an account's export tells of its webhooks: everything but their secrets, which are shown once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import orjson

from modemd import ids
from modemd.accounts.vault import Vault
from modemd.clock import rfc3339
from modemd.db import Database
from modemd.webhooks.callbacks import BODY
from modemd.webhooks.webhooks import Letter, Webhook, Webhooks

PAGE = 250
Page = Sequence[dict[str, Any]]


class WebhookLists:
    """For ``accounts.export``."""

    def __init__(self, database: Database, vault: Vault, webhooks: Webhooks) -> None:
        self._database = database
        self._vault = vault
        self._webhooks = webhooks

    def lists(self) -> list[tuple[str, Callable[[int], AsyncIterator[Page]]]]:
        """Webhooks, the events that wait for them or could not be delivered, and the callbacks of messages."""
        return [
            ("webhooks", self._all_webhooks),
            ("webhook_events", self._events),
            ("callbacks", self._callbacks),
        ]

    async def _all_webhooks(self, account: int) -> AsyncIterator[Page]:
        yield [shown(one) for one in await self._webhooks.of(account)]

    async def _events(self, account: int) -> AsyncIterator[Page]:
        place = (0, 0)
        while found := await self._webhooks.everything(account, place, PAGE):
            place = (found[-1].webhook, found[-1].id)
            yield [{"webhook": ids.encode("w", one.webhook), **letter(one)} for one in found]

    async def _callbacks(self, account: int) -> AsyncIterator[Page]:
        after = 0
        sql = "SELECT message, kinds, body FROM callback WHERE account = ? AND message > ? ORDER BY message LIMIT ?"
        while rows := await self._select(sql, account, after, PAGE):
            after = rows[-1][0]
            with self._vault.unit(account) as box:
                yield [
                    {
                        "message": ids.encode("m", message),
                        "events": kinds.split(","),
                        **orjson.loads(box.open(BODY, message, bytes(body))),
                    }
                    for message, kinds, body in rows
                ]

    async def _select(self, sql: str, *params: int) -> Sequence[Any]:
        return await self._database.read(lambda db: db.execute(sql, params).fetchall())


def shown(one: Webhook) -> dict[str, Any]:
    """A webhook as its account sees it."""
    return {
        "id": ids.encode("w", one.id),
        "url": one.url,
        "events": one.kinds,
        "state": "disabled" if one.disabled else "active",
        "created_at": rfc3339(one.created),
        "backlog": one.waiting,
        "oldest_at": rfc3339(one.oldest),
        "dead_letters": one.dead,
        "failures": one.failures,
        "rests_until": rfc3339(one.rest_until) if one.rest_until else None,
        "last_success_at": rfc3339(one.succeeded_at),
        "last_error": None if one.error is None else {"code": one.error, "at": rfc3339(one.failed_at)},
    }


def letter(one: Letter) -> dict[str, Any]:
    """An event that waits, or a dead letter, as its account sees it."""
    prefix = "i" if one.kind.startswith("inbound.") else "m"
    return {
        "id": ids.encode("v", one.id),
        "type": one.kind,
        "subject": ids.encode(prefix, one.subject),
        "created_at": rfc3339(one.at),
        "attempts": one.attempts,
        "error": one.error,
        "dead_at": rfc3339(one.dead_at),
    }
