"""Segments that came in one by one, as the one message they are (TS 23.040 9.2.3.24.1 and .8)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from modemd.at.pdu.dcs import Alphabet
from modemd.at.pdu.deliver import Deliver
from modemd.at.pdu.header import Header
from modemd.at.pdu.userdata import UserData, decode


class ChainKey(NamedTuple):
    """What segments of one message have in common, besides the SIM they came to."""

    sender: str
    reference: int
    total: int
    wide: bool


def chain_key(segment: Deliver) -> ChainKey | None:
    """Which message this is a segment of; None if it is a whole one."""
    concat = segment.body.header.concat
    if concat is None or concat.total == 1:
        return None
    return ChainKey(segment.sender.text, concat.reference, concat.total, concat.wide)


def join(segments: Sequence[Deliver]) -> str:
    """The text of ``segments``, in the order given.

    Runs of one alphabet are decoded in one piece: other senders do cut between a pair of surrogates, and between an
    escape and what it escapes.
    """
    text = []
    for (alphabet, single, locking), run in itertools.groupby((segment.body for segment in segments), _reading):
        units = b"".join(body.units for body in run)
        text.append(decode(units, alphabet, Header(single=single, locking=locking)))
    return "".join(text)


def _reading(body: UserData) -> tuple[Alphabet, int | None, int | None]:
    """How the units of a segment are to be read."""
    return body.alphabet, body.header.single, body.header.locking
