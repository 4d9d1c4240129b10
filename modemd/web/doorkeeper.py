"""Who is calling, by the Authorization header."""

from __future__ import annotations

from fastapi import Request

from modemd.accounts.api_keys import ApiKeys, Caller
from modemd.errors import Forbidden, Unauthorised


class Doorkeeper:
    """Lets callers in."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def caller(self, request: Request) -> Caller:
        """The caller. Raises Unauthorised."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise Unauthorised("this call needs an API key", cure="send Authorization: Bearer mk_…")
        return await self._keys.check(credential.strip())

    async def operator(self, request: Request) -> Caller:
        """The caller, if it is the operator. Raises Unauthorised, Forbidden."""
        caller = await self.caller(request)
        if not caller.operator:
            raise Forbidden("this call is the operator's", cure="use a key of an operator account")
        return caller
