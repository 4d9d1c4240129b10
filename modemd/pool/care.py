"""Looks after one port: open it, bring the modem up, lend it to the dispatcher, and again when that ends.

Each port has a task of its own here, so that a modem that hangs delays nobody. Nothing in this file waits for another
port.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from modemd import log
from modemd.at import grammar
from modemd.at.dialect import Dialects
from modemd.at.events import Unsolicited
from modemd.at.link import Link
from modemd.at.serial import DEFAULT_BAUD, Port, open_port
from modemd.at.state import State
from modemd.at.trace import Traced
from modemd.errors import AtError, ModemdError, ModemLost, PortLost, PortUnusable
from modemd.pool import registration
from modemd.pool.bringup import BringUp, Step
from modemd.pool.modem import Condition, Modem
from modemd.pool.pin import PinGuard

Serve = Callable[[Modem], Awaitable[None]]
LateAnswer = Callable[[Modem, int], None]


@dataclass(frozen=True)
class Settings:
    """What is the same for every port of a pool."""

    dialects: Dialects
    pins: PinGuard
    baud: int = DEFAULT_BAUD
    traced: bool = False
    """Log the exchange at debug level, masked."""
    listen_s: Callable[[str], float] = field(default=lambda _port: 0.3)
    """Silence on a port before its first command: longer where an answer to our predecessor's Ctrl-Z may come."""
    listen_at_most_s: float = 3.0
    look_every_s: float = 0.5
    """How often a missing port is looked for; a pty makes no udev event."""
    retry_s: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
    """Waits after the first, second … failure in a row."""


class Care:
    """The life of one port."""

    def __init__(
        self, modem: Modem, serve: Serve, settings: Settings, *, changed: Callable[[], None], late: LateAnswer
    ) -> None:
        self.modem = modem
        self._serve = serve
        self._settings = settings
        self._changed = changed
        self._late = late
        self._stopping = False
        self._draining = False
        self._lent = False
        self._failures = 0
        self._sent_before = 0
        self._poke = asyncio.Event()
        modem.on_orphan = lambda reference: late(modem, reference)

    async def run(self) -> None:
        """Until ``stop``: never raises for what a port or a modem does."""
        while not self._stopping:
            port = await self._opened()
            if port is None:
                return
            try:
                await self._use(port)
            finally:
                await port.close()

    def stop(self) -> None:
        """Let the dispatcher give the modem back after the message in hand, then end."""
        self._stopping = True
        self.modem.call_back()
        self._poke.set()
        if not self._lent:
            self.cut()

    def cut(self) -> None:
        """Wait no longer: what is unanswered is uncertain."""
        if self.modem.link is not None:
            self.modem.link.close("stopped")

    def drain(self) -> None:
        """Give it no further message."""
        self._draining = True
        self.modem.call_back()
        self._poke.set()

    def resume(self) -> None:
        """Use it again, also one that is quarantined: somebody has seen to it."""
        self._draining = False
        self._failures = 0
        self._poke.set()

    async def _opened(self) -> Port | None:
        while not self._stopping:
            try:
                port = await open_port(self.modem.port, self._settings.baud)
            except PortUnusable as reason:
                self._becomes(Condition.ABSENT, str(reason))
                await self._rest(self._settings.look_every_s)
                continue
            return Traced(port, self.modem.name) if self._settings.traced else port
        return None

    async def _use(self, port: Port) -> None:
        """Lay links over an open port until the port is gone or the modem has to rest."""
        while not self._stopping:
            link = Link(port, self._hear)
            self.modem.laid(link)
            try:
                await self._bring_up(link)
                await self._lend(link)
            except ModemdError as failure:
                if self._stopping:
                    return
                if not await self._recover(failure):
                    return
            finally:
                link.close()
                self.modem.link = None

    async def _bring_up(self, link: Link) -> None:
        def before(step: Step) -> None:
            self._becomes(Condition.STARTING, f"bring-up: {step}")

        self._steps = BringUp(
            self.modem,
            link,
            dialects=self._settings.dialects,
            pins=self._settings.pins,
            listen_s=self._settings.listen_s(self.modem.port),
            listen_at_most_s=self._settings.listen_at_most_s,
        )
        await self._steps.run(before)
        log.event("modem.ready", modem=self.modem.name, maker=self.modem.maker, model=self.modem.model)

    async def _lend(self, link: Link) -> None:
        """Give it to the dispatcher as long as nothing is against it."""
        while not self._stopping:
            if self._draining:
                self._becomes(Condition.DRAINING)
                await self._pause(link)
            elif not self.modem.registration.good:
                self._becomes(Condition.STARTING, f"not registered ({self.modem.registration})")
                await self._steps.rejoin()
            else:
                await self._lend_once(link)
            if link.failure is not None:
                raise link.failure

    async def _lend_once(self, link: Link) -> None:
        self._lent = True
        self.modem.lend()
        self._becomes(Condition.READY)
        try:
            await self._serve(self.modem)
        finally:
            self.modem.call_back()
            self._lent = False
        await self._left_idle(link)

    async def _left_idle(self, link: Link) -> None:
        """The dispatcher has given it back: nothing may be in flight, or what is has to end first."""
        if link.state is State.SUBMITTED:
            await self.modem.idle()
        if link.state not in {State.IDLE, State.LOST}:
            link.lose(ModemLost("a message was left at the prompt", code="out_of_step"))

    async def _pause(self, link: Link) -> None:
        """Wait until somebody pokes, or the link is lost."""
        self._poke.clear()
        poked = asyncio.create_task(self._poke.wait())
        waiting: set[asyncio.Future[None] | asyncio.Task[bool]] = {link.lost, poked}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            poked.cancel()

    async def _recover(self, failure: ModemdError) -> bool:
        """Say what happened and rest; whether the open port may be used again."""
        if self.modem.sent > self._sent_before:
            self._failures = 0
        self._sent_before = self.modem.sent
        wait = self._settings.retry_s[min(self._failures, len(self._settings.retry_s) - 1)]
        self._failures += 1
        gone = isinstance(failure, PortLost)
        self._becomes(Condition.ABSENT if gone else Condition.QUARANTINED, str(failure))
        log.failed("modem.failed", failure, level="WARNING", modem=self.modem.name, again_in_s=wait)
        if wait:
            await self._rest(wait)
        return not wait and not gone and isinstance(failure, AtError)

    async def _rest(self, seconds: float) -> None:
        """Wait, or less if somebody pokes."""
        self._poke.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._poke.wait()
        except TimeoutError:
            return

    def _becomes(self, condition: Condition, reason: str | None = None) -> None:
        self.modem.becomes(condition, reason)
        self._changed()

    def _hear(self, event: Unsolicited) -> None:
        """What the modem says unasked."""
        news = registration.told(event.text)
        if news is not None:
            self.modem.registered(*news)
            if not news[1].good:
                self.modem.call_back()
        elif event.text.startswith("+CMGS:"):
            reference = grammar.whole_numbers(grammar.after("+CMGS:", event.text))[0]
            if reference is not None:
                self._late(self.modem, reference)
