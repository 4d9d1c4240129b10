"""A message as it waits in hand: encoded for the air, with what matters when a modem is chosen for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemd.pool.rotation import Wish
from modemd.queue import Message
from modemd.values import Lane, Segment


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
