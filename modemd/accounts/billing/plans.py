"""How an account pays: freely, as the operator's own and those he made; or in advance, as those strangers opened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modemd.accounts.billing.tariff import Tariff
from modemd.clock import Clock
from modemd.db import Database, Reader, Transaction
from modemd.errors import Conflict
from modemd.queue import charges
from modemd.queue.charges import Balance

REMEMBERED = 30.0
"""Seconds after which an account's plan is read again: so late another node's change becomes known here."""
MOST_REMEMBERED = 10_000


class Plan(StrEnum):
    """How an account pays."""

    FREE = "free"
    PREPAID = "prepaid"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands; money in the smallest unit."""

    plan: Plan
    billed: bool
    """Whether it has given billing data."""
    trial_left: int | None
    """Segments; None where nobody counts them."""
    credit: int


class Plans:
    """The plans and balances of accounts."""

    def __init__(self, database: Database, tariff: Tariff, clock: Clock) -> None:
        self._database = database
        self._tariff = tariff
        self._clock = clock
        self._known: dict[int, tuple[bool, float]] = {}

    async def prepaid(self, account: int) -> bool:
        """Whether the account pays in advance, as far as is known here; the queue looks again when it takes."""
        now = self._clock.monotonic()
        known = self._known.get(account)
        if known is None or known[1] <= now:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            found = await self._database.read(lambda db: _balance(db, account).prepaid)
            known = self._known[account] = found, now + REMEMBERED
        return known[0]

    async def standing(self, account: int) -> Standing:
        """How the account stands."""
        return self._standing(await self._database.read(lambda db: _balance(db, account)))

    async def change(self, account: int, plan: Plan) -> Standing:
        """Put an account on a plan; what it has stays as it is."""
        balance = await self._database.write(lambda tx: _change(tx, account, plan))
        self._known.pop(account, None)
        return self._standing(balance)

    async def pay(self, account: int, amount: int) -> Standing:
        """Book credit, or take it back if ``amount`` is negative.

        Raises Conflict (``no_billing`` without prices, ``plan_free`` for an account that does not pay),
        PaymentRequired if it has less than is to be taken back.
        """
        if not self._tariff.sells:
            raise Conflict("there is nothing to pay here", cure="set [billing] prices first", code="no_billing")
        now = self._clock.now()
        return self._standing(await self._database.write(lambda tx: _pay(tx, account, amount, now)))

    def _standing(self, balance: Balance) -> Standing:
        trial = self._tariff.trial
        left = max(0, trial - balance.trial_used) if balance.prepaid and trial is not None else None
        return Standing(Plan.PREPAID if balance.prepaid else Plan.FREE, balance.billed, left, balance.credit)


def _balance(db: Reader, account: int) -> Balance:
    row = db.execute(
        "SELECT COALESCE(prepaid, trial), COALESCE(billed, 0), COALESCE(trial_used, 0), COALESCE(credit, 0)"
        " FROM account LEFT JOIN balance ON balance.account = account.id WHERE account.id = ?",
        (account,),
    ).fetchone()
    return Balance(bool(row[0]), bool(row[1]), row[2], row[3]) if row else charges.NOTHING


def _change(tx: Transaction, account: int, plan: Plan) -> Balance:
    balance = charges.hold(tx, account)
    tx.execute("UPDATE balance SET prepaid = ? WHERE account = ?", (int(plan is Plan.PREPAID), account))
    return balance._replace(prepaid=plan is Plan.PREPAID)


def _pay(tx: Transaction, account: int, amount: int, now: int) -> Balance:
    if not charges.hold(tx, account).prepaid:
        cure = "let it pay first: modemd accounts plan WHO prepaid"
        raise Conflict("this account sends freely", cure=cure, code="plan_free")
    return charges.pay(tx, account, amount, now)
