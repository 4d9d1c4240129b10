"""What is forgotten by its age: texts first, then whole messages with their reports, inbound SMS, and remembered calls.

Each run starts where the last one ended, so that a run missed while the daemon was down is caught up by the next.
What has not ended when its time comes (a message scheduled for next month, one that is uncertain) is looked at again
in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from modemd import log
from modemd.accounts import erasing_rows, letter
from modemd.accounts.letter import Letter
from modemd.accounts.vault import Box, Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Unreadable
from modemd.queue.states import ENDED

DAY = 86_400 * SECOND
SLICE = 100
_ENDED_STATES = frozenset(int(state) for state in ENDED)
_ENDED = ", ".join(map(str, sorted(_ENDED_STATES)))
_RANDOM_BITS = 22
"""An id is milliseconds since 1970 and so many bits below (ids.py): ids are in the order of time."""


@dataclass(frozen=True, slots=True)
class Ages:
    """Days after which things are forgotten."""

    texts: int = 30
    """The text and the tag of a message that has ended."""
    reports: int = 90
    """Status reports on it, and its story."""
    numbers: int = 90
    """The message itself: its number and states."""
    calls: int = 180
    """Idempotency keys: longer than the messages they made."""
    inbound: int = 30
    """Inbound SMS."""


class Retention:
    """Forgets by age."""

    def __init__(self, database: Database, vault: Vault, ages: Ages, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._ages = ages
        self._clock = clock

    async def run(self) -> dict[str, int]:
        """Forget what is old enough; how much, by kind. Raises StorageError."""
        now = self._clock.now()
        done = {
            "texts": await self._texts(now - self._ages.texts * DAY),
            "reports": await self._reports(now - self._ages.reports * DAY),
            "history": await self._history(now - self._ages.numbers * DAY),
            "calls": await self._rows("idempotency", now - self._ages.calls * DAY),
            "inbound": await self._rows("inbound", now - self._ages.inbound * DAY),
        }
        log.event(
            "retention.run",
            texts=done["texts"],
            reports=done["reports"],
            history=done["history"],
            calls=done["calls"],
            inbound=done["inbound"],
        )
        return done

    async def _texts(self, before: int) -> int:
        """Blank the texts of messages made before a moment; those that have not ended are remembered for later."""
        until, count = before // 1000 << _RANDOM_BITS, 0
        while (slice_ := await self._database.write(self._blank_late_ones, Urgency.BULK)) > 0:
            count += slice_
        while True:
            seen, blanked = await self._database.write(lambda tx: self._blank_next(tx, until), Urgency.BULK)
            count += blanked
            if not seen:
                return count

    async def _reports(self, before: int) -> int:
        """Remove what is told of messages made before a moment; those that have not ended keep it while they live."""
        until, count = before // 1000 << _RANDOM_BITS, 0
        while True:
            seen, gone = await self._database.write(lambda tx: self._report_next(tx, until), Urgency.BULK)
            count += gone
            if not seen:
                return count

    async def _history(self, before: int) -> int:
        """Remove messages made before a moment, with their reports and stories."""
        until, count = before // 1000 << _RANDOM_BITS, 0
        which = (f"id < ? AND state IN ({_ENDED})", (until,))
        while gone := await self._database.write(lambda tx: erasing_rows.delete_some(tx, *which), Urgency.BULK):
            count += gone
        return count

    async def _rows(self, table: str, before: int) -> int:
        count = 0
        while gone := await self._database.write(lambda tx: erasing_rows.delete_older(tx, table, before), Urgency.BULK):
            count += gone
        return count

    def _blank_next(self, tx: Transaction, until: int) -> tuple[int, int]:
        """The next slice of messages below the id ``until``: how many were seen, and blanked."""
        row = tx.execute("SELECT done_until FROM retention WHERE kind = 'texts'").fetchone()
        rows = tx.execute(
            "SELECT id, account, body, state FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
            (row[0] if row else 0, until, SLICE),
        ).fetchall()
        if not rows:
            return 0, 0
        ended = [one for one in rows if one[3] in _ENDED_STATES]
        tx.executemany(
            "INSERT INTO retention_later (message, account) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(one[0], one[1]) for one in rows if one[3] not in _ENDED_STATES],
        )
        self._blank(tx, ended)
        _note(tx, "texts", rows[-1][0], self._clock.now())
        return len(rows), len(ended)

    def _report_next(self, tx: Transaction, until: int) -> tuple[int, int]:
        """The next slice of messages below the id ``until``: how many were seen, and rows about them removed."""
        row = tx.execute("SELECT done_until FROM retention WHERE kind = 'reports'").fetchone()
        rows = tx.execute(
            "SELECT id, state FROM message WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
            (row[0] if row else 0, until, SLICE),
        ).fetchall()
        if not rows:
            return 0, 0
        ended = [one[0] for one in rows if one[1] in _ENDED_STATES]
        marks, gone = ", ".join("?" * len(ended)), 0
        for table in ("event", "segment") if ended else ():
            gone += tx.execute(f"DELETE FROM {table} WHERE message IN ({marks})", ended).rowcount
        _note(tx, "reports", rows[-1][0], self._clock.now())
        return len(rows), gone

    def _blank_late_ones(self, tx: Transaction) -> int:
        """A slice of those that had not ended before and have now."""
        tx.execute("DELETE FROM retention_later WHERE message NOT IN (SELECT id FROM message)")
        rows = tx.execute(
            "SELECT id, message.account, body, state FROM retention_later JOIN message ON id = message"
            f" WHERE state IN ({_ENDED}) LIMIT ?",
            (SLICE,),
        ).fetchall()
        self._blank(tx, rows)
        tx.executemany("DELETE FROM retention_later WHERE message = ?", [(one[0],) for one in rows])
        return len(rows)

    def _blank(self, tx: Transaction, rows: Sequence[Sequence[Any]]) -> None:
        """Seal these messages again without text and tag; what cannot be opened needs no blanking."""
        boxes: dict[int, Box] = {}
        for number, account, body, _ in rows:
            try:
                box = boxes.setdefault(account, boxes.get(account) or self._vault.unit(account))
                sms = letter.decode(box.open(letter.BODY, number, bytes(body))).sms
            except Unreadable:
                continue
            blank = box.seal(letter.BODY, number, letter.encode(Letter(replace(sms, text=""))))
            tx.execute("UPDATE message SET body = ?, tag_key = NULL WHERE id = ?", (blank, number))


def _note(tx: Transaction, kind: str, done_until: int, now: int) -> None:
    tx.execute(
        "INSERT INTO retention (kind, done_until, ran_at) VALUES (?, ?, ?)"
        " ON CONFLICT (kind) DO UPDATE SET done_until = excluded.done_until, ran_at = excluded.ran_at",
        (kind, done_until, now),
    )
