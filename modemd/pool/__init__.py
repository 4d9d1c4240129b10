"""The modems: each one's life in a task of its own, and the verbs of the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from modemd import log
from modemd.clock import Clock
from modemd.errors import Conflict, NotFound
from modemd.pool.care import Care
from modemd.pool.discovery import Discovery, Finding, Found
from modemd.pool.health import Health
from modemd.pool.inbound import Kind, Take
from modemd.pool.modem import Condition, Modem
from modemd.pool.probing import Report, examine, probe, where
from modemd.pool.registration import Registration
from modemd.pool.roster import Roster
from modemd.pool.settings import Hooks, LateAnswer, Serve, Settings, nobody_takes
from modemd.pool.ussd import ANSWER_S, Reply

__all__ = ["Condition", "Discovery", "Finding", "Kind", "Modem", "Pool", "Registration", "Reply", "Settings"]

_WILD = frozenset("*?[")


class Pool:
    """All modems. ``serve`` is lent each one that is ready, and gives it back; see ``Lending``.

    ``ports`` may hold patterns (``/dev/serial/by-path/*``); ``discover`` finds USB modems by themselves.
    """

    def __init__(
        self,
        ports: Sequence[str],
        serve: Serve,
        *,
        clock: Clock,
        settings: Settings,
        discover: bool = False,
        discovery: Discovery | None = None,
        on_late_answer: LateAnswer = lambda _modem, _outcome: None,
        on_pdu: Take = nobody_takes,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._roster = Roster(clock)
        self._hooks = Hooks(serve, self._changed, on_late_answer, on_pdu, self._identified)
        self._fixed = [port for port in ports if not _WILD & set(port)]
        patterns = [port for port in ports if _WILD & set(port)]
        if discovery is None and (discover or patterns):
            discovery = Discovery(patterns, usb=discover, sysfs=settings.sysfs, dev=settings.dev)
        self._discovery = discovery
        self.on_identified: Callable[[Modem], None] = lambda _modem: None
        """Called when a bring-up has learnt which modem and which SIM this is, before the modem is lent."""
        self._findings: Sequence[Finding] = ()
        self._plugged: dict[str, Found] = {}
        self._healths: dict[str, Health] = {}
        self._cares: dict[str, Care] = {}
        self._tasks: dict[Care, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._stopped = asyncio.Event()
        for port in self._fixed:
            if port not in self._cares:
                self._cares[port] = self._care_for([port], provisional=False)

    @property
    def modems(self) -> Sequence[Modem]:
        """Every modem known, in the order they came."""
        return self._roster.modems

    def modem(self, name: str) -> Modem:
        """One modem by its name; raises NotFound."""
        return self._care(name).modem

    async def run(self) -> None:
        """Look after every port until ``stop``."""
        for care in self._cares.values():
            self._start(care)
        watching = asyncio.create_task(self._watch(), name="discovery")
        try:
            await self._stopped.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def stop(self, grace_s: float) -> None:
        """Start nothing more; wait up to ``grace_s`` for answers from the air; then let every port go."""
        self._stopped.set()
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

    def drain(self, name: str) -> None:
        """Give this modem no further message."""
        self._care(name).lending.drain()

    def resume(self, name: str) -> None:
        """Use this modem again."""
        self._care(name).resume()

    def reset(self, name: str) -> None:
        """Restart this modem, after the message in hand if its answer comes soon; also one in quarantine.

        Raises Conflict where its port is not there.
        """
        care = self._care(name)
        if care.modem.condition is Condition.ABSENT:
            raise Conflict(f"{name} is not there: {care.modem.reason}", cure="plug it in; it starts by itself then")
        care.reset()

    def hold(self, name: str, reason: str) -> None:
        """Give this modem no further message for a reason of its SIM's, until `release` or `resume`."""
        self._care(name).lending.hold(reason)

    def release(self, name: str) -> None:
        """The reason is gone."""
        self._care(name).lending.hold(None)

    async def ussd(self, name: str, code: str, at_most_s: float = ANSWER_S) -> Reply:
        """Ask the network by USSD between two messages; raises Conflict where the modem is not ready."""
        return await self._answering(self._care(name)).lending.errands.ussd(code, at_most_s)

    async def sweep(self, name: str) -> bool:
        """Empty this modem's storages and overwrite what deleted messages have left in them, between two messages.

        Takes as long as writing every record once: a minute on a slow SIM, unless nothing was stored since the last
        time. False if a storage does not let itself be written to. Raises Conflict where the modem is not ready.
        """
        return await self._answering(self._care(name)).lending.errands.sweep()

    async def probe(self, port: str) -> Report:
        """A report on what is at this port (or on the modem of this name), safe to paste in public.

        Raises PortUnusable, or Conflict for a modem of ours that is not ready to be asked.
        """
        dialects, sysfs = self._settings.dialects, self._settings.sysfs
        for care in self._cares.values():
            if port in {care.modem.port, care.modem.name} and not care.modem.superseded:
                ours = self._answering(care)
                report = await ours.lending.errands.answer(lambda link: examine(link, dialects))
                return {"port": ours.modem.port, **await where(ours.modem.port, sysfs), "answers": True, **report}
        return await probe(port, self._settings.baud, dialects, sysfs)

    @property
    def findings(self) -> Sequence[Finding]:
        """Devices that are plugged in and are modems but cannot be used as they are, each with its cure."""
        return self._findings

    async def until(self, condition: Callable[[Sequence[Modem]], bool]) -> None:
        """Return as soon as ``condition`` holds for the modems; asked whenever one of them changes."""
        while not condition(self.modems):
            self._news.clear()
            await self._news.wait()

    async def _watch(self) -> None:
        """Take in what is plugged in, let go what is plugged out."""
        if self._discovery is None:
            return
        async for _ in self._discovery.changes():
            try:
                found = {each.place: each for each in await self._discovery.look(self._fixed)}
                self._tell(await self._discovery.findings())
            except OSError as reason:
                log.failed("discovery.failed", reason, level="WARNING")
                continue
            for place in self._cares.keys() - found.keys() - set(self._fixed):
                self._let_go(place)
            for place, each in found.items():
                self._take_in(place, each)

    def _take_in(self, place: str, found: Found) -> None:
        before, self._plugged[place] = self._plugged.get(place), found
        care = self._cares.get(place)
        if care is not None:
            if before is not None and before.number == found.number and care.modem.port in found.ports:
                care.offered(found.ports)
                return
            self._let_go(place)
        self._cares[place] = care = self._care_for(found.ports, provisional=True)
        care.modem.health = self._healths.get(place, care.modem.health)
        log.event("modem.plugged_in", place=place, ports=len(found.ports))
        self._start(self._cares[place])

    def _let_go(self, place: str) -> None:
        """A device that hangs and is replugged by us comes back nameless: its record stays at its socket."""
        care = self._cares.pop(place)
        care.leave()
        self._healths[place] = care.modem.health

    def _tell(self, findings: Sequence[Finding]) -> None:
        for new in (each for each in findings if each not in self._findings):
            log.event("modem.unusable", level="WARNING", place=new.place, why=new.why, cure=new.cure)
        if findings != self._findings:
            self._findings = findings
            self._changed()

    def _care_for(self, ports: Sequence[str], *, provisional: bool) -> Care:
        modem = self._roster.enrol(ports[0], provisional=provisional)
        return Care(modem, ports, self._settings, self._hooks, self._clock)

    def _start(self, care: Care) -> None:
        task = asyncio.create_task(care.run(), name=f"modem {care.modem.name}")
        self._tasks[care] = task
        task.add_done_callback(lambda _: self._tasks.pop(care, None))

    @staticmethod
    def _answering(care: Care) -> Care:
        if care.modem.condition not in {Condition.READY, Condition.SENDING, Condition.DRAINING}:
            raise Conflict(f"{care.modem.name} is {care.modem.condition}", cure="wait until it is ready")
        return care

    def _identified(self, modem: Modem) -> None:
        self._roster.identified(modem)
        self.on_identified(modem)

    def _changed(self) -> None:
        self._news.set()

    def _care(self, name: str) -> Care:
        for care in self._cares.values():
            if care.modem.name == name and not care.modem.superseded:
                return care
        if any(modem.name == name for modem in self.modems):
            raise Conflict(f"{name} is absent", cure="plug it in")
        raise NotFound(f"there is no modem {name}", cure="modemd modems lists them")
