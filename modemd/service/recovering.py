"""A start after another daemon's end: what that one left in the middle, and where we note the same for the next."""

from __future__ import annotations

from pathlib import Path

from modemd import log
from modemd.errors import StorageUnwritable
from modemd.queue import Queue, handover
from modemd.queue.handover import Handover


async def recover(queue: Queue, state_dir: Path) -> Handover:
    """Settle what was being sent as far as it can be known, and open the handover file anew.

    Raises StorageError.
    """
    path, boot = state_dir / "handover", handover.this_boot()
    left = handover.read(path, boot)
    if left is None:
        uncertain = await queue.recover()
    else:
        uncertain = await queue.recover(left.ports, left.accepted, left.owed)
    if uncertain:
        log.event("queue.recovered", level="WARNING", uncertain=uncertain)
    try:
        hands = Handover(path, boot)
    except OSError as error:
        raise StorageUnwritable(f"{path} cannot be written ({error.strerror})", cure="check its owner") from None
    for handed in queue.handed:  # still unanswered, should this daemon end before it has heard more
        hands.keep(handed, left.ports.get((handed.message, handed.part), b"") if left is not None else b"")
    return hands
