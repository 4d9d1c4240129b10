"""What SIMs and accounts have used of their limits, and which SIMs are held, as rows.

The arithmetic is elsewhere (pool/quota.py, pool/credit.py for SIMs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemd.clock import SECOND, Clock, rfc3339
from modemd.db import Database, Reader, Transaction
from modemd.errors import InvalidField, ModemdError, TooMany

REMEMBERED = 30 * 86_400 * SECOND
"""How long a SIM that was not seen again still counts as one of the pool's: a month, as for its limits."""


@dataclass(frozen=True, slots=True)
class SimUsage:
    """What one SIM has sent; written in the transaction that marks a segment as about to be sent."""

    sim: str
    used: Sequence[int]
    """When it was last handed a segment, and the segments of that minute, hour, day and month."""
    month: int = 0
    """When this month began."""
    recipient: bytes | None = None
    """The tag of a recipient that is new this month."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a call takes of its account's allowance, in segments; 0 is no limit."""

    segments: int
    day: tuple[int, int]
    """This day: its first moment, and the first after it."""
    month: tuple[int, int]
    per_day: int
    per_month: int


class Usages:
    """What the SIMs of the pool have used, and which are held, on one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def admit(self, sim: str) -> tuple[int, ...] | None:
        """A SIM is ready: it is one of the pool's; what it had used when that was last written."""
        now = self._clock.now()
        await self._database.write(lambda tx: _seen(tx, sim, now))
        return await self._database.read(lambda db: _used(db, sim))

    async def recipients(self, sim: str, month: int) -> list[bytes]:
        """The tags of whom a SIM has sent to in the month that began at a moment; those of other months are dropped."""
        await self._database.write(lambda tx: _forget_recipients(tx, sim, month))
        return await self._database.read(lambda db: _recipients(db, sim, month))

    async def known(self) -> list[str]:
        """The SIMs that were ready within the last month."""
        since = self._clock.now() - REMEMBERED
        sql = "SELECT sim FROM sim_usage WHERE seen > ?"
        return await self._database.read(lambda db: [row[0] for row in db.execute(sql, (since,)).fetchall()])

    async def held(self) -> dict[str, str]:
        """The SIMs that are given no message because they are short of credit, each with the reason."""
        return await self._database.read(lambda db: dict(db.execute("SELECT sim, reason FROM sim_hold").fetchall()))

    async def hold(self, sim: str, reason: str) -> None:
        """A SIM is given no message from now on."""
        await self._database.write(lambda tx: _hold(tx, sim, reason))

    async def release(self, sim: str) -> None:
        """It is again."""
        await self._database.write(lambda tx: _release(tx, sim))


def _seen(tx: Transaction, sim: str, now: int) -> None:
    tx.execute(
        "INSERT INTO sim_usage (sim, seen, at, minute, hour, day, month) VALUES (?, ?, 0, 0, 0, 0, 0) "
        "ON CONFLICT (sim) DO UPDATE SET seen = excluded.seen",
        (sim, now),
    )


def _hold(tx: Transaction, sim: str, reason: str) -> None:
    tx.execute(
        "INSERT INTO sim_hold (sim, reason) VALUES (?, ?) ON CONFLICT (sim) DO UPDATE SET reason = excluded.reason",
        (sim, reason),
    )


def _release(tx: Transaction, sim: str) -> None:
    tx.execute("DELETE FROM sim_hold WHERE sim = ?", (sim,))


def _used(db: Reader, sim: str) -> tuple[int, ...] | None:
    row = db.execute("SELECT at, minute, hour, day, month FROM sim_usage WHERE sim = ?", (sim,)).fetchone()
    return None if row is None else tuple(row)


def _recipients(db: Reader, sim: str, month: int) -> list[bytes]:
    rows = db.execute("SELECT tag FROM sim_recipient WHERE sim = ? AND month = ?", (sim, month)).fetchall()
    return [bytes(row[0]) for row in rows]


def _forget_recipients(tx: Transaction, sim: str, month: int) -> None:
    """The keys of other months are gone, or will be."""
    tx.execute("DELETE FROM sim_recipient WHERE sim = ? AND month <> ?", (sim, month))


def write(tx: Transaction, usage: SimUsage) -> None:
    """Keep what a SIM has used."""
    tx.execute(
        "UPDATE sim_usage SET at = ?, minute = ?, hour = ?, day = ?, month = ? WHERE sim = ?", (*usage.used, usage.sim)
    )
    if usage.recipient is not None:
        tx.execute(
            "INSERT INTO sim_recipient (sim, month, tag) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (usage.sim, usage.month, usage.recipient),
        )


def check(db: Reader, account: int, spending: Spending, now: int) -> None:
    """Raise TooMany if the call would pass a limit, InvalidField if it would pass it on its own."""
    row = db.execute(
        "SELECT day, day_used, month, month_used FROM account_usage WHERE account = ?", (account,)
    ).fetchone()
    day, day_used, month, month_used = row or (0, 0, 0, 0)
    _judge(day_used * (day == spending.day[0]), month_used * (month == spending.month[0]), spending, now)


def spend(tx: Transaction, account: int, spending: Spending, now: int) -> None:
    """Count what an account submits, whatever becomes of it. Raises as `check`; then nothing is written."""
    segments = spending.segments
    row = tx.execute(
        "INSERT INTO account_usage (account, day, day_used, month, month_used) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (account) DO UPDATE SET "
        "day_used = excluded.day_used + CASE WHEN account_usage.day = excluded.day THEN account_usage.day_used "
        "ELSE 0 END, month_used = excluded.month_used + CASE WHEN account_usage.month = excluded.month "
        "THEN account_usage.month_used ELSE 0 END, day = excluded.day, month = excluded.month "
        "RETURNING day_used, month_used",
        (account, spending.day[0], segments, spending.month[0], segments),
    ).fetchone()
    _judge(row[0] - segments, row[1] - segments, spending, now)


def _judge(day_used: int, month_used: int, spending: Spending, now: int) -> None:
    for used, limit, window, unit in (
        (month_used, spending.per_month, spending.month, "month"),
        (day_used, spending.per_day, spending.day, "day"),
    ):
        if limit and used + spending.segments > limit:
            raise _refusal(used, limit, window, unit, spending.segments, now)


def _refusal(used: int, limit: int, window: tuple[int, int], unit: str, takes: int, now: int) -> ModemdError:
    code = f"limit_per_{unit}"
    if takes > limit:  # no waiting helps
        detail = f"the call takes {takes} segments; the account may submit {limit} a {unit}"
        return InvalidField("to", detail, cure=f"send it in several calls, each on a {unit} of its own", code=code)
    return TooMany(
        f"the call takes {takes} segments; of the account's {limit} a {unit}, {max(0, limit - used)} are left",
        retry_after=(window[1] - now) / SECOND,
        cure=f"send less, or wait until {rfc3339(window[1])}",
        code=code,
    )


def give_back(tx: Transaction, account: int, segments: int, created: int) -> None:
    """A message that was submitted at this moment was cancelled: what it took of a unit that still runs is free."""
    tx.execute(
        "UPDATE account_usage SET day_used = day_used - CASE WHEN day <= ? THEN ? ELSE 0 END, "
        "month_used = month_used - CASE WHEN month <= ? THEN ? ELSE 0 END WHERE account = ?",
        (created, segments, created, segments, account),
    )
