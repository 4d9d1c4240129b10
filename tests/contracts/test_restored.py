"""A restored database on both engines: nobody comes back, nothing goes out again, what must not be forgotten is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modemd.accounts import keystore, restored
from modemd.accounts import request as requests
from modemd.accounts.directory import OPERATOR, Account
from modemd.accounts.numbers import Numbers
from modemd.accounts.opt_outs import How
from modemd.accounts.parts import Accounts, Terms
from modemd.at.pdu import count
from modemd.clock import ManualClock
from modemd.db import Database, connect
from modemd.errors import Conflict, NotFound, Unauthorised
from modemd.ids import decode
from modemd.queue import IfUncertain, Queue, State
from modemd.queue.states import TOTALS
from modemd.story import tell

PHONES = ("+48600200300", "+48600200301", "+48600200302")
STOPPED = "+48600777123"


class House:
    """Accounts on one database; a key store that both databases share."""

    def __init__(self, database: Database, store: keystore.KeyStore, clock: ManualClock) -> None:
        self.database, self.store, self.clock = database, store, clock
        self.queue = Queue(database, clock, "node")
        self.accounts = Accounts(
            database,
            store,
            self.queue,
            Terms(Numbers("PL")),
            count=lambda text: count(text).parts,
            capacity=lambda: 1e6,
            clock=clock,
        )

    async def account(self, phone: str) -> tuple[Account, str, str]:
        """An account, its API key and a session."""
        account = await self.accounts.directory.create(f"{phone[1:]}@example.org", phone)
        _, key = await self.accounts.keys.mint(account.id, "till")
        session, _ = await self.accounts.sessions.open(account.id)
        return account, key, session

    async def send(self, account: int, to: str, **more: Any) -> int:
        """A message that waits."""
        body = {"to": to, "text": "a letter", **more}
        receipt = await self.accounts.sending.submit(account, requests.read(body, self.clock.now()))
        number = decode("m", str(receipt.messages[0]["id"]))
        assert number is not None
        return number

    async def set(self, number: int, state: State) -> None:
        """As the queue would have brought it there."""

        def change(tx: Any) -> None:
            tx.execute("UPDATE message SET state = ? WHERE id = ?", (int(state), number))
            tx.tally("state.queued", -1)
            tx.tally("lane.1", -1)
            tx.tally(f"{'total' if state in TOTALS else 'state'}.{state.label}", 1)

        await self.database.write(change)

    async def erase(self, account: int) -> int:
        """Forget an account; the id of the erasure."""
        number = await self.accounts.erasures.request(account)
        assert await self.accounts.erasures.do_all() == 0
        return number


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """What is lived in, and will be replaced."""
    house = House(database, keystore.create(tmp_path / "state.keys"), ManualClock())
    await house.accounts.start()
    yield house
    house.accounts.close()


@pytest.fixture
async def backup(second_url: str) -> AsyncIterator[Database]:
    """An empty database that will hold the state of a moment."""
    database = connect(second_url)
    await database.open()
    yield database
    await database.close()


async def take(source: Database, target: Database) -> None:
    """Every row of one database in the other, as a backup has them."""

    def names(reader: Any) -> list[str]:
        sql = {
            "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
            "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
        }
        return [row[0] for row in reader.execute(sql[reader.engine]).fetchall()]

    for table in await source.read(names):
        if table == "migration":
            continue
        rows = await source.read(partial(_rows, table=table))
        if rows:
            await target.write(partial(_insert, table=table, rows=rows))


def _rows(reader: Any, table: str) -> list[Any]:
    return list(reader.execute(f"SELECT * FROM {table}").fetchall())


def _insert(tx: Any, table: str, rows: list[Any]) -> None:
    tx.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


async def settle(house: House, backup: Database, *, merge: bool = True) -> restored.Report:
    last = await restored.remembered(house.database) if merge else None
    return await restored.settle(backup, house.store, house.clock.now(), last)


async def test_what_waited_is_uncertain_held_and_told_so(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    queued = await house.send(account.id, "+48600100001", if_uncertain="resend")
    sending = await house.send(account.id, "+48600100002", if_uncertain="fail")
    scheduled = await house.send(account.id, "+48600100003", send_at="2027-01-16T08:00:00Z")
    uncertain = await house.send(account.id, "+48600100004", if_uncertain="resend")
    sent = await house.send(account.id, "+48600100005")
    await house.set(sending, State.SENDING)
    await house.set(uncertain, State.UNCERTAIN)
    await house.set(sent, State.SENT)
    await take(house.database, backup)
    assert (await settle(house, backup)).messages_held == 3
    queue = Queue(backup, house.clock, "node")
    found = {number: await queue.message(number) for number in (queued, sending, scheduled, uncertain, sent)}
    states = {number: message.state for number, message in found.items() if message}
    assert states == dict.fromkeys((queued, sending, scheduled, uncertain), State.UNCERTAIN) | {sent: State.SENT}
    assert {message.if_uncertain for message in found.values() if message} == {IfUncertain.HOLD}
    counts = await queue.counts()
    assert {state: number for state, number in counts.states.items() if number} == {State.UNCERTAIN: 4}
    assert not any(counts.lanes.values())
    story = tell(await queue.story(queued), house.clock.now(), "nothing holds it up")
    assert "a backup was restored" in story["summary"]
    assert "modemd queue resolve" in story["summary"]
    house.clock.advance(10 * 86_400)
    await queue.recover()
    await queue.tick(0)
    assert (await queue.counts()).states[State.UNCERTAIN] == 4, "nothing but a person or a report moves them"
    assert await queue.waiting() == []


async def test_an_account_that_was_erased_since_does_not_come_back(house: House, backup: Database) -> None:
    gone, key, _ = await house.account(PHONES[0])
    stays, _, _ = await house.account(PHONES[1])
    for account in (gone, stays):
        await house.send(account.id, "+48600100001")
    await take(house.database, backup)
    erasure = await house.erase(gone.id)
    report = await settle(house, backup)
    assert (report.accounts_removed, report.messages_held) == (1, 1)
    new = House(backup, house.store, house.clock)
    with pytest.raises(NotFound):
        await new.accounts.directory.account(gone.id)
    with pytest.raises(Unauthorised):
        await new.accounts.keys.check(key)
    assert await new.accounts.directory.account(stays.id) == stays
    assert await new.accounts.erasures.verify(erasure) == {}
    receipt = await new.accounts.erasures.show(erasure)
    assert receipt == await house.accounts.erasures.show(erasure), "whoever asks for his receipt gets it"
    assert (await new.queue.counts()).states[State.UNCERTAIN] == 1
    new.accounts.close()


async def test_without_the_replaced_database_the_keys_alone_tell_who_was_erased(house: House, backup: Database) -> None:
    gone, _, _ = await house.account(PHONES[0])
    await take(house.database, backup)
    await house.erase(gone.id)
    assert (await settle(house, backup, merge=False)).accounts_removed == 1


async def test_an_erasure_that_was_asked_for_since_is_carried_out(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    await take(house.database, backup)
    number = await house.accounts.erasures.request(account.id)
    await settle(house, backup)
    new = House(backup, house.store, house.clock)
    with pytest.raises(NotFound):
        await new.accounts.directory.account(account.id)
    assert await new.accounts.erasures.do_all() == 0
    assert await new.accounts.erasures.verify(number) == {}
    assert account.id in house.store.erased()
    new.accounts.close()


async def test_an_old_copy_of_the_key_store_brings_nobody_back_either(
    house: House, backup: Database, tmp_path: Path
) -> None:
    gone, _, _ = await house.account(PHONES[0])
    await take(house.database, backup)
    old = (tmp_path / "state.keys" / "store").read_bytes()
    await house.erase(gone.id)
    (tmp_path / "state.keys" / "store").write_bytes(old)
    house.store = keystore.load(tmp_path / "state.keys")
    assert gone.id in house.store.accounts()
    assert (await settle(house, backup)).accounts_removed == 1
    assert gone.id not in house.store.accounts()


async def test_who_may_come_in_is_as_it_was_last(house: House, backup: Database) -> None:
    account, revoked, session = await house.account(PHONES[0])
    (old,) = await house.accounts.keys.of(account.id)
    await house.accounts.credentials.start()
    await take(house.database, backup)
    await house.accounts.keys.revoke(account.id, old.id)
    _, newer = await house.accounts.keys.mint(account.id, "newer")
    assert (await settle(house, backup)).sessions_ended == 1
    new = House(backup, house.store, house.clock)
    for check, token in ((new.accounts.keys.check, revoked), (new.accounts.sessions.check, session)):
        with pytest.raises(Unauthorised):
            await check(token)
    assert (await new.accounts.keys.check(newer)).account_id == account.id
    assert [key.name for key in await new.accounts.keys.of(account.id)] == ["newer"]
    new.accounts.close()


async def test_who_is_told_what_is_as_it_was_last(house: House, backup: Database) -> None:
    """A webhook that was removed since stays removed, and what it has been told since is not told again."""
    account, _, _ = await house.account(PHONES[0])

    async def add(webhook: int, *events: int) -> None:
        def insert(tx: Any) -> None:
            tx.execute(
                "INSERT INTO webhook (id, account, door, kinds, created) VALUES (?, ?, '', '', 1)",
                (webhook, account.id),
            )
            for event in events:
                tx.execute(
                    "INSERT INTO webhook_event (event, webhook, account, kind, subject, at, code, detail, due)"
                    " VALUES (?, ?, ?, 'message.sent', 1, 1, '', '', 1)",
                    (event, webhook, account.id),
                )

        await house.database.write(insert)

    async def told(database: Database) -> list[tuple[Any, ...]]:
        sql = "SELECT w.id, e.event FROM webhook w LEFT JOIN webhook_event e ON e.webhook = w.id ORDER BY w.id, e.event"
        return await database.read(lambda db: [tuple(row) for row in db.execute(sql).fetchall()])

    await add(1, 10, 11)
    await add(2, 12)
    await take(house.database, backup)
    await house.database.write(lambda tx: tx.execute("DELETE FROM webhook WHERE id = 2").rowcount)
    await house.database.write(lambda tx: tx.execute("DELETE FROM webhook_event WHERE event IN (10, 12)").rowcount)
    await add(3, 13)
    await settle(house, backup)
    assert await told(backup) == await told(house.database) == [(1, 11), (3, 13)]


async def test_a_password_that_was_changed_since_stays_changed(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    first = await _password(house, account.id)
    await take(house.database, backup)
    second = await _password(house, account.id)
    await settle(house, backup)
    new = House(backup, house.store, house.clock)
    await new.accounts.start()
    assert await new.accounts.credentials.check([account.id], first) is None
    assert await new.accounts.credentials.check([account.id], second) == (account.id, False)
    new.accounts.close()


async def _password(house: House, account: int) -> str:
    """A password of the account that has been used."""
    password = await asyncio.to_thread(house.accounts.credentials.issue, account)
    await house.database.write(lambda tx: house.accounts.credentials.accept_pending(tx, account))
    return password


async def test_opt_outs_newer_than_the_backup_are_merged(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    await house.accounts.opt_outs.add(account.id, "+48600777100")
    await take(house.database, backup)
    await house.accounts.opt_outs.add(account.id, STOPPED, How.STOP)
    assert (await settle(house, backup)).opt_outs_merged == 1
    new = House(backup, house.store, house.clock)
    assert [one.number for one in await new.accounts.opt_outs.of(account.id)] == ["+48600777100", STOPPED]
    new.accounts.close()


async def test_what_sims_have_used_and_refused_is_not_forgotten(house: House, backup: Database) -> None:
    await take(house.database, backup)
    usage = ("260010000000001", 1, 2, 3, 4, 5, 6)
    await house.database.write(partial(_insert, table="sim_usage", rows=[usage]))
    await house.database.write(partial(_insert, table="pin_trial", rows=[("x", b"t")]))
    for _ in range(2):
        await settle(house, backup)
    rows = await backup.read(lambda db: db.execute("SELECT * FROM sim_usage").fetchall())
    assert [tuple(row) for row in rows] == [usage]
    assert len(await backup.read(lambda db: db.execute("SELECT * FROM pin_trial").fetchall())) == 1


async def test_money_is_as_it_was_last_and_no_invoice_has_a_number_twice(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    other, _, _ = await house.account(PHONES[1])
    balances = [(one.id, 1, 0, 0, 500) for one in (account, other)]
    await house.database.write(partial(_insert, table="balance", rows=balances))
    await house.database.write(partial(_insert, table="invoice_series", rows=[(2026, 6)]))
    await take(house.database, backup)
    await house.database.write(lambda tx: tx.execute("UPDATE balance SET credit = 20").rowcount)
    await house.database.write(partial(_insert, table="booking", rows=[(account.id, 1, 1, 60, 8, -480, None)]))
    await house.database.write(partial(_insert, table="invoice", rows=[(1, account.id, 202610, 2026, 7, 1, b"")]))
    await house.database.write(lambda tx: tx.execute("UPDATE invoice_series SET last = 7").rowcount)
    await settle(house, backup)
    for table in ("balance", "booking", "invoice", "invoice_series"):
        last, now = [await one.read(partial(_rows, table=table)) for one in (house.database, backup)]
        assert sorted(map(tuple, now)) == sorted(map(tuple, last)), table


async def test_a_receiver_that_was_taken_off_is_told_nothing_more(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    webhook = "INSERT INTO webhook (id, account, door, kinds, created) VALUES (1, ?, '', '', 1)"
    event = (
        "INSERT INTO webhook_event (event, webhook, account, kind, subject, at, code, detail, due)"
        " VALUES (1, 1, ?, 'sent', 1, 1, '', '', 1)"
    )
    for sql in (webhook, event):
        await house.database.write(partial(_execute, sql=sql, account=account.id))
    await take(house.database, backup)
    for table in ("webhook", "webhook_event"):
        await house.database.write(partial(_execute, sql=f"DELETE FROM {table} WHERE account = ?", account=account.id))
    await settle(house, backup)
    for table in ("webhook", "webhook_event"):
        assert await backup.read(partial(_rows, table=table)) == []


def _execute(tx: Any, sql: str, account: int) -> None:
    tx.execute(sql, (account,))


async def test_accounts_opened_since_are_told_as_missing(house: House, backup: Database) -> None:
    await take(house.database, backup)
    await house.account(PHONES[0])
    assert (await settle(house, backup)).accounts_missing == 1


async def test_what_strangers_asked_for_is_dropped(house: House, backup: Database) -> None:
    await house.accounts.errands.register("new@example.org", PHONES[2], "-")
    await take(house.database, backup)
    await house.accounts.errands.do_all()
    await settle(house, backup)
    new = House(backup, house.store, house.clock)
    await new.accounts.errands.do_all()
    assert (await new.queue.counts()).totals.get("accepted", 0) == 0
    new.accounts.close()


async def test_the_backup_of_another_modemd_is_refused_and_left_alone(
    house: House, backup: Database, tmp_path: Path
) -> None:
    account, _, _ = await house.account(PHONES[0])
    await house.send(account.id, "+48600100001")
    await take(house.database, backup)
    house.store = keystore.create(tmp_path / "others.keys")
    house.store.add(OPERATOR, {})
    with pytest.raises(Conflict, match="another modemd"):
        await settle(house, backup)
    counts = await Queue(backup, house.clock, "node").counts()
    assert counts.states[State.QUEUED] == 1
    assert await backup.read(lambda db: db.execute("SELECT count(*) FROM account").fetchone()[0]) == 2


async def test_a_restore_may_be_repeated(house: House, backup: Database) -> None:
    account, _, _ = await house.account(PHONES[0])
    await house.send(account.id, "+48600100001")
    await take(house.database, backup)
    await settle(house, backup)
    again = await settle(house, backup)
    assert (again.messages_held, again.sessions_ended, again.opt_outs_merged) == (0, 0, 0)
