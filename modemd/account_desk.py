"""The operator's desk for accounts: who they are, the keys he makes for them, and the numbers nobody may send to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from modemd.accounts import notices, views
from modemd.accounts.directory import OPERATOR, Account
from modemd.accounts.parts import Accounts
from modemd.clock import rfc3339
from modemd.errors import NotFound
from modemd.ids import decode, encode

Arguments = Mapping[str, Any]


class AccountDesk:
    """The verbs."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    @property
    def verbs(self) -> dict[str, Callable[[Arguments], Awaitable[dict[str, Any]]]]:
        """Every verb by its name on the control socket."""
        return {
            "accounts.create": self.create,
            "accounts.list": self.every,
            "accounts.show": self.show,
            "accounts.operator_key": self.operator_key,
            "suppression.add": self.suppress,
            "suppression.lift": self.lift,
            "suppression.check": self.check,
        }

    async def create(self, args: Arguments) -> dict[str, Any]:
        """A new account that sends freely; its password by SMS and a key, if wanted."""
        account = await self._accounts.directory.create(
            str(args.get("email", "")), str(args.get("phone", "")), operator=False
        )
        answer = {"id": encode("a", account.id), "email": account.email}
        if args.get("sms"):
            await self._accounts.notices.send(account, notices.FIRST, "made by the operator")
        if args.get("with_key"):
            _, answer["api_key"] = await self._accounts.keys.mint(account.id, "made with the account")
        return answer

    async def every(self, _: Arguments) -> dict[str, Any]:
        """The accounts."""
        return {"accounts": [_account(account) for account in await self._accounts.directory.accounts()]}

    async def show(self, args: Arguments) -> dict[str, Any]:
        """One account, how it pays, and the names of its keys."""
        found = await self._accounts.directory.find(str(args.get("who", "")))
        if not found:
            raise NotFound("there is no such account", cure="modemd accounts list shows them")
        return {"accounts": [await self._shown(account) for account in found]}

    async def operator_key(self, args: Arguments) -> dict[str, Any]:
        """A new API key of the operator's own account; or, with ``revoke``, the end of one."""
        if args.get("revoke") is None:
            number, key = await self._accounts.keys.mint(OPERATOR, str(args.get("name") or ""))
            return {"id": encode("k", number), "api_key": key}
        gone = decode("k", str(args["revoke"]))
        if gone is None:
            raise NotFound("that is no id of a key", cure="ids look like k_01hzy3kd8q2v5")
        await self._accounts.keys.revoke(OPERATOR, gone)
        return {"id": encode("k", gone), "revoked": True}

    async def suppress(self, args: Arguments) -> dict[str, Any]:
        """Let no account send to a number any more."""
        await self._accounts.suppression.add(str(args.get("number", "")))
        return {"suppressed": True}

    async def lift(self, args: Arguments) -> dict[str, Any]:
        """Allow a number again."""
        await self._accounts.suppression.lift(str(args.get("number", "")))
        return {"suppressed": False}

    async def check(self, args: Arguments) -> dict[str, Any]:
        """Whether a number is suppressed."""
        return {"suppressed": await self._accounts.suppression.holds(str(args.get("number", "")))}

    async def _shown(self, account: Account) -> dict[str, Any]:
        billing = self._accounts.billing
        paying = await billing.standing(account.id)
        paying["credit_text"] = billing.tariff.money(paying["credit"])
        keys = await self._accounts.keys.of(account.id)
        shown = [{"id": encode("k", key.id), "name": key.name, "created_at": rfc3339(key.created)} for key in keys]
        return {**_account(account), "paying": paying, "keys": shown}


def _account(account: Account) -> dict[str, Any]:
    return {"id": encode("a", account.id), "operator": account.operator, **views.account(account)}
