"""One modem's messages, one after the other, each settled with the barrier of the next."""

from __future__ import annotations

import asyncio
from typing import Protocol

from modemd import log
from modemd.dispatcher.books import Books
from modemd.dispatcher.lent import Modem, Sending
from modemd.dispatcher.prepared import Prepared
from modemd.errors import ModemdError, StorageError, Unsent
from modemd.ids import encode
from modemd.pool.quota import Meter
from modemd.pool.rotation import Seat
from modemd.queue import Claim, Claims, Message, Settlement, State
from modemd.queue.barrier import Crossing
from modemd.queue.retry import Next
from modemd.queue.usage import SimUsage
from modemd.values import Outcome, Segment, Verdict

STORAGE_RETRY_S = (0.5, 5.0)
"""First and longest wait before a refused commit is tried again: a disk with room again makes no event."""


class Source(Protocol):
    """Where the next message comes from."""

    def take(self, modem: Modem, seat: Seat) -> Claim[Prepared] | None:
        """The message whose turn it is, for a modem that is free now."""

    async def wait(self, modem: Modem, seat: Seat) -> Claim[Prepared] | None:
        """Wait until there is one; None when the modem shall stop. Raises what it failed of meanwhile."""


class Round:
    """One modem, from when it is lent until it is given back."""

    def __init__(self, books: Books, claims: Claims[Prepared], source: Source, modem: Modem, seat: Seat) -> None:
        self._books = books
        self._claims = claims
        self._source = source
        self._modem = modem
        self._seat = seat
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
        claim = self._source.take(self._modem, self._seat)
        if claim is None:
            self._answered = False
            await self._settle()
            claim = await self._source.wait(self._modem, self._seat)
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
            self._note_answer(message, segment, outcome)
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
        barrier = self._books.cross(self._unsettled, message, segment.number, self._modem.sim, used)
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
            self._books.handed_over(self._modem.sim, message, segment.number, self._modem.port)
        except StorageError as error:
            log.event("storage.refused", level="ERROR", code=error.code, modem=self._modem.name)
            return False
        return True

    def _note_answer(self, message: Message, segment: Segment, outcome: Outcome) -> None:
        try:
            self._books.answered(self._modem.sim, message, segment.number, outcome)
        except StorageError as error:
            log.event("storage.refused", level="ERROR", code=error.code, modem=self._modem.name)

    def _count(self, number: str) -> SimUsage | None:
        """Count a segment to this number, which is about to go out, against the SIM's limits."""
        meter = self._seat.meter
        return None if meter is None else self._used(meter, meter.count(self._books.clock.now(), number))

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
        self._books.queue.announce(crossing.moved)
        return crossing.marked

    def _follow(self, settlement: Settlement, follows: Next | None) -> None:
        """An attempt is settled on disk: let its message go, and see that it comes back if it shall."""
        message = settlement.message
        if follows is None and settlement.part < message.parts:
            return
        self._claims.let_go(message)
        if follows is not None and follows.state is State.QUEUED and follows.due <= self._books.clock.now():
            self._claims.rejoin(message)
        elif follows is not None:
            if follows.state is State.UNCERTAIN:
                code, name = settlement.outcome.code, encode("m", message.id)
                log.event("message.uncertain", level="WARNING", message=name, modem=self._modem.name, code=code)
            self._books.queue.on_later(follows.due)
        self._books.queue.changed()

    def _note(self, message: Message, part: int, outcome: Outcome) -> None:
        in_doubt = self._modem.doubts > 1
        self._unsettled.append(Settlement(message, part, self._modem.sim, outcome, self._books.clock.now(), in_doubt))

    def _lost_before(self, claim: Claim[Prepared], segment: Segment, error: ModemdError) -> None:
        """The modem was lost before its AT+CMGS: nothing is marked, unless segments of this message went before."""
        if segment.number == claim.message.sent_parts + 1:
            self._claims.put_back(claim)
        else:
            self._note(claim.message, segment.number, Outcome(Verdict.UNSENT, code=error.code))

    async def _refuse(self, claim: Claim[Prepared]) -> None:
        """A message that cannot be opened or encoded ends here, with the reason."""
        failure = claim.failure or ModemdError("it cannot be sent")
        await self._books.queue.fail(claim.message, failure.code, failure.detail)
        self._claims.let_go(claim.message)

    async def _settle(self) -> None:
        """Write down what is not yet: again and again, for what a modem has said must not be forgotten."""
        wait_s, longest_s = STORAGE_RETRY_S
        while self._unsettled:
            meter = self._seat.meter
            used = self._used(meter) if meter is not None else None
            if await self._crossed(self._books.cross(self._unsettled, used=used)) is None:
                await asyncio.sleep(wait_s)
                wait_s = min(longest_s, wait_s * 2)
