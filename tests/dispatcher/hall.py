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
"""How often the waker looks whether the clock was set, so that no test waits for that."""

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
    on_sent: Callable[[], None] = lambda: None

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
        self.modem.on_sent()
        return outcome

    async def abandon(self) -> None:
        """At once."""


class Hall:
    """Everything from accepted to sent; recipients are words that tell messages apart."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.limits: Mapping[str, Limits] = {}
        self.rules = Rules()
        self.modems: list[Modem] = []
        self.air = asyncio.Event()
        self.air.set()
        self._database: Database = connect(f"sqlite:///{folder / 'modemd.db'}", clock=self.clock)
        self._handover = Handover(folder / "handover", "boot")
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._prepared: set[str] = set()
        self._in_hand: set[str] = set()

    async def open(self) -> None:
        await self._database.open()
        self.queue = Queue(self._database, self.clock, "here")
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
        self.queue.on_work, self.queue.on_gone = claims.wake, claims.drop
        waker = Waker(self.queue, self.clock)
        self._tasks.append(asyncio.create_task(waker.run()))

    async def close(self) -> None:
        self.air.set()
        self.dispatcher.drain()
        for modem in self.modems:
            modem.stop()
        await asyncio.gather(*self._tasks[1:])
        self._tasks[0].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.dispatcher.stop()
        self._handover.close()
        await self._database.close()

    def modem(self, answer: Answer = accepted) -> Modem:
        """One more modem, ready from now on."""
        modem = Modem(f"modem{len(self.modems)}", answer, self.air)
        modem.on_sent = self._news.set
        self.modems.append(modem)
        self._tasks.append(asyncio.create_task(self.dispatcher.serve(modem)))
        return modem

    async def submit(self, *to: str, lane: Lane = Lane.TRANSACTIONAL, **changes: Any) -> list[int]:
        """Messages of one call, by account 1 unless the changes say otherwise; their ids."""
        usual: dict[str, Any] = {"account": 1, "lane": lane, "due": self.clock.now(), "expires": None}
        ids = self.queue.ids.many(len(to))
        rows = [Draft(number, each.encode(), 1, b"key") for number, each in zip(ids, to, strict=True)]
        await self.queue.submit(Envelope(**(usual | changes)), rows)
        return list(ids)

    @property
    def sent(self) -> list[str]:
        """Whom all modems were given, of several modems in no order."""
        return [to for modem in self.modems for to in modem.sent]

    async def stocked(self, to: str) -> None:
        """Wait until the message to this recipient lies in hand, or has."""
        await self.until(lambda: to in self._in_hand)

    async def sends(self, *to: str, count: int = 0) -> None:
        """Wait until so many messages in all, and those to these recipients, have been sent."""
        await self.until(lambda: len(self.sent) >= count and set(to) <= set(self.sent))

    async def until(self, what: Callable[[], bool]) -> None:
        """Return when it is true; asked after each message and each that comes into hand."""
        async with asyncio.timeout(10):
            while not what():
                self._news.clear()
                await self._news.wait()

    async def becomes(self, number: int, state: State) -> Message:
        """Wait until a message is in a state."""
        with self.queue.watch() as watch:
            async with asyncio.timeout(10):
                while (found := await self.queue.message(number)) is None or found.state is not state:
                    await watch.change()
        return found

    def _told(self, on_stock: Callable[[], None]) -> Callable[[], None]:
        def stocked() -> None:
            self._in_hand |= self._prepared
            on_stock()
            self._news.set()

        return stocked

    def _prepare(self, message: Message) -> Prepared:
        to = message.body.decode()
        self._prepared.add(to)
        return prepared(message, to, [Segment(to, 10)])
