"""What is forgotten by its age, on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_logins import EMAIL, PHONE, House

from modemd.accounts import request as requests
from modemd.accounts.retention import Ages, Retention
from modemd.db import Database
from modemd.errors import Unreadable
from modemd.ids import decode
from modemd.queue import State

AGES = Ages()


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database, tmp_path / "state.keys")
    await house.accounts.start()
    yield house
    house.accounts.close()


async def sent(house: House, account: int, messages: int = 3, state: State = State.DELIVERED) -> list[dict[str, Any]]:
    """Messages of an account that have come to this state, as its API shows them, oldest first."""
    body = {"to": [f"+4860010{place:04}" for place in range(messages)], "text": "secret text", "tag": "tag"}
    receipt = await house.accounts.sending.submit(account, requests.read(body, house.clock.now()), "call")
    numbers = [decode("m", one["id"]) for one in receipt.messages]

    def move(tx: Any) -> None:
        for number in numbers:
            tx.execute("UPDATE message SET state = ? WHERE id = ?", (int(state), number))
            tx.execute(
                "INSERT INTO event (message, account, at, part, what, code, detail) VALUES (?, ?, 1, 1, 'x', '', '')",
                (number, account),
            )

    await house.database.write(move)
    return (await house.accounts.sending.messages(account, limit=1000))[::-1]


def days(house: House, count: float) -> None:
    house.clock.advance(count * 86_400)


async def test_texts_go_first_then_the_messages_with_their_stories(house: House) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    before = await sent(house, account, 250)
    days(house, AGES.texts - 1)
    assert (await house.accounts.retention.run())["texts"] == 0
    days(house, 1.1)
    assert (await house.accounts.retention.run())["texts"] == 250
    after = (await house.accounts.sending.messages(account, limit=1000))[::-1]
    assert after == [{**one, "text": "", "tag": None} for one in before]
    assert await house.accounts.sending.messages(account, tag="tag") == []
    assert (await house.accounts.retention.run())["texts"] == 0
    days(house, AGES.numbers - AGES.texts)
    assert (await house.accounts.retention.run())["history"] == 250
    assert await house.accounts.sending.messages(account) == []
    assert await house.rows("event") == 0


async def test_newer_messages_are_left_alone(house: House) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    days(house, 100)
    before = await sent(house, account)
    days(house, AGES.texts - 1)
    await house.accounts.retention.run()
    assert (await house.accounts.sending.messages(account))[::-1] == before


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.UNCERTAIN])
async def test_what_has_not_ended_waits_until_it_has(house: House, state: State) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    await sent(house, account, 150, state)
    days(house, AGES.numbers + 1)
    done = await house.accounts.retention.run()
    assert (done["texts"], done["history"]) == (0, 0)
    await house.database.write(lambda tx: tx.execute("UPDATE message SET state = 7").rowcount)
    done = await house.accounts.retention.run()
    assert (done["texts"], done["history"]) == (150, 150)
    assert await house.rows("retention_later") == 0


async def test_a_call_is_recognised_longer_than_its_messages_live(house: House) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    await sent(house, account, 2)
    days(house, AGES.numbers + 1)
    await house.accounts.retention.run()
    body = {"to": [f"+4860010{place:04}" for place in range(2)], "text": "secret text", "tag": "tag"}
    again = await house.accounts.sending.submit(account, requests.read(body, house.clock.now()), "call")
    assert [one["to"] for one in again.messages] == ["", ""]
    assert await house.rows("message") == 0
    days(house, AGES.calls)
    assert (await house.accounts.retention.run())["calls"] == 1


async def test_an_erased_accounts_leftovers_do_not_stop_the_others(house: House) -> None:
    gone = (await house.accounts.directory.create(EMAIL, PHONE)).id
    await sent(house, gone)
    kept = (await house.accounts.directory.create(EMAIL, "+48600200301")).id
    await sent(house, kept)
    house.store.destroy(gone)
    days(house, AGES.texts + 1)
    await house.accounts.retention.run()
    assert {one["text"] for one in await house.accounts.sending.messages(kept)} == {""}


async def test_reports_go_by_an_age_of_their_own_and_those_of_messages_that_live_stay(house: House) -> None:
    house.accounts.retention = Retention(house.database, house.accounts.vault, replace(AGES, reports=10), house.clock)
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    await sent(house, account, 150)
    other = (await house.accounts.directory.create(EMAIL, "+48600200301")).id
    before = await sent(house, other, 3, State.UNCERTAIN)
    days(house, 9)
    assert (await house.accounts.retention.run())["reports"] == 0
    days(house, 2)
    assert (await house.accounts.retention.run())["reports"] == 150
    assert await house.rows("event") == 3
    assert len(await house.accounts.sending.messages(account, limit=1000)) == 150
    assert {one["text"] for one in before} == {"secret text"}


async def test_a_message_whose_text_is_forgotten_is_never_sent_as_an_empty_one(house: House) -> None:
    account = (await house.accounts.directory.create(EMAIL, PHONE)).id
    [message] = await sent(house, account, 1, State.FAILED)
    days(house, AGES.texts + 1)
    await house.accounts.retention.run()
    number = decode("m", message["id"])
    assert number is not None
    await house.queue.retry(number)
    queued = await house.queue.message(number)
    assert queued is not None
    with pytest.raises(Unreadable, match="forgotten"):
        house.accounts.sending.open(queued)
