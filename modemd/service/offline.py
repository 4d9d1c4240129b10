"""What can be asked while no daemon runs: accounts and erasures, from the database and the key store alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from modemd import inbox, log, status
from modemd.accounts import keystore
from modemd.accounts.inbound import Inbound
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Terms
from modemd.at import pdu
from modemd.clock import SystemClock
from modemd.config import Settings
from modemd.db import connect
from modemd.db.schema import shipped
from modemd.erasure_desk import Arguments, ErasureDesk
from modemd.errors import NotRunning
from modemd.queue import Queue
from modemd.service.ceremonies import key_directory, mirrors_of
from modemd.service.hold import Hold

NEWEST = max(migration.number for migration in shipped())


async def ask(settings: Settings, verb: str, args: Arguments) -> AsyncIterator[dict[str, Any]]:
    """Every answer of a verb of the erasure desk. Raises AlreadyRunning, KeyStoreError, StorageError."""
    log.set_up("ERROR")
    async with _accounts(settings) as accounts:
        answer = ErasureDesk(accounts).verbs[verb](args)
        if isinstance(answer, AsyncIterator):
            async for each in answer:
                yield each
        else:
            yield await answer


@asynccontextmanager
async def _accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """The accounts, with nothing under way; nobody can start a daemon meanwhile."""
    clock, numbers = SystemClock(), Numbers(settings.numbers.region, settings.numbers.short_codes)
    with Hold(settings.state_dir):
        database = connect(settings.database_url, clock=clock)
        if await database.look() < NEWEST:
            raise NotRunning(
                "there is no database of this version yet, and no daemon runs", cure="start it with modemd start"
            )
        try:
            keys = await asyncio.to_thread(
                keystore.load, key_directory(settings.state_dir), mirrors=mirrors_of(settings)
            )
            queue = Queue(database, clock, status.node_name())
            accounts = Accounts(
                database,
                keys,
                queue,
                Terms(numbers),
                count=lambda text: pdu.count(text).parts,
                capacity=lambda: 0.0,
                clock=clock,
            )
            accounts.export.inbox = Inbound(
                database,
                accounts.vault,
                numbers,
                accounts=keys.accounts,
                join=inbox.joined,
                ids=queue.ids,
                clock=clock,
            )
            yield accounts
            accounts.close()
        finally:
            await database.close()
