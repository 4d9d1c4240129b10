"""What a free modem is given when every lane has more to send than it can."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hall import Hall

from modemd.queue.turns import SHARES
from modemd.values import Lane


def lane_of(to: str) -> Lane:
    return Lane[to.partition(" ")[0]]


async def flood(hall: Hall, *lanes: Lane, count: int = 250) -> None:
    for lane in lanes:
        await hall.submit(*(f"{lane.name} {place}" for place in range(count)), lane=lane)


@pytest.mark.parametrize("lanes", [tuple(Lane), (Lane.SYSTEM, Lane.BULK), (Lane.SYSTEM, Lane.TRANSACTIONAL)])
async def test_no_lane_starves_while_passwords_never_end(hall: Hall, lanes: tuple[Lane, ...]) -> None:
    await flood(hall, *lanes)
    modem = hall.modem()
    await hall.sends(count=200)
    had = Counter(lane_of(to) for to in modem.sent[:200])
    for lane in lanes[1:]:
        assert had[lane] >= 200 // SHARES[lane] - 2, had
        places = [place for place, to in enumerate(modem.sent[:200]) if lane_of(to) is lane]
        assert max(after - before for before, after in pairwise(places)) <= 2 * SHARES[lane] + len(lanes), places
    assert had[Lane.SYSTEM] >= 140, "passwords still go before everything else"


async def test_one_password_waits_for_nothing_but_what_is_on_the_air(hall: Hall) -> None:
    await flood(hall, Lane.TRANSACTIONAL, Lane.BULK)
    modem = hall.modem()
    for place in range(10):
        await hall.sends(count=7 * place + 7)
        hall.air.clear()
        before = len(modem.sent)
        await hall.submit(f"SYSTEM {place}", lane=Lane.SYSTEM, account=9)
        await hall.stocked(f"SYSTEM {place}")
        hall.air.set()
        await hall.sends(f"SYSTEM {place}")
        assert modem.sent.index(f"SYSTEM {place}") <= before + 1, "only what was handed over went before it"
