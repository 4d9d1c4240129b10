"""Accepting messages: durable when it returns, whole or not at all, however many.

A call of one slice is one transaction. A larger one is staged: its slices are written with their batch in `staging`,
which nothing claims or shows, and the deletion of that one row accepts them all. What a crash leaves staged is
removed at the next start.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterable, Sequence
from functools import partial
from typing import Any

from modemd.db import Database, Reader, Transaction, Urgency
from modemd.errors import Conflict
from modemd.queue import charges, ledger, usage
from modemd.queue.charges import Kind
from modemd.queue.rows import Draft, Envelope, Idempotency
from modemd.queue.states import State

SLICE = 250
"""Drafts in one transaction at most: about 5 ms of writing, so that sending never waits long behind a bulk call."""

_COLUMNS = (
    *("id", "account", "batch", "lane", "state", "parts", "reference", "report", "if_uncertain", "created", "due"),
    *("expires", "to_key", "tag_key", "body"),
)


Call = tuple[Envelope, Sequence[Draft], int]
"""What is accepted, and the moment it came."""


class Repeated(Exception):
    """This call was accepted before, under the same Idempotency-Key: here is what it made then."""

    def __init__(self, first_id: int, messages: int, rejected: bytes) -> None:
        super().__init__("this call was accepted before")
        self.first_id = first_id
        self.messages = messages
        self.rejected = rejected


class References:
    """Concatenation references: counted, so that long messages on their way together do not share one."""

    def __init__(self) -> None:
        self._next = itertools.count(secrets.randbelow(1 << 15))

    def next(self) -> int:
        """The next reference, 0–32767; a header of 8 bits takes its low byte."""
        return next(self._next) & 0x7FFF


def accept(
    tx: Transaction,
    envelope: Envelope,
    drafts: Sequence[Draft],
    idempotency: Idempotency | None,
    references: References,
    now: int,
) -> None:
    """Insert one slice as one accepted call.

    Raises Repeated, Conflict, TooMany or PaymentRequired, and then nothing is written.
    """
    if idempotency is not None:
        _claim_key(tx, envelope.account, idempotency, drafts[0].id, len(drafts), now)
    _spend(tx, envelope, now)
    payer = _take(tx, envelope, drafts[0].id, now)
    insert(tx, envelope, drafts, drafts[0].id, references, now, payer)
    ledger.arrived(tx, envelope.lane, _state(envelope, now), len(drafts))


def accept_all(tx: Transaction, calls: Sequence[Call], references: References) -> None:
    """Insert several calls that spend nothing and have no key."""
    rows: list[tuple[Any, ...]] = []
    for envelope, drafts, now in calls:
        rows += _rows(envelope, drafts, drafts[0].id, references, now)
        ledger.arrived(tx, envelope.lane, _state(envelope, now), len(drafts))
    tx.insert("message", _COLUMNS, rows)


async def accept_staged(
    database: Database,
    envelope: Envelope,
    slices: AsyncIterable[Sequence[Draft]],
    idempotency: Idempotency | None,
    references: References,
    now: int,
) -> None:
    """Accept a call of many slices: stage each, then one row change makes all of them exist.

    While one slice is written the next is made, one ahead and no more.
    """
    batch, count = 0, 0
    written: asyncio.Task[None] | None = None
    payer: Kind | None = None
    new = await database.read(lambda db: _check(db, envelope, idempotency, now))

    async def stage(drafts: Sequence[Draft]) -> None:
        await database.write(lambda tx: insert(tx, envelope, drafts, batch, references, now, payer), Urgency.BULK)

    try:
        async for drafts in slices:
            if not batch:
                batch = drafts[0].id
                payer = await database.write(partial(_stage, envelope=envelope, batch=batch, new=new, now=now))
            if written is not None:
                await written
            written = asyncio.create_task(stage(drafts))
            count += len(drafts)
        if written is not None:
            await written
        await database.write(lambda tx: _unstage(tx, envelope, batch, count, idempotency, now))
    except BaseException:
        if written is not None:
            await asyncio.wait((written,))
        if batch:
            await discard_staged(database, batch)
        raise


def insert(
    tx: Transaction,
    envelope: Envelope,
    drafts: Sequence[Draft],
    batch: int,
    references: References,
    now: int,
    payer: Kind | None = None,
) -> None:
    """Write the rows of one slice."""
    tx.insert("message", _COLUMNS, _rows(envelope, drafts, batch, references, now))
    if payer is not None:
        charges.note(tx, envelope.account, payer, [(draft.id, draft.price) for draft in drafts])
    if envelope.beside is not None:
        envelope.beside(tx, [draft.id for draft in drafts])


def _rows(
    envelope: Envelope, drafts: Sequence[Draft], batch: int, references: References, now: int
) -> list[tuple[Any, ...]]:
    whose = (envelope.account, batch, int(envelope.lane), int(_state(envelope, now)))
    how = (int(envelope.report), int(envelope.if_uncertain), now, max(envelope.due, now), envelope.expires)
    return [
        (
            *(draft.id, *whose, draft.parts, references.next() if draft.parts > 1 else 0),
            *(*how, draft.to_key, envelope.tag_key, draft.body),
        )
        for draft in drafts
    ]


async def discard_staged(database: Database, batch: int) -> None:
    """Remove a call that was staged and never accepted, in slices; its staging row goes last."""
    while await database.write(lambda tx: _discard_slice(tx, batch), Urgency.BULK):
        pass
    await database.write(lambda tx: _forget_staged(tx, batch))


async def discard_all_staged(database: Database) -> int:
    """At start: remove what a crash left staged; the number of calls removed."""
    batches = await database.read(lambda db: [row[0] for row in db.execute("SELECT batch FROM staging").fetchall()])
    for batch in batches:
        await discard_staged(database, batch)
    return len(batches)


def find_repeated(tx: Any, account: int, key: bytes) -> tuple[Repeated, bytes] | None:
    """What an Idempotency-Key made before, with the fingerprint of that call."""
    row = tx.execute(
        "SELECT first_id, messages, rejected, fingerprint FROM idempotency WHERE account = ? AND call_key = ?",
        (account, key),
    ).fetchone()
    return None if row is None else (Repeated(row[0], row[1], bytes(row[2])), bytes(row[3]))


def refuse_repeated(tx: Any, account: int, key: bytes, fingerprint: bytes) -> None:
    """Raise Repeated if the key was used for this request, Conflict if for another one."""
    found = find_repeated(tx, account, key)
    if found is None:
        return
    if found[1] != fingerprint:
        raise _mismatch()
    raise found[0]


def _mismatch() -> Conflict:
    return Conflict(
        "this Idempotency-Key was used for another request",
        cure="use a new key for a new request",
        code="idempotency_mismatch",
    )


def _state(envelope: Envelope, now: int) -> State:
    return State.SCHEDULED if envelope.due > now else State.QUEUED


def _check(db: Reader, envelope: Envelope, idempotency: Idempotency | None, now: int) -> bool:
    """Refuse a call that its account may not make before all of it is written; False if it was made before."""
    if idempotency is not None and find_repeated(db, envelope.account, idempotency.key) is not None:
        return False
    if envelope.spending is not None:
        usage.check(db, envelope.account, envelope.spending, now)
    return True


def _spend(tx: Transaction, envelope: Envelope, now: int) -> None:
    if envelope.spending is not None:
        usage.spend(tx, envelope.account, envelope.spending, now)


def _take(tx: Transaction, envelope: Envelope, batch: int, now: int) -> Kind | None:
    return None if envelope.charge is None else charges.take(tx, envelope.account, envelope.charge, batch, now)


def _stage(tx: Transaction, *, envelope: Envelope, batch: int, new: bool, now: int) -> Kind | None:
    """Begin to stage a call: what it costs is taken now, and given back with whatever is not accepted in the end."""
    tx.execute("INSERT INTO staging (batch, account) VALUES (?, ?)", (batch, envelope.account))
    return _take(tx, envelope, batch, now) if new else None


def _forget_staged(tx: Transaction, batch: int) -> None:
    charges.undo(tx, batch)
    tx.execute("DELETE FROM staging WHERE batch = ?", (batch,))


def _unstage(
    tx: Transaction, envelope: Envelope, batch: int, count: int, idempotency: Idempotency | None, now: int
) -> None:
    if idempotency is not None:
        _claim_key(tx, envelope.account, idempotency, batch, count, now)
    _spend(tx, envelope, now)
    tx.execute("DELETE FROM staging WHERE batch = ?", (batch,))
    ledger.arrived(tx, envelope.lane, _state(envelope, now), count)


def _discard_slice(tx: Transaction, batch: int) -> int:
    tx.execute(
        "DELETE FROM charge WHERE message IN (SELECT id FROM message WHERE account = "
        "(SELECT account FROM staging WHERE batch = ?) AND id >= ? AND batch = ? ORDER BY id LIMIT ?)",
        (batch, batch, batch, SLICE),
    )
    return int(
        tx.execute(
            "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE account = "
            "(SELECT account FROM staging WHERE batch = ?) AND id >= ? AND batch = ? ORDER BY id LIMIT ?)",
            (batch, batch, batch, SLICE),
        ).rowcount
    )


def _claim_key(tx: Transaction, account: int, idempotency: Idempotency, first: int, count: int, now: int) -> None:
    done = tx.execute(
        "INSERT INTO idempotency (account, call_key, fingerprint, first_id, messages, rejected, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (account, idempotency.key, idempotency.fingerprint, first, count, idempotency.rejected, now),
    )
    if done.rowcount == 1:
        return
    refuse_repeated(tx, account, idempotency.key, idempotency.fingerprint)
    raise _mismatch()  # its account is being erased at this moment
