"""Monthly invoices: issued once, numbered without gaps, sealed with the account's key and gone with it.

A number is given in the transaction that writes the invoice: what fails gives none. An invoice that outlives its
account, sealed for the operator's archive, and paying afterwards, come later.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import orjson

from modemd.accounts.billing import buyers
from modemd.accounts.billing.months import Month, month_of
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.billing.usage import MonthUsed, used
from modemd.accounts.vault import Vault
from modemd.clock import Clock, rfc3339
from modemd.db import Database, Transaction
from modemd.errors import Conflict, ConstraintFailed, InvalidField, NotFound
from modemd.ids import IdSource, encode

BODY = "invoice.body"

Document = dict[str, Any]
"""An invoice; money in the smallest unit."""


class Invoices:
    """Issues and shows invoices."""

    def __init__(
        self, database: Database, vault: Vault, tariff: Tariff, zone: tzinfo, *, ids: IdSource, clock: Clock
    ) -> None:
        self._database = database
        self._vault = vault
        self._tariff = tariff
        self._zone = zone
        self._ids = ids
        self._clock = clock

    async def issue(self, account: int, month: Month | None = None) -> Document:
        """The invoice of a month that is over, by default the last; the same one whenever it is asked for.

        Of the month that runs it gives a draft without a number. Raises InvalidField for a month to come, NotFound if
        nothing was sold in it, Conflict (``no_billing_data``), StorageError, Unreadable.
        """
        this = month_of(self._clock.now(), self._zone)
        month = month or this.last
        if month > this:
            raise InvalidField("month", "this month has not begun", cure=f"the last one that is over is {this.last}")
        if month == this:
            return await self._database.write(lambda tx: self._draft(tx, account, month))
        try:
            return await self._database.write(lambda tx: self._issue(tx, account, month))
        except ConstraintFailed:  # another node has just issued it; the number taken here was given back
            return await self._database.write(lambda tx: self._issue(tx, account, month))

    async def all(self, account: int) -> list[Document]:
        """The invoices of an account, oldest first."""
        rows = await self._database.read(
            lambda db: db.execute("SELECT id, body FROM invoice WHERE account = ? ORDER BY id", (account,)).fetchall()
        )
        with self._vault.unit(account) as box:
            return [orjson.loads(box.open(BODY, number, bytes(body))) for number, body in rows]

    def _issue(self, tx: Transaction, account: int, month: Month) -> Document:
        row = tx.execute(
            "SELECT id, body FROM invoice WHERE account = ? AND month = ?", (account, month.number)
        ).fetchone()
        if row is not None:
            document: Document = orjson.loads(self._vault.open(account, BODY, row[0], bytes(row[1])))
            return document
        draft = self._draft(tx, account, month)
        now, number = self._clock.now(), self._ids.next()
        year = month_of(now, self._zone).year
        (serial,) = tx.execute(
            "INSERT INTO invoice_series (year, last) VALUES (?, 1)"
            " ON CONFLICT (year) DO UPDATE SET last = invoice_series.last + 1 RETURNING last",
            (year,),
        ).fetchone()
        document = draft | {"number": f"{year}/{serial:05}", "issued_at": rfc3339(now)}
        sealed = self._vault.seal(account, BODY, number, orjson.dumps(document))
        tx.execute(
            "INSERT INTO invoice (id, account, month, year, serial, created, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, account, month.number, year, serial, now, sealed),
        )
        return document

    def _draft(self, tx: Transaction, account: int, month: Month) -> Document:
        found = used(tx, account, month, self._zone)
        if not found.lines:
            cure = "an invoice is for messages that were paid for with credit; name another month with --month"
            raise NotFound(f"nothing was sold to this account in {month}", cure=cure)
        with self._vault.unit(account) as box:
            buyer = buyers.of(tx, account, box)
        if buyer is None:
            raise Conflict("the account has given no billing data", cure="it has to, first", code="no_billing_data")
        document = {"number": None, "issued_at": None, "month": str(month), "account": encode("a", account)}
        parties = {"name": buyer.name, "address": buyer.address, "vat_id": buyer.vat_id}
        return document | {"seller": self._tariff.seller, "buyer": parties} | self._sums(found)

    def _sums(self, found: MonthUsed) -> Document:
        tariff = self._tariff
        rate, total = tariff.vat, found.amount
        vat = (2 * total * rate + 100 + rate) // (2 * (100 + rate))  # within the price, rounded half up
        return {
            "currency": tariff.currency,
            "decimals": tariff.decimals,
            "lines": [{"segments": one.segments, "price": one.price, "amount": one.amount} for one in found.lines],
            "total": total,
            "vat_percent": rate,
            "vat": vat,
            "paid": total,
        }
