"""What the fixtures of this folder hand to tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modemd.accounts.directory import Account
from modemd.accounts.inbound import Inbound
from modemd.accounts.keystore import KeyStore
from modemd.accounts.parts import Accounts
from modemd.db import Database
from modemd.queue import Message, Queue
from modemd.queue.listing import Wanted
from modemd.values import Lane, Sms
from modemd.web.metrics import Reading
from modemd.web.rates import Rates
from modemd.webhooks.parts import Telling


@dataclass
class Service:
    """The parts behind the API, for tests that look or act past HTTP."""

    database: Database
    store: KeyStore
    queue: Queue
    accounts: Accounts
    account: Account
    key: str
    operator_key: str
    rates: Rates
    telling: Telling
    inbox: Inbound
    address: tuple[str, int] = ("", 0)
    missing: str | None = None
    reading: Reading | None = None

    async def measure(self) -> Reading:
        """What a test has given to be measured."""
        assert self.reading is not None
        return self.reading

    @property
    def url(self) -> str:
        """Where it listens."""
        return "http://{}:{}".format(*self.address)

    async def notices(self) -> list[Message]:
        """Do what strangers asked for; then the system's messages, oldest first."""
        await self.accounts.errands.do_all()
        waiting = [one for one in await self.queue.messages(Wanted(), 1000) if one.lane is Lane.SYSTEM]
        return waiting[::-1]

    async def prepared(self, message: Message) -> Sms:
        """What is sent of a message: opened in a worker thread, where passwords are made."""
        return await asyncio.to_thread(self.accounts.sending.open, message)
