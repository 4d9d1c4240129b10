"""The queue: messages and their states, each verb one short transaction. Knows no modem and no plain text.

submit   accept a call of messages, durably, whole or not at all      (submit.py, together.py)
claims   the next messages by turns, in memory                        (claims.py, turns.py)
cross    the write-ahead barrier before each Ctrl-Z                   (barrier.py, settle.py, retry.py)
recover  what a daemon before us left in the middle                   (barrier.py, recover.py)
report   what a status report says                                    (reports.py, matching.py)
…        look, list; cancel, resolve, come due                        (looking.py, listing.py, change.py)
"""

from __future__ import annotations

from modemd.queue.claims import Claims
from modemd.queue.hand import Claim
from modemd.queue.queue import Queue
from modemd.queue.rows import Counts, Draft, Envelope, Idempotency, Message, Settlement, Story
from modemd.queue.states import ENDED, IfUncertain, State
from modemd.queue.submit import SLICE, Repeated

FIRST_SCHEMA = 2
"""The migration that made the queue: from it on, how much lies where can be counted."""

__all__ = [
    "ENDED",
    "FIRST_SCHEMA",
    "SLICE",
    "Claim",
    "Claims",
    "Counts",
    "Draft",
    "Envelope",
    "Idempotency",
    "IfUncertain",
    "Message",
    "Queue",
    "Repeated",
    "Settlement",
    "State",
    "Story",
]
