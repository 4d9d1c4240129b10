"""What every door leads to: the account of an API key, and its messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from modemd.accounts import request as requests
from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.numbers import Numbers
from modemd.accounts.sending import Receipt, Sending
from modemd.clock import Clock
from modemd.errors import InvalidField, Unauthorised


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a door hands over what it has read."""

    sending: Sending
    keys: ApiKeys
    numbers: Numbers
    clock: Clock
    ready: Callable[[], Awaitable[str | None]]
    """None if a modem could send now."""

    async def account(self, key: str) -> int:
        """The account of an API key. Raises Unauthorised."""
        return (await self.keys.check(key)).account_id

    def international(self, number: str) -> str:
        """A number that may have its country code without a sign, as these protocols write it; any other unchanged."""
        for written in (number, f"+{number}"):
            try:
                self.numbers.normalise(written)
            except InvalidField:
                continue
            return written
        return number

    async def submit(self, account: int, body: Mapping[str, Any], idempotency_key: str | None = None) -> Receipt:
        """Submit what POST /v1/messages would take. Raises what `Sending.submit` does, and InvalidField."""
        wanted = requests.read({name: value for name, value in body.items() if value is not None}, self.clock.now())
        return await self.sending.submit(account, wanted, idempotency_key)


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
