"""Inbound SMS on both engines: whose each one is, copies, long ones, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from modemd.accounts import keystore
from modemd.accounts.directory import OPERATOR
from modemd.accounts.inbound import Inbound, Took
from modemd.accounts.keystore import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Vault
from modemd.accounts.whose import Piece
from modemd.clock import ManualClock
from modemd.db import Database
from modemd.errors import Unreadable
from modemd.ids import IdSource, decode
from modemd.queue import Draft, Envelope, Queue, Settlement
from modemd.values import Lane, Outcome, Verdict

ANNA, BERT = "+48600100200", "+48600100201"
SHOP, BANK = 7, 8
DAY = 86_400


def joined(segments: Sequence[bytes | None]) -> str:
    return "".join("_" if segment is None else segment.decode() for segment in segments)


@dataclass
class Post:
    """A post office: two accounts, the operator, and whoever writes to them."""

    database: Database
    store: KeyStore
    vault: Vault
    inbound: Inbound
    queue: Queue
    clock: ManualClock

    async def wrote(self, account: int, to: str, sim: str = "sim0") -> None:
        """The account had a message sent."""
        [number] = self.queue.ids.many(1)
        draft = Draft(number, b"sealed", 1, self.vault.tag(account, "to", to))
        await self.queue.submit(Envelope(account, Lane.TRANSACTIONAL, 0, None), [draft])
        message = await self.queue.message(number)
        assert message is not None
        await self.queue.cross([], message, 1, sim, {})
        outcome = Outcome(Verdict.ACCEPTED, 17)
        await self.queue.cross([Settlement(message, 1, sim, outcome, self.clock.now())], None, 0, "", {})
        self.clock.advance(1)

    async def texts(self, account: int) -> list[str]:
        """What an account has received, newest first."""
        return [one["text"] for one in await self.inbound.list(account)]

    async def count(self, table: str) -> int:
        return int(await self.database.read(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))


@pytest.fixture
def post(database: Database, tmp_path: Path) -> Post:
    clock = ManualClock()
    store = keystore.create(tmp_path / "state.keys")
    for account in (OPERATOR, SHOP, BANK):
        store.add(account, {})
    vault, ids = Vault(store), IdSource(clock)
    inbound = Inbound(database, vault, Numbers("PL"), accounts=store.accounts, join=joined, ids=ids, clock=clock)
    return Post(database, store, vault, inbound, Queue(database, clock, "here"), clock)


def whole(text: str, sender: str = ANNA, **changes: Any) -> Piece:
    octets = text.encode()
    return replace(Piece("sim0", sender, 1_800_000_000_000_000, octets, sender.encode() + octets), **changes)


def segment(number: int, text: str, total: int = 3, chain: bytes = b"anna 5", **changes: Any) -> Piece:
    return whole(text, chain=chain, number=number, total=total, **changes)


# Whose it is


async def test_an_answer_goes_to_the_account_that_wrote_last_through_this_sim(post: Post) -> None:
    await post.wrote(SHOP, ANNA)
    await post.wrote(BANK, ANNA)
    await post.wrote(SHOP, BERT)
    await post.wrote(SHOP, ANNA, sim="sim1")
    assert await post.inbound.take(whole("to the bank")) is Took.RECEIVED
    assert await post.inbound.take(whole("to the shop", BERT)) is Took.RECEIVED
    assert await post.inbound.take(whole("to the shop too", sim="sim1")) is Took.RECEIVED
    assert await post.texts(BANK) == ["to the bank"]
    assert await post.texts(SHOP) == ["to the shop too", "to the shop"]
    await post.wrote(SHOP, ANNA)
    await post.inbound.take(whole("now to the shop"))
    assert (await post.texts(SHOP))[0] == "now to the shop"


@pytest.mark.parametrize("sender", [ANNA, "600100200", "0048600100200", "+48 600 100 200"])
async def test_the_sender_is_found_however_the_network_writes_it(post: Post, sender: str) -> None:
    await post.wrote(SHOP, ANNA)
    await post.inbound.take(whole("hello", sender))
    assert await post.texts(SHOP) == ["hello"]


@pytest.mark.parametrize("sender", [BERT, "InPost", "72051", "", "+1"])
async def test_what_nobody_wrote_to_is_the_operators(post: Post, sender: str) -> None:
    await post.wrote(SHOP, ANNA)
    await post.inbound.take(whole("hello", sender))
    [found] = await post.inbound.list(OPERATOR)
    assert (found["from"], found["text"]) == (sender, "hello")


async def test_a_message_that_waits_or_failed_makes_nobody_the_addressee(post: Post) -> None:
    [number] = post.queue.ids.many(1)
    draft = Draft(number, b"sealed", 1, post.vault.tag(SHOP, "to", ANNA))
    await post.queue.submit(Envelope(SHOP, Lane.TRANSACTIONAL, 0, None), [draft])
    await post.inbound.take(whole("hello"))
    assert await post.texts(OPERATOR) == ["hello"]


async def test_an_erased_account_receives_nothing_any_more(post: Post) -> None:
    await post.wrote(BANK, ANNA)
    await post.wrote(SHOP, ANNA)
    post.store.destroy(SHOP)
    await post.inbound.take(whole("hello"))
    assert await post.texts(BANK) == ["hello"]
    with pytest.raises(Unreadable):
        await post.inbound.list(SHOP)


async def test_among_a_thousand_accounts_the_right_one_is_found(post: Post) -> None:
    await post.wrote(SHOP, ANNA)
    crowd = range(1000, 2000)
    for account in crowd[::100]:
        post.store.add(account, {})
    many = Inbound(
        post.database,
        post.vault,
        Numbers("PL"),
        accounts=lambda: [*crowd, OPERATOR, SHOP],
        join=joined,
        ids=post.queue.ids,
        clock=post.clock,
    )
    assert await many.take(whole("hello")) is Took.RECEIVED
    assert await post.texts(SHOP) == ["hello"]


# Copies


async def test_a_copy_is_dropped(post: Post) -> None:
    assert await post.inbound.take(whole("hello")) is Took.RECEIVED
    assert await post.inbound.take(whole("hello")) is Took.REPEATED
    assert await post.inbound.take(whole("hello", sim="sim1", identity=b"another sim")) is Took.RECEIVED
    assert await post.texts(OPERATOR) == ["hello", "hello"]


async def test_a_copy_is_dropped_though_another_account_has_written_meanwhile(post: Post) -> None:
    await post.wrote(SHOP, ANNA)
    assert await post.inbound.take(whole("hello")) is Took.RECEIVED
    await post.wrote(BANK, ANNA)
    assert await post.inbound.take(whole("hello")) is Took.REPEATED
    assert await post.texts(BANK) == []


async def test_copies_that_arrive_together_are_one(post: Post) -> None:
    took = await asyncio.gather(*(post.inbound.take(whole("hello")) for _ in range(5)))
    assert sorted(took) == [Took.RECEIVED, *[Took.REPEATED] * 4]


async def test_a_message_that_stays_in_a_modem_for_ever_stays_one(post: Post) -> None:
    await post.inbound.take(whole("hello"))
    for _ in range(5):
        post.clock.advance(20 * DAY)
        await post.inbound.tidy()
        assert await post.inbound.take(whole("hello")) is Took.REPEATED
    post.clock.advance(31 * DAY)
    await post.inbound.tidy()
    assert await post.count("inbound_seen") == 0


# Long ones


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
async def test_the_segments_of_a_long_message_make_one_in_any_order(post: Post, order: tuple[int, ...]) -> None:
    texts = {1: "one ", 2: "two ", 3: "three"}
    took = [await post.inbound.take(segment(number, texts[number])) for number in order]
    assert took == [Took.KEPT, Took.KEPT, Took.RECEIVED]
    assert await post.texts(OPERATOR) == ["one two three"]
    assert await post.count("inbound_part") == 0
    assert await post.inbound.take(segment(2, "two ")) is Took.REPEATED


async def test_all_segments_belong_to_the_account_of_the_first(post: Post) -> None:
    await post.wrote(SHOP, ANNA)
    await post.inbound.take(segment(1, "one ", total=2))
    await post.wrote(BANK, ANNA)
    await post.inbound.take(segment(2, "two", total=2))
    assert (await post.texts(SHOP), await post.texts(BANK)) == (["one two"], [])


async def test_long_messages_of_two_senders_do_not_mix(post: Post) -> None:
    await post.inbound.take(segment(1, "a1", 2, b"anna 5"))
    await post.inbound.take(segment(1, "b1", 2, b"bert 5"))
    await post.inbound.take(segment(2, "b2", 2, b"bert 5"))
    await post.inbound.take(segment(2, "a2", 2, b"anna 5"))
    assert await post.texts(OPERATOR) == ["a1a2", "b1b2"]


async def test_a_reference_used_again_gives_out_what_there_is_of_the_earlier_message(post: Post) -> None:
    await post.inbound.take(segment(1, "old1"))
    await post.inbound.take(segment(3, "old3"))
    assert await post.inbound.take(segment(1, "new1")) is Took.KEPT
    assert await post.texts(OPERATOR) == ["old1_old3"]
    await post.inbound.take(segment(2, "new2"))
    await post.inbound.take(segment(3, "new3"))
    assert (await post.texts(OPERATOR))[0] == "new1new2new3"


async def test_what_never_becomes_complete_is_given_out_with_gaps(post: Post) -> None:
    await post.inbound.take(segment(2, "two"))
    post.clock.advance(DAY - 60)
    await post.inbound.take(segment(3, "three"))
    post.clock.advance(DAY - 60)
    await post.inbound.tidy()
    assert await post.texts(OPERATOR) == [], "something came within the last day"
    post.clock.advance(120)
    await post.inbound.tidy()
    assert await post.texts(OPERATOR) == ["_twothree"]
    assert await post.count("inbound_part") == 0


async def test_segments_of_an_erased_account_are_not_given_out(post: Post) -> None:
    await post.wrote(SHOP, ANNA)
    await post.inbound.take(segment(1, "one"))
    post.store.destroy(SHOP)
    post.clock.advance(2 * DAY)
    await post.inbound.tidy()
    assert await post.count("inbound_part") == 0
    assert await post.count("inbound") == 0


# What an account sees


async def test_a_listing_goes_back_page_by_page(post: Post) -> None:
    for number in range(5):
        await post.inbound.take(whole(f"text {number}"))
        post.clock.advance(1)
    page = await post.inbound.list(OPERATOR, limit=2)
    assert [one["text"] for one in page] == ["text 4", "text 3"]
    before = decode("i", page[-1]["id"])
    rest = await post.inbound.list(OPERATOR, before)
    assert [one["text"] for one in rest] == ["text 2", "text 1", "text 0"]
    assert page[0] == {
        "id": page[0]["id"],
        "from": ANNA,
        "text": "text 4",
        "sent_at": "2027-01-15T08:00:00.000Z",
        "received_at": "2027-01-15T08:00:04.000Z",
    }


async def test_what_is_no_sms_is_counted(post: Post) -> None:
    await post.inbound.drop("data")
    await post.inbound.take(whole("hello"))
    await post.inbound.take(whole("hello"))
    tallies = await post.database.read(lambda db: dict(db.execute("SELECT name, value FROM tally").fetchall()))
    assert (tallies["inbound.data"], tallies["inbound.received"], tallies["inbound.repeated"]) == (1, 1, 1)


async def test_nothing_of_it_is_written_in_the_clear(post: Post) -> None:
    await post.inbound.take(whole("a secret text"))
    await post.inbound.take(segment(1, "a secret part"))
    rows = await post.database.read(
        lambda db: [
            bytes(value)
            for table, columns in (("inbound", "body"), ("inbound_part", "chain, body"), ("inbound_seen", "tag"))
            for row in db.execute(f"SELECT {columns} FROM {table}").fetchall()
            for value in row
        ]
    )
    assert len(rows) == 5
    for word in (b"secret", ANNA.encode(), b"600100200", b"secret".hex().encode(), b"anna"):
        assert not any(word in row for row in rows)
