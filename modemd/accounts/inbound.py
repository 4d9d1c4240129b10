"""Inbound SMS: copies dropped, long ones put together, sealed for the account they belong to (whose.py).

Sender, text and times are sealed; everything a look-up needs is a keyed form that dies with the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

import orjson

from modemd.accounts import views
from modemd.accounts.numbers import Numbers
from modemd.accounts.opt_outs import OptOuts
from modemd.accounts.vault import Box, Vault
from modemd.accounts.whose import CHAIN, COPY, Piece, Place, Whose
from modemd.clock import SECOND, Clock
from modemd.db import Database, Reader, Transaction, Urgency
from modemd.errors import Unreadable
from modemd.ids import IdSource
from modemd.values import Change

RECEIVED = "inbound.received"
"""What an account is told of an inbound SMS."""
BODY, PART = "inbound.body", "inbound_part.body"
PATIENCE = 24 * 3600 * SECOND
"""How long the rest of a long message is waited for: service centres try again within hours of a phone's return."""
REMEMBERED = 30 * 86_400 * SECOND
"""How long a copy is recognised after it was last seen."""
_SEEN_AGAIN = 86_400 * SECOND
"""A modem that does not delete shows its messages at each look; that is written down once a day."""
_SLICE = 250
_NEWEST = (1 << 63) - 1

Join = Callable[[Sequence[bytes | None]], str]
"""The text of segments in their order; None stands for one that is missing."""


class Took(StrEnum):
    """What was done with a piece; the names are those of the counters ``inbound.…``."""

    RECEIVED = "received"
    """A message is complete."""
    KEPT = "kept"
    """A segment waits for others."""
    REPEATED = "repeated"


class _Message(NamedTuple):
    """What the segments of a message share."""

    account: int
    sim: str
    total: int = 1
    chain: bytes = b""
    """The keyed form under which segments of it may be kept; empty for a whole one."""


class _Segment(NamedTuple):
    """A segment, opened."""

    number: int
    sender: str
    sent_at: int | None
    octets: bytes


class Inbound:
    """The inbound SMS of all accounts; ``accounts`` gives those that have a key, ``join`` reads their octets."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        numbers: Numbers,
        *,
        accounts: Callable[[], Iterable[int]],
        join: Join,
        opt_outs: OptOuts | None = None,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._database = database
        self._vault = vault
        self._whose = Whose(vault, numbers, accounts)
        self._join = join
        self._opt_outs = opt_outs
        self._ids = ids
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def take(self, piece: Piece) -> Took:
        """Take one in: durable when it returns. Raises StorageError, Unreadable; then it has to be offered again."""
        async with self._one_at_a_time:
            place, unwanted = await self._database.read(lambda db: self._find(db, piece))
            now = self._clock.now()
            took = await self._database.write(lambda tx: self._put(tx, piece, place, now, unwanted))
        if self._opt_outs is not None:
            self._opt_outs.refresh(place.account)
        return took

    async def list(self, account: int, before: int | None = None, limit: int = 100) -> Sequence[dict[str, Any]]:
        """An account's inbound SMS, newest first; ``before`` is the id of the last one of the previous page.

        Raises Unreadable if the account has no key (any more).
        """
        rows = await self._database.read(
            lambda db: db.execute(
                "SELECT id, created, body FROM inbound WHERE account = ? AND id < ? ORDER BY id DESC LIMIT ?",
                (account, _NEWEST if before is None else before, limit),
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            opened = ((number, created, box.open(BODY, number, bytes(body))) for number, created, body in rows)
            return [views.inbound(*one) for one in opened]

    async def drop(self, why: str) -> None:
        """Count one that is no SMS for anybody."""
        await self._database.write(lambda tx: tx.tally(f"inbound.{why}", 1), Urgency.BULK)

    async def tidy(self) -> None:
        """Give out long messages whose rest does not come any more, with gaps; forget copies not seen for long."""
        now = self._clock.now()
        async with self._one_at_a_time:
            for account, chain in await self._database.read(lambda db: _overdue(db, now - PATIENCE)):
                await self._database.write(partial(self._give_up, account=account, chain=chain, now=now))
        while await self._database.write(lambda tx: _forget(tx, now - REMEMBERED), Urgency.BULK) == _SLICE:
            pass

    def _find(self, db: Reader, piece: Piece) -> tuple[Place, Sequence[int]]:
        """Where a piece belongs, and the messages that its sender does not want."""
        place = self._whose.find(db, piece)
        if self._opt_outs is None or piece.chain or place.copied:
            return place, ()
        return place, self._opt_outs.unwanted(db, place.account, piece.sender, self._join([piece.octets]))

    def _put(self, tx: Transaction, piece: Piece, place: Place, now: int, unwanted: Sequence[int]) -> Took:
        if place.copied:
            took = self._seen_again(tx, place.copied, now)
        else:
            took = self._put_new(tx, piece, place.account, now, unwanted)
        tx.tally(f"inbound.{took.value}", 1)
        return took

    def _put_new(self, tx: Transaction, piece: Piece, account: int, now: int, unwanted: Sequence[int]) -> Took:
        with self._vault.unit(account) as box:
            tx.execute(
                "INSERT INTO inbound_seen (tag, account, seen_at) VALUES (?, ?, ?)",
                (box.tag(COPY, piece.identity), account, now),
            )
            segment = _Segment(piece.number, piece.sender, piece.sent_at, piece.octets)
            if not piece.chain:
                self._receive(tx, box, _Message(account, piece.sim), [segment], now, unwanted)
                return Took.RECEIVED
            message = _Message(account, piece.sim, piece.total, box.tag(CHAIN, piece.chain))
            return self._put_segment(tx, box, message, segment, now)

    def _put_segment(self, tx: Transaction, box: Box, message: _Message, segment: _Segment, now: int) -> Took:
        kept = _kept(tx, box, message.chain)
        if any(one.number == segment.number for one in kept):
            # the sender uses this reference again: what is missing of its earlier message will not come
            self._receive(tx, box, message, kept, now)
            kept = []
        if len(kept) + 1 == message.total:
            self._receive(tx, box, message, [*kept, segment], now)
            return Took.RECEIVED
        number = self._ids.next()
        body = box.seal(PART, number, orjson.dumps([segment.sender, segment.sent_at, segment.octets.hex()]))
        tx.execute(
            "INSERT INTO inbound_part (id, account, chain, number, total, sim, created, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, message.account, message.chain, segment.number, message.total, message.sim, now, body),
        )
        return Took.KEPT

    @staticmethod
    def _seen_again(tx: Transaction, tag: bytes, now: int) -> Took:
        tx.execute("UPDATE inbound_seen SET seen_at = ? WHERE tag = ? AND seen_at < ?", (now, tag, now - _SEEN_AGAIN))
        return Took.REPEATED

    def _receive(
        self,
        tx: Transaction,
        box: Box,
        message: _Message,
        segments: Sequence[_Segment],
        now: int,
        unwanted: Sequence[int] = (),
    ) -> None:
        """A message for its account, of the segments that are here."""
        if message.chain:
            tx.execute("DELETE FROM inbound_part WHERE chain = ?", (message.chain,))
        octets = {segment.number: segment.octets for segment in segments}
        first = min(segments, key=lambda segment: segment.number)
        text = self._join([octets.get(number) for number in range(1, message.total + 1)])
        number = self._ids.next()
        body = box.seal(BODY, number, orjson.dumps([first.sender, text, first.sent_at]))
        tx.execute(
            "INSERT INTO inbound (id, account, sim, created, body) VALUES (?, ?, ?, ?, ?)",
            (number, message.account, message.sim, now, body),
        )
        if self._opt_outs is not None:
            wish = self._opt_outs.hear(tx, box, message.account, first.sender, text, unwanted)
            if wish is not None:
                tx.tally(f"inbound.{wish.value}", 1)
        tx.tell(Change(message.account, RECEIVED, number))

    def _give_up(self, tx: Transaction, *, account: int, chain: bytes, now: int) -> None:
        """Give out what there is of a long message."""
        sim, total = tx.execute("SELECT sim, total FROM inbound_part WHERE chain = ? LIMIT 1", (chain,)).fetchone()
        try:
            with self._vault.unit(account) as box:
                self._receive(tx, box, _Message(account, sim, total, chain), _kept(tx, box, chain), now)
        except Unreadable:  # the account is gone, and with it whoever could read this
            tx.execute("DELETE FROM inbound_part WHERE chain = ?", (chain,))
            return
        tx.tally("inbound.incomplete", 1)


def _kept(tx: Transaction, box: Box, chain: bytes) -> Sequence[_Segment]:
    rows = tx.execute("SELECT id, number, body FROM inbound_part WHERE chain = ? ORDER BY number", (chain,)).fetchall()
    segments = []
    for number, place, body in rows:
        sender, sent_at, octets = orjson.loads(box.open(PART, number, bytes(body)))
        segments.append(_Segment(place, sender, sent_at, bytes.fromhex(octets)))
    return segments


def _overdue(db: Reader, before: int) -> Sequence[tuple[int, bytes]]:
    """The long messages of which nothing has come since."""
    rows = db.execute(
        "SELECT account, chain FROM inbound_part GROUP BY account, chain HAVING max(created) < ?", (before,)
    ).fetchall()
    return [(account, bytes(chain)) for account, chain in rows]


def _forget(tx: Transaction, before: int) -> int:
    return int(
        tx.execute(
            "DELETE FROM inbound_seen WHERE tag IN (SELECT tag FROM inbound_seen WHERE seen_at < ? LIMIT ?)",
            (before, _SLICE),
        ).rowcount
    )
