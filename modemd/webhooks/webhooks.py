"""What accounts have set up: webhooks, their state, their dead letters. URL and secret are sealed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from modemd.accounts.vault import Vault
from modemd.clock import Clock
from modemd.db import Database, Reader, Transaction, Urgency
from modemd.errors import Conflict, NotFound
from modemd.ids import IdSource
from modemd.webhooks import line
from modemd.webhooks.courier import Courier
from modemd.webhooks.deliveries import SECRET, URL, Deliveries
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.signing import new_secret

MOST_WEBHOOKS = 10
"""Of one account."""
_NEWEST = (1 << 63) - 1
_COLUMNS = "id, url, kinds, state, created, failures, rest_until, succeeded_at, failed_at, error"


@dataclass(frozen=True, slots=True)
class Webhook:
    """What is known of one; everything but its secret."""

    id: int
    url: str
    kinds: list[str]
    disabled: bool
    """Its receiver has answered 410: nothing more is sent."""
    created: int
    failures: int
    """Attempts that have failed since the last success."""
    rest_until: int
    """Nothing is sent before."""
    succeeded_at: int | None
    failed_at: int | None
    error: str | None
    """The last one."""
    waiting: int = 0
    """Events that wait."""
    oldest: int | None = None
    """When the oldest of those happened."""
    dead: int = 0
    """Dead letters."""


class Letter(NamedTuple):
    """An event that waits, or a dead letter."""

    webhook: int
    id: int
    kind: str
    subject: int
    at: int
    attempts: int
    error: str | None
    dead_at: int | None


class Webhooks:
    """Sets up, shows and removes webhooks."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        outbox: Outbox,
        deliveries: Deliveries,
        courier: Courier,
        *,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._database = database
        self._vault = vault
        self._outbox = outbox
        self._deliveries = deliveries
        self._courier = courier
        self._ids = ids
        self._clock = clock

    async def create(self, account: int, url: str, kinds: Collection[str]) -> tuple[Webhook, str]:
        """A new one and its secret, which nobody can show again. What happens from now on is sent.

        Raises InvalidField if the URL may not be called, Conflict (``too_many_webhooks``).
        """
        await self._courier.check_url(url)
        number, secret, now = self._ids.next(), new_secret(), self._clock.now()
        with self._vault.unit(account) as box:
            sealed = (box.seal(URL, number, url.encode()), box.seal(SECRET, number, secret.encode()))
        row = (number, account, *sealed, ",".join(sorted(kinds)), now)
        await self._database.write(lambda tx: _insert(tx, row))
        await self._outbox.reload()
        return await self.one(account, number), secret

    async def of(self, account: int) -> list[Webhook]:
        """All of an account, oldest first."""
        return await self._read(account, "account = ? AND door = '' ORDER BY id", (account,))

    async def one(self, account: int, number: int) -> Webhook:
        """One of them. Raises NotFound."""
        found = await self._read(account, "account = ? AND door = '' AND id = ?", (account, number))
        if not found:
            raise NotFound("there is no such webhook", cure="list the webhooks of the account")
        return found[0]

    async def remove(self, account: int, number: int) -> None:
        """Send it nothing more, and forget what waits. Raises NotFound."""
        gone = await self._database.write(
            lambda tx: (
                tx.execute("DELETE FROM webhook WHERE id = ? AND account = ? AND door = ''", (number, account)).rowcount
            )
        )
        await self._outbox.reload()
        if not gone:
            raise NotFound("there is no such webhook", cure="list the webhooks of the account")
        while await self._database.write(lambda tx: line.drop(tx, number), Urgency.BULK):
            pass

    async def dead_letters(self, account: int, number: int, before: int | None, limit: int) -> list[Letter]:
        """What could not be delivered to one of them, newest first. Raises NotFound."""
        await self.one(account, number)
        where = "webhook = ? AND dead_at IS NOT NULL AND event < ? ORDER BY event DESC LIMIT ?"
        return await self._letters(where, (number, _NEWEST if before is None else before, limit))

    async def redeliver(self, account: int, number: int, events: Sequence[int] | None) -> int:
        """Send dead letters again, all or these, and begin at once; a disabled webhook is active again.

        How many. Raises NotFound if one of these is none of its dead letters.
        """
        await self.one(account, number)
        now, count = self._clock.now(), 0
        if events is not None:
            count = await self._database.write(lambda tx: _some_again(tx, number, events, now))
        await self._database.write(lambda tx: line.enable(tx, number))
        await self._outbox.reload()
        while events is None:
            some = await self._database.write(lambda tx: line.revive(tx, number, now), Urgency.BULK)
            if not some:
                break
            count += some
        self._deliveries.wake([number], at_once=True)
        return count

    async def everything(self, account: int, after: tuple[int, int], limit: int) -> list[Letter]:
        """What waits and what is dead of an account, for its export, page by page in the order of (webhook, event)."""
        where = "account = ? AND (webhook > ? OR (webhook = ? AND event > ?)) ORDER BY webhook, event LIMIT ?"
        return await self._letters(where, (account, after[0], *after, limit))

    async def _letters(self, where: str, params: Sequence[int]) -> list[Letter]:
        sql = f"SELECT webhook, event, kind, subject, at, attempts, error, dead_at FROM webhook_event WHERE {where}"
        rows = await self._database.read(lambda db: db.execute(sql, params).fetchall())
        return [Letter(*row) for row in rows]

    async def _read(self, account: int, where: str, params: Sequence[int]) -> list[Webhook]:
        def read(db: Reader) -> list[tuple[Sequence[Any], Sequence[Any]]]:
            rows = db.execute(f"SELECT {_COLUMNS} FROM webhook WHERE {where}", params).fetchall()
            return [(row, _backlog(db, row[0])) for row in rows]

        found = []
        rows = await self._database.read(read)
        with self._vault.unit(account) as box:
            for (number, sealed, kinds, state, *rest), backlog in rows:
                url = box.open(URL, number, bytes(sealed)).decode()
                found.append(Webhook(number, url, kinds.split(","), bool(state), *rest, *backlog))
        return found


def _insert(tx: Transaction, row: Sequence[object]) -> None:
    (count,) = tx.execute("SELECT count(*) FROM webhook WHERE account = ? AND door = ''", (row[1],)).fetchone()
    if count >= MOST_WEBHOOKS:
        detail = f"the account has {MOST_WEBHOOKS} webhooks"
        raise Conflict(detail, cure="remove one that is not used", code="too_many_webhooks")
    tx.execute(
        "INSERT INTO webhook (id, account, door, url, secret, kinds, created) VALUES (?, ?, '', ?, ?, ?, ?)", row
    )


def _backlog(db: Reader, webhook: int) -> Sequence[Any]:
    """How many wait, since when, and how many are dead."""
    waiting, oldest = db.execute(
        "SELECT count(*), min(at) FROM webhook_event WHERE webhook = ? AND dead_at IS NULL", (webhook,)
    ).fetchone()
    (dead,) = db.execute(
        "SELECT count(*) FROM webhook_event WHERE webhook = ? AND dead_at IS NOT NULL", (webhook,)
    ).fetchone()
    return waiting, oldest, dead


def _some_again(tx: Transaction, webhook: int, events: Sequence[int], now: int) -> int:
    """Send these dead letters again, all or none of them."""
    for event in dict.fromkeys(events):
        if not line.revive(tx, webhook, now, event):
            raise NotFound("one of these is no dead letter of this webhook", cure="list its dead letters")
    return len(dict.fromkeys(events))
