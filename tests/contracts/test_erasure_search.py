"""What an erasure searches for, when, and what comes of it: proved clean, found, waived, or honestly not searched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from house import EMAIL, NUMBER, OTHER, PHONE, TEXT, House

from modemd.accounts import erasure_search, receipts, search
from modemd.accounts import request as requests
from modemd.accounts.billing.buyers import Buyer
from modemd.accounts.file_search import FileSearch, Findings, Places
from modemd.accounts.own_words import NEWEST
from modemd.accounts.receipts import Erasure, Step
from modemd.accounts.recipients import Card
from modemd.at.pdu.alphabet import DEFAULT
from modemd.clock import rfc3339
from modemd.db import Database
from modemd.errors import StorageFull

BUYER = Buyer("Zgrzyt i Corki sp. z o.o.", "ul. Zaciszna 17/3\n00-950 Zawoja", "PL5260001246")
ANNA = "+48600777456"

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on the engine."""


class Recorded(FileSearch):
    """A search that tells which words it was asked for."""

    asked: list[Sequence[str]]
    before: Callable[[], None] = staticmethod(lambda: None)

    async def search(self, words: Sequence[str]) -> Findings | None:
        self.asked.append(words)
        self.before()
        return await super().search(words)


@pytest.fixture
async def files(tmp_path: Path) -> Recorded:
    files = Recorded(lambda: Places([tmp_path]), DEFAULT.encode)
    files.asked = []
    return files


@pytest.fixture
async def house(database: Database, tmp_path: Path, files: Recorded) -> AsyncIterator[House]:
    """Searched is everything that belongs to it, an SQLite database too."""
    folder = tmp_path / "house"
    folder.mkdir()
    house = House(database, folder, files)
    await house.accounts.start()
    yield house
    house.accounts.close()


async def erased(house: House, *, phone: str = PHONE) -> int:
    """An account that has lived is erased as far as it goes."""
    account, _ = await house.lived(phone=phone, messages=3)
    number = await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    return number


def leak(house: House, words: str = f"to={NUMBER}") -> Path:
    path = house.folder / "stray.log"
    path.write_text(words)
    return path


async def shown(house: House, number: int) -> Erasure:
    return await house.accounts.erasures.show(number)


async def test_a_clean_one_says_that_it_was_searched(house: House, files: Recorded) -> None:
    number = await erased(house)
    erasure = await shown(house, number)
    assert (erasure.step, erasure.found, erasure.retained) == (Step.DONE, [], [])
    assert erasure.searched_at is not None
    document = receipts.document(erasure)
    assert (document["searched_at"], document["found"]) == (rfc3339(erasure.searched_at), [])
    assert len(files.asked) == 1
    assert house.accounts.alarms == []


@on_sqlite
async def test_it_looks_for_what_the_account_has_said_and_not_for_what_anybody_says(
    house: House, files: Recorded
) -> None:
    account, _ = await house.lived(messages=3)
    await house.accounts.billing.buyers.put(account.id, BUYER)
    await house.accounts.recipients.put(account.id, Card(ANNA, "Anna", {}))
    for text in ("delivered", "OK then", "Zażółć gęślą jaźń, " * 9):
        await house.accounts.sending.submit(account.id, requests.read({"to": NUMBER, "text": text}, house.clock.now()))
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    [words] = files.asked
    assert {EMAIL, PHONE, PHONE[3:], NUMBER, "+48600000000", ANNA, TEXT} <= set(words)
    assert {BUYER.name, "ul. Zaciszna 17/3", "00-950 Zawoja", BUYER.vat_id} <= set(words)
    assert ("Zażółć gęślą jaźń, " * 9)[:60] in words
    assert {"delivered", "OK then", "Anna", ""} & set(words) == set()
    assert list(words) == list(dict.fromkeys(words))


@on_sqlite
async def test_of_many_messages_the_newest_are_taken(house: House, files: Recorded) -> None:
    account, _ = await house.lived(messages=NEWEST + 50)
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    [words] = files.asked
    numbers = {word for word in words if word.startswith("+")} - {PHONE}
    assert len(numbers) == NEWEST, "the newest of them is scheduled, to a number of its own"


@on_sqlite
async def test_the_words_are_taken_while_they_can_be_read_and_looked_for_when_all_is_gone(
    house: House, files: Recorded
) -> None:
    steps: list[tuple[bool, int, list[str]]] = []
    account, _ = await house.lived(messages=3)
    files.before = lambda: steps.append((account.id in house.store.accounts(), house.scrubbed, sorted(house.swept)))
    await house.accounts.erasures.request(account.id)
    await house.accounts.erasures.do_all()
    assert steps == [(False, 1, sorted(house.sims))]


async def test_a_hit_is_an_alarm_and_a_receipt_that_is_not_complete(house: House, files: Recorded) -> None:
    path = leak(house)
    number = await erased(house)
    erasure = await shown(house, number)
    assert (erasure.step, erasure.found, erasure.completed_at) == (Step.SEARCH, [str(path)], None)
    assert erasure.searched_at is not None
    assert receipts.document(erasure)["state"] == "pending"
    [alarm] = house.accounts.alarms
    assert f"in the clear in {path}: remove it; modemd erasures verify e_" in alarm
    assert NUMBER[3:] not in alarm + str(receipts.document(erasure))
    await house.accounts.erasures.do_all()
    assert len(files.asked) == 1, "the files are read again later, not every five seconds"


async def test_when_it_is_removed_the_next_search_ends_the_erasure(house: House, files: Recorded) -> None:
    path = leak(house)
    number = await erased(house)
    path.unlink()
    house.clock.advance(erasure_search.EVERY)
    assert await house.accounts.erasures.do_all() == 0
    erasure = await shown(house, number)
    assert (erasure.step, erasure.found) == (Step.DONE, [])
    assert house.accounts.alarms == []
    assert len(files.asked) == 2


@on_sqlite
async def test_whoever_verifies_has_it_searched_at_once(house: House, files: Recorded) -> None:
    path = leak(house)
    number = await erased(house)
    await house.accounts.erasures.verify(number)
    assert (len(files.asked), (await shown(house, number)).found) == (2, [str(path)])
    path.unlink()
    assert await house.accounts.erasures.verify(number) == {}
    assert (await shown(house, number)).step is Step.DONE
    await house.accounts.erasures.verify(number)
    assert len(files.asked) == 3, "nobody has the words any more"


async def test_a_file_that_is_to_stay_is_waived_and_the_receipt_says_so(house: House, files: Recorded) -> None:
    path = leak(house, f"my uncle's number is {NUMBER}")
    number = await erased(house)
    waived = await house.accounts.erasures.waive(number)
    assert (waived.found, waived.retained) == ([], [f"found by the search, given up by the operator: {path}"])
    assert await house.accounts.erasures.do_all() == 0
    erasure = await shown(house, number)
    assert (erasure.step, erasure.retained, house.accounts.alarms) == (Step.DONE, waived.retained, [])


@on_sqlite
async def test_after_a_crash_nothing_is_searched_and_the_receipt_says_so(
    house: House, files: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(house)
    account, _ = await house.lived(messages=3)
    number = await house.accounts.erasures.request(account.id)
    with monkeypatch.context() as patch:
        patch.setattr("modemd.accounts.erasing_rows.delete_messages", _crash)
        assert await house.accounts.erasures.do_all() == 1
    assert (await shown(house, number)).step is Step.DELETE
    await house.restart()
    assert await house.accounts.erasures.do_all() == 0
    erasure = await shown(house, number)
    assert (erasure.step, erasure.searched_at, erasure.found) == (Step.DONE, None, [])
    assert files.asked == []


@on_sqlite
async def test_a_finding_outlives_a_crash_and_is_ended_by_the_operator_alone(house: House, files: Recorded) -> None:
    path = leak(house)
    number = await erased(house)
    await house.restart()
    path.unlink()
    house.clock.advance(erasure_search.EVERY)
    assert await house.accounts.erasures.do_all() == 1
    await house.accounts.erasures.verify(number)
    [alarm] = house.accounts.alarms
    assert "remove it, then modemd erasures waive e_" in alarm
    assert len(files.asked) == 1
    await house.accounts.erasures.waive(number)
    assert await house.accounts.erasures.do_all() == 0


@on_sqlite
async def test_the_words_are_dropped_after_a_day(house: House, files: Recorded) -> None:
    leak(house)
    number = await erased(house)
    house.clock.advance(erasure_search.KEEP)
    assert await house.accounts.erasures.do_all() == 1
    assert (await shown(house, number)).found
    assert len(files.asked) == 1
    assert "waive" in house.accounts.alarms[0]


async def test_neither_a_sim_nor_a_finding_waits_for_the_other(house: House, files: Recorded) -> None:
    sim = "8948000000000000033"
    house.absent, path = {sim}, leak(house)
    number = await erased(house)
    erasure = await shown(house, number)
    assert (erasure.waiting_for, erasure.found) == (["modem3"], [str(path)])
    assert len(house.accounts.alarms) == 2
    house.absent = set()
    await house.accounts.erasures.do_all()
    assert sim in house.swept
    erasure = await shown(house, number)
    assert (erasure.waiting_for, erasure.found, erasure.step) == ([], [str(path)], Step.SEARCH)


@on_sqlite
async def test_a_sim_that_is_away_for_long_lets_nobody_keep_the_words(house: House, files: Recorded) -> None:
    house.absent = {"8948000000000000033"}
    number = await erased(house)
    searched_at = (await shown(house, number)).searched_at
    assert searched_at is not None
    await house.restart()
    house.absent = set()
    house.clock.advance(30 * 86_400)
    assert await house.accounts.erasures.do_all() == 0
    assert (await shown(house, number)).searched_at == searched_at


@on_sqlite
async def test_a_search_that_never_comes_to_its_end_is_told_and_ends_no_erasure(
    house: House, files: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileSearch, "search", _no_end)
    number = await erased(house)
    erasure = await shown(house, number)
    assert (erasure.step, erasure.searched_at) == (Step.DONE, None)


async def test_what_could_not_be_read_stands_in_the_receipt_once(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "unplugged"
    monkeypatch.setattr(house.files, "_places", lambda: Places([away, house.folder]))
    path = leak(house)
    number = await erased(house)
    path.unlink()
    await house.accounts.erasures.verify(number)
    erasure = await shown(house, number)
    assert erasure.retained == [f"not searched: {away}"]
    assert erasure.step is Step.DONE


@on_sqlite
async def test_what_two_accounts_have_in_common_is_no_hit_while_one_of_them_lives(
    house: House, files: Recorded
) -> None:
    """Same e-mail, same recipients, same texts: but what lives is sealed."""
    other, _ = await house.lived(phone=OTHER, messages=3)
    await house.accounts.recipients.put(other.id, Card(PHONE, "a friend", {}))
    number = await erased(house)
    assert EMAIL in files.asked[0]
    assert ((await shown(house, number)).step, (await shown(house, number)).found) == (Step.DONE, [])
    leak(house, TEXT)
    await house.accounts.erasures.request(other.id)
    assert await house.accounts.erasures.do_all() == 1, "the same words are found once they lie open"


@on_sqlite
async def test_the_key_does_not_wait_for_words_that_cannot_be_read(
    house: House, files: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(*_: object, **__: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(house.accounts.sending, "messages", stuck)
    monkeypatch.setattr("modemd.accounts.own_words.TAKE_FOR", 0.05)
    async with asyncio.timeout(10):
        number = await erased(house)
    assert set(files.asked[0]) == {EMAIL, PHONE, PHONE[3:]}, "what was read until then"
    assert (await shown(house, number)).searched_at is not None


@on_sqlite
async def test_an_account_that_a_restored_backup_does_not_have_is_no_obstacle(house: House, files: Recorded) -> None:
    account, _ = await house.lived(messages=3)
    number = await house.accounts.erasures.request(account.id)
    await house.database.write(lambda tx: tx.execute("DELETE FROM account WHERE id = ?", (account.id,)).rowcount)
    assert await house.accounts.erasures.do_all() == 0
    assert (await shown(house, number)).step is Step.DONE


@on_sqlite
async def test_what_it_looks_for_is_in_no_row(house: House, files: Recorded) -> None:
    leak(house)
    await erased(house)
    everything = await house.everything()
    words = [word for word in files.asked[0] if word != NUMBER]  # that one lies where we have put it
    found = [word for word in words for form in search.forms(word, DEFAULT.encode).values() if form in everything]
    assert found == []


def _crash(*_: object) -> int:
    """What ends it in the middle; what is in memory then goes with the restart."""
    raise StorageFull("full")


async def _no_end(*_: object) -> None:
    return None
