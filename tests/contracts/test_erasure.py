"""Forgetting an account on both engines: nothing can be read, nothing comes back, others are not disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from house import EMAIL, KEY_NAME, NUMBER, OTHER, PHONE, TAG, TEXT, House

from modemd.accounts import erasing_rows
from modemd.accounts import request as requests
from modemd.accounts.parts import UNUSED
from modemd.accounts.receipts import Step
from modemd.db import Database, Transaction
from modemd.errors import Conflict, KeyStoreError, NotFound, StorageFull, Unauthorised, Unreadable
from modemd.ids import decode
from modemd.queue import State

REMOVED = {"message": 251, "api_key": 1, "credential": 1, "session": 1, "idempotency": 1, "account": 1}
SECRETS = [EMAIL, PHONE, TEXT, TAG, NUMBER, KEY_NAME, PHONE[3:], NUMBER[3:]]


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    folder = tmp_path / "house"
    folder.mkdir()
    house = House(database, folder)
    await house.accounts.start()
    yield house
    house.accounts.close()


def hits(where: bytes) -> list[str]:
    """Which of the secrets can be read there, as text in whatever width or as hex."""
    found = []
    for secret in SECRETS:
        raw = secret.encode()
        for form in (raw, raw.hex().encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")):
            if form.lower() in where.lower():
                found.append(secret)
    return found


async def test_while_an_account_lives_nothing_of_it_can_be_read_in_the_database(house: House) -> None:
    account, _ = await house.lived()
    assert hits(await house.everything()) == []
    assert {"account", "api_key", "credential", "session", "message", "idempotency"} <= (
        await house.rows(account.id)
    ).keys()


async def test_after_an_erasure_no_row_no_key_and_no_caller_is_left(house: House) -> None:
    account, key = await house.lived()
    number = await house.accounts.erasures.request(account.id)
    with pytest.raises(Unauthorised):
        await house.accounts.keys.check(key)
    assert await house.accounts.erasures.do_all() == 0
    erasure = await house.accounts.erasures.show(number)
    assert erasure.step is Step.DONE
    assert erasure.requested_at <= (erasure.unreadable_at or 0) <= (erasure.completed_at or 0)
    assert erasure.removed == REMOVED
    assert erasure.waiting_for == []
    assert await house.rows(account.id) == {} == await house.accounts.erasures.verify(number)
    assert account.id not in house.store.accounts()
    assert account.id in house.store.erased()
    assert house.scrubbed == 1
    assert hits(await house.everything()) == []
    with pytest.raises(NotFound):
        await house.accounts.directory.account(account.id)


async def test_the_counters_of_the_queue_stay_true(house: House) -> None:
    account, _ = await house.lived(messages=250)
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    counts = await house.queue.counts()
    assert {state: found for state, found in counts.states.items() if found} == {}
    assert (counts.totals["accepted"], counts.totals["sent"], counts.totals["cancelled"]) == (251, 125, 126)


async def test_an_erasure_touches_nobody_else(house: House) -> None:
    account, _ = await house.lived()
    other, key = await house.lived(phone=OTHER)
    before = await house.rows(other.id)
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    assert await house.rows(other.id) == before
    assert (await house.accounts.keys.check(key)).account_id == other.id
    assert await house.accounts.directory.find(EMAIL) == [other]
    assert len(await house.accounts.sending.messages(other.id, to=NUMBER)) == 2


async def test_the_phone_is_free_again(house: House) -> None:
    account, _ = await house.lived(messages=2)
    await house.accounts.erasures.request(account.id)
    with pytest.raises(Conflict):
        await house.accounts.directory.create(EMAIL, PHONE)
    await house.accounts.erasures.do_all()
    assert (await house.accounts.directory.create(EMAIL, PHONE)).id != account.id


async def test_nothing_more_is_handed_out_before_the_first_row_is_deleted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = await house.lived(messages=2)
    deeds: list[str] = []
    house.queue.on_forgotten = lambda gone: deeds.append(f"{gone} forgotten")

    def deleting(tx: Transaction, gone: int, real: Callable[[Transaction, int], int]) -> int:
        deeds.append("deleted")
        return real(tx, gone)

    monkeypatch.setattr(erasing_rows, "delete_waiting", partial(deleting, real=erasing_rows.delete_waiting))
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    assert deeds[:2] == [f"{account.id} forgotten", "deleted"]


async def test_asking_again_gives_the_same_erasure(house: House) -> None:
    account, _ = await house.lived(messages=2)
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.request(account.id) == number
    await house.accounts.erasures.do_all()
    assert await house.accounts.erasures.request(account.id) == number
    with pytest.raises(NotFound):
        await house.accounts.erasures.request(4711)
    with pytest.raises(Conflict):
        await house.accounts.erasures.request(1)


@pytest.mark.parametrize("step", range(0, 24, 2))
async def test_an_erasure_that_is_cut_off_anywhere_is_finished(
    house: House, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    account, _ = await house.lived()
    number = await house.accounts.erasures.request(account.id)
    calls = 0

    def cutting(real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise error
            return real(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(house.database, "submit", cutting(house.database.submit, StorageFull("full")))
        patch.setattr(house.store, "destroy", cutting(house.store.destroy, KeyStoreError("full")))
        await house.accounts.erasures.do_all()
    await house.restart()
    assert await house.accounts.erasures.do_all() == 0
    assert await house.accounts.erasures.verify(number) == {}
    assert (await house.accounts.erasures.show(number)).removed == REMOVED
    counts = await house.queue.counts()
    assert (counts.totals["accepted"], counts.totals["sent"], counts.totals["cancelled"]) == (251, 125, 126)


async def test_a_mirror_out_of_reach_keeps_it_pending_and_is_named(house: House) -> None:
    account, _ = await house.lived(messages=2)
    away = house.mirror.rename(house.folder / "unplugged")
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 1
    erasure = await house.accounts.erasures.show(number)
    assert erasure.waiting_for == [f"mirror {house.mirror}"]
    assert erasure.unreadable_at is None
    with pytest.raises(Unreadable):
        house.store.data_key(account.id)
    await house.restart()
    away.rename(house.mirror)
    assert await house.accounts.erasures.do_all() == 0
    erasure = await house.accounts.erasures.show(number)
    assert erasure.waiting_for == []
    assert erasure.unreadable_at is not None


async def test_an_absent_modem_is_waited_for_and_named(house: House) -> None:
    account, _ = await house.lived(messages=2)
    house.absent = {"8948000000000000033"}
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 1
    erasure = await house.accounts.erasures.show(number)
    assert (erasure.waiting_for, erasure.completed_at) == (["modem3"], None)
    assert ["waits for modem3" in alarm for alarm in house.accounts.alarms] == [True]
    assert erasure.unreadable_at is not None
    assert await house.accounts.erasures.verify(number) == {"sim": 1}
    assert await house.accounts.erasures.do_all() == 1
    assert house.swept == ["8948000000000000011"], "once is enough"
    await house.restart()
    assert await house.accounts.erasures.do_all() == 1
    assert len(house.accounts.alarms) == 1, "a restart forgets no alarm"
    house.absent = set()
    assert await house.accounts.erasures.do_all() == 0
    assert house.accounts.alarms == []
    assert await house.accounts.erasures.verify(number) == {}


async def test_a_sim_that_carried_its_messages_is_waited_for_although_no_modem_holds_it_now(house: House) -> None:
    account, _ = await house.lived(messages=2)
    gone = "8948000000000004711"
    await house.database.write(
        lambda tx: tx.execute("UPDATE message SET sim = ? WHERE account = ?", (gone, account.id)).rowcount
    )
    house.absent = {gone, "port:/dev/ttyUSB7"}
    await house.database.write(
        lambda tx: (
            tx.execute(
                "INSERT INTO inbound (id, account, sim, created, body) VALUES (1, ?, 'port:/dev/ttyUSB7', 1, ?)",
                (account.id, b""),
            ).rowcount
        )
    )
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 1
    named = ["SIM …4711", "modem at /dev/ttyUSB7"]
    assert (await house.accounts.erasures.show(number)).waiting_for == named
    waived = await house.accounts.erasures.waive(number)
    assert await house.accounts.erasures.do_all() == 0
    assert waived.retained == [f"not swept, given up by the operator: {name}" for name in named]
    erasure = await house.accounts.erasures.show(number)
    assert (erasure.step, erasure.retained, erasure.waiting_for) == (Step.DONE, waived.retained, [])


async def test_a_modem_that_cannot_be_overwritten_is_named_in_the_receipt(house: House) -> None:
    account, _ = await house.lived(messages=2)
    house.refusing = {"8948000000000000033"}
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 0
    erasure = await house.accounts.erasures.show(number)
    assert erasure.retained == ["not overwritten, the modem refuses that: modem3"]
    assert erasure.completed_at is not None


async def test_what_one_erasure_has_swept_counts_for_all(house: House) -> None:
    one, _ = await house.lived(messages=2)
    other, _ = await house.lived(phone=OTHER, messages=2)
    house.absent = set(house.sims)
    for account in (one, other):
        await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 2
    house.absent = set()
    assert await house.accounts.erasures.do_all() == 0
    assert sorted(house.swept) == sorted(house.sims)


async def test_a_small_account_does_not_wait_for_a_large_one(house: House) -> None:
    large, _ = await house.lived(messages=5000)
    small, _ = await house.lived(phone=OTHER, messages=2)
    running = asyncio.create_task(house.accounts.erasures.run())
    slow = await house.accounts.erasures.request(large.id)
    fast = await house.accounts.erasures.request(small.id)
    async with asyncio.timeout(20):
        await house.accounts.erasures.wait(fast)
        assert (await house.accounts.erasures.show(slow)).step < Step.SCRUB
        await house.accounts.erasures.wait(slow)
    running.cancel()


async def test_a_database_that_somebody_reads_without_end_is_named(house: House) -> None:
    account, _ = await house.lived(messages=2)
    house.busy = True
    number = await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 1
    assert (await house.accounts.erasures.show(number)).waiting_for == ["database"]
    house.busy = False
    assert await house.accounts.erasures.do_all() == 0


async def test_a_reset_that_waits_for_a_budget_goes_with_the_account(house: House) -> None:
    account, _ = await house.lived(messages=2)
    other = await house.accounts.directory.create("other@example.org", OTHER)
    for phone in (PHONE, OTHER):
        await house.accounts.errands.reset(phone, "203.0.113.7")
    assert len(house.store.untagged()) == 3, "the operator's, and one each"
    await house.accounts.erasures.request(account.id)
    assert await house.accounts.erasures.do_all() == 0
    assert len(house.store.untagged()) == 2
    assert await house.accounts.directory.find(OTHER) == [other]


async def test_a_key_in_a_copy_that_somebody_put_back_is_found(house: House) -> None:
    account, _ = await house.lived(messages=2)
    old = (house.mirror / "store").read_bytes()
    number = await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    assert await house.accounts.erasures.verify(number) == {}
    (house.mirror / "store").write_bytes(old)
    assert await house.accounts.erasures.verify(number) == {str(house.mirror): 1}
    (house.mirror / "store").unlink()
    assert await house.accounts.erasures.verify(number) == {f"{house.mirror} (out of reach)": 1}


async def test_a_message_on_the_air_finishes_first(house: House) -> None:
    account, _ = await house.lived(messages=2)
    sending = (int(State.SENDING), account.id)
    await house.database.write(
        lambda tx: tx.execute("UPDATE message SET state = ? WHERE account = ?", sending).rowcount
    )
    await house.accounts.erasures.request(account.id)
    erasing = asyncio.create_task(house.accounts.erasures.do_all())
    while (await house.accounts.erasures.all())[0].step is not Step.DRAIN:
        await asyncio.sleep(0.01)
    assert account.id in house.store.accounts()
    await house.database.write(
        lambda tx: tx.execute("UPDATE message SET state = 4 WHERE account = ?", (account.id,)).rowcount
    )
    house.queue.changed()
    assert await erasing == 0
    assert account.id not in house.store.accounts()


async def test_what_arrives_while_the_account_is_being_shut_goes_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, _ = await house.lived(messages=2)
    late = requests.read({"to": NUMBER, "text": TEXT}, house.clock.now())
    await house.accounts.erasures.request(account.id)
    await house.accounts.sending.submit(account.id, late)
    assert await house.accounts.erasures.do_all() == 0
    assert await house.rows(account.id) == {}


async def test_an_account_on_trial_that_nobody_uses_goes_away(house: House) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, "-")
    await house.accounts.errands.do_all()
    made = await house.accounts.directory.create("other@example.org", OTHER)
    house.clock.advance(UNUSED)
    await house.accounts.erase_unused()
    assert await house.accounts.erasures.all() == []
    house.clock.advance(1)
    await house.accounts.erase_unused()
    await house.accounts.erasures.do_all()
    assert await house.accounts.directory.find(PHONE) == []
    assert await house.accounts.directory.find(OTHER) == [made], "the operator made it; it may wait"


async def test_an_account_that_was_used_once_stays(house: House) -> None:
    await house.accounts.errands.register(EMAIL, PHONE, "-")
    await house.accounts.errands.do_all()
    (account,) = await house.accounts.directory.find(PHONE)
    _, key = await house.accounts.keys.mint(account.id)
    await house.accounts.keys.check(key)
    house.clock.advance(UNUSED + 1)
    await house.accounts.erase_unused()
    assert await house.accounts.directory.find(PHONE) == [account]


async def test_the_receipt_is_waited_for(house: House) -> None:
    account, _ = await house.lived(messages=2)
    running = asyncio.create_task(house.accounts.erasures.run())
    number = await house.accounts.erasures.request(account.id)
    erasure = await asyncio.wait_for(house.accounts.erasures.wait(number), 10)
    assert erasure.completed_at is not None
    running.cancel()


def test_an_erasures_id_is_told_apart() -> None:
    assert decode("e", "e_01hzy3kd8q2v5") is not None
