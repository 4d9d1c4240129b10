"""Whatever happens to messages in hand, each that is queued and due can be taken, and once: none rests unseen.

They are cancelled, expire, are settled by persons, late answers and their senders' wishes while modems take and attempt
them: nothing that the SMSC has goes again, nothing that was taken back goes at all, and the counters say what the rows
say.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from modemd.clock import SECOND, ManualClock
from modemd.db import connect
from modemd.errors import Conflict
from modemd.queue import Claim, Claims, Draft, Envelope, IfUncertain, Queue, Settlement, State
from modemd.queue.hand import NEVER, WELCOME
from modemd.queue.turns import Turns
from modemd.values import Fault, Lane, Outcome, Verdict

OUTCOMES = {
    "sent": Outcome(Verdict.ACCEPTED, reference=1),
    "unsent": Outcome(Verdict.UNSENT, code="port_lost", fault=Fault.MODEM),
    "refused": Outcome(Verdict.REFUSED, code="cms-41", fault=Fault.NETWORK),
    "failed": Outcome(Verdict.REFUSED, code="cms-196", fault=Fault.MESSAGE),
    "uncertain": Outcome(Verdict.UNCERTAIN, code="timeout"),
}
STEPS = st.one_of(
    st.tuples(st.just("submit"), st.integers(1, 30)),
    st.tuples(
        st.sampled_from(
            [
                *("take", "take", "put back", "cancel", "expire", "advance", "breathe"),
                *("resolve", "retry", "late answer", *OUTCOMES),
            ]
        ),
        st.integers(0, 40),
    ),
)
HOWS = ("sent", "resend", "fail")


class House:
    """A queue, what is in hand of it, and one modem that has taken some."""

    def __init__(self, queue: Queue, claims: Claims[bytes], clock: ManualClock) -> None:
        self.queue = queue
        self.claims = claims
        self.clock = clock
        self.taken: list[Claim[bytes]] = []
        self.all: list[int] = []
        self.accepted: set[tuple[int, int]] = set()
        """The segments that the SMSC has."""
        self.cancelled: set[int] = set()
        self.since = clock.now()
        self._rounds: list[asyncio.Task[None]] = []

    async def submit(self, count: int) -> None:
        ids = self.queue.ids.many(count)
        self.all += ids
        now = self.clock.now()
        due = now + 60 * SECOND if count % 5 == 0 else now
        expires = now + 300 * SECOND if count % 3 == 0 else None
        policy = tuple(IfUncertain)[count % 3]
        envelope = Envelope(1 + count % 2, Lane.TRANSACTIONAL, due, expires, policy)
        await self.queue.submit(envelope, [Draft(number, b"sealed", 1 + number % 2, b"key") for number in ids])

    async def take(self, _: int = 0) -> bool:
        # a message that another step has put aside may not be welcome: leave every seventh for later
        claim = self.claims.take(["sim0"], lambda claim: NEVER if claim.message.id % 7 == len(self.taken) else WELCOME)
        if claim is not None:
            assert claim.message.id not in [other.message.id for other in self.taken], "in hand twice"
            self.taken.append(claim)
        return claim is not None

    async def put_back(self, which: int) -> None:
        if self.taken:
            self.claims.put_back(self.taken.pop(which % len(self.taken)))

    async def cancel(self, which: int) -> None:
        if self.all:
            number = self._one_of_all(which)
            with suppress(Conflict):
                await self.queue.cancel(number)
                self.cancelled.add(number)

    def _one_of_all(self, which: int) -> int:
        """Any message, one that a modem has taken as often as another."""
        if which % 2 and self.taken:
            return self.taken[which % len(self.taken)].message.id
        return self.all[which % len(self.all)]

    async def resolve(self, which: int) -> None:
        if self.all:
            with suppress(Conflict):
                await self.queue.resolve(self._one_of_all(which), HOWS[which % 3])

    async def retry(self, which: int) -> None:
        if self.all:
            with suppress(Conflict):
                await self.queue.retry(self._one_of_all(which))

    async def late_answer(self, which: int) -> None:
        await self.queue.late_answer("sim0", self.clock.now(), OUTCOMES["sent" if which % 2 else "refused"])

    async def attempt(self, which: int, outcome: Outcome) -> None:
        """As a modem's round does it: the last of its segments ends so, those before it well."""
        if not self.taken:
            return
        message = self.taken.pop(which % len(self.taken)).message
        for part in range(message.sent_parts + 1, message.parts + 1):
            if not (await self.queue.cross([], message, part, "sim0", {})).marked:
                self.claims.let_go(message)
                return
            assert (message.id, part) not in self.accepted, "twice"
            assert message.id not in self.cancelled, "it was taken back"
            ends = outcome if part == message.parts else OUTCOMES["sent"]
            settled = Settlement(message, part, "sim0", ends, self.clock.now())
            [follows] = (await self.queue.cross([settled], None, 0, "", {})).follow
            if follows is None:
                self.accepted.add((message.id, part))
        self.claims.let_go(message)
        if follows is not None and follows.state is State.QUEUED and follows.due <= self.clock.now():
            self.claims.rejoin(message)

    async def expire(self, _: int) -> None:
        """Let the time of those that have one be over, for most of them."""
        self.clock.advance(299.5)
        self.since, _next = await self.queue.tick(self.since)

    async def advance(self, seconds: int) -> None:
        self.clock.advance(60 * seconds)
        self.since, _ = await self.queue.tick(self.since)

    async def rows(self) -> dict[State, int]:
        """How many messages are in which state, counted row by row."""
        states = [await self._state(number) for number in self.all]
        return {state: states.count(state) for state in State}

    async def do(self, name: str, number: int) -> None:
        if name in OUTCOMES:
            self._rounds.append(asyncio.create_task(self.attempt(number, OUTCOMES[name])))
        elif name == "breathe":
            await asyncio.sleep(number / 40_000)  # something of what runs beside this gets done, and something not
        else:
            await getattr(self, name.replace(" ", "_"))(number)

    async def settled(self) -> None:
        """Every attempt is over."""
        await asyncio.gather(*self._rounds)

    async def queued(self) -> set[int]:
        return {number for number in self.all if await self._state(number) is State.QUEUED}

    async def _state(self, number: int) -> State:
        found = await self.queue.message(number)
        assert found is not None
        return found.state


async def judged(folder: Path, steps: list[tuple[str, int]]) -> None:
    clock, stocked = ManualClock(), asyncio.Event()
    database = connect(f"sqlite:///{folder / 'modemd.db'}", clock=clock)
    await database.open()
    queue = Queue(database, clock, "here")
    claims: Claims[bytes] = Claims(database, clock, Turns(), lambda message: message.body, stocked.set)
    claims.width = 2
    queue.on_work, queue.on_again, queue.on_gone = claims.wake, claims.again, claims.drop
    house = House(queue, claims, clock)
    for name, number in steps:
        await house.do(name, number)
    await house.settled()
    await house.advance(1000)
    left = await house.queued() - {claim.message.id for claim in house.taken}
    found: dict[int, Claim[bytes]] = {}
    async with asyncio.timeout(10):
        while not left <= found.keys():
            stocked.clear()
            while (claim := claims.take(["sim0"], lambda _: WELCOME)) is not None:
                assert claim.message.id not in found, "in hand twice"
                found[claim.message.id] = claim
            if not left <= found.keys():
                await stocked.wait()
    rows, counts = await house.rows(), await queue.counts()
    assert counts.states == {state: rows[state] for state in counts.states}
    assert counts.lanes[Lane.TRANSACTIONAL] == rows[State.QUEUED]
    assert counts.totals["accepted"] == len(house.all)
    assert counts.totals["cancelled"] == rows[State.CANCELLED] == len(house.cancelled)
    for number in found.keys() - left:  # it was put back, or being fetched, when it was taken back: it cannot go
        message = found[number].message
        assert not (await queue.cross([], message, message.sent_parts + 1, "sim0", {})).marked
    await claims.stop()
    await database.close()


@given(st.lists(STEPS, min_size=10, max_size=80))
@settings(max_examples=40, deadline=None, phases=[Phase.generate])  # to shrink a stall would take an hour
def test_every_queued_message_can_be_taken_once(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(judged(Path(folder), steps))
