"""What the modems' rounds write down: the barrier, the turns that ride on its commits, and the handover."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from modemd.clock import Clock
from modemd.queue import Message, Queue, Settlement
from modemd.queue.barrier import Crossing
from modemd.queue.handover import Handover, mark
from modemd.queue.turns import Key, Turns
from modemd.queue.usage import SimUsage
from modemd.values import Outcome

TURNS_WRITTEN_EVERY_S = 1.0
"""What a crash may forget of the turns: their last second."""


class Books:
    """One queue's, for all its modems."""

    def __init__(self, queue: Queue, clock: Clock, turns: Turns, handover: Handover) -> None:
        self.queue = queue
        self.clock = clock
        self._handover = handover
        self._turns = turns
        self._turns_written = clock.monotonic()

    def cross(
        self,
        settled: Sequence[Settlement],
        message: Message | None = None,
        part: int = 0,
        sim: str = "",
        used: SimUsage | None = None,
    ) -> asyncio.Future[Crossing]:
        """Settle what has ended and mark the next segment, in one transaction; see ``Queue.cross``."""
        return self.queue.cross(settled, message, part, sim, self._turns_to_write(), used)

    def handed_over(self, sim: str, message: Message, part: int, port: str) -> None:
        """The Ctrl-Z of this segment goes out now; raises StorageError, and then it must not."""
        self._handover.note(sim, message.id, part, mark(port))

    def answered(self, sim: str, message: Message, part: int, outcome: Outcome) -> None:
        """What has become of it, before anything else is said to its modem; raises StorageError."""
        self._handover.answered(sim, message.id, part, outcome)

    async def close(self) -> None:
        """Write down what the turns are."""
        if changes := self._turns.take_changes():
            await self.queue.cross([], None, 0, "", changes)

    def _turns_to_write(self) -> dict[Key, int]:
        """The turns that changed, at most once a second: they ride on a commit that is made anyway."""
        now = self.clock.monotonic()
        if now - self._turns_written < TURNS_WRITTEN_EVERY_S:
            return {}
        self._turns_written = now
        return self._turns.take_changes()
