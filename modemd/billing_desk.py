"""The operator's desk for what accounts pay: plan, credit, invoices; what the command line asks of the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from modemd.accounts.billing import months, printing
from modemd.accounts.billing.parts import Billing
from modemd.accounts.billing.plans import Plan
from modemd.accounts.directory import Directory
from modemd.errors import Conflict, InvalidField
from modemd.ids import encode

Arguments = Mapping[str, Any]


class BillingDesk:
    """The verbs."""

    def __init__(self, directory: Directory, billing: Billing) -> None:
        self._directory = directory
        self._billing = billing

    @property
    def verbs(self) -> dict[str, Callable[[Arguments], Awaitable[dict[str, Any]]]]:
        """Every verb by its name on the control socket."""
        return {"accounts.plan": self.plan, "accounts.credit": self.credit, "accounts.invoice": self.invoice}

    async def plan(self, args: Arguments) -> dict[str, Any]:
        """Put an account on a plan."""
        account = await self._directory.only(str(args.get("who", "")))
        if args.get("plan") not in list(Plan):
            raise InvalidField("plan", "there is no such plan", cure=" or ".join(Plan))
        if account.operator and args["plan"] != Plan.FREE:
            raise Conflict("an operator's account sends freely", cure="make another with modemd accounts create")
        await self._billing.plans.change(account.id, Plan(args["plan"]))
        return await self._standing(account.id)

    async def credit(self, args: Arguments) -> dict[str, Any]:
        """Book credit."""
        amount = self._billing.tariff.amount(str(args.get("amount", "")))
        account = await self._directory.only(str(args.get("who", "")))
        await self._billing.plans.pay(account.id, amount)
        return {"booked": amount, "booked_text": self._billing.tariff.money(amount), **await self._standing(account.id)}

    async def invoice(self, args: Arguments) -> dict[str, Any]:
        """The invoice of a month, and how it is printed."""
        account = await self._directory.only(str(args.get("who", "")))
        month = months.read(str(args["month"])) if args.get("month") else None
        document = await self._billing.invoices.issue(account.id, month)
        return {"invoice": document, "text": printing.printed(document)}

    async def _standing(self, account: int) -> dict[str, Any]:
        standing = await self._billing.standing(account)
        return {"id": encode("a", account), **standing, "credit_text": self._billing.tariff.money(standing["credit"])}
