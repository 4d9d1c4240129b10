"""Billing as one: its parts, built for the accounts of one database."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from modemd.accounts.billing.buyers import Buyers
from modemd.accounts.billing.invoices import Invoices
from modemd.accounts.billing.plans import Plans
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.billing.till import Till
from modemd.accounts.billing.usage import MonthUsed, Usage
from modemd.accounts.vault import Vault
from modemd.clock import Clock, rfc3339
from modemd.db import Database
from modemd.ids import IdSource, encode
from modemd.queue.charges import Kind


class Billing:
    """The parts."""

    def __init__(
        self, database: Database, vault: Vault, tariff: Tariff, zone: tzinfo, *, ids: IdSource, clock: Clock
    ) -> None:
        self._database = database
        self.tariff = tariff
        self.buyers = Buyers(database, vault)
        self.plans = Plans(database, tariff, clock)
        self.till = Till(tariff, self.plans)
        self.usage = Usage(database, zone, clock)
        self.invoices = Invoices(database, vault, tariff, zone, ids=ids, clock=clock)

    async def data(self, account: int) -> dict[str, Any]:
        """What the account has told about who pays, and how it stands."""
        buyer = await self.buyers.get(account)
        told = {name: getattr(buyer, name, None) for name in ("name", "address", "vat_id")}
        return told | await self.standing(account)

    async def standing(self, account: int) -> dict[str, Any]:
        """How the account stands; money in the smallest unit."""
        standing = await self.plans.standing(account)
        return {
            "plan": standing.plan.value,
            "currency": self.tariff.currency if self.tariff.sells else None,
            "decimals": self.tariff.decimals,
            "credit": standing.credit,
            "trial_left": standing.trial_left,
        }

    async def used(self, account: int) -> dict[str, Any]:
        """What the account has used, month by month, and how it stands."""
        months = [shown(one) for one in await self.usage.months(account)]
        return await self.standing(account) | {"months": months}

    async def held(self, account: int) -> dict[str, Any]:
        """Everything that is held about an account's paying."""
        bookings = await self._database.read(
            lambda db: db.execute(
                "SELECT at, kind, price, segments, amount, batch FROM booking WHERE account = ? ORDER BY at", (account,)
            ).fetchall()
        )
        return await self.data(account) | {
            "invoices": await self.invoices.all(account),
            "bookings": [
                {
                    "at": rfc3339(at),
                    "kind": Kind(kind).name.lower(),
                    "price": price,
                    "segments": segments,
                    "amount": amount,
                    "batch": None if batch is None else encode("b", batch),
                }
                for at, kind, price, segments, amount, batch in bookings
            ],
        }


def shown(one: MonthUsed) -> dict[str, Any]:
    """A month as an account sees it."""
    return {
        "month": str(one.month),
        "segments": one.segments,
        "trial_segments": one.trial,
        "amount": one.amount,
        "paid": one.paid,
    }
