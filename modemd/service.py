"""The daemon: builds every part, introduces them to each other, runs them, drains, stops."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from modemd import __version__, inbox, log, status
from modemd.accounts import keystore
from modemd.accounts.addressee import Addressee
from modemd.accounts.api_keys import ApiKeys
from modemd.accounts.directory import Directory
from modemd.accounts.inbound import Inbound
from modemd.accounts.keystore import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.sending import Sending
from modemd.accounts.vault import Vault
from modemd.at import dialect, pdu
from modemd.clock import Clock, SystemClock
from modemd.config import Settings
from modemd.control import Control
from modemd.db import Database, connect
from modemd.desk import Desk
from modemd.dispatcher import Dispatcher, Prepared, prepared
from modemd.errors import AlreadyRunning, DaemonError, StorageUnwritable
from modemd.gauge import Gauge
from modemd.ids import encode
from modemd.inbox import Inbox
from modemd.jobs import Duty, Jobs
from modemd.pin_memory import PinMemory
from modemd.pool import Condition, Modem, Pool
from modemd.pool import Settings as PoolSettings
from modemd.pool.pin import PinGuard
from modemd.pool.quota import Calendar, Limits
from modemd.pool.rotation import Rules
from modemd.pool.seats import Seats
from modemd.pool_desk import PoolDesk
from modemd.queue import Claims, Message, Queue, State, handover
from modemd.queue.handover import Handover
from modemd.queue.usage import Usages
from modemd.simulator import Simulator
from modemd.state_dir import control_socket, prepare
from modemd.waker import Waker
from modemd.web.api import create_app
from modemd.web.server import Listener

SWITCH_INTERVAL_S = 0.0001
"""How long a thread may keep the others waiting. At Python's 5 ms the gap between two messages had a p99 of 22 ms
while the database thread was busy, at 0.5 ms one of 5 ms; but a loop that is never idle starved the writer at 0.5 ms
for seconds, and at 0.1 ms it did not (docs/why.md)."""

_IDENTIFIED = frozenset({Condition.READY, Condition.SENDING, Condition.DRAINING})
"""Conditions of a modem that has been brought up: its SIM is known."""

RECIPIENTS = "recipients"
"""How the names of the keys begin under which SIMs with a limit remember their recipients of a month."""

Announce = Callable[["Service"], None]


async def run(settings: Settings, announce: Announce = lambda service: None) -> None:
    """Run the daemon until SIGTERM or SIGINT; raises ModemdError if it cannot start.

    ``announce`` is called when everything is up.
    """
    with _Hold(settings.state_dir):
        _prepare_process()
        service = Service(settings, SystemClock())
        await service.start()
        try:
            announce(service)
            await _asked_to_stop(service)
        finally:
            await service.stop()


async def offline_status(settings: Settings) -> dict[str, Any]:
    """The status document from the database alone, for when no daemon runs; raises StorageError."""
    clock = SystemClock()
    database = connect(settings.database_url, clock=clock)
    await database.open()
    try:
        counts = await Queue(database, clock, status.node_name()).counts()
        return status.document(counts, clock.now(), running=False)
    finally:
        await database.close()


class Service:
    """Every part of one daemon."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.port = settings.server.port
        self.simulator = Simulator(settings.state_dir, settings.simulate.modems) if settings.simulate.modems else None
        self._clock = clock
        self._started = clock.now()
        self._running = AsyncExitStack()
        self._calendar = Calendar(ZoneInfo(settings.limits.time_zone))
        self._gauge = Gauge()
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_stop(self._end_background)
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when a part that must last has failed: its name."""

    async def start(self) -> None:
        """Build and start every part; if one cannot start, those before it are stopped again."""
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        log.event("service.started", version=__version__, port=self.port, modems=len(self.pool.modems))

    async def stop(self) -> None:
        """Let the messages on the air finish, within the grace, then stop every part, the last started first."""
        log.event("service.stopping")
        await self._running.aclose()
        log.event("service.stopped")

    async def status(self) -> dict[str, Any]:
        """The status document."""
        counts, now = await self.queue.counts(), self._clock.now()
        return status.document(
            counts,
            now,
            running=True,
            uptime_s=(now - self._started) / 1_000_000,
            sent_per_min=self._gauge.sent_per_min,
            utilisation=self._gauge.utilisation,
            modems=self.pool.modems,
            limited_until=self.seats.limited_until,
        )

    async def _start(self) -> None:
        settings = self.settings
        database = connect(settings.database_url, clock=self._clock)
        await database.open()
        self._on_stop(database.close)
        self.queue = Queue(database, self._clock, _node(database))
        await self._recover()
        keys = await self._build_accounts(database)
        listener = self._bind()
        if self.simulator is not None:
            await self.simulator.start()
            self._on_stop(self.simulator.stop)
        await self._start_sending(database, keys)
        self._serve_http(listener)
        await self._open_desk()
        self._start_duties()

    async def _recover(self) -> None:
        """What a daemon before us left in the middle; and begin what we shall leave to the next."""
        path, boot = self.settings.state_dir / "handover", handover.this_boot()
        uncertain = await self.queue.recover(handover.read(path, boot))
        if uncertain:
            log.event("queue.recovered", level="WARNING", uncertain=uncertain)
        try:
            self._handover = Handover(path, boot)
        except OSError as error:
            raise StorageUnwritable(f"{path} cannot be written ({error.strerror})", cure="check its owner") from None
        self._running.callback(self._handover.close)
        for handed in self.queue.handed:  # still unanswered, should this daemon end before it has heard more
            self._handover.note(handed.sim, handed.message, handed.part)

    async def _build_accounts(self, database: Database) -> KeyStore:
        settings, ids = self.settings, self.queue.ids
        fresh = await database.read(lambda db: db.execute("SELECT 1 FROM account LIMIT 1").fetchone() is None)
        keys = await asyncio.to_thread(keystore.open_or_create, key_directory(settings.state_dir), fresh=fresh)
        vault = self._vault = Vault(keys)
        numbers = Numbers(settings.numbers.region, settings.numbers.short_codes)
        self.directory = Directory(database, keys, vault, numbers, ids=ids, clock=self._clock)
        self.keys = ApiKeys(database, vault, ids, self._clock)
        self.sending = Sending(self.queue, vault, numbers, count=lambda text: pdu.count(text).parts, clock=self._clock)
        self._running.callback(self.sending.close)
        await self.directory.ensure_operator()
        self.inbound = Inbound(
            database, vault, numbers, accounts=keys.accounts, join=inbox.joined, ids=ids, clock=self._clock
        )
        self.queue.open = Addressee(vault).open
        await self.queue.recall_reports()
        return keys

    async def _start_sending(self, database: Database, keys: KeyStore) -> None:
        turns, weights = await self.queue.turns(), self.settings.limits.weights
        pins = PinMemory(database, keys.secret("pin memory"))
        self.seats = self._build_seats(database, keys)
        await self.seats.open()
        self.dispatcher = Dispatcher(
            self.queue,
            self._clock,
            turns,
            self._handover,
            self.seats,
            lambda on_stock: Claims(
                database, self._clock, turns, self._prepare, on_stock, lambda account: weights.get(account, 1)
            ),
        )
        self.queue.on_work = self.dispatcher.claims.wake
        self.queue.on_gone = self.dispatcher.claims.drop
        self._on_stop(self.dispatcher.stop)
        self.pool = Pool(
            [*self.settings.modems.ports, *(self.simulator.ports if self.simulator else ())],
            self.dispatcher.serve,
            clock=self._clock,
            settings=PoolSettings(dialects=dialect.load(), pins=PinGuard(self._pin_of, pins)),
            on_late_answer=self._late_answer,
            on_pdu=Inbox(self.queue, self.inbound).take,
        )
        self._on_stop(self._drain)
        self._background("pool", self.pool.run())
        self._background("waker", Waker(self.queue, self._clock).run())
        for key in await self.queue.waiting():
            self.dispatcher.claims.wake(key)

    def _build_seats(self, database: Database, keys: KeyStore) -> Seats:
        settings = self.settings
        sim = settings.sim

        def secret(iccid: str, month: int) -> bytes:
            keys.drop_secrets(RECIPIENTS, but=f"{RECIPIENTS} {month} ")
            return keys.secret(f"{RECIPIENTS} {month} {iccid}")

        return Seats(
            Usages(database, self._clock),
            self._clock,
            self._calendar,
            Rules(sim.bound, sim.home, sim.weights, settings.pool.sticky_sim),
            lambda iccid: Limits(**settings.limits.of_sim(sim.card(iccid))),
            secret,
        )

    def _prepare(self, message: Message) -> Prepared:
        """In a worker thread: open a message and encode it for the air."""
        sms = self.sending.open(message)
        tag = self._vault.tag(message.account, "sticky sim", sms.to) if self.seats.rules.sticky else b""
        return prepared(message, sms.to, pdu.segments(sms, reference=message.reference), tag)

    def _pin_of(self, iccid: str | None) -> str | None:
        pin = self.settings.sim.pin_of(iccid)
        return pin.get_secret_value() if pin is not None else None

    def _late_answer(self, modem: Modem, reference: int) -> None:
        log.event("modem.late_answer", modem=modem.name, reference=reference)
        self._background("late answer", self._settle_late(modem, self._clock.now(), reference), lasting=False)

    async def _settle_late(self, modem: Modem, heard: int, reference: int) -> None:
        """An answer is heard before the first command, when it is not known yet which SIM is in the modem."""
        await self.pool.until(lambda _: modem.condition in _IDENTIFIED)
        found = await self.queue.late_answer(modem.sim, heard, reference)
        log.event("modem.late_answer_settled", modem=modem.name, message=encode("m", found.id) if found else None)

    async def _drain(self) -> None:
        self.dispatcher.drain()
        await self.pool.stop(self.settings.queue.stop_grace)

    def _bind(self) -> Listener:
        settings = self.settings
        app = create_app(sending=self.sending, keys=self.keys, status=self.status, ready=self._ready, clock=self._clock)
        listener = Listener(
            app,
            settings.server.host,
            settings.server.port,
            certificate=settings.tls.certificate,
            key=settings.tls.key,
        )
        self.port = listener.bind()
        return listener

    def _serve_http(self, listener: Listener) -> None:
        serving = self._background("http", listener.run())

        async def stop() -> None:
            listener.stop()
            await asyncio.gather(serving, return_exceptions=True)

        self._on_stop(stop)

    async def _ready(self) -> str | None:
        return None

    async def _open_desk(self) -> None:
        desk = Desk(
            queue=self.queue,
            sending=self.sending,
            directory=self.directory,
            keys=self.keys,
            status=self.status,
            clock=self._clock,
        )
        control = Control(
            control_socket(self.settings.state_dir),
            {**desk.verbs, **PoolDesk(self.pool, self.seats.limited_until).verbs},
        )
        await control.start()
        self._on_stop(control.stop)

    def _start_duties(self) -> None:
        jobs = Jobs(
            [
                Duty("gauge", 1.0, self._sample),
                Duty("inbound", 600.0, self.inbound.tidy),
                Duty("early reports", 600.0, self.queue.forget_early_reports),
            ]
        )
        jobs.start()
        self._running.callback(jobs.stop)

    async def _sample(self) -> None:
        counts, modems = await self.queue.counts(), self.pool.modems
        able = sum(modem.may_send and self.seats.limited_until(modem.sim) is None for modem in modems)
        self._gauge.sample(self._clock.monotonic(), modems, able if counts.states[State.QUEUED] else 0)

    def _on_stop(self, do: Callable[[], Awaitable[None]]) -> None:
        self._running.push_async_callback(do)

    def _background(self, name: str, work: Coroutine[Any, Any, None], *, lasting: bool = True) -> asyncio.Task[None]:
        """Run beside everything else; if a lasting part ends by an error, so does the daemon, and says of what."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.failed("service.part_failed", error, part=name)
                if lasting and not self.failed.done():
                    self.failed.set_result(name)

        task.add_done_callback(ended)
        return task

    async def _end_background(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Hold:
    """The state directory, held for one daemon by a lock that dies with it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = prepare(state_dir)

    def __enter__(self) -> None:
        self._descriptor = os.open(self._state_dir / "daemon.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"another modemd runs on {self._state_dir}", cure="stop it, or name another with --state-dir"
            ) from None

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def key_directory(state_dir: Path) -> Path:
    """Where the key store lies: beside the state directory, so that no copy of the one takes the other along."""
    return state_dir.parent / f"{state_dir.name}.keys"


def _node(database: Database) -> str:
    """An SQLite file has one daemon, whatever its machine is called today."""
    return "local" if database.engine == "sqlite" else status.node_name()


def _prepare_process() -> None:
    """Threads take turns quickly, and there are descriptors for hundreds of ports."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.get_running_loop().set_exception_handler(log.loop_error)


async def _asked_to_stop(service: Service) -> None:
    """Return when a signal asks for it, or a part that must last has failed."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[None] = loop.create_future()

    def ask() -> None:
        if not asked.done():
            asked.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    await asyncio.wait((asked, service.failed), return_when=asyncio.FIRST_COMPLETED)
    if service.failed.done():
        raise DaemonError(f"the part {service.failed.result()} failed", cure="see the log", code="part_failed")
