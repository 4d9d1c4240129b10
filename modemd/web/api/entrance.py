"""Getting in: registration, password reset, sessions. The answers never tell who has an account."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import APIRouter, Request, Response

from modemd.accounts import contact
from modemd.accounts.errands import Errands
from modemd.accounts.login import Login
from modemd.accounts.numbers import Numbers
from modemd.accounts.sessions import LIFE, Sessions
from modemd.clock import rfc3339
from modemd.ids import encode
from modemd.web.api.operations import Operation, routes
from modemd.web.api.shapes import account as shapes
from modemd.web.doorkeeper import COOKIE, Doorkeeper, from_here
from modemd.web.edge import network_of
from modemd.web.lean import answer, read_json, strings

_COOKIE = f"{COOKIE}={{}}; Max-Age={{}}; Path=/; HttpOnly; Secure; SameSite=Strict"


class Entrance:
    """The endpoints."""

    def __init__(
        self,
        errands: Errands,
        login: Login,
        sessions: Sessions,
        *,
        numbers: Numbers,
        countries: Collection[str],
        doorkeeper: Doorkeeper,
    ) -> None:
        self._errands = errands
        self._login = login
        self._sessions = sessions
        self._numbers = numbers
        self._countries = frozenset(countries)
        self._doorkeeper = doorkeeper

    def routes(self) -> APIRouter:
        """Their paths, and what OpenAPI says of them."""
        accounts, reset, session = "/v1/accounts", "/v1/account/password-reset", "/v1/session"
        asking, entering = (400, 422, 503), (400, 401, 422, 429, 503)
        return routes(
            "getting in",
            Operation(
                "POST", accounts, self.register, shapes.PasswordSent, 202, body=shapes.Registration, problems=asking
            ),
            Operation("POST", reset, self.reset, shapes.PasswordSent, 202, body=shapes.Reset, problems=asking),
            Operation("POST", session, self.log_in, shapes.Session, body=shapes.LogIn, problems=entering),
            Operation("DELETE", session, self.log_out, status=204),
        )

    async def register(self, request: Request) -> Response:
        """Open an account: a password comes by SMS. The same answer whether or not the number has an account."""
        self._doorkeeper.stranger(request)
        fields = strings(await read_json(request), "email", "phone")
        email = contact.email(fields["email"])
        phone = contact.mobile(fields["phone"], self._numbers, self._countries)
        await self._errands.register(email, phone, network_of(request.scope))
        return answer({"status": "password_sent"}, 202)

    async def reset(self, request: Request) -> Response:
        """Ask for a new password by SMS. The same answer whether or not there is such an account."""
        self._doorkeeper.stranger(request)
        fields = strings(await read_json(request), "login")
        await self._errands.reset(fields["login"], network_of(request.scope))
        return answer({"status": "password_sent"}, 202)

    async def log_in(self, request: Request) -> Response:
        """Log in by e-mail or phone and password; sets the session cookie."""
        self._doorkeeper.stranger(request)
        fields = strings(await read_json(request), "login", "password")
        caller = await self._login.enter(fields["login"], fields["password"], network_of(request.scope))
        cookie, ends = await self._sessions.open(caller.account_id)
        response = answer({"account": encode("a", caller.account_id), "expires_at": rfc3339(ends)})
        response.headers["set-cookie"] = _COOKIE.format(cookie, LIFE)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        from_here(request)
        cookie = request.cookies.get(COOKIE)
        if cookie:
            await self._sessions.end(cookie)
        return Response(status_code=204, headers={"set-cookie": _COOKIE.format("", 0)})
