"""The write-ahead barrier, and what comes after it: settlements, answers that are late, what a crash has left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from modemd.clock import Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Unreadable
from modemd.queue import lookup, recover, reports, settle, usage
from modemd.queue import submit as accepting
from modemd.queue.announcing import Announcing
from modemd.queue.looking import Looking
from modemd.queue.matching import Open
from modemd.queue.recover import Segment
from modemd.queue.retry import Next
from modemd.queue.rows import Handed, Message, Settlement
from modemd.queue.turns import Key
from modemd.queue.usage import SimUsage
from modemd.values import Outcome, Sms, Verdict

ACCEPTED = Outcome(Verdict.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What one turn at the barrier did."""

    marked: bool
    """The next segment is on disk as about to be sent."""
    follow: list[Next | None]
    """What follows for the message of each attempt that was settled; None after success."""
    moved: list[Message]
    """Other messages that a status report has moved in passing."""


class Barrier(Looking, Announcing):
    """No segment goes out before it is marked here, and what became of it is written here."""

    def __init__(self, database: Database, clock: Clock, node: str) -> None:
        Looking.__init__(self, database, clock)
        Announcing.__init__(self)
        self.open: Open = _cannot_open
        """What a message was meant to be, for any thread: status reports are told apart by their recipient."""
        self._node = node
        self._handed: dict[str, deque[Handed]] = {}
        self._owed: set[Segment] = set()
        """Segments of an earlier daemon to which an error may be the answer."""

    def cross(
        self,
        settled: Sequence[Settlement],
        message: Message | None,
        part: int,
        sim: str,
        turns: dict[Key, int],
        used: SimUsage | None = None,
    ) -> asyncio.Future[Crossing]:
        """The write-ahead barrier: in one transaction settle what has ended and mark the next segment.

        ``turns`` are virtual times, ``used`` is what the SIM has used of its limits, to write down beside. The future
        fails with StorageError if nothing was written.
        """
        now = self._clock.now()
        if message is not None:
            self._remember(Handed(message.id, part, sim, now))

        def closure(tx: Transaction) -> Crossing:
            follow, moved = [], []
            for settlement in settled:
                follows, others = reports.settled(tx, settlement, settle.settle(tx, settlement), self.open)
                follow.append(follows)
                moved += others
            marked = message is not None and settle.mark(tx, message, part, sim, self._node, now)
            if turns:
                write_turns(tx, turns)
            if used is not None:
                usage.write(tx, used)
            return Crossing(marked, follow, moved)

        return self._database.submit(closure, Urgency.SEND)

    async def fail(self, message: Message, code: str, detail: str) -> None:
        """End a queued message that cannot be sent at all."""
        now = self._clock.now()
        await self._database.write(lambda tx: settle.fail(tx, message, code, detail, now), Urgency.SEND)
        self.changed()

    async def late_answer(self, sim: str, heard: int, outcome: Outcome = ACCEPTED) -> Message | None:
        """An answer that nobody awaited was heard on a SIM's port: it settles what the SIM was handed last before.

        None if that segment is not uncertain, or not known: what an earlier run left uncertain has no answer any more.
        """
        handed = next((handed for handed in reversed(self._handed.get(sim, ())) if handed.at <= heard), None)
        if handed is None or (outcome.verdict is Verdict.REFUSED and (handed.message, handed.part) not in self._owed):
            return None
        self._owed.discard((handed.message, handed.part))
        now = self._clock.now()
        found = await self._database.write(lambda tx: recover.late_answer(tx, handed, outcome, now), Urgency.SEND)
        if found is not None:
            self._moved(found)
        return found

    def _remember(self, handed: Handed) -> None:
        """The last two of each SIM: an answer may be understood only when the next segment is on its way."""
        self._handed.setdefault(handed.sim, deque(maxlen=2)).append(handed)

    async def recover(
        self,
        went_out: Collection[Segment] | None = None,
        accepted: Mapping[Segment, int] | None = None,
        owed: Collection[Segment] = (),
    ) -> int:
        """At start: discard what was staged, make uncertain what was being sent; how many that are.

        ``went_out``, if that is known, are the segments whose Ctrl-Z may have been written (handover.py): what is not
        among them is queued again, and late answers are awaited for them. ``accepted`` are those that the modem had
        answered, each with its TP-MR. Only to what is ``owed`` an error that is heard late can be the answer.
        """
        await accepting.discard_all_staged(self._database)
        now = self._clock.now()
        recovered = await self._database.write(
            lambda tx: recover.recover(tx, self._node, now, went_out, accepted or {})
        )
        unanswered = recovered
        if went_out is not None:
            unanswered = await self._database.read(lambda db: lookup.unanswered(db, went_out))
        for handed in unanswered:
            self._remember(handed)
        self._owed = set(owed)
        return len(recovered)

    @property
    def handed(self) -> list[Handed]:
        """What each SIM was handed last."""
        return [segments[-1] for segments in self._handed.values()]


def _cannot_open(_: Message) -> Sms:
    raise Unreadable("nobody opens messages here")


def write_turns(tx: Transaction, turns: dict[Key, int]) -> None:
    """Write virtual times down."""
    tx.executemany(
        "INSERT INTO turn (lane, account, vtime) VALUES (?, ?, ?) "
        "ON CONFLICT (lane, account) DO UPDATE SET vtime = excluded.vtime",
        [(int(lane), account, vtime) for (lane, account), vtime in turns.items()],
    )
