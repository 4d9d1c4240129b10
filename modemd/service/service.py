"""Every part of one daemon, in the order in which they start; they stop the other way round."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from modemd import __version__, inbox, log, status
from modemd.accounts.addressee import Addressee
from modemd.accounts.inbound import Inbound
from modemd.accounts.keystore import KeyStore
from modemd.accounts.parts import Accounts, Outside
from modemd.accounts.receipts import Swept
from modemd.at import pdu
from modemd.clock import Clock
from modemd.config import Settings
from modemd.control import Control
from modemd.db import Database, connect
from modemd.gauge import Gauge
from modemd.inbox import Inbox
from modemd.jobs import Duty, Jobs
from modemd.queue import Queue, State
from modemd.queue.handover import Handover
from modemd.service import reminder
from modemd.service.allowance import Allowance
from modemd.service.background import Background
from modemd.service.ceremonies import key_directory, open_keys
from modemd.service.desks import verbs
from modemd.service.duty_book import DutyBook
from modemd.service.floor import Floor
from modemd.service.front import Front
from modemd.service.measuring import Measuring
from modemd.service.readiness import Readiness
from modemd.service.recovering import recover
from modemd.service.searching import own_search
from modemd.service.telling import tell
from modemd.service.terms import terms
from modemd.simulator import Simulator
from modemd.state_dir import control_socket
from modemd.waker import Waker
from modemd.webhooks.outbox import Outbox

SEGMENTS_PER_HOUR = 900.0
"""What one modem is expected to send in an hour, at four seconds a segment."""


class Service:
    """Every part of one daemon."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.port = settings.server.port
        self.simulator = Simulator(settings.state_dir, settings.simulate.modems) if settings.simulate.modems else None
        self.background = Background()
        self._clock = clock
        self._started_s = clock.monotonic()
        self._running = AsyncExitStack()
        self._allowance = Allowance(settings, clock)
        self._gauge = Gauge()

    async def start(self) -> None:
        """Build and start every part; if one cannot start, those before it are stopped again."""
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        log.event("service.started", version=__version__, port=self.port, modems=len(self.floor.pool.modems))

    async def stop(self) -> None:
        """Let the messages on the air finish, within the grace, then stop every part, the last started first."""
        log.event("service.stopping")
        self._readiness.stopping = True
        await self._running.aclose()
        log.event("service.stopped")

    async def status(self) -> dict[str, Any]:
        """The status document."""
        counts, now = await self.queue.counts(), self._clock.now()
        return status.document(
            counts,
            now,
            running=True,
            uptime_s=self._clock.monotonic() - self._started_s,
            sent_per_min=self._gauge.sent_per_min,
            utilisation=self._gauge.utilisation,
            modems=self.floor.pool.modems,
            limited_until=self.floor.seats.limited_until,
            alarms=[*self.accounts.alarms, *self.jobs.alarms],
        )

    async def reload(self) -> None:
        """Take the certificate anew if its files have changed."""
        await self._front.reload()

    async def _start(self) -> None:
        self._database = database = connect(self.settings.database_url, clock=self._clock)
        await database.open()
        self._on_stop(database.close)
        self._on_stop(self.background.end)  # what lasts works on the database until then
        self.queue = Queue(database, self._clock, _node(database), self.settings.queue.valid_for)
        outbox = Outbox(database, self._clock)
        await outbox.open()
        hands = await recover(self.queue, self.settings.state_dir)
        self._running.callback(hands.close)
        keys = await open_keys(self.settings, database)
        await self._build_accounts(database, keys)
        self.telling = tell(self.settings, self._clock, database, outbox, self.accounts)
        self._readiness = Readiness(
            database,
            self.settings.state_dir,
            key_directory(self.settings.state_dir),
            lambda: self.floor.pool.modems,
        )
        self._front = self._build_front()
        await self._start_sending(database, keys, hands)
        self.background.run("accounts", self.accounts.run())
        self.background.run("returns", self.floor.on_return(self.accounts.erasures.look_again))
        await self.telling.start()
        self.background.run("webhooks", self.telling.run())
        self._on_stop(self.telling.stop)
        await self._start_duties()
        self.background.run("waker", Waker(self.queue, self._clock, self._clock_was_set).run())
        self._serve_http(self._front)
        self._running.callback(self.telling.live.close)
        await self._open_desk(keys)

    async def _build_accounts(self, database: Database, keys: KeyStore) -> None:
        self.accounts = Accounts(
            database,
            keys,
            self.queue,
            terms(self.settings, self._allowance),
            count=self._allowance.count,
            plain=pdu.plain,
            capacity=self._capacity,
            clock=self._clock,
            outside=Outside(database.scrub, self._sims, self._sweep, own_search(self.settings, keys)),
        )
        self._running.callback(self.accounts.close)
        await self.accounts.start()
        vault = self.accounts.vault
        self.inbound = Inbound(
            database,
            vault,
            self.accounts.terms.numbers,
            accounts=keys.accounts,
            join=inbox.joined,
            opt_outs=self.accounts.opt_outs,
            ids=self.queue.ids,
            clock=self._clock,
        )
        self.accounts.export.inbox = self.inbound
        self.queue.open = Addressee(vault).open
        await self.queue.recall_reports()

    async def _start_sending(self, database: Database, keys: KeyStore, hands: Handover) -> None:
        if self.simulator is not None:
            await self.simulator.start()
            self._on_stop(self.simulator.stop)
        self.floor = Floor(
            self.settings,
            self._clock,
            database,
            keys=keys,
            queue=self.queue,
            sending=self.accounts.sending,
            allowance=self._allowance,
            background=self.background,
        )
        ports = [*self.settings.modems.ports, *(self.simulator.ports if self.simulator else ())]
        await self.floor.open(ports, hands, Inbox(self.queue, self.inbound))
        self._on_stop(self.floor.close)
        self._on_stop(self.floor.drain)
        await self.floor.run()

    def _capacity(self) -> float:
        """Segments the pool can send in an hour."""
        return SEGMENTS_PER_HOUR * sum(modem.may_send for modem in self.floor.pool.modems)

    def _sims(self) -> Mapping[str, str]:
        return self.floor.sims()

    async def _sweep(self, sim: str) -> Swept:
        return await self.floor.sweep(sim)

    def _build_front(self) -> Front:
        measuring = Measuring(
            self.queue,
            lambda: self.floor,
            self._gauge,
            erasures=self.accounts.erasures,
            clock=self._clock,
            backlogs=self.telling.backlogs,
        )
        front = Front(
            self.settings,
            self._clock,
            accounts=self.accounts,
            inbox=self.inbound,
            telling=self.telling,
            status=self.status,
            readiness=self._readiness,
            measuring=measuring,
        )
        self.port = front.bind()
        return front

    def _serve_http(self, front: Front) -> None:
        serving = self.background.run("http", front.run())

        async def stop() -> None:
            front.stop()
            await asyncio.gather(serving, return_exceptions=True)

        self._on_stop(stop)

    async def _open_desk(self, keys: KeyStore) -> None:
        settings = self.settings
        asked = verbs(
            self.queue,
            self.accounts,
            self.floor,
            keys,
            status=self.status,
            state_dir=settings.state_dir,
            clock=self._clock,
        )
        control = Control(control_socket(settings.state_dir), asked)
        await control.start()
        self._on_stop(control.stop)

    async def _start_duties(self) -> None:
        self.jobs = Jobs(
            [
                Duty("gauge", 1.0, self._sample),
                Duty("credit", 60.0, self.floor.credits.look),
                Duty("certificate", 5.0, self.reload),
                Duty("inbound", 600.0, self.inbound.tidy),
                Duty("early reports", 600.0, self.queue.forget_early_reports),
                Duty("webhooks", 60.0, self.telling.deliveries.tidy),
                Duty("uncertain", reminder.EVERY_S, reminder.Reminder(self.queue).remind),
                *(Duty(*duty) for duty in self.accounts.duties),
            ],
            self._clock,
            DutyBook(self._database, self._clock),
        )
        await self.jobs.start()
        self._running.callback(self.jobs.stop)

    def _clock_was_set(self) -> None:
        self.floor.dispatcher.look_again()
        self.jobs.clock_was_set()

    async def _sample(self) -> None:
        counts = await self.queue.counts()
        able = self.floor.able if counts.states[State.QUEUED] else 0
        self._gauge.sample(self._clock.monotonic(), self.floor.pool.modems, able)

    def _on_stop(self, do: Callable[[], Awaitable[None]]) -> None:
        self._running.push_async_callback(do)


def _node(database: Database) -> str:
    """An SQLite file has one daemon, whatever its machine is called today."""
    return "local" if database.engine == "sqlite" else status.node_name()
