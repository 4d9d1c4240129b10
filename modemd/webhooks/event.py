"""What is told: an event as it is written, and the document that its receivers get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from modemd.accounts import inbound, views
from modemd.accounts.vault import Box, Vault
from modemd.clock import rfc3339
from modemd.db import Database, Reader
from modemd.errors import Unreadable
from modemd.ids import encode
from modemd.queue import ledger, lookup
from modemd.queue.states import State, by_label

KINDS = (*ledger.KINDS, inbound.RECEIVED)
"""Every kind of event."""
_TROUBLE = frozenset({State.FAILED, State.EXPIRED, State.UNDELIVERED, State.UNCERTAIN})


class Event(NamedTuple):
    """Something that happened to a message, or an SMS that came in."""

    id: int
    account: int
    kind: str
    subject: int
    """Id of the message or of the inbound SMS."""
    at: int
    code: str
    detail: str


class Documents:
    """Makes the documents of events, from the messages they are about."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def of(self, account: int, events: Sequence[Event]) -> list[bytes | None]:
        """The JSON of each event of one account; None where the message is not kept any more.

        Raises Unreadable if the account has no key any more, StorageError.
        """
        return await self._database.read(lambda db: self._read(db, account, events))

    def _read(self, db: Reader, account: int, events: Sequence[Event]) -> list[bytes | None]:
        """In a reading thread, where opening and encoding keep nobody waiting."""
        with self._vault.unit(account) as box:
            return [_written(event, _data(db, event, box)) for event in events]


def _written(event: Event, data: dict[str, Any] | None) -> bytes | None:
    if data is None:
        return None
    head = {"id": encode("v", event.id), "type": event.kind, "created_at": rfc3339(event.at)}
    return orjson.dumps({**head, "data": data})


def _data(db: Reader, event: Event, box: Box) -> dict[str, Any] | None:
    try:
        return _inbound(db, event, box) if event.kind == inbound.RECEIVED else _message(db, event, box)
    except Unreadable:  # one value; without the account's key there would be no box
        return None


def _message(db: Reader, event: Event, box: Box) -> dict[str, Any] | None:
    """The message as its account sees it, as it was when this happened, without its text."""
    found = lookup.one(db, event.subject, event.account)
    state = by_label(event.kind.partition(".")[2])
    if found is None or state is None:
        return None
    seen = views.message(found, box)
    del seen["text"]
    seen["state"] = state.label
    if state is not State.DELIVERED:
        seen["delivered_at"] = None
    if state not in (State.SENT, State.DELIVERED, State.UNDELIVERED):
        seen["sent_at"] = None
    if state not in _TROUBLE:
        seen["error"] = None
    elif event.code:
        seen["error"] = {"code": event.code, "detail": event.detail}
    return seen


def _inbound(db: Reader, event: Event, box: Box) -> dict[str, Any] | None:
    row = db.execute(
        "SELECT id, created, body FROM inbound WHERE id = ? AND account = ?", (event.subject, event.account)
    ).fetchone()
    return None if row is None else views.inbound(row[0], row[1], box.open(inbound.BODY, row[0], bytes(row[2])))
