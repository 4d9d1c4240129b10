"""Brings messages in hand and modems that are free together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from modemd.clock import SECOND, Clock
from modemd.dispatcher.books import Books
from modemd.dispatcher.lent import Modem
from modemd.dispatcher.prepared import Prepared
from modemd.dispatcher.rounds import Round
from modemd.pool.rotation import Seat
from modemd.pool.seats import Seats
from modemd.queue import Claim, Claims, Queue
from modemd.queue.hand import WELCOME
from modemd.queue.handover import Handover
from modemd.queue.turns import Turns


class Dispatcher:
    """Lends itself each modem that is ready, and finds the message for each that is free."""

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        turns: Turns,
        handover: Handover,
        seats: Seats,
        claims: Callable[[Callable[[], None]], Claims[Prepared]],
    ) -> None:
        self._clock = clock
        self._books = Books(queue, clock, turns, handover)
        self.seats = seats
        self.claims = claims(self._match)
        seats.on_change = self._match
        self._idle: dict[Seat, tuple[Modem, asyncio.Future[Claim[Prepared] | None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._serving = 0
        self._draining = False

    async def serve(self, modem: Modem) -> None:
        """Send on this modem until it shall be given back or the service drains; raises what it failed of."""
        seat = await self.seats.admit(modem.sim)
        seat.doubts = modem.doubts
        self._widen(1)
        try:
            await Round(self._books, self.claims, self, modem, seat).run()
        finally:
            self._widen(-1)
            self.seats.leave(seat)
            self._match()  # what waited for this one waits no more

    def drain(self) -> None:
        """Hand out nothing more; each modem's coroutine returns when its message is settled."""
        self._draining = True
        for _, waiting in self._idle.values():
            if not waiting.done():
                waiting.set_result(None)

    async def stop(self) -> None:
        """After the pool has stopped: write the turns down, forget what is in hand."""
        self._timer_off()
        await self.seats.close()
        await self.claims.stop()
        await self._books.close()

    def look_again(self) -> None:
        """The clock was set: what waits for a limit to end may be able to go."""
        self._match()

    def take(self, modem: Modem, seat: Seat) -> Claim[Prepared] | None:
        """The message whose turn it is, for a modem that is free now."""
        if not modem.may_send or self._draining:
            return None
        now = self._clock.now()
        given = self._give(self.seats.able([seat], now), now)
        return None if given is None else given[1]

    async def wait(self, modem: Modem, seat: Seat) -> Claim[Prepared] | None:
        """Wait until there is a message for this idle modem; None when it shall stop.

        Raises what the modem failed of meanwhile.
        """
        if self._draining:
            return None
        waiting: asyncio.Future[Claim[Prepared] | None] = asyncio.get_running_loop().create_future()
        self._idle[seat] = modem, waiting
        stopped = asyncio.ensure_future(modem.stopped())
        self._match()
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                stopped.result()
                return None
            return waiting.result()
        except asyncio.CancelledError:
            if waiting.done() and (claim := waiting.result()) is not None:
                self.claims.put_back(claim)
            raise
        finally:
            stopped.cancel()
            del self._idle[seat]

    def _widen(self, by: int) -> None:
        self._serving += by
        self.claims.width = max(1, self._serving)

    def _match(self) -> None:
        """Give what is in hand to the modems that are idle."""
        self._timer_off()
        if self._draining:
            return
        now = self._clock.now()
        idle = [seat for seat, (modem, waiting) in self._idle.items() if modem.may_send and not waiting.done()]
        able = self.seats.able(idle, now)
        while able and (given := self._give(able, now)) is not None:
            seat, claim = given
            self._idle[seat][1].set_result(claim)
            able.remove(seat)
        self._match_later(idle, now)

    def _give(self, seats: Sequence[Seat], now: int) -> tuple[Seat, Claim[Prepared]] | None:
        """The message whose turn it is among those that these modems may take, and which of them takes it."""
        if not seats:
            return None

        def fit(claim: Claim[Prepared]) -> int:
            return WELCOME if claim.prepared is None else self.seats.grade(claim.prepared.wish, seats, now)

        claim = self.claims.take((seat.sim for seat in seats), fit)
        if claim is None:
            return None
        seat = self.seats.choose(claim.prepared.wish, seats, now)[1] if claim.prepared is not None else None
        seat = seat or seats[0]
        self.seats.served(seat)
        return seat, claim

    def _match_later(self, idle: Sequence[Seat], now: int) -> None:
        """Messages wait that no idle modem may take: look again when a limit ends."""
        if not self.claims.in_hand:
            return
        moment = self.seats.next_change([seat for seat in idle if not self._idle[seat][1].done()], now)
        if moment is not None:
            self._timer = asyncio.get_running_loop().call_later((moment - now) / SECOND, self._match)

    def _timer_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
