"""Accounts and API keys on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from modemd import ids
from modemd.accounts import keystore
from modemd.accounts.api_keys import REMEMBERED, ApiKeys
from modemd.accounts.caller import Caller
from modemd.accounts.directory import OPERATOR, Directory
from modemd.accounts.keystore import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Vault
from modemd.clock import ManualClock
from modemd.db import Database
from modemd.errors import Conflict, InvalidField, NotFound, StorageFull, Unauthorised, Unreadable
from modemd.ids import IdSource

EMAIL, PHONE = "jan.kowalski@example.org", "+48600100200"


@dataclass
class Parts:
    """The accounts of one test."""

    database: Database
    store: KeyStore
    directory: Directory
    keys: ApiKeys
    clock: ManualClock


@pytest.fixture
def parts(database: Database, tmp_path: Path) -> Parts:
    clock = ManualClock()
    store, numbers, source = keystore.create(tmp_path / "state.keys"), Numbers("PL"), IdSource(clock)
    vault = Vault(store)
    directory = Directory(database, store, vault, numbers, ids=source, clock=clock)
    return Parts(database, store, directory, ApiKeys(database, vault, source, clock), clock)


async def test_an_account_is_found_by_phone_email_and_id(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, "600 100 200")
    assert (account.email, account.phone, account.operator) == (EMAIL, PHONE, False)
    for who in (PHONE, "600-100-200", EMAIL, "Jan.Kowalski@EXAMPLE.org", ids.encode("a", account.id)):
        assert await parts.directory.find(who) == [account]
    for who in ("+48600100201", "other@example.org", "a_0000000000000", "nobody", ""):
        assert await parts.directory.find(who) == []
    assert await parts.directory.account(account.id) == account


async def test_a_phone_has_one_account_an_email_may_have_several(parts: Parts) -> None:
    first = await parts.directory.create(EMAIL, PHONE)
    with pytest.raises(Conflict) as refused:
        await parts.directory.create("other@example.org", "600100200")
    assert refused.value.code == "phone_taken"
    second = await parts.directory.create(EMAIL, "+48600100201")
    assert await parts.directory.find(EMAIL) == [first, second]


async def test_simultaneous_creations_with_one_phone_make_one_account(parts: Parts) -> None:
    tries = (parts.directory.create(EMAIL, PHONE) for _ in range(5))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
    assert len(await parts.directory.accounts()) == 1


@pytest.mark.parametrize(("email", "phone"), [("nobody", PHONE), (EMAIL, "12"), ("", ""), (EMAIL, "112")])
async def test_wrong_contacts_make_no_account(parts: Parts, email: str, phone: str) -> None:
    with pytest.raises(InvalidField):
        await parts.directory.create(email, phone)
    assert await parts.directory.empty()
    assert parts.store.accounts() == []


async def test_nothing_of_the_user_lies_in_the_database(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    _, text = await parts.keys.mint(account.id, "till in Gdynia")

    def everything() -> Callable[..., list[tuple[object, ...]]]:
        return lambda db: [
            tuple(bytes(value) if isinstance(value, (bytes, memoryview)) else value for value in row)
            for table in ("account", "api_key")
            for row in db.execute(f"SELECT * FROM {table}").fetchall()
        ]

    written = str(await parts.database.read(everything()))
    for secret in (EMAIL, PHONE, "600100200", text, "Gdynia"):
        assert secret not in written


async def test_when_the_database_refuses_the_phone_stays_free(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StorageFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(parts.database, "write", full)
        with pytest.raises(StorageFull):
            await parts.directory.create(EMAIL, PHONE)
    assert parts.store.accounts() == []
    assert (await parts.directory.create(EMAIL, PHONE)).phone == PHONE


async def test_a_key_left_by_a_crash_does_not_block_its_phone(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    await parts.database.write(lambda tx: tx.execute("DELETE FROM account WHERE id = ?", (account.id,)))
    assert (await parts.directory.create(EMAIL, PHONE)).id != account.id
    assert len(parts.store.accounts()) == 1


async def test_the_operators_own_account_is_made_once(parts: Parts) -> None:
    assert await parts.directory.empty()
    assert await parts.directory.ensure_operator() == OPERATOR
    assert await parts.directory.ensure_operator() == OPERATOR
    account = await parts.directory.account(OPERATOR)
    assert (account.operator, account.email, account.phone) == (True, None, None)
    assert len(await parts.directory.accounts()) == 1
    assert not await parts.directory.empty()


async def test_a_key_leads_to_its_account_and_is_not_stored(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    number, text = await parts.keys.mint(account.id, "till")
    assert text.startswith("mk_")
    assert len(text) == 3 + 43
    assert await parts.keys.check(text) == Caller(account.id, "key", operator=False)
    (key,) = await parts.keys.of(account.id)
    assert (key.id, key.name, key.created) == (number, "till", parts.clock.now())
    operator = await parts.directory.ensure_operator()
    assert (await parts.keys.check((await parts.keys.mint(operator))[1])).operator


@pytest.mark.parametrize("text", ["", "mk_", "mk_wrong", "\ud800", "x" * 100_000, "mk_' OR 1=1 --"])
async def test_an_unknown_key_leads_nowhere(parts: Parts, text: str) -> None:
    with pytest.raises(Unauthorised) as refused:
        await parts.keys.check(text)
    assert refused.value.code == "unknown_key"


async def test_a_revoked_key_is_useless_at_once(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    number, text = await parts.keys.mint(account.id)
    await parts.keys.check(text)
    await parts.keys.revoke(account.id, number)
    with pytest.raises(Unauthorised):
        await parts.keys.check(text)
    with pytest.raises(NotFound):
        await parts.keys.revoke(account.id, number)


async def test_a_key_is_not_remembered_by_a_look_up_that_raced_its_revocation(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    number, text = await parts.keys.mint(account.id)
    looking = asyncio.create_task(parts.keys.check(text))
    await asyncio.sleep(0)  # the look-up is on its way and will find the key
    await parts.keys.revoke(account.id, number)
    await asyncio.gather(looking, return_exceptions=True)
    with pytest.raises(Unauthorised):
        await parts.keys.check(text)


async def test_a_key_revoked_elsewhere_is_useless_within_seconds(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    _, text = await parts.keys.mint(account.id)
    await parts.keys.check(text)
    await parts.database.write(lambda tx: tx.execute("DELETE FROM api_key"))
    parts.clock.advance(REMEMBERED + 0.001)
    with pytest.raises(Unauthorised):
        await parts.keys.check(text)


async def test_one_account_cannot_revoke_anothers_key(parts: Parts) -> None:
    owner = await parts.directory.create(EMAIL, PHONE)
    other = await parts.directory.create(EMAIL, "+48600100201")
    number, text = await parts.keys.mint(owner.id)
    with pytest.raises(NotFound):
        await parts.keys.revoke(other.id, number)
    assert (await parts.keys.check(text)).account_id == owner.id


async def test_an_account_without_key_is_unreadable(parts: Parts) -> None:
    account = await parts.directory.create(EMAIL, PHONE)
    parts.store.destroy(account.id)
    with pytest.raises(Unreadable):
        await parts.directory.account(account.id)
