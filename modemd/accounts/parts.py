"""Everything about accounts, built from a database, a key store and a queue, and introduced to each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from modemd.accounts.addressing import Books
from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.billing.parts import Billing
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.bounds import Bounds
from modemd.accounts.budgets import Budgets
from modemd.accounts.credentials import Credentials
from modemd.accounts.directory import Directory
from modemd.accounts.erasure import Erasures
from modemd.accounts.erasure_search import ErasureSearch
from modemd.accounts.erasure_steps import Aftercare
from modemd.accounts.errands import Errands
from modemd.accounts.export import Export
from modemd.accounts.file_search import FileSearch
from modemd.accounts.groups import Groups
from modemd.accounts.keychain import KeyStore
from modemd.accounts.login import Login
from modemd.accounts.notices import Notices
from modemd.accounts.numbers import Numbers
from modemd.accounts.opt_outs import OptOuts
from modemd.accounts.own_words import OwnWords
from modemd.accounts.passwords import Hasher
from modemd.accounts.receipts import Swept
from modemd.accounts.recipients import Recipients
from modemd.accounts.retention import Ages, Retention
from modemd.accounts.sending import Sending
from modemd.accounts.sessions import LIFE, Sessions
from modemd.accounts.suppression import Suppression
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database
from modemd.ids import IdSource
from modemd.queue import Queue

UNUSED = 7 * 86_400
"""Seconds after which an account that was never used goes away."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator has decided about accounts."""

    numbers: Numbers
    countries: Collection[str] = ("PL",)
    """Countries whose mobile numbers may register (ISO 3166)."""
    bounds: Bounds = field(default_factory=Bounds)
    """How long messages live, and how much an account may submit."""
    ages: Ages = field(default_factory=Ages)
    """When things are forgotten."""
    session_s: int = LIFE
    """Seconds that a log-in of the web lasts."""
    tariff: Tariff = field(default_factory=Tariff)
    """What sending costs."""
    zone: tzinfo = UTC
    """Where months begin."""


async def _nothing_to_scrub() -> None:
    """For databases whose pages nobody else can read."""


async def _nothing_to_sweep(_sim: str) -> Swept:
    return Swept.DONE


@dataclass(frozen=True, slots=True)
class Outside:
    """What is done for a forgotten account where accounts do not reach; by default there is nothing to do."""

    scrub: Callable[[], Awaitable[None]] = _nothing_to_scrub
    """Make the database give up the pages of deleted rows."""
    sims: Callable[[], Mapping[str, str]] = dict
    """The SIMs that are known now, each with its modem's name."""
    sweep: Callable[[str], Awaitable[Swept]] = _nothing_to_sweep
    """Overwrite the storage of one, or say that it is out of reach."""
    files: FileSearch | None = None
    """Looks for what the account has said in every file."""


class Accounts:
    """The parts.

    ``count`` gives the segments of a text, ``plain`` a cheaper one, ``capacity`` what the pool can send in an hour.
    """

    def __init__(
        self,
        database: Database,
        keystore: KeyStore,
        queue: Queue,
        terms: Terms,
        *,
        count: Callable[[str], int],
        plain: Callable[[str], str] = str,
        capacity: Callable[[], float],
        clock: Clock,
        outside: Outside | None = None,
    ) -> None:
        ids = queue.ids
        self._clock = clock
        self._keystore = keystore
        self.terms = terms
        self.vault = vault = Vault(keystore)
        self.directory = Directory(database, keystore, vault, terms.numbers, ids=ids, clock=clock)
        self.keys = ApiKeys(database, vault, ids, clock)
        self.sessions = Sessions(database, ids, clock, terms.session_s)
        self.opt_outs = OptOuts(database, vault, terms.numbers, ids=ids, clock=clock)
        self.recipients = Recipients(database, vault, ids, clock)
        self.groups = Groups(database, vault, ids, clock)
        self.suppression = Suppression(database, keystore, terms.numbers, clock)
        self.billing = Billing(database, vault, terms.tariff, terms.zone, ids=ids, clock=clock)
        self.sending = Sending(
            queue,
            vault,
            terms.numbers,
            count=count,
            plain=plain,
            clock=clock,
            books=Books(self.recipients, self.groups, self.opt_outs, self.suppression),
            bounds=terms.bounds,
            till=self.billing.till,
        )
        self._hasher = Hasher()
        self.credentials = Credentials(database, keystore, vault, self._hasher, clock)
        self.sending.issue_password = self.credentials.issue
        self.login = Login(database, self.directory, self.credentials, self.sessions, clock=clock)
        self.notices = Notices(queue, vault, clock)
        self.errands = self._asking(database, Budgets(clock, capacity), ids)
        self.export = self._exporting(database)
        self.retention = Retention(database, vault, terms.ages, clock)
        self.erasures = self._erasing(database, queue, outside or Outside())

    def _asking(self, database: Database, budgets: Budgets, ids: IdSource) -> Errands:
        return Errands(
            database,
            self._keystore,
            self.vault,
            directory=self.directory,
            notices=self.notices,
            budgets=budgets,
            ids=ids,
            clock=self._clock,
        )

    def _exporting(self, database: Database) -> Export:
        return Export(
            database,
            directory=self.directory,
            keys=self.keys,
            sending=self.sending,
            recipients=self.recipients,
            groups=self.groups,
            opt_outs=self.opt_outs,
            billing=self.billing,
            clock=self._clock,
        )

    def _erasing(self, database: Database, queue: Queue, outside: Outside) -> Erasures:
        aftercare = Aftercare(self._forget_callers, self.errands.withdraw, outside.scrub, outside.sims, outside.sweep)
        words = OwnWords(
            database,
            self.vault,
            billing=self.billing,
            sending=self.sending,
            recipients=self.recipients,
            inbox=lambda: self.export.inbox,
        )
        search = ErasureSearch(words.of, outside.files.search if outside.files is not None else None, self._clock)
        return Erasures(database, self._keystore, queue, aftercare, search=search, clock=self._clock)

    async def start(self) -> None:
        """Make the operator's own account if need be, and tidy up what a crash left. Before anything is served."""
        await self.directory.ensure_operator()
        await self.credentials.start()
        await self.errands.tidy()

    async def run(self) -> None:
        """Do in the background what was promised, until cancelled."""
        await asyncio.gather(self.errands.run(), self.erasures.run())

    def close(self) -> None:
        """End threads and child processes."""
        self.sending.close()
        self._hasher.close()

    @property
    def duties(self) -> list[tuple[str, float, Callable[[], Awaitable[None]], bool]]:
        """What is to be done again and again: name, seconds between, what, and whether a stop must not delay it."""
        return [
            ("accounts.sessions", 3600.0, self.sessions.sweep, True),
            ("accounts.unused", 3600.0, self.erase_unused, True),
            ("accounts.retention", 3600.0, self.forget_old, True),
            ("keys.mirrors", 60.0, self.catch_up, False),
        ]

    @property
    def alarms(self) -> list[str]:
        """What the operator should look at, in sentences."""
        behind = [
            f"the mirror of the key store in {folder} is behind: erasures wait for it (modemd keys)"
            for folder in self._keystore.behind()
        ]
        return behind + self.erasures.alarms + self.errands.alarms

    async def erase_unused(self) -> None:
        """Forget the accounts that nobody has used within a week of opening them."""
        for account in await self.directory.unused(self._clock.now() - UNUSED * SECOND):
            await self.erasures.request(account)

    async def forget_old(self) -> None:
        """Forget what is old enough."""
        await self.retention.run()

    async def catch_up(self) -> None:
        """Bring mirrors of the key store up to date that were out of reach."""
        if self._keystore.behind():
            await asyncio.to_thread(self._keystore.catch_up)

    def on_ended(self, do: Callable[[], None]) -> None:
        """Call this whenever a key, a session or a password may have ended: who listens on is to be checked again."""
        for part in (self.keys, self.sessions, self.login):
            part.seen.on_forget = do

    def _forget_callers(self) -> None:
        self.keys.forget()
        self.sessions.forget()
        self.login.forget()
