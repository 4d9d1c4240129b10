"""Registrations, passwords and sessions on both engines, with a clock that moves when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modemd.accounts import keystore, notices
from modemd.accounts.budgets import PER_NUMBER
from modemd.accounts.credentials import FIRST_LIFE, RESET_LIFE
from modemd.accounts.directory import OPERATOR
from modemd.accounts.errands import FORGOTTEN, PER_NETWORK
from modemd.accounts.login import FAILURES, PAUSE
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Terms
from modemd.accounts.passwords import LENGTH
from modemd.accounts.sessions import LIFE
from modemd.at.pdu import count
from modemd.clock import SECOND, ManualClock
from modemd.db import Database
from modemd.errors import StorageFull, TooMany, Unauthorised
from modemd.queue import Message, Queue
from modemd.queue.listing import Wanted

EMAIL, PHONE, HERE, THERE = "jan@example.org", "+48600200300", "127.0.0.0/24", "198.51.100.0/24"


class House:
    """Accounts on a database, and a restart of them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = ManualClock()
        self.folder = folder
        self.store = keystore.create(folder)
        self.accounts = self._built()

    def _built(self) -> Accounts:
        self.queue = Queue(self.database, self.clock, "node")
        terms = Terms(Numbers("PL"))
        return Accounts(
            self.database,
            self.store,
            self.queue,
            terms,
            count=lambda text: count(text).parts,
            capacity=lambda: 1e6,
            clock=self.clock,
        )

    async def restart(self) -> None:
        """As after a crash: only what is on disk is known."""
        self.accounts.close()
        self.store = keystore.load(self.folder)
        self.accounts = self._built()
        await self.accounts.start()

    async def messages(self) -> list[Message]:
        return (await self.queue.messages(Wanted(), 1000))[::-1]

    async def password(self, message: Message) -> str:
        """What the message carries when it is prepared."""
        text = (await asyncio.to_thread(self.accounts.sending.open, message)).text
        return next(word for word in text.split() if len(word) == LENGTH)

    async def registered(self, email: str = EMAIL, phone: str = PHONE) -> str:
        await self.accounts.errands.register(email, phone, HERE)
        assert await self.accounts.errands.do_all() == 0
        return await self.password((await self.messages())[-1])

    async def rows(self, table: str) -> int:
        return await self.database.read(lambda db: int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database, tmp_path / "state.keys")
    await house.accounts.start()
    yield house
    house.accounts.close()


async def test_a_registration_survives_a_restart(house: House) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, HERE)
    await house.restart()
    assert await house.accounts.errands.do_all() == 0
    (account,) = await house.accounts.directory.find(PHONE)
    (message,) = await house.messages()
    password = await house.password(message)
    assert (await house.accounts.login.enter(EMAIL, password, HERE)).account_id == account.id
    assert await house.rows("errand") == 0
    assert sorted(house.store.accounts()) == [OPERATOR, account.id]


@pytest.mark.parametrize("step", range(4))
async def test_a_registration_that_is_cut_off_anywhere_is_done_once(
    house: House, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, HERE)
    calls = 0
    write = house.database.write

    async def cut(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls > step:
            raise StorageFull("the disk is full")
        return await write(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "write", cut)
        await house.accounts.errands.do_all()
    await house.restart()
    assert await house.accounts.errands.do_all() == 0
    assert len(await house.accounts.directory.find(PHONE)) == 1
    assert len(await house.messages()) == 1
    assert await house.rows("errand") == 0


async def test_nothing_of_a_request_can_be_read_or_matched_while_it_waits(house: House) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, THERE)
    ((payload,),) = await house.database.read(lambda db: db.execute("SELECT payload FROM errand").fetchall())
    for secret in (EMAIL, PHONE, "600200300", "198.51"):
        assert secret.encode() not in bytes(payload)


async def test_a_request_whose_key_is_lost_is_dropped(house: House) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, HERE)
    (number,) = [number for number in house.store.accounts() if number != OPERATOR]
    house.store.destroy(number)
    await house.accounts.errands.register("other@example.org", "+48600200301", HERE)
    assert await house.accounts.errands.do_all() == 0
    assert await house.rows("errand") == 0
    assert len(await house.accounts.directory.find("+48600200301")) == 1


async def test_a_key_without_request_is_dropped_at_start(house: House) -> None:
    house.store.add(12345, {})
    account = await house.accounts.directory.create(EMAIL, PHONE)
    await house.restart()
    assert sorted(house.store.accounts()) == [OPERATOR, account.id]


async def test_what_a_budget_forbids_waits_and_is_forgotten(house: House) -> None:
    await house.registered()
    for _ in range(PER_NUMBER + 1):
        await house.accounts.errands.reset(PHONE, HERE)
    assert await house.accounts.errands.do_all() == 2
    assert len(await house.messages()) == PER_NUMBER
    for _ in range(2):
        await house.accounts.errands.do_all()
    (alarm,) = house.accounts.alarms
    assert alarm.startswith("2 registrations and resets are held")
    assert "number" in alarm
    assert PHONE not in alarm
    house.clock.advance(FORGOTTEN / SECOND + 1)
    assert await house.accounts.errands.do_all() == 0
    assert len(await house.messages()) == PER_NUMBER
    assert await house.rows("errand") == 0
    assert house.accounts.alarms == []
    assert len(house.store.accounts()) == 2


async def test_one_network_cannot_fill_the_table_of_requests(house: House) -> None:
    for place in range(PER_NETWORK + 5):
        await house.accounts.errands.register(EMAIL, f"+48600200{place:03}", THERE)
    assert await house.rows("errand") == PER_NETWORK
    await house.accounts.errands.register(EMAIL, PHONE, "203.0.113.0/24")
    assert await house.rows("errand") == PER_NETWORK + 1


async def test_a_first_password_can_be_used_first_within_a_week(house: House) -> None:
    password = await house.registered()
    house.clock.advance(FIRST_LIFE + 1)
    with pytest.raises(Unauthorised):
        await house.accounts.login.enter(PHONE, password, HERE)


async def test_a_password_that_was_used_lasts(house: House) -> None:
    password = await house.registered()
    await house.accounts.login.enter(PHONE, password, HERE)
    house.clock.advance(FIRST_LIFE + 1)
    await house.restart()
    await house.accounts.login.enter(PHONE, password, HERE)


async def test_a_reset_can_be_used_first_within_half_an_hour(house: House) -> None:
    first = await house.registered()
    await house.accounts.login.enter(PHONE, first, HERE)
    await house.accounts.errands.reset(EMAIL, HERE)
    await house.accounts.errands.do_all()
    second = await house.password((await house.messages())[-1])
    house.clock.advance(RESET_LIFE + 1)
    with pytest.raises(Unauthorised):
        await house.accounts.login.enter(PHONE, second, HERE)
    await house.accounts.login.enter(PHONE, first, HERE)


async def test_accounts_of_one_email_share_a_salt_and_no_others_do(house: House) -> None:
    await house.registered()
    await house.registered(phone="+48600200301")
    await house.registered("other@example.org", "+48600200302")

    def salts(accounts: list[int]) -> set[bytes]:
        return {one.salt for one in found if one.account in accounts}

    every = [account.id for account in await house.accounts.directory.accounts()]
    found = await house.database.read(lambda db: house.accounts.credentials._read(db, every))
    assert len({one.account for one in found}) == 4
    assert len(salts(house.accounts.directory.owners(EMAIL))) == 1
    assert len(salts(every)) == 3


async def test_a_pause_after_failures_ends_by_itself(house: House) -> None:
    password = await house.registered()
    for _ in range(FAILURES):
        with pytest.raises(Unauthorised):
            await house.accounts.login.enter(PHONE, "wrong", THERE)
    with pytest.raises(TooMany) as paused:
        await house.accounts.login.enter(PHONE, password, THERE)
    assert paused.value.retry_after == pytest.approx(PAUSE)
    await house.accounts.login.enter(PHONE, password, "203.0.113.0/24")
    house.clock.advance(PAUSE)
    await house.accounts.login.enter(PHONE, password, THERE)


async def test_a_session_ends_by_its_time_and_is_swept(house: House) -> None:
    account = await house.accounts.directory.create(EMAIL, PHONE)
    token, ends = await house.accounts.sessions.open(account.id)
    assert ends == house.clock.now() + LIFE * SECOND
    assert (await house.accounts.sessions.check(token)).account_id == account.id
    house.clock.advance(LIFE)
    with pytest.raises(Unauthorised):
        await house.accounts.sessions.check(token)
    await house.accounts.sessions.sweep()
    assert await house.rows("session") == 0


async def test_the_operators_account_has_no_password_that_fits(house: House) -> None:
    for password in ("", "x"):
        with pytest.raises(Unauthorised):
            await house.accounts.login.confirm(OPERATOR, password, HERE)


@pytest.mark.parametrize("text", [notices.FIRST, notices.RESET, notices.KNOWN])
def test_every_notice_takes_one_segment(text: str) -> None:
    counted = count(text.replace("\0", "m" * LENGTH))
    assert (counted.parts, counted.alphabet) == (1, "gsm7")
