"""From a modem's PDU to the queue and the account: what is read, what is let go, what is never told."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modemd import log
from modemd.accounts import keystore, letter
from modemd.accounts.addressee import Addressee
from modemd.accounts.directory import OPERATOR
from modemd.accounts.inbound import Inbound
from modemd.accounts.letter import Letter
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Vault
from modemd.at import pdu
from modemd.clock import SECOND, ManualClock
from modemd.db import Database, connect
from modemd.errors import PduError, StorageError
from modemd.ids import IdSource
from modemd.inbox import Inbox, joined
from modemd.queue import Draft, Envelope, Queue, Settlement, State
from modemd.queue.reports import Fate
from modemd.values import Lane, Outcome, Sms, Verdict

ANNA = "+48600100200"
SMSC = "+48790998250"


@dataclass
class Modem:
    """Where PDUs come from."""

    name: str = "modem0"
    sim: str = "sim0"


@dataclass
class Post:
    """An inbox and what is behind it."""

    database: Database
    vault: Vault
    queue: Queue
    inbound: Inbound
    inbox: Inbox
    clock: ManualClock
    modem: Modem = field(default_factory=Modem)

    async def deliver(self, tpdu: pdu.Deliver, smsc: str = SMSC) -> None:
        await self.inbox.take(self.modem, "deliver", pdu.write(tpdu, smsc))

    async def texts(self) -> list[str]:
        return [one["text"] for one in await self.inbound.list(OPERATOR)]

    async def counted(self) -> dict[str, int]:
        """The counters of what came in."""
        tallies = await self.database.read(lambda db: dict(db.execute("SELECT name, value FROM tally").fetchall()))
        return {name: value for name, value in tallies.items() if name.startswith(("inbound.", "report."))}

    async def sent(self, reference: int) -> int:
        """A message to Anna that waits for its report."""
        [number] = self.queue.ids.many(1)
        sms = Sms(ANNA, "hello", report=True)
        body = self.vault.seal(OPERATOR, letter.BODY, number, letter.encode(Letter(sms)))
        await self.queue.submit(Envelope(OPERATOR, Lane.BULK, 0, None, report=True), [Draft(number, body, 1, b"")])
        message = await self.queue.message(number)
        assert message is not None
        await self.queue.cross([], message, 1, "sim0", {})
        settlement = Settlement(message, 1, "sim0", Outcome(Verdict.ACCEPTED, reference), self.clock.now())
        await self.queue.cross([settlement], None, 0, "", {})
        return number

    async def state(self, number: int) -> State:
        found = await self.queue.message(number)
        assert found is not None
        return found.state


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    clock = ManualClock()
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}")
    await database.open()
    store = keystore.create(tmp_path / "state.keys")
    store.add(OPERATOR, {})
    vault = Vault(store)
    queue = Queue(database, clock, "here")
    queue.open = Addressee(vault).open
    inbound = Inbound(
        database, vault, Numbers("PL"), accounts=store.accounts, join=joined, ids=IdSource(clock), clock=clock
    )
    yield Post(database, vault, queue, inbound, Inbox(queue, inbound), clock)
    await database.close()


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """The whole log, at its most talkative."""
    stream = io.StringIO()
    log.set_up(debug=True, stream=stream)
    yield stream
    log.set_up()


def text(words: str, **changes: Any) -> pdu.Deliver:
    units = words.encode("utf-16-be")
    body = pdu.UserData(units, pdu.Alphabet.UCS2)
    usual = pdu.Deliver(
        pdu.Address.of(ANNA), body, pdu.DataCoding(pdu.Alphabet.UCS2), pdu.Stamp(1_800_000_000 * SECOND)
    )
    return replace(usual, **changes)


def parts(words: str, size: int, reference: int = 5) -> list[pdu.Deliver]:
    """A long message, cut after so many octets wherever that is."""
    units = words.encode("utf-16-be")
    cuts = [units[at : at + size] for at in range(0, len(units), size)]
    return [
        text("", body=pdu.UserData(cut, pdu.Alphabet.UCS2, pdu.Header(pdu.Concat(reference, len(cuts), number))))
        for number, cut in enumerate(cuts, 1)
    ]


def report(reference: int, status: int = 0, **changes: Any) -> pdu.StatusReport:
    stamp = pdu.Stamp(1_800_000_000 * SECOND)
    return replace(pdu.StatusReport(reference, pdu.Address.of(ANNA), status, stamp, stamp), **changes)


# Inbound SMS


async def test_a_text_reaches_its_account(post: Post) -> None:
    await post.deliver(text("Zażółć gęślą jaźń 🎉"))
    [found] = await post.inbound.list(OPERATOR)
    assert (found["from"], found["text"]) == (ANNA, "Zażółć gęślą jaźń 🎉")
    assert found["sent_at"] == "2027-01-15T08:00:00.000Z"


async def test_an_empty_text_and_a_name_for_a_sender_are_good(post: Post) -> None:
    await post.deliver(text("", sender=pdu.Address.named("InPost")))
    [found] = await post.inbound.list(OPERATOR)
    assert (found["from"], found["text"]) == ("InPost", "")


async def test_a_copy_that_came_another_way_is_the_same_message(post: Post) -> None:
    await post.deliver(text("hello"))
    await post.deliver(text("hello", more=True, report_indication=True))
    await post.deliver(text("hello"), smsc="+48601000310")
    await post.deliver(text("hello"), smsc="")
    assert await post.texts() == ["hello"]
    assert await post.counted() == {"inbound.received": 1, "inbound.repeated": 3}


async def test_what_differs_in_anything_is_another_message(post: Post) -> None:
    await post.deliver(text("hello"))
    await post.deliver(text("hello!"))
    await post.deliver(text("hello", sent=pdu.Stamp(1_800_000_001 * SECOND)))
    await post.deliver(text("hello", sender=pdu.Address.of("+48600100201")))
    post.modem.sim = "sim1"
    await post.deliver(text("hello"))
    assert len(await post.texts()) == 5


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(min_size=1, max_size=60), size=st.integers(1, 40).map(lambda n: 2 * n), data=st.data())
async def test_a_long_message_is_whole_wherever_it_was_cut_and_however_it_came(
    post: Post, words: str, size: int, data: st.DataObject
) -> None:
    """Also between the halves of a surrogate pair, in any order, with copies among it."""
    words = words.encode("utf-16", "replace").decode("utf-16")
    segments = parts(words, size, reference=data.draw(st.integers(0, 255)))
    order = data.draw(st.permutations([*segments, *segments[:2]]))
    post.modem.sim = f"sim of {post.clock.now()}"
    post.clock.advance(1)
    for segment in order:
        await post.deliver(segment)
    assert (await post.texts())[0] == words


def test_segments_that_never_came_leave_a_gap() -> None:
    first, _, third = (bytes.fromhex(pdu.write(one)) for one in parts("abcdef", 4))
    assert joined([first, None, third]) == "ab[…]ef"
    assert joined([None, None, third]) == "[…]ef"


# What is let go


@pytest.mark.parametrize(
    ("tpdu", "why"),
    [
        (text("", body=pdu.UserData(b"\x06\x05", pdu.Alphabet.DATA), coding=pdu.DataCoding(pdu.Alphabet.DATA)), "data"),
        (text("", body=pdu.UserData(b"\0a", pdu.Alphabet.UCS2, pdu.Header(ports=pdu.Ports(2948)))), "data"),
        (text("", protocol=0x40), "silent"),
        (
            text(
                "",
                body=pdu.UserData(b""),
                coding=pdu.DataCoding(waiting=pdu.Waiting.VOICEMAIL, active=True, store=False),
            ),
            "indication",
        ),
    ],
)
async def test_what_is_no_text_for_a_person_is_counted_and_let_go(post: Post, tpdu: pdu.Deliver, why: str) -> None:
    await post.deliver(tpdu)
    assert await post.texts() == []
    assert await post.counted() == {f"inbound.{why}": 1}


async def test_the_text_of_a_waiting_indication_is_kept_where_it_may_not_be_thrown_away(post: Post) -> None:
    coding = pdu.DataCoding(waiting=pdu.Waiting.VOICEMAIL, active=True)
    await post.deliver(text("", body=pdu.UserData(b"hi"), coding=coding))
    assert await post.texts() == ["hi"]


@pytest.mark.parametrize("kind", ["deliver", "report", "broadcast"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary(max_size=40))
async def test_no_pdu_stops_the_reader(post: Post, kind: str, octets: bytes) -> None:
    await post.inbox.take(post.modem, kind, octets.hex().upper())


async def test_what_comes_as_a_report_and_is_none_is_read_with_its_service_centres_address_only(post: Post) -> None:
    """Without it these octets would be an SMS-DELIVER, which nothing could put together later."""
    await post.inbox.take(post.modem, "report", "04000401009103040302000001")
    assert await post.counted() == {"inbound.unreadable": 1}


@pytest.mark.parametrize("hex_pdu", ["", "00", "FFFFFFFF", "0", "xyz", "07919730071111F1040B91", "00" * 176])
async def test_what_cannot_be_read_is_counted_and_let_go(post: Post, hex_pdu: str) -> None:
    await post.inbox.take(post.modem, "deliver", hex_pdu)
    counted = await post.counted()
    assert counted == {"inbound.unreadable": 1}


async def test_a_message_somebody_stored_to_send_and_a_broadcast_are_nobodys(post: Post) -> None:
    await post.inbox.take(post.modem, "deliver", pdu.segments(Sms(ANNA, "draft"), reference=0)[0].pdu)
    await post.inbox.take(post.modem, "broadcast", "00" * 88)
    assert await post.counted() == {"inbound.outgoing": 1, "inbound.broadcast": 1}


async def test_what_could_not_be_written_is_not_taken(post: Post) -> None:
    await post.database.close()
    with pytest.raises(StorageError):
        await post.deliver(text("hello"))
    with pytest.raises(StorageError):
        await post.inbox.take(post.modem, "report", pdu.write(report(17)))
    with pytest.raises(StorageError):
        await post.inbox.take(post.modem, "deliver", "")


# Status reports


async def test_a_report_delivers_a_message(post: Post) -> None:
    number = await post.sent(17)
    await post.inbox.take(post.modem, "report", pdu.write(report(17), SMSC))
    assert await post.state(number) is State.DELIVERED


@pytest.mark.parametrize("recipient", [pdu.Address("600100200", 2), pdu.Address("48600100200"), pdu.Address.of(ANNA)])
async def test_the_recipient_may_be_written_in_another_form(post: Post, recipient: pdu.Address) -> None:
    number = await post.sent(17)
    await post.inbox.take(post.modem, "report", pdu.write(report(17, recipient=recipient), SMSC))
    assert await post.state(number) is State.DELIVERED


async def test_a_report_without_the_service_centres_address_is_read_all_the_same(post: Post) -> None:
    number = await post.sent(17)
    await post.inbox.take(post.modem, "report", report(17).octets().hex().upper())
    assert await post.state(number) is State.DELIVERED


async def test_a_report_that_lies_among_messages_is_a_report(post: Post) -> None:
    number = await post.sent(17)
    await post.inbox.take(post.modem, "deliver", pdu.write(report(17, 0x46), SMSC))
    assert await post.state(number) is State.UNDELIVERED
    found = await post.queue.message(number)
    assert found is not None
    assert (found.error_code, found.error_detail) == ("expired", "the validity period has run out")


async def test_a_report_on_a_command_is_about_no_message(post: Post) -> None:
    number = await post.sent(17)
    await post.inbox.take(post.modem, "report", pdu.write(report(17, command=True), SMSC))
    assert await post.state(number) is State.SENT
    assert await post.counted() == {"inbound.command_report": 1}


async def test_a_report_about_somebody_elses_message_is_counted(post: Post) -> None:
    await post.inbox.take(post.modem, "report", pdu.write(report(99), SMSC))
    assert await post.counted() == {"report.foreign": 1}


@pytest.mark.parametrize("delivery", list(pdu.Delivery))
def test_the_queue_knows_every_fate_that_a_report_can_tell(delivery: pdu.Delivery) -> None:
    assert Fate(delivery.value)


# What is never told


async def test_nothing_personal_is_logged(post: Post, said: io.StringIO) -> None:
    await post.sent(17)
    await post.deliver(text("a secret text"))
    await post.deliver(text("", body=pdu.UserData(b"\x06\x05secret", pdu.Alphabet.DATA)))
    await post.inbox.take(post.modem, "report", pdu.write(report(17), SMSC))
    await post.inbox.take(post.modem, "report", pdu.write(report(18), SMSC))
    cut = pdu.write(text("a secret text"), SMSC)[:30]
    await post.inbox.take(post.modem, "deliver", cut)
    told = said.getvalue()
    assert "inbound.dropped" in told
    assert "report.taken" in told
    for secret in ("secret", "600100200", "0061010020", cut, "790998250", "sim0"):
        assert secret not in told


def test_a_pdu_error_names_field_and_octet_only() -> None:
    with pytest.raises(PduError) as error:
        pdu.read(pdu.write(text("a secret text"), SMSC)[:30])
    assert "secret" not in str(error.value)
