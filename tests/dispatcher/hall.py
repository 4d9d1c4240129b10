"""Queue, claims, seats, dispatcher and waker as the daemon has them, on a database file and a clock of the test's own.

Only the modems are told what to answer: what a modem is and does is another folder's matter (tests/pool, tests/at).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from modemd.clock import ManualClock
from modemd.db import Database, connect
from modemd.dispatcher import Dispatcher, Prepared, prepared
from modemd.pool.quota import Calendar, Limits
from modemd.pool.rotation import Rules
from modemd.pool.seats import Seats
from modemd.queue import Claims, Draft, Envelope, Message, Queue, State
from modemd.queue.handover import Handover
from modemd.queue.usage import Usages
from modemd.values import Lane, Outcome, Segment, Verdict
from modemd.waker import Waker

ACCEPTED = Outcome(Verdict.ACCEPTED, reference=1)
LOOK_S = 0.01
"""How often the waker looks at the clock, so that no test waits for that."""

Answer = Callable[[str], Outcome]
"""What becomes of a segment to a recipient."""


def accepted(_to: str) -> Outcome:
    return ACCEPTED


@dataclass(eq=False)
class Modem:
    """A modem that is ready and answers as it is told; ``sent`` has whom it was given, in order."""

    name: str
    answer: Answer
    air: asyncio.Event
    """While it is not set, nobody is answered."""
    doubts: int = 0
    sent: list[str] = field(default_factory=list)
    on_sent: Callable[[str], None] = lambda to: None

    def __post_init__(self) -> None:
        self.port = f"/dev/{self.name}"
        self.sim = f"sim of {self.name}"
        self._stopped = asyncio.Event()

    @property
    def may_send(self) -> bool:
        return not self._stopped.is_set()

    def start_sms(self, segment: Segment) -> Exchange:
        return Exchange(self, segment.pdu)

    def followed_on(self) -> None:
        """Nothing here measures gaps."""

    async def stopped(self) -> None:
        await self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


@dataclass
class Exchange:
    """One AT+CMGS."""

    modem: Modem
    to: str

    async def prompt(self) -> None:
        """At once."""

    async def submit(self) -> Outcome:
        await self.modem.air.wait()
        outcome = self.modem.answer(self.to)
        self.modem.sent.append(self.to)
        self.modem.on_sent(self.to)
        return outcome

    async def abandon(self) -> None:
        """At once."""


class Ticking(Queue):
    """A queue that counts how often the clock's work was done."""

    def __init__(self, database: Database, clock: ManualClock, news: asyncio.Event) -> None:
        super().__init__(database, clock, "here")
        self.ticks = 0
        self._news = news

    async def tick(self, since: int) -> tuple[int, int | None]:
        done = await super().tick(since)
        self.ticks += 1
        self._news.set()
        return done


class Hall:
    """Everything from accepted to sent; recipients are words that tell messages apart."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.limits: Mapping[str, Limits] = {}
        self.rules = Rules()
        self.modems: list[Modem] = []
        self.air = asyncio.Event()
        self.air.set()
        self._folder = folder
        self._serving: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self.sent: list[str] = []
        """Whom all modems were given, in order."""
        self._prepared: set[tuple[str, int]] = set()
        self._in_hand: set[tuple[str, int]] = set()

    async def open(self) -> None:
        self._database: Database = connect(f"sqlite:///{self._folder / 'modemd.db'}", clock=self.clock)
        await self._database.open()
        self._handover = Handover(self._folder / "handover", "boot")
        self.queue = Ticking(self._database, self.clock, self._news)
        turns = await self.queue.turns()
        self.seats = Seats(
            Usages(self._database, self.clock),
            self.clock,
            Calendar(ZoneInfo("UTC")),
            self.rules,
            lambda sim: self.limits.get(sim, Limits()),
            lambda _sim, _month: b"key",
        )
        self.dispatcher = Dispatcher(
            self.queue,
            self.clock,
            turns,
            self._handover,
            self.seats,
            lambda on_stock: Claims(self._database, self.clock, turns, self._prepare, self._told(on_stock)),
        )
        claims = self.dispatcher.claims
        self.queue.on_work, self.queue.on_again, self.queue.on_gone = claims.wake, claims.again, claims.drop
        waker = Waker(self.queue, self.clock, self.dispatcher.look_again, LOOK_S)
        for key in await self.queue.waiting():
            claims.wake(key)
        self._waking = asyncio.create_task(waker.run())

    async def close(self) -> None:
        await self.stop_modems()
        self._waking.cancel()
        await asyncio.gather(self._waking, return_exceptions=True)
        await self.dispatcher.stop()
        self._handover.close()
        await self._database.close()

    async def stop_modems(self) -> None:
        """Wait for what is on the air; nothing more goes."""
        self.air.set()
        for modem in self.modems:
            modem.stop()
        await asyncio.gather(*self._serving)
        self._serving.clear()
        self.modems.clear()

    def modem(self, answer: Answer = accepted) -> Modem:
        """One more modem, ready from now on."""
        modem = Modem(f"modem{len(self.modems)}", answer, self.air)
        modem.on_sent = self._note
        self.modems.append(modem)
        self._serving.append(asyncio.create_task(self.dispatcher.serve(modem)))
        return modem

    async def submit(self, *to: str, lane: Lane = Lane.TRANSACTIONAL, **changes: Any) -> list[int]:
        """Messages of one call, by account 1 unless the changes say otherwise; their ids."""
        usual: dict[str, Any] = {"account": 1, "lane": lane, "due": self.clock.now(), "expires": None}
        ids = self.queue.ids.many(len(to))
        rows = [Draft(number, each.encode(), 1, b"key") for number, each in zip(ids, to, strict=True)]
        await self.queue.submit(Envelope(**(usual | changes)), rows)
        return list(ids)

    async def looked(self) -> None:
        """Return when the waker has looked at the clock and done what is due by it, whether it would have or not."""
        for _ in range(2):  # the first may have begun before this
            await self._ticked(self.queue.ticks)

    async def _ticked(self, before: int) -> None:
        self.queue.on_later(self.clock.now())
        await self.until(lambda: self.queue.ticks > before)

    async def stocked(self, to: str, attempts: int = 0) -> None:
        """Wait until the message to this recipient lies in hand after so many attempts, or has."""
        await self.until(lambda: (to, attempts) in self._in_hand)

    async def stocked_again(self) -> None:
        """Wait until something that was attempted before lies in hand, or has."""
        await self.until(lambda: any(attempts for _, attempts in self._in_hand))

    async def sends(self, *to: str, count: int = 0) -> None:
        """Wait until so many messages in all, and those to these recipients, have been sent."""
        await self.until(lambda: len(self.sent) >= count and set(to) <= set(self.sent))

    async def until(self, what: Callable[[], bool]) -> None:
        """Return when it is true; asked after each message and each that comes into hand."""
        async with asyncio.timeout(10):
            while not what():
                self._news.clear()
                await self._news.wait()

    async def becomes(self, number: int, state: State, refusals: int = 0) -> Message:
        """Wait until a message is in a state and was refused so often."""
        with self.queue.watch() as watch:
            async with asyncio.timeout(10):
                while True:
                    found = await self.queue.message(number)
                    if found is not None and found.state is state and found.refusals == refusals:
                        return found
                    await watch.change()

    def _told(self, on_stock: Callable[[], None]) -> Callable[[], None]:
        def stocked() -> None:
            self._in_hand |= self._prepared
            on_stock()
            self._news.set()

        return stocked

    def _note(self, to: str) -> None:
        self.sent.append(to)
        self._news.set()

    def _prepare(self, message: Message) -> Prepared:
        to = message.body.decode()
        self._prepared.add((to, message.attempts))
        return prepared(message, to, [Segment(to, 10)])
