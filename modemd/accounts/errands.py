"""What strangers ask for: an account, or a new password.

The answer is given when the request is on disk, before anybody looks whether there is such an account; so neither the
answer nor the time it takes can tell. What a budget forbids waits, and is then forgotten.
"""

from __future__ import annotations

import asyncio
from random import SystemRandom

from modemd import log
from modemd.accounts import notices
from modemd.accounts.budgets import Budgets, loopback
from modemd.accounts.directory import Account, Directory
from modemd.accounts.errand_book import MOST_WAITING, Errand, ErrandBook, Kind
from modemd.accounts.keychain import KeyStore
from modemd.accounts.limits import DAY, HOUR, Disguise, Limit
from modemd.accounts.notices import Notices
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database
from modemd.errors import Conflict, ModemdError
from modemd.ids import IdSource

PER_NETWORK = 20
"""Requests an hour from one network that are looked at; loopback is exempt."""
FORGOTTEN = 86_400 * SECOND
"""Age at which a request that the budgets held is dropped."""
AGAIN = 60.0
"""Seconds after which what is held, or failed, is tried again."""

APART = (0.1, 0.4)
"""Seconds from a request to its being looked at. What follows takes longer for a new number than for a known one, and
would delay whatever is asked next: so it happens at a moment that no caller knows."""
_RANDOM = SystemRandom()


class Errands:
    """Takes requests, and does them afterwards."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        vault: Vault,
        *,
        directory: Directory,
        notices: Notices,
        budgets: Budgets,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._book = ErrandBook(database, keys, vault, ids, clock)
        self._directory = directory
        self._notices = notices
        self._budgets = budgets
        self._clock = clock
        self._disguise = Disguise(clock)
        self._asked = Limit(PER_NETWORK, HOUR, clock)
        self._told = Limit(1, DAY, clock)
        self._alarmed = Limit(1, HOUR, clock)
        self._held_by: dict[int, str] = {}
        self._later: set[int] = set()
        """What could not be done now, and is left alone for a while: a request must not pay for those before it."""
        self._new = asyncio.Event()
        self._new.set()

    async def register(self, email: str, phone: str, network: str) -> None:
        """Take a registration, already checked. Raises KeyStoreError, StorageError."""
        await self._take(Kind.REGISTRATION, {"email": email, "phone": phone, "network": network})

    async def reset(self, login: str, network: str) -> None:
        """Take a request for a new password. Raises KeyStoreError, StorageError."""
        await self._take(Kind.RESET, {"login": login[:320], "network": network})

    @property
    def alarms(self) -> list[str]:
        """What the operator should know: somebody asks for more SMS than strangers may cause."""
        if not self._held_by:
            return []
        bounds = ", ".join(sorted(set(self._held_by.values())))
        count = len(self._held_by)
        asked = "1 registration or reset is" if count == 1 else f"{count} registrations and resets are"
        return [f"{asked} held, beyond what strangers may cause (bounds: {bounds}); dropped after a day"]

    async def tidy(self) -> None:
        """At start: drop keys that a crash left without their request."""
        await self._book.tidy()

    async def run(self) -> None:
        """Do what is asked for until cancelled, a little after it was asked."""
        while True:
            self._new.clear()
            left = await self._do_new()
            try:
                await asyncio.wait_for(self._new.wait(), AGAIN if left else None)
            except TimeoutError:
                self._later.clear()
            await asyncio.sleep(_RANDOM.uniform(*APART))

    async def do_all(self) -> int:
        """Do everything that waits; how many could not be done now."""
        self._later.clear()
        return await self._do_new()

    async def _do_new(self) -> int:
        """As ``do_all``, without what could not be done a moment ago."""
        try:
            waiting = await self._waiting()
        except ModemdError as error:
            log.failed("errand.failed", error)
            return 1
        for errand in waiting:
            try:
                done = await self._do(errand)
            except ModemdError as error:
                log.failed("errand.failed", error, kind=errand.kind)
                done = False
            if not done:
                self._later.add(errand.id)
        return len(self._later)

    async def withdraw(self, account: int) -> None:
        """Drop what was asked for this account, or for its phone, and has not been done yet."""
        for errand in await self._waiting():
            if account in self._directory.owners(errand.phone or errand.login):
                await self._over(errand)

    async def _take(self, kind: Kind, payload: dict[str, str]) -> None:
        place = self._disguise(payload["network"])
        if self._asked.wait(place) > 0 and not loopback(payload["network"]):
            log.event("errand.refused", level="WARNING", kind=kind, net=payload["network"])
            return
        self._asked.count(place)
        if not await self._book.add(kind, payload):
            log.event("errand.refused", level="ERROR", kind=kind, waiting=MOST_WAITING)
        self._new.set()

    async def _waiting(self) -> list[Errand]:
        found, known = await self._book.waiting(self._later)
        self._later &= known
        return found

    async def _do(self, errand: Errand) -> bool:
        """Do one; whether it is over."""
        if self._clock.now() - errand.created > FORGOTTEN:
            return await self._over(errand)
        if errand.kind is Kind.RESET:
            return await self._send_resets(errand)
        if self._held(errand, errand.phone):
            return False
        return await self._open_account(errand)

    async def _open_account(self, errand: Errand) -> bool:
        account = Account(errand.id, operator=False, created=errand.created, email=errand.email, phone=errand.phone)
        try:
            await self._directory.adopt(account)
        except Conflict:
            await self._tell_owner(errand)
            return await self._over(errand)
        if await self._notices.send(account, notices.FIRST, f"errand {errand.id}"):
            self._budgets.spend(errand.phone, errand.network)
        return await self._over(errand, keep_key=True)

    async def _tell_owner(self, errand: Errand) -> None:
        """Tell who has the phone that it has an account, once a day."""
        kind = self._disguise(errand.phone)
        if self._told.wait(kind) > 0:
            return
        for account in await self._directory.find(errand.phone):
            self._told.count(kind)
            if await self._notices.send(account, notices.KNOWN, f"errand {errand.id}"):
                self._budgets.spend(errand.phone, errand.network)

    async def _send_resets(self, errand: Errand) -> bool:
        for account in await self._directory.find(self._directory.reading(errand.login)):
            if account.phone is None:
                continue
            if self._held(errand, account.phone):
                return False
            if await self._notices.send(account, notices.RESET, f"errand {errand.id}"):
                self._budgets.spend(account.phone, errand.network)
        return await self._over(errand)

    def _held(self, errand: Errand, phone: str) -> bool:
        bound = self._budgets.refusal(phone, errand.network)
        if bound is None:
            self._held_by.pop(errand.id, None)
            return False
        if self._alarmed.wait(bound.encode()) <= 0:  # once an hour, however many are asked for
            self._alarmed.count(bound.encode())
            log.event("errand.held", level="ERROR", kind=errand.kind, bound=bound)
        self._held_by[errand.id] = bound
        return True

    async def _over(self, errand: Errand, *, keep_key: bool = False) -> bool:
        """Forget a request that is done, or too old."""
        self._held_by.pop(errand.id, None)
        await self._book.forget(errand, keep_key=keep_key)
        return True
