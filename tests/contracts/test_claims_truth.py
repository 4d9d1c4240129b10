"""Whatever happens to messages in hand, each that is queued and due can be taken, and once: none rests unseen."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from modemd.clock import ManualClock
from modemd.db import connect
from modemd.errors import Conflict
from modemd.queue import Claim, Claims, Draft, Envelope, Queue, Settlement, State
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
    st.tuples(st.sampled_from(["take", "put back", "cancel", "advance", "breathe", *OUTCOMES]), st.integers(0, 40)),
)


class House:
    """A queue, what is in hand of it, and one modem that has taken some."""

    def __init__(self, queue: Queue, claims: Claims[bytes], clock: ManualClock) -> None:
        self.queue = queue
        self.claims = claims
        self.clock = clock
        self.taken: list[Claim[bytes]] = []
        self.all: list[int] = []
        self.since = clock.now()
        self._rounds: list[asyncio.Task[None]] = []

    async def submit(self, count: int) -> None:
        ids = self.queue.ids.many(count)
        self.all += ids
        envelope = Envelope(1 + count % 2, Lane.TRANSACTIONAL, self.clock.now(), None)
        await self.queue.submit(envelope, [Draft(number, b"sealed", 1, b"key") for number in ids])

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
            try:
                await self.queue.cancel(self.all[which % len(self.all)])
            except Conflict:
                return

    async def attempt(self, which: int, outcome: Outcome) -> None:
        """As a modem's round does it."""
        if not self.taken:
            return
        message = self.taken.pop(which % len(self.taken)).message
        if (await self.queue.cross([], message, 1, "sim0", {})).marked:
            settled = Settlement(message, 1, "sim0", outcome, self.clock.now())
            [follows] = (await self.queue.cross([settled], None, 0, "", {})).follow
            self.claims.let_go(message)
            if follows is not None and follows.state is State.QUEUED and follows.due <= self.clock.now():
                self.claims.rejoin(message)
        else:
            self.claims.let_go(message)

    async def advance(self, seconds: int) -> None:
        self.clock.advance(60 * seconds)
        self.since, _ = await self.queue.tick(self.since)

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
    found: list[int] = []
    async with asyncio.timeout(10):
        while len(found) < len(left):
            stocked.clear()
            while (claim := claims.take(["sim0"], lambda _: WELCOME)) is not None:
                found.append(claim.message.id)
            if len(found) < len(left):
                await stocked.wait()
    assert sorted(found) == sorted(left)
    await claims.stop()
    await database.close()


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=25, deadline=None, phases=[Phase.generate])  # to shrink a stall would take an hour
def test_every_queued_message_can_be_taken_once(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(judged(Path(folder), steps))
