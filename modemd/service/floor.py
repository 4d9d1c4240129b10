"""The sending floor: pool, seats and dispatcher, built from the configuration and brought together with the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from modemd import log
from modemd.accounts.keystore import KeyStore
from modemd.accounts.receipts import Swept
from modemd.accounts.sending import Sending
from modemd.accounts.vault import Vault
from modemd.at import dialect, pdu
from modemd.clock import SECOND, Clock
from modemd.config import Settings
from modemd.db import Database
from modemd.dispatcher import Dispatcher, Prepared, prepared
from modemd.errors import AtError, Conflict, ModemdError, NotFound
from modemd.ids import encode
from modemd.inbox import Inbox
from modemd.pin_memory import PinMemory
from modemd.pool import Condition, Modem, Pool
from modemd.pool import Settings as PoolSettings
from modemd.pool.credit import Credits, Question
from modemd.pool.pin import PinGuard
from modemd.pool.rotation import Rules, Wish
from modemd.pool.seats import Seats
from modemd.queue import Claims, Message, Queue
from modemd.queue.handover import Handover
from modemd.queue.usage import Usages
from modemd.service.allowance import Allowance
from modemd.service.background import Background
from modemd.service.holdup import Place, holdup
from modemd.values import Outcome

_IDENTIFIED = frozenset({Condition.READY, Condition.SENDING, Condition.DRAINING})
"""Conditions of a modem that has been brought up: its SIM is known."""

LATE_ANSWER_S = 5.0
"""Seconds after a Ctrl-Z for which the next daemon awaits its answer in silence: most sends take less. A port that was
closed may have dropped the answer, so longer would idle in vain; what comes later is heard among other answers."""

RECIPIENTS = "recipients"
"""How the names of the keys begin under which SIMs with a limit remember their recipients of a month."""


class Floor:
    """Where messages leave: every modem, and who gives it the next message."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        *,
        keys: KeyStore,
        queue: Queue,
        sending: Sending,
        allowance: Allowance,
        background: Background,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._keys = keys
        self._vault = Vault(keys)
        self._queue = queue
        self._sending = sending
        self._allowance = allowance
        self._background = background

    async def open(self, ports: Sequence[str], handover: Handover, inbox: Inbox) -> None:
        """Build everything; nothing is sent before `run`."""
        self.seats = self._build_seats()
        await self.seats.open()
        self.dispatcher = await self._build_dispatcher(handover)
        self._queue.on_work = self.dispatcher.claims.wake
        self._queue.on_again = self.dispatcher.claims.again
        self._queue.on_gone = self.dispatcher.claims.drop
        self._queue.on_forgotten = self.dispatcher.claims.forget
        pins = PinGuard(self._pin_of, PinMemory(self._database, self._keys.secret("pin memory")))
        self.pool = Pool(
            ports,
            self.dispatcher.serve,
            clock=self._clock,
            settings=self._pool_settings(pins, handover),
            discover=self._settings.discovers,
            on_late_answer=self._late_answer,
            on_pdu=inbox.take,
        )

        self.credits = Credits(self.pool, self._credit_of, self._clock, Usages(self._database, self._clock))
        await self.credits.open()

    async def run(self) -> None:
        """Take the modems in hand, and hand out what waits already."""
        self._background.run("pool", self.pool.run())
        for key in await self._queue.waiting():
            self.dispatcher.claims.wake(key)

    async def drain(self) -> None:
        """Hand out nothing more, and let the messages on the air finish within the grace."""
        self.dispatcher.drain()
        await self.pool.stop(self._settings.queue.stop_grace)

    async def close(self) -> None:
        """After the drain: write down what is not yet."""
        await self.dispatcher.stop()

    @property
    def able(self) -> int:
        """Modems that could send now."""
        return sum(modem.may_send and self.seats.limited_until(modem.sim) is None for modem in self.pool.modems)

    async def holdup(self, message: Message) -> str:
        """Why a message that could go does not."""
        try:
            number = (await asyncio.to_thread(self._queue.open, message)).to
        except ModemdError as error:
            return f"It cannot be opened, and fails when its turn comes: {error.detail}."
        wish, now = prepared(message, number, [], self._tag(message, number)).wish, self._clock.now()
        places = [self._place(modem, wish, now) for modem in self.pool.modems]
        return holdup(wish, places, self.seats.rules, self.seats.keeper(wish, now))

    def _place(self, modem: Modem, wish: Wish, now: int) -> Place:
        limits, until, new = self.seats.room(modem.sim, wish, now)
        return Place(
            modem.name,
            modem.sim,
            modem.condition.value,
            modem.reason,
            ready=modem.may_send,
            busy=modem.condition is Condition.SENDING,
            longest=limits.longest,
            until=until,
            new=new,
        )

    def sims(self) -> dict[str, str]:
        """The SIMs of all modems that have ever answered, each with the name of its modem."""
        return {modem.sim: modem.name for modem in self.pool.modems if modem.known}

    async def on_return(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` whenever a SIM is in reach that was not, until cancelled."""
        seen: set[str] = set()

        def changed(modems: Sequence[Modem]) -> bool:
            return _reached(modems) != seen

        while True:
            await self.pool.until(changed)
            before, seen = seen, _reached(self.pool.modems)
            if seen - before:
                tell()

    async def sweep(self, sim: str) -> Swept:
        """Overwrite what deleted messages have left on a SIM and in its modem."""
        try:
            return Swept.DONE if await self.pool.sweep(self.sims().get(sim, "")) else Swept.REFUSED
        except (AtError, Conflict, NotFound) as error:
            log.failed("modem.not_swept", error, level="INFO")
            return Swept.AWAY

    def _pool_settings(self, pins: PinGuard, handover: Handover) -> PoolSettings:
        settings = self._settings

        def owed_s(port: str) -> float:
            handed_at = handover.owes(port)
            return 0.0 if handed_at is None else max(0.0, LATE_ANSWER_S - (self._clock.now() - handed_at) / SECOND)

        return PoolSettings(
            dialects=dialect.load(settings.modems.dialects),
            pins=pins,
            baud=settings.modems.baud,
            roaming=settings.modems.roaming,
            traced=frozenset(settings.modems.traced),
            root=settings.modems.root,
            owed_s=owed_s,
        )

    async def _build_dispatcher(self, handover: Handover) -> Dispatcher:
        turns, weights = await self._queue.turns(), self._settings.limits.weights
        return Dispatcher(
            self._queue,
            self._clock,
            turns,
            handover,
            self.seats,
            lambda on_stock: Claims(
                self._database, self._clock, turns, self._prepare, on_stock, lambda account: weights.get(account, 1)
            ),
        )

    def _build_seats(self) -> Seats:
        sim = self._settings.sim

        def secret(iccid: str, month: int) -> bytes:
            self._keys.drop_secrets(RECIPIENTS, but=f"{RECIPIENTS} {month} ")
            return self._keys.secret(f"{RECIPIENTS} {month} {iccid}")

        return Seats(
            Usages(self._database, self._clock),
            self._clock,
            self._allowance.calendar,
            Rules(sim.bound, sim.home, sim.weights, self._settings.pool.sticky_sim),
            self._allowance.of_sim,
            secret,
        )

    def _prepare(self, message: Message) -> Prepared:
        """In a worker thread: open a message and encode it for the air."""
        sms = self._sending.open(message)
        segments = pdu.segments(sms, reference=message.reference)
        return prepared(message, sms.to, segments, self._tag(message, sms.to))

    def _tag(self, message: Message, number: str) -> bytes:
        """A keyed tag of the recipient, where SIMs are sticky."""
        return self._vault.tag(message.account, "sticky sim", number) if self.seats.rules.sticky else b""

    def _credit_of(self, sim: str) -> Question | None:
        asked = self._settings.sim.credit_of(sim)
        return None if asked is None else Question(*asked)

    def _pin_of(self, iccid: str | None) -> str | None:
        pin = self._settings.sim.pin_of(iccid)
        return pin.get_secret_value() if pin is not None else None

    def _late_answer(self, modem: Modem, outcome: Outcome) -> None:
        log.event("modem.late_answer", modem=modem.name, verdict=outcome.verdict.value, code=outcome.code)
        self._background.run("late answer", self._settle_late(modem, self._clock.now(), outcome), lasting=False)

    async def _settle_late(self, modem: Modem, heard: int, outcome: Outcome) -> None:
        """An answer is heard before the first command, when it is not known yet which SIM is in the modem."""
        await self.pool.until(lambda _: modem.condition in _IDENTIFIED)
        found = await self._queue.late_answer(modem.sim, heard, outcome)
        log.event("modem.late_answer_settled", modem=modem.name, message=encode("m", found.id) if found else None)


def _reached(modems: Sequence[Modem]) -> set[str]:
    return {modem.sim for modem in modems if modem.condition in _IDENTIFIED}
