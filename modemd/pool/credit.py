"""Holds a modem whose SIM runs out of credit: asks for the balance by USSD, seldom, and when the modem is idle.

A question takes seconds in which the modem cannot send, so it is put between two messages only where an idle moment has
not come for as long again. A modem that is held goes on receiving, and is asked more often: credit may be back.

Which SIMs are held outlives the daemon, and goes with the SIM into another modem: a dry SIM is fed nothing before it is
asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from modemd import log
from modemd.clock import Clock
from modemd.errors import ModemdError
from modemd.pool.modem import Condition, Modem
from modemd.pool.ussd import balance

if TYPE_CHECKING:
    from modemd.pool import Pool

ANSWER_S = 30.0
"""A balance is no reason to keep a modem longer; most networks answer within five seconds."""

_KNOWN = frozenset({Condition.READY, Condition.SENDING, Condition.DRAINING})
"""Conditions of a modem whose SIM is known and can be asked."""


@dataclass(frozen=True)
class Question:
    """How a SIM's credit is asked for, and how much is too little."""

    code: str
    pattern: str
    """A regular expression whose first group is the amount."""
    low: Decimal


@dataclass(frozen=True)
class Pace:
    """When a SIM is asked."""

    every_s: float = 6 * 3600.0
    segments: int = 100
    """Or after so many segments, whichever comes first."""
    held_s: float = 1800.0
    """While it is held."""
    failed_s: float = 3600.0
    """After an answer that could not be had or read."""


@dataclass
class Known:
    """What is known of one SIM's credit."""

    asked_at: float
    sent: int
    """The modem's count of segments when it was asked."""
    read: bool


class Memory(Protocol):
    """Which SIMs are held, on disk; each verb raises StorageError."""

    async def held(self) -> Mapping[str, str]:
        """Those that are, each with the reason."""

    async def hold(self, sim: str, reason: str) -> None:
        """One more."""

    async def release(self, sim: str) -> None:
        """Not any more."""


class Credits:
    """The credit of every SIM; ``question_of`` gives what is set for a SIM."""

    def __init__(
        self,
        pool: Pool,
        question_of: Callable[[str], Question | None],
        clock: Clock,
        memory: Memory,
        pace: Pace | None = None,
    ) -> None:
        self._pool = pool
        self._question_of = question_of
        self._clock = clock
        self._memory = memory
        self._pace = pace or Pace()
        self._known: dict[str, Known] = {}
        self._held: dict[str, str] = {}
        pool.on_identified = self._identified

    async def open(self) -> None:
        """At start, before a modem is brought up: which SIMs were held. Raises StorageError."""
        self._held = dict(await self._memory.held())

    async def look(self) -> None:
        """Ask those SIMs whose time has come, at once. Raises StorageError."""
        for modem in self._pool.modems:
            await self._compare(modem)
        asked = [(modem, question) for modem in self._pool.modems if (question := self._due(modem)) is not None]
        await asyncio.gather(*(self._ask(modem, question) for modem, question in asked))

    def _identified(self, modem: Modem) -> None:
        """It is known which SIM is in it, and nothing was sent yet."""
        asked = self._question_of(modem.sim) is not None
        modem.held = self._held.get(modem.sim) if asked else None

    async def _compare(self, modem: Modem) -> None:
        """Nobody wants to know the credit of its SIM any more, or somebody has resumed it by hand."""
        if modem.held is not None and self._question_of(modem.sim) is None:
            self._pool.release(modem.name)
        if modem.condition in _KNOWN and modem.held is None and self._held.pop(modem.sim, None) is not None:
            await self._memory.release(modem.sim)

    def _due(self, modem: Modem) -> Question | None:
        if modem.condition not in _KNOWN:
            return None
        question, pace, now = self._question_of(modem.sim), self._pace, self._clock.monotonic()
        if question is None:
            return None
        known = self._known.setdefault(modem.sim, Known(now - 1.5 * pace.every_s, modem.sent, read=True))
        rest_s = pace.held_s if modem.held is not None else pace.every_s if known.read else pace.failed_s
        late = max((now - known.asked_at) / rest_s, (modem.sent - known.sent) / pace.segments)
        # A SIM that is new here is due, and one that never idles is asked half a period later.
        return question if late >= (2 if modem.condition is Condition.SENDING else 1) else None

    async def _ask(self, modem: Modem, question: Question) -> None:
        sim = modem.sim
        known = self._known[sim] = Known(self._clock.monotonic(), modem.sent, read=False)
        try:
            reply = await self._pool.ussd(modem.name, question.code, ANSWER_S)
        except ModemdError as failure:
            log.failed("credit.not_asked", failure, level="WARNING", modem=modem.name)
            return
        amount = balance(reply.text, question.pattern)
        if amount is None:
            log.event("credit.not_read", level="WARNING", modem=modem.name, end=reply.end.value)
            return
        known.read = True
        modem.credit = amount
        await self._judge(modem, amount, question.low)

    async def _judge(self, modem: Modem, amount: Decimal, low: Decimal) -> None:
        if amount < low:
            log.event("credit.low", level="WARNING", modem=modem.name, credit=amount, low=low)
            reason = self._held[modem.sim] = f"low credit: {amount}, held below {low}"
            self._pool.hold(modem.name, reason)
            await self._memory.hold(modem.sim, reason)
        elif modem.held is not None:
            log.event("credit.back", modem=modem.name, credit=amount)
            self._pool.release(modem.name)
            await self._compare(modem)
