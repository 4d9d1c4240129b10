"""A pool over a real bank of simulated modems, and a dispatcher that is as simple as can be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hw_sim.control import ask
from playbook import Table

from modemd.at import pdu
from modemd.at.dialect import load
from modemd.clock import SystemClock
from modemd.errors import AtError, Unsent
from modemd.pool import Discovery, Kind, Modem, Pool, Settings
from modemd.pool.pin import PinGuard
from modemd.values import Outcome, Segment, Sms, Verdict

PATIENCE_S = 30.0


class Pins:
    """Which PINs were tried, in a file, as the guard wants it kept across restarts."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def _lines(self) -> list[str]:
        return self._file.read_text().splitlines() if self._file.exists() else []

    async def tried(self, sim: str, pin: str) -> bool:
        return f"{sim} {pin}" in self._lines()

    async def tried_any(self, sim: str) -> bool:
        return any(line.startswith(f"{sim} ") for line in self._lines())

    async def will_try(self, sim: str, pin: str) -> None:
        self._file.write_text("".join(f"{line}\n" for line in [*self._lines(), f"{sim} {pin}"]))

    async def worked(self, sim: str, pin: str) -> None:
        kept = [line for line in self._lines() if line != f"{sim} {pin}"]
        self._file.write_text("".join(f"{line}\n" for line in kept))


def segment(text: str = "hello", to: str = "+48601234567", *, report: bool = False) -> Segment:
    """One segment to an invented number."""
    return pdu.segments(Sms(to=to, text=text, report=report), reference=1)[0]


class Sender:
    """Gives idle modems what is queued; what was not sent goes to whoever is next."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Segment] = asyncio.Queue()
        self.outcomes: list[tuple[str, Outcome]] = []
        self.submitted = 0
        self.late: list[tuple[str, str | int | None]] = []
        self.inbound: list[tuple[str, Kind, str]] = []
        self.inbox = self._keep
        self._news = asyncio.Event()

    def send(self, *segments: Segment) -> None:
        """Queue them."""
        for each in segments:
            self.queue.put_nowait(each)

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many of which."""
        return Counter(outcome.verdict for _, outcome in self.outcomes)

    @property
    def ended(self) -> int:
        """How many messages are on the air or may be: nothing more will be done about them."""
        return self.verdicts[Verdict.ACCEPTED] + self.verdicts[Verdict.UNCERTAIN]

    async def settled(self, count: int, verdict: Verdict = Verdict.ACCEPTED) -> None:
        """Return when so many have ended so."""
        async with asyncio.timeout(PATIENCE_S):
            while self.verdicts[verdict] < count:
                self._news.clear()
                await self._news.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when it holds; asked whenever something came in or ended."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def serve(self, modem: Modem) -> None:
        """The dispatcher's side of the contract."""
        while modem.may_send:
            taken = asyncio.create_task(self.queue.get())
            stopped = asyncio.create_task(modem.stopped())
            await asyncio.wait({taken, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not taken.done():
                taken.cancel()
                return await stopped
            stopped.cancel()
            await asyncio.gather(stopped, return_exceptions=True)
            await self._send(modem, taken.result())
        return await modem.stopped()

    async def _send(self, modem: Modem, each: Segment) -> None:
        try:
            sending = modem.start_sms(each)
        except AtError:
            self.queue.put_nowait(each)
            return
        try:
            await sending.prompt()
        except Unsent as unsent:
            self._note(modem, unsent.outcome)
            self.queue.put_nowait(each)
            return
        submitting = asyncio.create_task(sending.submit())
        await asyncio.sleep(0)
        self.submitted += 1
        self._news.set()
        outcome = await submitting
        if outcome.verdict in {Verdict.UNSENT, Verdict.REFUSED}:
            self.queue.put_nowait(each)
        self._note(modem, outcome)

    def _note(self, modem: Modem, outcome: Outcome) -> None:
        self.outcomes.append((modem.name, outcome))
        self._news.set()

    def on_late(self, modem: Modem, outcome: Outcome) -> None:
        """A reference without a sender."""
        self.late.append((modem.name, outcome.code or outcome.reference))
        self._news.set()

    async def take(self, modem: Modem, kind: Kind, hex_pdu: str) -> None:
        """An inbox; a test may put another in its place."""
        await self.inbox(modem, kind, hex_pdu)

    async def _keep(self, modem: Modem, kind: Kind, hex_pdu: str) -> None:
        self.inbound.append((modem.name, kind, hex_pdu))
        self._news.set()


class Bench:
    """A running pool and what it did."""

    def __init__(
        self,
        ports: Sequence[str],
        memory: Path,
        *,
        pin: str | None = None,
        discovery: Discovery | None = None,
        **changes: Any,
    ) -> None:
        self.sender = Sender()
        settings = Settings(load(), PinGuard(lambda _iccid: pin, Pins(memory)))
        self.pool = Pool(
            ports,
            self.sender.serve,
            clock=SystemClock(),
            settings=replace(settings, **changes),
            discovery=discovery,
            on_late_answer=self.sender.on_late,
            on_pdu=self.sender.take,
        )
        self._running = asyncio.create_task(self.pool.run())

    async def until(self, holds: Callable[[Sequence[Modem]], bool]) -> None:
        """Return when it holds for the modems."""
        async with asyncio.timeout(PATIENCE_S):
            await self.pool.until(holds)

    async def ready(self, count: int) -> None:
        """Return when so many modems may send."""
        await self.until(lambda modems: sum(modem.may_send for modem in modems) >= count)

    async def stop(self, grace_s: float = 5.0) -> None:
        """End it."""
        await self.pool.stop(grace_s)
        await self._running


def befall(folder: Path, modem: str, fault: str, **settings: Any) -> None:
    """Let a fault befall a simulated modem, now or as its settings say."""
    table = {"name": fault, **{key.rstrip("_"): value for key, value in settings.items()}}
    ask(folder, {"verb": "fault", "modem": modem, "fault": table})


def look(folder: Path, modem: str) -> dict[str, Any]:
    """What is inside a simulated modem."""
    seen: dict[str, Any] = ask(folder, {"verb": "look", "modem": modem})[0]
    return seen


PoolOver = Callable[..., Awaitable[Bench]]
"""What the fixture ``pool_over`` gives."""
BringUp = Callable[..., Awaitable[tuple[Table, Bench]]]
"""What the fixture ``bring_up`` gives."""
