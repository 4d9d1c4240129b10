"""What every door leads to: the account of an API key, and its messages."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from modemd.accounts import request as requests
from modemd.accounts.call import Receipt
from modemd.accounts.numbers import Numbers
from modemd.accounts.sending import Beside, Sending
from modemd.clock import Clock
from modemd.errors import InvalidField, Unauthorised
from modemd.web.doorkeeper import Doorkeeper
from modemd.webhooks.callbacks import Callbacks, Fill

SLICE = 50
"""Numbers read in one turn of the loop."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a door hands over what it has read."""

    sending: Sending
    doorkeeper: Doorkeeper
    numbers: Numbers
    clock: Clock
    ready: Callable[[], Awaitable[str | None]]
    """None if a modem could send now."""
    callbacks: Callbacks
    """Calls who wants to hear what became of one message."""

    async def account(self, request: Request, key: str) -> int:
        """The account of an API key. Raises Unauthorised, TooMany."""
        return (await self.doorkeeper.holder(request, key)).account_id

    def enter(self, door: str, fill: Fill) -> None:
        """From now on callbacks of this door are made so."""
        self.callbacks.doors[door] = fill

    async def callback(
        self,
        account: int,
        door: str,
        url: str,
        *,
        kinds: Collection[str],
        field: str,
        arguments: Mapping[str, str] | None = None,
    ) -> Beside | None:
        """What `submit` takes to have this URL called, made with ``arguments``.

        Raises InvalidField, Conflict, StorageError.
        """
        if not kinds:
            return None
        return await self.callbacks.prepare(account, door, url, kinds=kinds, arguments=arguments, field=field)

    async def read(self, raws: Sequence[str]) -> dict[str, str]:
        """Each number as it is sent to, also with its country code without a sign; what is none stays as written.

        The loop gets a turn after every slice. Raises InvalidField if they are more than a call may have.
        """
        if len(raws) > requests.MAX_RECIPIENTS:
            raise InvalidField("to", "there are too many recipients", cure="split the call")
        found = {}
        for place, raw in enumerate(raws):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            found[raw] = self._normalised(raw)
        return found

    def _normalised(self, raw: str) -> str:
        for written in (raw, f"+{raw}"):
            try:
                return self.numbers.normalise(written)
            except InvalidField:
                continue
        return raw

    async def submit(
        self,
        account: int,
        body: Mapping[str, Any],
        idempotency_key: str | None = None,
        beside: Beside | None = None,
    ) -> Receipt:
        """Submit what POST /v1/messages would take. Raises what `Sending.submit` does, and InvalidField."""
        wanted = requests.read({name: value for name, value in body.items() if value is not None}, self.clock.now())
        return await self.sending.submit(account, wanted, idempotency_key, beside)


def key_of(request: Request) -> str:
    """The API key of a request: the password of Basic credentials, or a bearer token. Raises Unauthorised."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    credential = credential.strip()
    if scheme.lower() == "bearer" and credential:
        return credential
    try:
        password = base64.b64decode(credential, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        password = ""
    if scheme.lower() != "basic" or not password:
        raise Unauthorised("there is no API key", cure="give one as the password")
    return password
