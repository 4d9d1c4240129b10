"""Claim → open → send → settle: gives each ready modem the next message and writes down what became of the last.

One coroutine a modem, lent to the pool while the modem is ready. On a final result the next message is taken from
what lies prepared in memory and its AT+CMGS is written in the same turn of the loop; meanwhile one transaction
settles the previous segment and marks the next as about to be sent. PDU and Ctrl-Z go out when both the prompt and
that commit are there, and are noted in the handover file, which tells the next daemon what was marked and never sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from modemd import log
from modemd.clock import SECOND, Clock
from modemd.errors import ModemdError, StorageError, Unsent
from modemd.ids import encode
from modemd.pool.quota import Meter
from modemd.pool.rotation import Seat, Wish
from modemd.pool.seats import Seats
from modemd.queue import Claim, Claims, Message, Queue, Settlement, State
from modemd.queue.hand import WELCOME
from modemd.queue.handover import Handover
from modemd.queue.queue import Crossing
from modemd.queue.retry import Next
from modemd.queue.turns import Key, Turns
from modemd.queue.usage import SimUsage
from modemd.values import Lane, Outcome, Segment, Verdict


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message opened and encoded."""

    segments: Sequence[Segment]
    wish: Wish


def prepared(message: Message, number: str, segments: Sequence[Segment], tag: bytes = b"") -> Prepared:
    """A message for this number; ``tag`` is a keyed one of its recipient, where SIMs are sticky."""
    begun = message.sent_parts > 0
    wish = Wish(
        message.account,
        number,
        message.parts - message.sent_parts,
        message.lane is Lane.SYSTEM,
        begun_on=message.sim if begun else None,
        tried=frozenset() if begun else message.tried,
        tag=tag,
    )
    return Prepared(segments, wish)


STORAGE_RETRY_S = (0.5, 5.0)
"""First and longest wait before a refused commit is tried again: a disk with room again makes no event."""

TURNS_WRITTEN_EVERY_S = 1.0
"""What a crash may forget of the turns: their last second."""


class Sending(Protocol):
    """One AT+CMGS under way."""

    async def prompt(self) -> None:
        """Return when the modem waits for the PDU; raises Unsent."""

    async def submit(self) -> Outcome:
        """Write PDU and Ctrl-Z; what became of it."""

    async def abandon(self) -> None:
        """Leave the prompt without sending."""


class Modem(Protocol):
    """What the dispatcher needs of a modem that is ready."""

    name: str
    sim: str
    doubts: int
    """Messages in a row that it has not got accepted, through no fault of theirs that is proven."""

    @property
    def may_send(self) -> bool:
        """Whether it may be given another message: ready, not draining, within its limits."""

    def start_sms(self, segment: Segment) -> Sending:
        """Write AT+CMGS before returning; raises PortLost or ModemLost where the modem has failed."""

    def followed_on(self) -> None:
        """The message just started followed on a final result at once."""

    async def stopped(self) -> None:
        """Return when it shall be given back, raise what it failed of."""


class Dispatcher:
    """Brings queue and pool together; see the module."""

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        turns: Turns,
        handover: Handover,
        seats: Seats,
        claims: Callable[[Callable[[], None]], Claims[Prepared]],
    ) -> None:
        self.queue = queue
        self.handover = handover
        self.clock = clock
        self.seats = seats
        self.claims = claims(self._match)
        seats.on_change = self._match
        self._turns = turns
        self._turns_written = clock.monotonic()
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
            await _Round(self, modem, seat).run()
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
        if changes := self._turns.take_changes():
            await self.queue.cross([], None, 0, "", changes)

    def take(self, modem: Modem, seat: Seat) -> Claim[Prepared] | None:
        """The message whose turn it is, for a modem that is free now."""
        if not modem.may_send or self._draining:
            return None
        now = self.clock.now()
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

    def turns_to_write(self) -> dict[Key, int]:
        """The turns that changed, at most once a second: they ride on a commit that is made anyway."""
        now = self.clock.monotonic()
        if now - self._turns_written < TURNS_WRITTEN_EVERY_S:
            return {}
        self._turns_written = now
        return self._turns.take_changes()

    def _widen(self, by: int) -> None:
        self._serving += by
        self.claims.width = max(1, self._serving)

    def _match(self) -> None:
        """Give what is in hand to the modems that are idle."""
        self._timer_off()
        if self._draining:
            return
        now = self.clock.now()
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


class _Round:
    """One modem's messages, one after the other, each settled with the barrier of the next."""

    def __init__(self, dispatcher: Dispatcher, modem: Modem, seat: Seat) -> None:
        self._dispatcher = dispatcher
        self._seat = seat
        self._queue = dispatcher.queue
        self._claims = dispatcher.claims
        self._modem = modem
        self._unsettled: list[Settlement] = []
        self._answered = False
        """The modem has just given a final result: what is started now follows on it."""

    async def run(self) -> None:
        try:
            while (claim := await self._next()) is not None:
                await self._send(claim)
        finally:
            # Also when the task is cancelled: what is known must reach the disk.
            await asyncio.shield(self._settle())

    async def _next(self) -> Claim[Prepared] | None:
        claim = self._dispatcher.take(self._modem, self._seat)
        if claim is None:
            self._answered = False
            await self._settle()
            claim = await self._dispatcher.wait(self._modem, self._seat)
        return claim

    async def _send(self, claim: Claim[Prepared]) -> None:
        """Send what is left of a message, segment after segment on this SIM, until one is not accepted."""
        message = claim.message
        if claim.prepared is None:
            await self._refuse(claim)
            return
        for segment in claim.prepared.segments[message.sent_parts :]:
            try:
                sending = self._modem.start_sms(segment)
            except ModemdError as error:
                self._lost_before(claim, segment, error)
                raise
            if self._answered:
                self._modem.followed_on()
            outcome = await self._attempt(message, segment, sending, self._count(claim.prepared.wish.number))
            self._seat.doubts = self._modem.doubts
            if self._seat.meter is not None and (outcome is None or outcome.verdict is Verdict.UNSENT):
                self._seat.meter.give_back()
            if outcome is None:
                return
            self._note(message, segment.number, outcome)
            self._answered = outcome.verdict is Verdict.ACCEPTED
            if not self._answered:
                log.event(
                    "message.not_sent",
                    level="INFO",
                    message=encode("m", message.id),
                    modem=self._modem.name,
                    verdict=outcome.verdict.value,
                    code=outcome.code,
                )
                return
        log.event("message.sent", level="DEBUG", message=encode("m", message.id), modem=self._modem.name)

    async def _attempt(
        self, message: Message, segment: Segment, sending: Sending, used: SimUsage | None
    ) -> Outcome | None:
        """What became of one segment; None if the message may not be sent any more, or could not be marked."""
        barrier = self._queue.cross(
            self._unsettled, message, segment.number, self._modem.sim, self._dispatcher.turns_to_write(), used
        )
        unsent: Outcome | None = None
        try:
            await sending.prompt()
        except Unsent as error:
            unsent = error.outcome
        marked = await self._crossed(barrier)
        if unsent is None:
            if marked and self._handed_over(message, segment):
                return await sending.submit()
            await sending.abandon()
            unsent = Outcome(Verdict.UNSENT, code="storage")
        if marked is None:  # the database refused; whether the mark is on disk or not, this takes it back
            self._note(message, segment.number, unsent)
            await self._settle()
            return None
        if not marked:
            self._claims.let_go(message)
        return unsent if marked else None

    def _handed_over(self, message: Message, segment: Segment) -> bool:
        """Note that the Ctrl-Z goes out now; False if that cannot be written."""
        try:
            self._dispatcher.handover.note(self._modem.sim, message.id, segment.number)
        except StorageError as error:
            log.event("storage.refused", level="ERROR", code=error.code, modem=self._modem.name)
            return False
        return True

    def _count(self, number: str) -> SimUsage | None:
        """Count a segment to this number, which is about to go out, against the SIM's limits."""
        meter = self._seat.meter
        return None if meter is None else self._used(meter, meter.count(self._dispatcher.clock.now(), number))

    def _used(self, meter: Meter, recipient: bytes | None = None) -> SimUsage:
        month = meter.recipients.month.start if meter.recipients is not None else 0
        return SimUsage(self._seat.sim, meter.used, month, recipient)

    async def _crossed(self, barrier: asyncio.Future[Crossing]) -> bool | None:
        """Whether the next segment is marked as about to be sent; None if nothing could be written."""
        try:
            crossing = await barrier
        except StorageError as error:
            log.event("storage.refused", level="ERROR", code=error.code, modem=self._modem.name)
            return None
        settled, self._unsettled = self._unsettled, []
        for settlement, follows in zip(settled, crossing.follow, strict=True):
            self._follow(settlement, follows)
        self._queue.announce(crossing.moved)
        return crossing.marked

    def _follow(self, settlement: Settlement, follows: Next | None) -> None:
        """An attempt is settled on disk: let its message go, and see that it comes back if it shall."""
        message = settlement.message
        if follows is None and settlement.part < message.parts:
            return
        self._claims.let_go(message)
        if follows is not None and follows.state is State.QUEUED and follows.due <= self._dispatcher.clock.now():
            self._claims.wake((message.lane, message.account))
        elif follows is not None:
            self._queue.on_later(follows.due)
        self._queue.changed()

    def _note(self, message: Message, part: int, outcome: Outcome) -> None:
        self._unsettled.append(Settlement(message, part, self._modem.sim, outcome, self._dispatcher.clock.now()))

    def _lost_before(self, claim: Claim[Prepared], segment: Segment, error: ModemdError) -> None:
        """The modem was lost before its AT+CMGS: nothing is marked, unless segments of this message went before."""
        if segment.number == claim.message.sent_parts + 1:
            self._claims.put_back(claim)
        else:
            self._note(claim.message, segment.number, Outcome(Verdict.UNSENT, code=error.code))

    async def _refuse(self, claim: Claim[Prepared]) -> None:
        """A message that cannot be opened or encoded ends here, with the reason."""
        failure = claim.failure or ModemdError("it cannot be sent")
        await self._queue.fail(claim.message, failure.code, failure.detail)
        self._claims.let_go(claim.message)

    async def _settle(self) -> None:
        """Write down what is not yet: again and again, for what a modem has said must not be forgotten."""
        wait_s, longest_s = STORAGE_RETRY_S
        while self._unsettled:
            meter = self._seat.meter
            used = self._used(meter) if meter is not None else None
            barrier = self._queue.cross(self._unsettled, None, 0, "", self._dispatcher.turns_to_write(), used)
            if await self._crossed(barrier) is None:
                await asyncio.sleep(wait_s)
                wait_s = min(longest_s, wait_s * 2)
