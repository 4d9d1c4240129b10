"""STOP and START by SMS on both engines: whose opt-out it is, and what it takes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from test_logins import House

from modemd.accounts import request as requests
from modemd.accounts.call import Receipt
from modemd.accounts.inbound import Inbound, Took
from modemd.accounts.opt_outs import SLICE, How
from modemd.accounts.whose import Piece
from modemd.clock import SECOND, rfc3339
from modemd.db import Database
from modemd.errors import InvalidField
from modemd.ids import decode
from modemd.queue import Settlement, State
from modemd.values import Outcome, Verdict

ANNA, BERT = "+48600100200", "+48600100201"


class Town:
    """Two shops that write to people, and people who answer."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.shop = self.bank = 0
        self._count = 0
        self.inbound = Inbound(
            house.database,
            house.accounts.vault,
            house.accounts.terms.numbers,
            accounts=house.store.accounts,
            join=lambda texts: "".join(text.decode() for text in texts if text),
            opt_outs=house.accounts.opt_outs,
            ids=house.queue.ids,
            clock=house.clock,
        )

    async def open(self) -> None:
        create = self.house.accounts.directory.create
        self.shop = (await create("shop@example.org", "+48600200301")).id
        self.bank = (await create("bank@example.org", "+48600200302")).id

    async def submit(self, account: int, to: str = ANNA, **more: object) -> Receipt:
        body = {"to": to, "text": "x", **more}
        return await self.house.accounts.sending.submit(account, requests.read(body, self.house.clock.now()))

    async def wrote(self, account: int, to: str = ANNA, sim: str = "sim0") -> None:
        """A message of an account has been sent."""
        receipt = await self.submit(account, to)
        message = await self.house.queue.message(decode("m", receipt.messages[0]["id"]) or 0)
        assert message is not None
        await self.house.queue.cross([], message, 1, sim, {})
        settlement = Settlement(message, 1, sim, Outcome(Verdict.ACCEPTED, 17), self.house.clock.now())
        await self.house.queue.cross([settlement], None, 0, "", {})
        self.house.clock.advance(1)

    async def hears(self, text: str, sender: str = ANNA, sim: str = "sim0") -> Took:
        self._count += 1
        return await self.inbound.take(Piece(sim, sender, self._count, text.encode(), str(self._count).encode()))

    async def opted_out(self, account: int) -> list[tuple[str, How]]:
        return [(one.number, one.how) for one in await self.house.accounts.opt_outs.of(account)]

    async def states(self, account: int) -> dict[str, int]:
        found = [one["state"] for one in await self.house.accounts.sending.messages(account)]
        return {state: found.count(state) for state in set(found)}

    async def refused(self, account: int, to: str = ANNA) -> bool:
        try:
            await self.submit(account, to)
        except InvalidField as error:
            return error.code == "opted_out"
        return False


@pytest.fixture
async def town(database: Database, tmp_path: Path) -> AsyncIterator[Town]:
    house = House(database, tmp_path / "state.keys")
    await house.accounts.start()
    town = Town(house)
    await town.open()
    yield town
    house.accounts.close()


async def test_stop_is_an_opt_out_of_the_account_that_wrote_last_and_of_no_other(town: Town) -> None:
    await town.wrote(town.shop)
    await town.wrote(town.bank)
    assert not await town.refused(town.bank), "what is known of opt-outs is remembered from now on"
    assert await town.hears("Stop!") is Took.RECEIVED
    assert await town.opted_out(town.bank) == [(ANNA, How.STOP)]
    assert await town.opted_out(town.shop) == await town.opted_out(1) == []
    assert await town.refused(town.bank)
    assert not await town.refused(town.bank, BERT)
    assert not await town.refused(town.shop)


async def test_an_opt_out_by_the_account_takes_back_what_waits_for_the_number(town: Town) -> None:
    later = rfc3339(town.house.clock.now() + 3600 * SECOND)
    await town.wrote(town.shop)
    await town.submit(town.shop)
    await town.submit(town.shop, send_at=later)
    await town.submit(town.shop, BERT)
    await town.submit(town.bank)
    await town.house.accounts.opt_outs.add(town.shop, ANNA)
    assert await town.states(town.shop) == {"sent": 1, "cancelled": 2, "queued": 1}
    assert await town.states(town.bank) == {"queued": 1}
    found = await town.house.accounts.sending.messages(town.shop, states=[State.CANCELLED])
    assert {(one["to"], one["error"]["code"]) for one in found} == {(ANNA, "opted_out")}


async def test_an_accounts_own_word_after_a_stop_is_not_lifted_by_start(town: Town) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP")
    await town.house.accounts.opt_outs.add(town.shop, ANNA)
    await town.hears("START")
    assert await town.opted_out(town.shop) == [(ANNA, How.API)]
    assert await town.refused(town.shop)


async def test_however_much_waits_for_a_number_all_of_it_is_taken_back(town: Town) -> None:
    for _ in range(SLICE + 1):
        await town.submit(town.shop)
    await town.house.accounts.opt_outs.add(town.shop, ANNA)
    assert await town.states(town.shop) == {"cancelled": 100}, "of the newest hundred"
    left = await town.house.accounts.sending.messages(town.shop, states=[State.QUEUED])
    assert left == []


async def test_the_account_still_receives_the_message(town: Town) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP")
    assert [(one["from"], one["text"]) for one in await town.inbound.list(town.shop)] == [(ANNA, "STOP")]


async def test_nothing_is_sent_to_confirm_it(town: Town) -> None:
    await town.wrote(town.shop)
    before = len(await town.house.messages())
    await town.hears("STOP")
    await town.hears("START")
    assert len(await town.house.messages()) == before


async def test_start_lifts_it_again(town: Town) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP")
    assert await town.refused(town.shop)
    await town.hears("start")
    assert await town.opted_out(town.shop) == []
    assert not await town.refused(town.shop)


async def test_start_does_not_lift_what_the_account_has_decided(town: Town) -> None:
    await town.wrote(town.shop)
    await town.house.accounts.opt_outs.add(town.shop, ANNA)
    await town.hears("STOP")
    await town.hears("START")
    assert await town.opted_out(town.shop) == [(ANNA, How.API)]


async def test_what_waits_for_the_sender_is_taken_back_and_says_why(town: Town) -> None:
    await town.wrote(town.shop)
    await town.submit(town.shop)
    await town.submit(town.shop, send_at="2027-01-16T08:00:00Z")
    await town.submit(town.shop, BERT)
    await town.submit(town.bank)
    await town.hears("STOP")
    assert await town.states(town.shop) == {"sent": 1, "cancelled": 2, "queued": 1}
    assert await town.states(town.bank) == {"queued": 1}
    newest = (await town.house.accounts.sending.messages(town.shop))[1]
    assert newest["error"] == {"code": "opted_out", "detail": "the recipient wrote STOP"}


async def test_what_is_on_the_air_is_left_alone(town: Town) -> None:
    await town.wrote(town.shop)
    receipt = await town.submit(town.shop)
    message = await town.house.queue.message(decode("m", receipt.messages[0]["id"]) or 0)
    await town.house.queue.cross([], message, 1, "sim1", {})
    await town.hears("STOP")
    assert await town.states(town.shop) == {"sent": 1, "sending": 1}


async def test_an_opt_out_never_holds_back_a_password(town: Town) -> None:
    phone = "+48600200301"
    await town.wrote(town.shop, phone)
    await town.house.accounts.errands.reset(phone, "-")
    assert await town.house.accounts.errands.do_all() == 0
    await town.hears("STOP", phone)
    await town.house.accounts.opt_outs.add(town.shop, phone)
    assert (await town.states(town.shop))["queued"] == 1
    assert await town.refused(town.shop, phone)


async def test_stop_of_somebody_nobody_has_written_to_is_the_operators(town: Town) -> None:
    await town.wrote(town.shop, sim="sim1")
    await town.hears("STOP")
    assert await town.opted_out(1) == [(ANNA, How.STOP)]
    assert await town.opted_out(town.shop) == []


@pytest.mark.parametrize("sender", ["600100200", "0048600100200"])
async def test_the_number_is_known_however_the_network_writes_it(town: Town, sender: str) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP", sender)
    assert await town.opted_out(town.shop) == [(ANNA, How.STOP)]


async def test_a_name_cannot_opt_out(town: Town) -> None:
    assert await town.hears("STOP", "InfoBank") is Took.RECEIVED
    assert await town.opted_out(1) == []


async def test_a_copy_does_nothing_again(town: Town) -> None:
    await town.wrote(town.shop)
    piece = Piece("sim0", ANNA, 1, b"STOP", b"the same")
    assert await town.inbound.take(piece) is Took.RECEIVED
    await town.hears("START")
    assert await town.inbound.take(piece) is Took.REPEATED
    assert await town.opted_out(town.shop) == []


async def test_it_survives_a_restart(town: Town) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP")
    await town.house.restart()
    assert await town.refused(town.shop)


async def test_it_is_counted_and_goes_with_the_account(town: Town) -> None:
    await town.wrote(town.shop)
    await town.hears("STOP")
    rows = await town.house.database.read(lambda db: dict(db.execute("SELECT name, value FROM tally").fetchall()))
    assert (rows["inbound.received"], rows["inbound.stop"]) == (1, 1)
    await town.house.accounts.erasures.request(town.shop)
    assert await town.house.accounts.erasures.do_all() == 0
    assert await town.house.rows("opt_out") == 0
