"""The SIMs that are ready, each with what it has used of its limits, and whose turn among them it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from modemd import log
from modemd.clock import SECOND, Clock
from modemd.errors import ModemdError
from modemd.pool.quota import Calendar, Limits, Meter, Recipients, Unit, Used
from modemd.pool.rotation import Grade, Rules, Seat, Wish, choose, fails_likely, grade, keeper

AWAITED_S = 60.0
"""Seconds for which a recipient's own SIM is waited for, while it is away or at a limit: a restart takes ten."""

SECRET_AGAIN_S = 5.0
"""Seconds before the key of a new month is asked for again after that failed."""


class Store(Protocol):
    """What SIMs have used, on disk."""

    async def admit(self, sim: str) -> Sequence[int] | None:
        """A SIM is ready; what it had used."""

    async def recipients(self, sim: str, month: int) -> Sequence[bytes]:
        """The tags of its recipients in the month that began at this moment."""

    async def known(self) -> Sequence[str]:
        """The SIMs that were ready lately."""


class Seats:
    """Who is ready; ``limits`` gives those of a SIM, ``secret`` the random key of a SIM and a month (may block)."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        calendar: Calendar,
        rules: Rules,
        limits: Callable[[str], Limits],
        secret: Callable[[str, int], bytes],
    ) -> None:
        self.rules = rules
        self.on_change: Callable[[], None] = lambda: None
        """Called when a SIM may be of use that was not."""
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._limits = limits
        self._secret = secret
        self._here: dict[str, Seat] = {}
        self._gone: dict[str, int] = {}
        self._known: frozenset[str] = frozenset()
        self._weight = 0
        self._served = 0
        self._renewing: dict[str, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """At start: which SIMs there were. Raises StorageError."""
        now = self._clock.now()
        self._gone = dict.fromkeys(await self._store.known(), now)
        self._known = frozenset(self._gone)

    async def admit(self, sim: str) -> Seat:
        """A SIM is ready. Raises StorageError, KeyStoreError."""
        used = await self._store.admit(sim)
        limits, now = self._limits(sim), self._clock.now()
        meter = Meter(limits, self._calendar, Used(*used) if used else None) if limits else None
        if meter is not None and limits.recipients_per_month:
            meter.recipients = await self._recipients(sim, now)
        seat = Seat(sim, meter, self.rules.weights.get(sim, 1), self._served)
        self._here[sim] = seat
        self._gone.pop(sim, None)
        self._known |= {sim}
        self._weigh()
        return seat

    def leave(self, seat: Seat) -> None:
        """A SIM is not ready any more."""
        if self._here.get(seat.sim) is seat:
            del self._here[seat.sim]
            self._gone[seat.sim] = self._clock.now()
            self._weigh()

    def able(self, seats: Iterable[Seat], now: int) -> list[Seat]:
        """Those that are within their limits, by their turns."""
        return sorted((seat for seat in seats if self._may(seat, now)), key=lambda seat: seat.turn)

    def grade(self, wish: Wish, seats: Sequence[Seat], now: int) -> Grade:
        """How well a message fits the best of these."""
        return self.choose(wish, seats, now)[0]

    def choose(self, wish: Wish, seats: Sequence[Seat], now: int) -> tuple[Grade, Seat | None]:
        """Which of these takes a message, and how well it fits."""
        keeps = self.keeper(wish, now)
        found, seat = choose(wish, seats, self.rules, now, keeps)
        if seat is not None and fails_likely(wish, seat) and self._better(wish, now, keeps):
            return Grade.NEVER, None
        return found, seat

    def served(self, seat: Seat) -> None:
        """A SIM has been given a message: its next turn comes when all together have had their share of turns."""
        self._served += 1
        seat.turn = self._served + self._weight / seat.weight

    def next_change(self, seats: Iterable[Seat], now: int) -> int | None:
        """When one of these may take what it cannot now, if nothing else happens."""
        moments = [moment for seat in seats if seat.meter and (moment := seat.meter.relief(now)) is not None]
        if self.rules.sticky:
            ends = (since + round(AWAITED_S * SECOND) for since in self._gone.values())
            moments += [moment for moment in ends if moment > now]
        return min(moments, default=None)

    def left(self, sim: str) -> dict[str, int]:
        """How much of each limit of a SIM is left; nothing for what is no limit, or not here."""
        seat = self._here.get(sim)
        return seat.meter.left(self._clock.now()) if seat is not None and seat.meter is not None else {}

    def limited_until(self, sim: str) -> int | None:
        """Until when a SIM's limits keep it from sending; None if they do not."""
        seat = self._here.get(sim)
        return seat.meter.limited_until(self._clock.now()) if seat is not None and seat.meter is not None else None

    def room(self, sim: str, wish: Wish, now: int) -> tuple[Limits, int | None, bool]:
        """The limits of a SIM; when they have room for a message, None if they have; and whether it is for want of
        recipients that they have not."""
        seat = self._here.get(sim)
        if seat is None or seat.meter is None:
            return self._limits(sim), None, False
        wait, meter = seat.meter.until(now, wish.segments), seat.meter
        new = meter.is_new(wish.number) and meter.left(now).get("recipients") == 0
        wait = max(wait, meter.recipients.month.end) if new and meter.recipients is not None else wait
        return meter.limits, wait if wait > now else None, new

    async def close(self) -> None:
        """End what runs in the background."""
        for task in self._renewing.values():
            task.cancel()
        await asyncio.gather(*self._renewing.values(), return_exceptions=True)

    def _may(self, seat: Seat, now: int) -> bool:
        if seat.meter is None:
            return True
        if seat.meter.stale(now):
            self._renew(seat)
            return False
        return seat.meter.until(now) <= now

    def _better(self, wish: Wish, now: int, keeps: str | None) -> bool:
        """Whether a SIM that will get this message accepted, as far as one can tell, is here and only busy."""
        return any(
            not seat.doubts and seat.sim not in wish.tried and grade(wish, seat, self.rules, now, keeps)
            for seat in self._here.values()
        )

    def keeper(self, wish: Wish, now: int) -> str | None:
        """The SIM of this recipient, where SIMs are sticky."""
        if not self.rules.sticky:
            return None
        patience = round(AWAITED_S * SECOND)

        def awaited(sim: str) -> bool:
            if not self.rules.allows(wish, sim):
                return False
            seat = self._here.get(sim)
            if seat is None:
                return 0 <= now - self._gone[sim] < patience  # a clock that was set back makes nobody wait longer
            return seat.meter is None or seat.meter.until(now, wish.segments) < now + patience

        return keeper(wish, self._known, awaited)

    def _renew(self, seat: Seat) -> None:
        """A new month has begun for a SIM with limited recipients: get its key, beside the loop."""
        if seat.sim not in self._renewing:
            task = asyncio.get_running_loop().create_task(self._renewed(seat))
            self._renewing[seat.sim] = task
            task.add_done_callback(lambda _: self._renewing.pop(seat.sim, None))

    async def _renewed(self, seat: Seat) -> None:
        while seat.meter is not None and seat.meter.stale(self._clock.now()):
            try:
                seat.meter.recipients = await self._recipients(seat.sim, self._clock.now())
            except ModemdError as error:
                log.failed("quota.month_not_begun", error, again_in_s=SECRET_AGAIN_S)
                await asyncio.sleep(SECRET_AGAIN_S)
        self.on_change()

    async def _recipients(self, sim: str, now: int) -> Recipients:
        month = self._calendar.window(Unit.MONTH, now)
        key = await asyncio.to_thread(self._secret, sim, month.start)
        return Recipients(month, key, await self._store.recipients(sim, month.start))

    def _weigh(self) -> None:
        self._weight = sum(seat.weight for seat in self._here.values())
