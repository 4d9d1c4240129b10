"""What is done with a modem between two messages, and only then: fetching what came in, upkeep, USSD, questions.

An errand asks the dispatcher for the modem; the dispatcher gives it back after the message in hand; the errands run;
the modem is lent again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from modemd import log
from modemd.at import commands, grammar
from modemd.at.events import Unsolicited
from modemd.at.link import Link
from modemd.clock import Clock
from modemd.errors import CommandFailed, Conflict, ModemdError, ModemLost
from modemd.pool.inbound import Inbound, Take
from modemd.pool.modem import Modem
from modemd.pool.network import Network
from modemd.pool.ussd import ANSWER_S, Reply, Session, Style

T = TypeVar("T")
Errand = Callable[[Link], Awaitable[None]]


class Errands:
    """One modem's errands; ``wanted`` is called when there is one to run."""

    def __init__(
        self, modem: Modem, take: Take, wanted: Callable[[], None], clock: Clock, *, idle_s: float, busy_s: float
    ) -> None:
        self._modem = modem
        self._wanted = wanted
        self._clock = clock
        self._idle_s = idle_s
        self._busy_s = busy_s
        self._inbound = Inbound(modem, take, wanted)
        self._queue: deque[Errand] = deque()
        self._failing: set[asyncio.Future[Any]] = set()
        self._session: Session | None = None
        self._network: Network | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kept_up_at = 0.0
        self._sent_before = 0

    @property
    def waiting(self) -> bool:
        """Whether there is something to do."""
        return bool(self._queue) or self._inbound.waiting

    def hear(self, event: Unsolicited) -> bool:
        """Take what concerns an errand of what the modem says unasked; whether it did."""
        return (self._session is not None and self._session.hear(event.text)) or self._inbound.hear(event)

    def empty_storage(self) -> None:
        """Read and empty the message storage at the next opportunity."""
        self._inbound.look_at_all()

    def begin(self, link: Link, network: Network) -> None:
        """The modem has been brought up on this link."""
        self._network = network
        self._kept_up_at = self._clock.monotonic()
        self._inbound.begin()
        self._arm(link)

    def end(self) -> None:
        """The link is no more; what waits for an answer gets an error."""
        self._inbound.end()
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        for answer in self._failing:
            if not answer.done():
                answer.set_exception(Conflict("the modem was lost meanwhile", cure="try again when it is ready"))

    async def close(self) -> None:
        """Offer nothing any more."""
        self.end()
        await self._inbound.close()

    async def run(self, link: Link) -> None:
        """Do what there is to do; raises what the link was lost by."""
        while self.waiting and link.failure is None:
            if self._inbound.waiting:
                await self._inbound.fetch(link)
            else:
                await self._queue.popleft()(link)

    async def answer(self, question: Callable[[Link], Awaitable[T]]) -> T:
        """Run an errand that has a result; raises what it raises, or Conflict where the modem is lost."""
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def errand(link: Link) -> None:
            try:
                value = await question(link)
            except ModemdError as error:
                if not result.done():
                    result.set_exception(error)
                if link.failure is not None:
                    raise
            else:
                if not result.done():
                    result.set_result(value)

        self._failing.add(result)
        try:
            self._queue.append(errand)
            self._wanted()
            return await result
        finally:
            self._failing.discard(result)

    async def sweep(self) -> bool:
        """Overwrite what deleted messages have left in the storages; False if one does not let itself be written to."""
        return await self.answer(self._inbound.sweep)

    async def ussd(self, code: str, at_most_s: float = ANSWER_S) -> Reply:
        """Ask the network by USSD."""

        async def question(link: Link) -> Reply:
            self._session = Session(link, Style(link.dialect.ussd))
            try:
                return await self._session.ask(code, at_most_s)
            finally:
                self._session = None

        return await self.answer(question)

    def _arm(self, link: Link) -> None:
        self._sent_before = self._modem.sent
        self._timer = link.loop.call_later(self._idle_s, self._upkeep_due, link)

    def _upkeep_due(self, link: Link) -> None:
        """An idle modem is asked how it is; a busy one shows it, and is asked less often: all but whether it is in PDU
        mode, where that is not said with every message."""
        busy = self._modem.sent > self._sent_before and link.one_line
        if not busy or self._clock.monotonic() - self._kept_up_at >= self._busy_s:
            self._queue.append(self._upkeep)
            self._wanted()
        self._arm(link)

    async def _upkeep(self, link: Link) -> None:
        self._kept_up_at = self._clock.monotonic()
        if not link.one_line:
            await self._check_mode(link)
        if self._network is not None:
            await self._network.ask()
            await self._network.signal()
        self._inbound.look_at_all()

    async def _check_mode(self, link: Link) -> None:
        """A modem that somebody, or a restart that nothing told, has put in text mode takes the length of a PDU for a
        number and sends the PDU as text."""
        try:
            answer = await link.ask(commands.MODE)
        except CommandFailed:
            return
        if answer and grammar.after("+CMGF:", answer[0]) != "0":
            log.event("modem.text_mode", level="ERROR", modem=self._modem.name, since_s=self._idle_s)
            cure = "keep other programs off it; what it sent since the last look may have gone out as gibberish"
            raise ModemLost("something has switched it to text mode", cure=cure, code="text_mode")
