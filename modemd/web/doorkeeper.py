"""Who is calling: by API key, by password, or by the session cookie of a browser.

A browser sends cookies, and passwords it has stored, with whatever request a page makes it send; so requests that a
browser says another site has caused are refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable
from urllib.parse import urlsplit

from fastapi import Request

from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.caller import Caller
from modemd.accounts.login import Login
from modemd.accounts.sessions import Sessions
from modemd.errors import Forbidden, ModemdError, TooMany, Unauthorised
from modemd.web.edge import network_of
from modemd.web.rates import Rates

COOKIE = "modemd_session"


class Doorkeeper:
    """Lets callers in."""

    def __init__(self, keys: ApiKeys, login: Login, sessions: Sessions, rates: Rates) -> None:
        self._keys = keys
        self._login = login
        self._sessions = sessions
        self._rates = rates

    async def caller(self, request: Request) -> Caller:
        """The caller. Raises Unauthorised, Forbidden, TooMany."""
        return await self._counted(request, self._known(request))

    async def holder(self, request: Request, key: str) -> Caller:
        """Who holds this API key, which came another way than ours. Raises Unauthorised, TooMany."""
        return await self._counted(request, self._keys.check(key))

    async def _counted(self, request: Request, known: Awaitable[Caller]) -> Caller:
        try:
            caller = await known
        except Unauthorised:
            self.count_stranger(request)
            raise
        self._rates.accounts.spend(caller.account_id)
        return caller

    async def still(self, request: Request) -> bool:
        """Whether the caller of a request that is still being answered may stay; when in doubt, yes."""
        try:
            await self._known(request)
        except (Unauthorised, Forbidden):
            return False
        except ModemdError:  # the database does not say
            return True
        return True

    def stranger(self, request: Request) -> None:
        """Let somebody in who needs no account. Raises Forbidden, TooMany."""
        from_here(request)
        self.count_stranger(request)

    def count_stranger(self, request: Request) -> None:
        """One more call without a valid credential from this network. Raises TooMany."""
        self._rates.strangers.spend(network_of(request.scope))

    async def _known(self, request: Request) -> Caller:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer" if credential:
                return await self._keys.check(credential.strip())
            case "basic" if credential:
                from_here(request)
                return await self._basic(request, credential)
        cookie = request.cookies.get(COOKIE)
        if scheme or not cookie:
            cure = "send Authorization: Bearer mk_…, or Basic with e-mail or phone and password"
            raise Unauthorised("this call needs an account", cure=cure)
        from_here(request)
        return await self._sessions.check(cookie)

    async def _basic(self, request: Request, credential: str) -> Caller:
        """The caller by his password; who has to wait is told so with a 401, for nobody has looked at it."""
        name, password = _basic(credential)
        try:
            return await self._login.basic(name, password, network_of(request.scope))
        except TooMany as error:
            if error.code != "login_paused":
                raise
            wait = error.retry_after
            raise Unauthorised(error.detail, cure=error.cure, code=error.code, retry_after=wait) from None

    async def person(self, request: Request) -> Caller:
        """The caller, if it is the account's owner and not one of its programs. Raises Unauthorised, Forbidden."""
        caller = await self.caller(request)
        if caller.via == "key":
            raise Forbidden("an API key may not do this", cure="use the account's password", code="key_may_not")
        return caller

    async def operator(self, request: Request) -> Caller:
        """The caller, if it is the operator. Raises Unauthorised, Forbidden."""
        caller = await self.caller(request)
        if not caller.operator:
            raise Forbidden("this call is the operator's", cure="its key is made by modemd accounts operator-key")
        return caller


def from_here(request: Request) -> None:
    """Refuse what a browser says another site has caused. Raises Forbidden."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin")
    foreign = origin is not None and _host_in(origin) != request.headers.get("host")
    if site not in ("none", "same-origin") or foreign:
        raise Forbidden("another site has caused this request", cure="use an API key in programs", code="cross_site")


def _host_in(origin: str) -> str:
    """Host and port of an Origin; empty if it names none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _basic(credential: str) -> tuple[str, str]:
    """Login and password (RFC 7617)."""
    try:
        login, colon, password = base64.b64decode(credential.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise Unauthorised("the Basic credentials are malformed", cure="base64 of login, colon, password in UTF-8")
    return login, password
