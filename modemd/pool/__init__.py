"""The modems: each one's life in a task of its own, and the verbs of the operator."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

from modemd.clock import Clock
from modemd.errors import Conflict, NotFound
from modemd.pool.care import Care
from modemd.pool.inbound import Kind, Take
from modemd.pool.modem import Condition, Modem, Registration
from modemd.pool.settings import Hooks, LateAnswer, Serve, Settings, nobody_takes
from modemd.pool.ussd import Reply

__all__ = ["Condition", "Kind", "Modem", "Pool", "Registration", "Reply", "Settings"]

_NUMBERED_BY_KERNEL = re.compile(r"tty(USB|ACM|S|AMA)?\d+|\d+")
"""Names that another device may have after the next plug-in; no name for a person to remember."""


class Pool:
    """All modems. ``serve`` is lent each one that is ready, and gives it back; see ``Care``."""

    def __init__(
        self,
        ports: Sequence[str],
        serve: Serve,
        *,
        clock: Clock,
        settings: Settings,
        on_late_answer: LateAnswer = lambda _modem, _reference: None,
        on_pdu: Take = nobody_takes,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._hooks = Hooks(serve, self._changed, on_late_answer, on_pdu)
        self._cares: dict[str, Care] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._running = False
        self._stopped = asyncio.Event()
        for port in ports:
            self._admit(port)

    @property
    def modems(self) -> Sequence[Modem]:
        """Every modem known, in the order they came."""
        return [care.modem for care in self._cares.values()]

    def modem(self, name: str) -> Modem:
        """One modem by its name; raises NotFound."""
        return self._care(name).modem

    async def run(self) -> None:
        """Look after every port until ``stop``."""
        self._running = True
        for port in self._cares:
            self._start(port)
        await self._stopped.wait()

    async def stop(self, grace_s: float) -> None:
        """Start nothing more; wait up to ``grace_s`` for answers from the air; then let every port go."""
        for care in self._cares.values():
            care.stop()
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
            for care in self._cares.values():
                care.cut()
            _, stuck = await asyncio.wait(tasks, timeout=1.0)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._stopped.set()

    def drain(self, name: str) -> None:
        """Give this modem no further message."""
        self._care(name).lending.drain()

    def resume(self, name: str) -> None:
        """Use this modem again."""
        self._care(name).resume()

    def reset(self, name: str) -> None:
        """Restart this modem after the message in hand."""
        self._care(name).lending.restart()

    async def ussd(self, name: str, code: str) -> Reply:
        """Ask the network by USSD between two messages; raises Conflict where the modem is not ready."""
        care = self._care(name)
        if care.modem.condition not in {Condition.READY, Condition.SENDING, Condition.DRAINING}:
            raise Conflict(f"{name} is {care.modem.condition}", cure="wait until it is ready")
        return await care.lending.errands.ussd(code)

    async def until(self, condition: Callable[[Sequence[Modem]], bool]) -> None:
        """Return as soon as ``condition`` holds for the modems; asked whenever one of them changes."""
        while not condition(self.modems):
            self._news.clear()
            await self._news.wait()

    def _changed(self) -> None:
        self._news.set()

    def _admit(self, port: str) -> None:
        if port in self._cares:
            return
        modem = Modem(self._name(port), port, self._clock)
        self._cares[port] = Care(modem, [port], self._settings, self._hooks, self._clock)
        if self._running:
            self._start(port)

    def _start(self, port: str) -> None:
        self._tasks[port] = asyncio.create_task(self._cares[port].run(), name=f"modem {port}")

    def _name(self, port: str) -> str:
        own = PurePath(port).name if "://" not in port else port.partition("://")[2]
        taken = {modem.name for modem in self.modems}
        stem = f"modem{len(self._cares)}" if _NUMBERED_BY_KERNEL.fullmatch(own) else own
        return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if name not in taken)

    def _care(self, name: str) -> Care:
        for care in self._cares.values():
            if care.modem.name == name:
                return care
        raise NotFound(f"there is no modem {name}", cure="modemd modems lists them")
