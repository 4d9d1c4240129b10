"""The operator's desk for what an account may ask of him: everything held about it, its deletion, and the proof.

All but the deletion is answered without a running daemon too (service/offline.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from modemd.accounts import receipts
from modemd.accounts.directory import Account
from modemd.accounts.parts import Accounts
from modemd.accounts.receipts import Erasure
from modemd.errors import Conflict, NotFound
from modemd.ids import decode, encode

Arguments = Mapping[str, Any]
Verb = Callable[[Arguments], Awaitable[dict[str, Any]]]
Stream = Callable[[Arguments], AsyncIterator[dict[str, Any]]]


class ErasureDesk:
    """The verbs."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    @property
    def verbs(self) -> dict[str, Verb | Stream]:
        """Every verb by its name on the control socket."""
        return {
            "accounts.delete": self.delete,
            "accounts.export": self.export,
            "erasures.list": self.list,
            "erasures.verify": self.verify,
            "erasures.waive": self.waive,
        }

    async def delete(self, args: Arguments) -> AsyncIterator[dict[str, Any]]:
        """Forget an account, whatever state it is in: the erasure at once, and again when it is over or waits."""
        account = await self._one(args)
        erasures = self._accounts.erasures
        number = await erasures.request(account.id)
        yield _shown(await erasures.show(number))
        yield _shown(await erasures.wait(number))

    async def export(self, args: Arguments) -> AsyncIterator[dict[str, Any]]:
        """Everything held about an account: the pieces of one JSON document."""
        account = await self._one(args)
        async for piece in self._accounts.export.pieces(account.id):
            yield {"piece": piece.decode()}

    async def list(self, _: Arguments) -> dict[str, Any]:
        """The receipts, the newest first."""
        return {"erasures": [_shown(erasure) for erasure in await self._accounts.erasures.all()]}

    async def verify(self, args: Arguments) -> dict[str, Any]:
        """What is left of an erased account, and the folders in which keys lie."""
        number = _erasure_id(args.get("id"))
        left = await self._accounts.erasures.verify(number)
        erasure = await self._accounts.erasures.show(number)
        folders = [str(folder) for folder in self._accounts.erasures.key_folders]
        return {**_shown(erasure), "left": left, "key_folders": folders}

    async def waive(self, args: Arguments) -> dict[str, Any]:
        """Wait no longer for SIMs that are gone for good."""
        return _shown(await self._accounts.erasures.waive(_erasure_id(args.get("id"))))

    async def _one(self, args: Arguments) -> Account:
        found = await self._accounts.directory.find(str(args.get("who", "")))
        if not found:
            raise NotFound("there is no such account", cure="modemd accounts list shows them")
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} accounts have this e-mail address", cure="name one of them by its phone or its id"
            )
        return found[0]


def _erasure_id(text: object) -> int:
    number = decode("e", text) if isinstance(text, str) else None
    if number is None:
        raise NotFound("that is no id of an erasure", cure="modemd erasures list shows them")
    return number


def _shown(erasure: Erasure) -> dict[str, Any]:
    return {"id": encode("e", erasure.id), **receipts.document(erasure)}
