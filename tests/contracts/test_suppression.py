"""Numbers that no account may send to, on both engines: by the operator's word, and known to nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_logins import EMAIL, PHONE, House

from modemd.accounts import request as requests
from modemd.accounts.suppression import REMEMBERED
from modemd.db import Database
from modemd.errors import InvalidField

ANNA, BERT = "+48600100200", "+48600100201"


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database, tmp_path / "state.keys")
    await house.accounts.start()
    yield house
    house.accounts.close()


async def submit(house: House, account: int, to: Any) -> Any:
    return await house.accounts.sending.submit(account, requests.read({"to": to, "text": "x"}, house.clock.now()))


async def test_no_account_can_send_to_it_until_it_is_lifted(house: House) -> None:
    accounts = [1, (await house.accounts.directory.create(EMAIL, PHONE)).id]
    await submit(house, 1, [ANNA, BERT])
    assert await house.accounts.suppression.add("600 100 200")
    assert not await house.accounts.suppression.add(ANNA), "once is enough"
    for account in accounts:
        receipt = await submit(house, account, [ANNA, BERT])
        assert [(one["to"], one["code"]) for one in receipt.rejected] == [(ANNA, "suppressed")]
        assert [one["to"] for one in receipt.messages] == [BERT]
        with pytest.raises(InvalidField) as caught:
            await submit(house, account, ANNA)
        assert (caught.value.code, "operator" in caught.value.cure) == ("suppressed", True)
    assert await house.accounts.suppression.lift(ANNA)
    assert not await house.accounts.suppression.lift(ANNA)
    assert (await submit(house, accounts[1], ANNA)).rejected == []


async def test_in_a_large_call_it_is_found_too(house: House) -> None:
    many = [f"+48600{place:06}" for place in range(600)]
    await house.accounts.suppression.add(many[599])
    receipt = await submit(house, 1, many)
    assert [one["to"] for one in receipt.rejected] == [many[599]]
    assert len(receipt.messages) == 599


async def test_it_survives_a_restart_and_every_account(house: House) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    await house.accounts.suppression.add(ANNA)
    await house.accounts.erasures.request(account)
    assert await house.accounts.erasures.do_all() == 0
    await house.restart()
    assert await house.accounts.suppression.holds(ANNA)
    assert not await house.accounts.suppression.holds(BERT)


async def test_the_number_is_nowhere_and_a_stolen_database_cannot_be_matched(house: House) -> None:
    await house.accounts.suppression.add(ANNA)
    ((key, _),) = await house.database.read(lambda db: db.execute("SELECT * FROM suppression").fetchall())
    assert len(bytes(key)) == 16
    assert bytes(key) != house.accounts.vault.tag(1, "to", ANNA)
    before = house.store.secret("suppression")
    house.store.drop_secrets("suppression", "-")
    assert house.store.secret("suppression") != before
    assert not await house.accounts.suppression.holds(ANNA), "without the operator's secret it means nothing"


async def test_another_nodes_change_becomes_known(house: House) -> None:
    assert not await house.accounts.suppression.holds(ANNA)
    tag = house.accounts.suppression._tag(ANNA)
    await house.database.write(lambda tx: tx.execute("INSERT INTO suppression VALUES (?, 1)", (tag,)).rowcount)
    house.clock.advance(REMEMBERED)
    assert await house.accounts.suppression.holds(ANNA)


@pytest.mark.parametrize("number", ["", "x", "12", "InfoBank"])
async def test_what_is_no_number_is_refused(house: House, number: str) -> None:
    for verb in (house.accounts.suppression.add, house.accounts.suppression.lift, house.accounts.suppression.holds):
        with pytest.raises(InvalidField) as caught:
            await verb(number)
        assert caught.value.field == "number"
