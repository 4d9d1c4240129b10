"""When a message goes that was refused and whose time has come: before younger ones, and not before all of them."""

from __future__ import annotations

from hall import ACCEPTED, Hall

from modemd.queue import State
from modemd.values import Fault, Outcome, Verdict

CONGESTED = Outcome(Verdict.REFUSED, code="cms-42", fault=Fault.NETWORK, detail="congestion")
WAIT_S = 1000.0
"""Longer than the back-off after a first and a second refusal."""
CAMPAIGN = [f"{place}" for place in range(400)]


class Cell:
    """It refuses some recipients so many times."""

    def __init__(self, *unlucky: str, times: int = 1) -> None:
        self._left = dict.fromkeys(unlucky, times)

    def __call__(self, to: str) -> Outcome:
        if not self._left.get(to, 0):
            return ACCEPTED
        self._left[to] -= 1
        return CONGESTED


async def test_a_refused_message_does_not_wait_for_its_accounts_campaign(hall: Hall) -> None:
    cell = Cell("3")
    ids = await hall.submit(*CAMPAIGN)
    for _ in range(2):
        hall.modem(cell)
    await hall.becomes(ids[3], State.QUEUED, refusals=1)
    await hall.sends(count=50)
    hall.air.clear()
    before = len(hall.sent)
    hall.clock.advance(WAIT_S)
    await hall.stocked("3", attempts=1)
    hall.air.set()
    await hall.sends(count=before + 10)
    assert "3" in hall.sent[before : before + 4], "before everything but what modems held, and one that suited better"
    await hall.sends(*CAMPAIGN)
    assert sorted(hall.sent) == sorted([*CAMPAIGN, "3"])


async def test_many_bad_numbers_cost_the_rest_of_their_campaign_no_more_than_a_quarter(hall: Hall) -> None:
    bad = CAMPAIGN[:150]
    cell = Cell(*bad, times=99)
    ids = await hall.submit(*CAMPAIGN)
    for _ in range(2):
        hall.modem(cell)
    await hall.becomes(ids[149], State.QUEUED, refusals=1)
    hall.air.clear()
    before = len(hall.sent)
    hall.clock.advance(WAIT_S)
    await hall.stocked_again()
    hall.air.set()
    await hall.sends(count=before + 120)
    again = [to for to in hall.sent[before : before + 120] if to in bad]
    assert 20 <= len(again) <= 120 // 4 + 4, again
    await hall.sends(*CAMPAIGN)


async def test_another_accounts_message_does_not_wait_for_what_was_refused(hall: Hall) -> None:
    bad = CAMPAIGN[:100]
    cell = Cell(*bad, times=99)
    ids = await hall.submit(*bad)
    modems = [hall.modem(cell) for _ in range(2)]
    await hall.becomes(ids[-1], State.QUEUED, refusals=1)
    hall.air.clear()
    before = len(hall.sent)
    hall.clock.advance(WAIT_S)
    await hall.stocked_again()
    await hall.submit("another", account=2)
    await hall.stocked("another")
    hall.air.set()
    await hall.sends("another")
    assert hall.sent.index("another") - before <= len(modems) + 1


async def test_a_message_that_no_modem_was_handed_in_the_end_is_its_accounts_next(hall: Hall) -> None:
    unsent = Outcome(Verdict.UNSENT, code="port_lost", fault=Fault.MODEM)
    answers = {"5": iter([unsent])}
    await hall.submit(*CAMPAIGN)
    hall.modem(lambda to: next(answers.get(to, iter(())), ACCEPTED))
    await hall.sends(count=60)
    places = [place for place, to in enumerate(hall.sent) if to == "5"]
    assert len(places) == 2
    assert places[1] - places[0] <= 8
