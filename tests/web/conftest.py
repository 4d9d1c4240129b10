"""The HTTP API as a client meets it: uvicorn on a socket, the real queue on a real SQLite file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from web_service import Service

from modemd.accounts import keystore
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.directory import OPERATOR
from modemd.accounts.inbound import Inbound
from modemd.accounts.keystore import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Terms
from modemd.at.pdu import count, plain
from modemd.clock import Clock, SystemClock
from modemd.db import Database, connect
from modemd.queue import Queue
from modemd.web import compat
from modemd.web.api import create_app
from modemd.web.rates import Rate, Rates
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.parts import Manners, Telling


async def status() -> dict[str, Any]:
    """Stands at the place of the service's own document: the API passes it on."""
    return {"running": True, "modems": []}


@pytest.fixture
def tariff() -> Tariff:
    """What sending costs: nothing, unless a file of tests says otherwise."""
    return Tariff()


@pytest.fixture
async def service(tmp_path: Path, tariff: Tariff) -> AsyncIterator[Service]:
    """Everything but modems, listening on a free port."""
    clock = SystemClock()
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}")
    await database.open()
    store = keystore.open_or_create(tmp_path / "state.keys", fresh=True)
    queue = Queue(database, clock, "node")
    accounts = await built_accounts(database, store, queue, clock, tariff)
    account = await accounts.directory.create("user@example.org", "+48600100100")
    (_, key), (_, operator_key) = await accounts.keys.mint(account.id), await accounts.keys.mint(OPERATOR)
    rates = Rates(Rate(0, clock), Rate(0, clock))
    telling = await built_telling(database, queue, clock, accounts)
    inbox = Inbound(
        database,
        accounts.vault,
        Numbers("PL"),
        accounts=store.accounts,
        join=lambda texts: "".join(text.decode() for text in texts if text),
        ids=queue.ids,
        clock=clock,
    )
    accounts.export.inbox = inbox
    service = Service(database, store, queue, accounts, account, key, operator_key, rates, telling, inbox)
    async with listening(application(service, clock)) as service.address:
        yield service
        await telling.stop()
    accounts.close()
    await database.close()


async def built_accounts(database: Database, store: KeyStore, queue: Queue, clock: Clock, tariff: Tariff) -> Accounts:
    """Accounts whose codec is the real one."""
    accounts = Accounts(
        database,
        store,
        queue,
        Terms(Numbers("PL"), tariff=tariff),
        count=lambda text: count(text).parts,
        plain=plain,
        capacity=lambda: 3600.0,
        clock=clock,
    )
    await accounts.start()
    return accounts


async def built_telling(database: Database, queue: Queue, clock: Clock, accounts: Accounts) -> Telling:
    """Webhooks and live events, introduced to the accounts."""
    outbox = Outbox(database, clock)
    await outbox.open()
    telling = Telling(database, accounts.vault, outbox, Manners(allow_private=True), ids=queue.ids, clock=clock)
    accounts.on_ended(telling.callers_changed)
    accounts.export.more = telling.lists
    await telling.start()
    return telling


def application(service: Service, clock: Clock) -> FastAPI:
    """The API over a service, every door open."""

    async def ready() -> str | None:
        return service.missing

    return create_app(
        status=status,
        ready=ready,
        clock=clock,
        accounts=service.accounts,
        inbox=service.inbox,
        telling=service.telling,
        doors=compat.NAMES,
        rates=service.rates,
        measure=service.measure,
    )


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """The address at which uvicorn serves an application until the block ends."""
    config = uvicorn.Config(app, port=0, access_log=False, lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    yield server.servers[0].sockets[0].getsockname()
    for listener in server.servers:  # shutdown() would sleep for a tenth of a second, in every test
        listener.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the account's API key."""
    headers = {"Authorization": f"Bearer {service.key}"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
async def stranger(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client with nothing."""
    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:
        yield client
