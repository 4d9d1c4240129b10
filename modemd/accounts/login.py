"""Logging in by phone or e-mail and password: the same work for everybody, and a pause after too many failures.

Failures are counted by log-in and network together, never by account: nobody can lock another out from elsewhere.
"""

from __future__ import annotations

import secrets

from modemd.accounts.caller import Caller, Seen
from modemd.accounts.credentials import Credentials
from modemd.accounts.directory import Directory
from modemd.accounts.limits import Disguise, Limit
from modemd.accounts.sessions import Sessions
from modemd.clock import Clock
from modemd.db import Database, Transaction
from modemd.errors import TooMany, Unauthorised

FAILURES, PAUSE = 5, 900.0
"""Failures of one log-in from one network within so many seconds, before it has to wait."""
NETWORK_FAILURES = 50
REMEMBERED = 60.0
"""Seconds for which Basic credentials that were right need no hash: programs send them with every request."""


class Login:
    """Checks passwords."""

    def __init__(
        self, database: Database, directory: Directory, credentials: Credentials, sessions: Sessions, *, clock: Clock
    ) -> None:
        self._database = database
        self._directory = directory
        self._credentials = credentials
        self._sessions = sessions
        self._clock = clock
        self._disguise = Disguise(clock)
        self._failures = Limit(FAILURES, PAUSE, clock)
        self._network_failures = Limit(NETWORK_FAILURES, PAUSE, clock)
        self.seen = Seen(REMEMBERED, clock)
        self._process = secrets.token_hex(16)

    async def enter(self, login: str, password: str, network: str) -> Caller:
        """Whose password this is. Raises Unauthorised, TooMany, StorageError."""
        return await self._check(self._directory.owners(login), self._directory.reading(login), password, network)

    async def confirm(self, account: int, password: str, network: str) -> None:
        """Make sure that the caller knows the account's password. Raises Unauthorised, TooMany, StorageError."""
        await self._check([account], str(account), password, network)

    async def basic(self, login: str, password: str, network: str) -> Caller:
        """As ``enter``, remembering for a while what was right."""
        digest = self._disguise(self._process, login, password)
        known = self.seen.get(digest)
        if known is not None:
            return known
        epoch = self.seen.epoch
        caller = await self.enter(login, password, network)
        self.seen.put(digest, caller, epoch)
        return caller

    def forget(self) -> None:
        """Check every password again at its next use."""
        self.seen.forget()

    async def _check(self, candidates: list[int], name: str, password: str, network: str) -> Caller:
        kind, place = self._disguise(name, network), self._disguise(network)
        wait = max(self._failures.wait(kind), self._network_failures.wait(place))
        if wait > 0:
            raise TooMany("too many failed log-ins", retry_after=wait, code="login_paused")
        found = await self._credentials.check(candidates, password)
        if found is None:
            self._failures.count(kind)
            self._network_failures.count(place)
            raise Unauthorised("login or password is wrong", cure="ask for a new password", code="wrong_login")
        account, pending = found
        self._failures.forget(kind)
        operator = await self._database.write(lambda tx: self._arrived(tx, account, pending))
        if pending:
            self._sessions.forget()
            self.forget()
        return Caller(account, "password", operator)

    def _arrived(self, tx: Transaction, account: int, pending: bool) -> bool:
        """Write down that the account is used; with a new password, the sessions of the old one end."""
        if pending:
            self._credentials.accept_pending(tx, account)
            self._sessions.end_all(tx, account)
        tx.execute("UPDATE account SET used = ? WHERE id = ? AND used IS NULL", (self._clock.now(), account))
        row = tx.execute("SELECT operator FROM account WHERE id = ? AND state = 0", (account,)).fetchone()
        if row is None:
            raise Unauthorised("login or password is wrong", cure="ask for a new password", code="wrong_login")
        return bool(row[0])
