"""Events on SQLite and PostgreSQL: written with what they tell of, delivered in order, given up visibly."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Got, Receiver, receiving

from modemd import ids
from modemd.accounts import keystore
from modemd.accounts import request as requests
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Terms
from modemd.at.pdu import count
from modemd.clock import SECOND, SystemClock
from modemd.db import Database, Transaction
from modemd.errors import Conflict, InvalidField, NotFound, StorageFull
from modemd.queue import Message, Queue, Settlement, State
from modemd.queue.reports import Fate
from modemd.values import Change, Fault, Outcome, Report, Verdict
from modemd.webhooks import tidying
from modemd.webhooks.backoff import KEPT_S, Patience
from modemd.webhooks.event import KINDS, Event
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.parts import Manners, Telling

TO = "+48600100200"
ACCEPTED = Outcome(Verdict.ACCEPTED, 17)
REFUSED = Outcome(Verdict.REFUSED, code="cms-21", fault=Fault.MESSAGE, detail="the number bars this message")


class Gateway:
    """A gateway without modems: its messages are moved by hand."""

    def __init__(self, database: Database, folder: Path, patience: Patience) -> None:
        self.database, self.clock = database, SystemClock()
        self.store = keystore.open_or_create(folder / "state.keys", fresh=not (folder / "state.keys").exists())
        self.queue = Queue(database, self.clock, "node")
        self.accounts = Accounts(
            database,
            self.store,
            self.queue,
            Terms(Numbers("PL")),
            count=lambda text: count(text).parts,
            capacity=lambda: 1e6,
            clock=self.clock,
        )
        self.queue.open = self.accounts.sending.open
        self.outbox = Outbox(database, self.clock)
        manners = Manners(allow_private=True, timeout_s=2.0, patience=patience)
        self.telling = Telling(
            database, self.accounts.vault, self.outbox, manners, ids=self.queue.ids, clock=self.clock
        )
        self.webhooks = self.telling.webhooks

    async def start(self) -> None:
        """As the daemon starts, but for the deliveries."""
        await self.outbox.open()
        await self.accounts.start()

    async def account(self, phone: str = "+48600900900") -> int:
        """A new account."""
        return (await self.accounts.directory.create(f"{phone[1:]}@example.org", phone)).id

    async def queued(self, account: int, messages: int = 1, **fields: Any) -> list[Message]:
        """Messages that wait."""
        to = [f"+4860{2000000 + place}" for place in range(messages)]
        body = {"to": to, "text": "hello", "report": True, **fields}
        receipt = await self.accounts.sending.submit(account, requests.read(body, self.clock.now()))
        return [await self.message(ids.decode("m", one["id"]) or 0) for one in receipt.messages]

    async def message(self, number: int) -> Message:
        """A message as it is."""
        found = await self.queue.message(number)
        assert found is not None
        return found

    async def attempt(self, message: Message, outcome: Outcome) -> None:
        """A modem tries it."""
        await self.queue.cross([], message, 1, "sim0", {})
        await self.queue.cross([Settlement(message, 1, "sim0", outcome, self.clock.now())], None, 0, "", {})

    async def delivered(self, message: Message) -> None:
        """It is sent, and its report comes."""
        await self.attempt(message, ACCEPTED)
        sms = self.accounts.sending.open(message)
        report = Report("sim0", 17, sms.to, 0, self.clock.now(), self.clock.now())
        await self.queue.report(report, Fate.DELIVERED, "delivered")

    async def rows(self) -> list[tuple[Any, ...]]:
        """Everything that waits or is dead: (kind, message, attempts, error, dead)."""
        sql = "SELECT kind, subject, attempts, error, dead_at IS NOT NULL FROM webhook_event ORDER BY event"
        return await self.database.read(lambda db: [tuple(row) for row in db.execute(sql).fetchall()])

    async def count(self, table: str) -> int:
        """Rows of a table."""
        sql = f"SELECT count(*) FROM {table}"
        return int(await self.database.read(lambda db: db.execute(sql).fetchone()[0]))

    async def until(self, done: Callable[[], Any], seconds: float = 15.0) -> None:
        """Wait until a question (of a coroutine function) is answered with yes."""
        async with asyncio.timeout(seconds):
            while not await done():
                await asyncio.sleep(0.01)

    async def empty(self) -> bool:
        """Nothing waits."""
        return await self.telling.deliveries.waiting() == 0


@pytest.fixture
async def gateway(database: Database, tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(database, tmp_path, Patience(first_s=0.02, attempts=4))
    await gateway.start()
    yield gateway
    await gateway.telling.stop()
    gateway.accounts.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


# Writing


async def test_every_change_that_is_told_makes_one_event_and_no_other_does(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    sent, failed, uncertain, cancelled = await gateway.queued(account, 4)
    await gateway.delivered(sent)
    await gateway.attempt(failed, REFUSED)
    await gateway.attempt(uncertain, Outcome(Verdict.UNCERTAIN, code="timeout", detail="no answer came"))
    await gateway.queue.resolve(uncertain.id, "resend")
    await gateway.queue.cancel(cancelled.id, account)
    await gateway.queue.retry(failed.id)
    told = [(kind.removeprefix("message."), subject) for kind, subject, *_ in await gateway.rows()]
    assert told == [
        *(("sent", sent.id), ("delivered", sent.id), ("failed", failed.id), ("uncertain", uncertain.id)),
        *(("queued", uncertain.id), ("cancelled", cancelled.id), ("queued", failed.id)),
    ]


async def test_nothing_is_written_for_who_has_no_webhook_or_wants_other_events(
    gateway: Gateway, receiver: Receiver
) -> None:
    account, other = await gateway.account(), await gateway.account("+48600900901")
    await gateway.webhooks.create(account, receiver.url, ["message.failed", "inbound.received"])
    for one in (account, other):
        await gateway.delivered((await gateway.queued(one))[0])
    assert await gateway.rows() == []


async def test_an_event_exists_exactly_if_what_it_tells_of_does(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)

    def told_and_undone(tx: Transaction) -> None:
        tx.tell(Change(account, "message.sent", 1))
        raise NotFound("no")

    def told(tx: Transaction) -> None:
        tx.tell(Change(account, "message.sent", 2))

    both = [gateway.database.submit(told_and_undone), gateway.database.submit(told)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(results[0], NotFound)
    assert [row[:2] for row in await gateway.rows()] == [("message.sent", 2)]


async def test_what_cannot_be_told_is_not_done(
    gateway: Gateway, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    [message] = await gateway.queued(account)

    def full(*_: Any) -> None:
        raise StorageFull("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(gateway.outbox, "hear", full)
        with pytest.raises(StorageFull):
            await gateway.queue.cancel(message.id, account)
    assert (await gateway.message(message.id)).state is State.QUEUED
    await gateway.queue.cancel(message.id, account)
    assert len(await gateway.rows()) == 1


async def test_without_webhooks_a_commit_has_not_one_statement_more(gateway: Gateway) -> None:
    class NoStatements:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the outbox asked for {name}")

    gateway.outbox.hear(NoStatements(), [Change(4711, "message.sent", 1)])  # type: ignore[arg-type]  # it may not ask


async def test_events_are_in_order_though_the_clock_was_set_back_between_two_runs(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, KINDS)
    future = ids.IdSource(gateway.clock).next() + (10**9 << 22)
    row = (future, webhook.id, account, "message.sent", 1, 1, "", "", 1)
    await gateway.database.write(
        lambda tx: (
            tx.execute(
                "INSERT INTO webhook_event (event, webhook, account, kind, subject, at, code, detail, due)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            ).rowcount
        )
    )
    await gateway.outbox.open()
    await gateway.database.write(lambda tx: tx.tell(Change(account, "message.delivered", 1)))
    assert [row[0] for row in await gateway.rows()] == ["message.sent", "message.delivered"]


# Delivering


async def test_an_event_comes_signed_with_the_message_but_without_its_text(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    _, secret = await gateway.webhooks.create(account, receiver.url, ["message.delivered"])
    await gateway.telling.deliveries.start()
    [message] = await gateway.queued(account, tag="order 7")
    await gateway.delivered(message)
    [got] = await asyncio.to_thread(receiver.wait, 1)
    stamp, _, digest = got.headers["modemd-signature"].partition(",")
    signed = stamp.removeprefix("t=").encode() + b"." + got.body
    assert digest == "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(stamp.removeprefix("t=")) - gateway.clock.now() // SECOND) < 5
    event = got.event
    assert (event["type"], got.headers["modemd-event"]) == ("message.delivered", "message.delivered")
    assert got.headers["modemd-event-id"] == event["id"]
    data = event["data"]
    shown = await gateway.accounts.sending.message(account, message.id)
    assert data == {key: value for key, value in shown.items() if key != "text"}
    assert (data["tag"], data["state"]) == ("order 7", "delivered")


async def test_each_event_tells_the_state_of_its_moment(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    fine, bad = await gateway.queued(account, 2)
    await gateway.delivered(fine)
    await gateway.attempt(bad, REFUSED)
    await gateway.queue.retry(bad.id)
    await gateway.telling.deliveries.start()
    told = {(got.event["type"]): got.event["data"] for got in await asyncio.to_thread(receiver.wait, 4)}
    assert told["message.sent"]["delivered_at"] is None
    assert told["message.sent"]["state"] == "sent"
    assert told["message.delivered"]["delivered_at"] is not None
    assert told["message.failed"]["error"] == {"code": "cms-21", "detail": "the number bars this message"}
    assert told["message.queued"]["error"] is None


async def test_order_holds_for_each_message_whatever_fails(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    messages = await gateway.queued(account, 12)
    turn = iter(range(10_000))
    receiver.answer = lambda _: 503 if next(turn) % 3 == 0 else 204
    await gateway.telling.deliveries.start()
    for message in messages:
        await gateway.delivered(message)
    await gateway.until(gateway.empty)
    assert {row[4] for row in await gateway.rows()} <= {True}
    first: dict[tuple[str, str], int] = {}
    for place, event in enumerate(receiver.events()):
        first.setdefault(event, place)
    for message in messages:
        outside = ids.encode("m", message.id)
        assert first["message.sent", outside] < first["message.delivered", outside]


async def test_what_a_run_has_left_the_next_one_delivers_and_no_more_than_once_each(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, ["message.sent"])
    for message in await gateway.queued(account, 40):
        await gateway.attempt(message, ACCEPTED)
    await gateway.telling.deliveries.start()
    await gateway.until(gateway.empty)
    assert len(receiver.got) == 40 == len(set(receiver.events()))


async def test_a_receiver_that_hangs_delays_no_other(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    released = threading.Event()

    def hang(_: Got) -> int:
        released.wait(20)
        return 204

    with receiving() as slow:
        slow.answer = hang
        await gateway.webhooks.create(account, slow.url, KINDS)
        await gateway.webhooks.create(account, receiver.url, KINDS)
        await gateway.telling.deliveries.start()
        for message in await gateway.queued(account, 20):
            await gateway.attempt(message, ACCEPTED)
        await asyncio.to_thread(receiver.wait, 20, 2.0)
        assert 0 < slow.most_at_once <= 4
        released.set()


async def test_a_receiver_that_fails_is_left_alone_and_then_tried_with_one_event(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, KINDS)
    receiver.answer = lambda _: 500
    gateway.telling.deliveries.patience = Patience(first_s=0.3, attempts=50)
    for message in await gateway.queued(account, 16):
        await gateway.attempt(message, ACCEPTED)
    await gateway.telling.deliveries.start()
    await asyncio.to_thread(receiver.wait, 1)

    async def rests() -> bool:
        return (await gateway.webhooks.one(account, webhook.id)).failures > 0

    await gateway.until(rests)
    tried = len(receiver.got)
    assert tried <= 4, "no more than were under way when the first one failed"
    shown = await gateway.webhooks.one(account, webhook.id)
    assert (shown.error, shown.waiting, shown.dead) == ("http-500", 16, 0)
    assert shown.rest_until > gateway.clock.now()
    await asyncio.to_thread(receiver.wait, tried + 1)
    assert len(receiver.got) == tried + 1
    receiver.answer = lambda _: 200
    await gateway.until(gateway.empty)
    shown = await gateway.webhooks.one(account, webhook.id)
    assert (shown.failures, shown.rest_until, shown.waiting) == (0, 0, 0)
    assert shown.succeeded_at is not None


async def test_what_a_fault_of_ours_has_left_lying_is_taken_up_again(
    gateway: Gateway, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    failed = asyncio.Event()

    async def fail(*_: Any) -> list[bytes]:
        failed.set()
        raise RuntimeError("a fault of ours")

    await gateway.telling.deliveries.start()
    with monkeypatch.context() as patch:
        patch.setattr(gateway.telling.deliveries.documents, "of", fail)
        await gateway.attempt((await gateway.queued(account))[0], ACCEPTED)
        await asyncio.wait_for(failed.wait(), 5)
    await asyncio.sleep(0)
    assert (len(await gateway.rows()), receiver.got) == (1, [])
    await gateway.telling.deliveries.tidy()
    await asyncio.to_thread(receiver.wait, 1)


async def test_one_event_that_is_never_taken_becomes_a_dead_letter_and_holds_up_no_other(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, ["message.sent"])
    poison, *others = await gateway.queued(account, 6)
    outside = ids.encode("m", poison.id)
    receiver.answer = lambda got: 500 if got.event["data"]["id"] == outside else 204
    for message in (poison, *others):
        await gateway.attempt(message, ACCEPTED)
    await gateway.telling.deliveries.start()
    await gateway.until(gateway.empty)
    assert await gateway.rows() == [("message.sent", poison.id, 4, "http-500", True)]
    assert {subject for _, subject in receiver.events()} == {ids.encode("m", one.id) for one in (poison, *others)}
    [letter] = await gateway.webhooks.dead_letters(account, webhook.id, None, 10)
    assert (letter.subject, letter.attempts, letter.error) == (poison.id, 4, "http-500")
    receiver.answer = lambda _: 204
    assert await gateway.webhooks.redeliver(account, webhook.id, [letter.id]) == 1
    await gateway.until(gateway.empty)
    assert await gateway.rows() == []
    with pytest.raises(NotFound):
        await gateway.webhooks.redeliver(account, webhook.id, [letter.id])


async def test_410_disables_a_webhook_until_it_is_told_to_redeliver(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, ["message.sent"])
    receiver.answer = lambda _: 410
    first, second, later = await gateway.queued(account, 3)
    await gateway.attempt(first, ACCEPTED)
    await gateway.attempt(second, ACCEPTED)
    await gateway.telling.deliveries.start()
    await gateway.until(gateway.empty)
    shown = await gateway.webhooks.one(account, webhook.id)
    assert (shown.disabled, shown.error, shown.dead) == (True, "http-410", 2)
    await gateway.attempt(later, ACCEPTED)
    assert len(await gateway.rows()) == 2, "a disabled webhook is told nothing"
    receiver.answer = lambda _: 204
    before = len(receiver.got)
    assert await gateway.webhooks.redeliver(account, webhook.id, None) == 2
    await asyncio.to_thread(receiver.wait, before + 2)
    assert not (await gateway.webhooks.one(account, webhook.id)).disabled


async def test_what_is_too_old_too_much_or_without_receiver_goes(
    gateway: Gateway, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "MOST_WAITING", 5)
    monkeypatch.setattr(tidying, "MOST_DEAD", 3)
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, ["message.sent"])
    for message in await gateway.queued(account, 10):
        await gateway.attempt(message, ACCEPTED)
    await tidying.tidy(gateway.database, gateway.clock.now())
    shown = await gateway.webhooks.one(account, webhook.id)
    assert (shown.waiting, shown.dead) == (5, 3), "the newest of each"
    letters = await gateway.webhooks.dead_letters(account, webhook.id, None, 10)
    assert {letter.error for letter in letters} == {"too_many"}
    old = gateway.clock.now() - round((KEPT_S + 1) * SECOND)
    await gateway.database.write(lambda tx: tx.execute("UPDATE webhook_event SET at = ?", (old,)).rowcount)
    await tidying.tidy(gateway.database, gateway.clock.now())
    assert (await gateway.webhooks.one(account, webhook.id)).waiting == 0
    await gateway.database.write(lambda tx: tx.execute("DELETE FROM webhook").rowcount)
    await tidying.tidy(gateway.database, gateway.clock.now())
    assert await gateway.rows() == []


async def test_what_was_given_up_while_it_was_under_way_stays_given_up(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, KINDS)
    given_up = threading.Event()

    def refuse(_: Got) -> int:
        given_up.wait(10)
        return 503

    receiver.answer = refuse
    await gateway.telling.deliveries.start()
    await gateway.attempt((await gateway.queued(account))[0], ACCEPTED)
    await asyncio.to_thread(receiver.wait, 1)
    old = gateway.clock.now() - round((KEPT_S + 1) * SECOND)
    await gateway.database.write(lambda tx: tx.execute("UPDATE webhook_event SET at = ?", (old,)).rowcount)
    await tidying.tidy(gateway.database, gateway.clock.now())
    given_up.set()

    async def settled() -> bool:
        return (await gateway.webhooks.one(account, webhook.id)).failures > 0

    await gateway.until(settled)
    shown = await gateway.webhooks.one(account, webhook.id)
    assert (shown.waiting, shown.dead) == (0, 1)


async def test_callbacks_and_their_lines_go_when_nothing_needs_them(
    gateway: Gateway, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await gateway.account()
    beside = await gateway.telling.callbacks.prepare(account, "test", receiver.url, kinds=["message.sent"])
    read = requests.read({"to": TO, "text": "hi"}, gateway.clock.now())
    await gateway.accounts.sending.submit(account, read, beside=beside)
    monkeypatch.setattr(tidying, "UNUSED_FOR", -SECOND)
    await gateway.telling.deliveries.tidy()
    assert (await gateway.count("callback"), await gateway.count("webhook")) == (1, 1)
    await gateway.database.write(lambda tx: tx.execute("DELETE FROM message").rowcount)
    await gateway.telling.deliveries.tidy()
    assert (await gateway.count("callback"), await gateway.count("webhook")) == (0, 0)


async def test_an_event_whose_message_is_not_kept_any_more_is_let_go(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    gone, kept = await gateway.queued(account, 2)
    await gateway.attempt(gone, ACCEPTED)
    await gateway.attempt(kept, ACCEPTED)
    await gateway.database.write(lambda tx: tx.execute("DELETE FROM message WHERE id = ?", (gone.id,)).rowcount)
    await gateway.telling.deliveries.start()
    await gateway.until(gateway.empty)
    assert receiver.events() == [("message.sent", ids.encode("m", kept.id))]


# What accounts may do


async def test_an_account_has_ten_webhooks_and_sees_its_own_only(gateway: Gateway, receiver: Receiver) -> None:
    account, other = await gateway.account(), await gateway.account("+48600900901")
    made = [(await gateway.webhooks.create(account, receiver.url, KINDS))[0] for _ in range(10)]
    with pytest.raises(Conflict) as caught:
        await gateway.webhooks.create(account, receiver.url, KINDS)
    assert caught.value.code == "too_many_webhooks"
    assert await gateway.webhooks.of(account) == made
    assert await gateway.webhooks.of(other) == []
    for deed in (
        lambda: gateway.webhooks.one(other, made[0].id),
        lambda: gateway.webhooks.remove(other, made[0].id),
        lambda: gateway.webhooks.redeliver(other, made[0].id, None),
        lambda: gateway.webhooks.dead_letters(other, made[0].id, None, 10),
    ):
        with pytest.raises(NotFound):
            await deed()


async def test_neither_url_nor_secret_can_be_read_in_the_database(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    url = receiver.url + "?token=kwiecisty-jarmark"
    _, secret = await gateway.webhooks.create(account, url, KINDS)
    rows = await gateway.database.read(lambda db: db.execute("SELECT * FROM webhook").fetchall())
    octets = b"".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row)
    for word in (secret, "kwiecisty", "127.0.0.1"):
        assert word.encode() not in octets


async def test_a_webhook_that_is_removed_is_told_nothing_more(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    webhook, _ = await gateway.webhooks.create(account, receiver.url, KINDS)
    first, second = await gateway.queued(account, 2)
    await gateway.attempt(first, ACCEPTED)
    await gateway.webhooks.remove(account, webhook.id)
    await gateway.attempt(second, ACCEPTED)
    assert await gateway.rows() == []


async def test_an_erasure_takes_webhooks_backlog_and_callbacks_along(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    await gateway.webhooks.create(account, receiver.url, KINDS)
    gateway.telling.callbacks.doors["test"] = lambda kept, event, data: ("GET", kept["url"], b"", {})
    beside = await gateway.telling.callbacks.prepare(account, "test", receiver.url, kinds=["message.sent"])
    read = requests.read({"to": TO, "text": "hi"}, gateway.clock.now())
    await gateway.accounts.sending.submit(account, read, beside=beside)
    await gateway.attempt((await gateway.queued(account))[0], ACCEPTED)
    number = await gateway.accounts.erasures.request(account)
    assert await gateway.accounts.erasures.do_all() == 0
    assert await gateway.accounts.erasures.verify(number) == {}
    for table in ("webhook", "webhook_event", "callback"):
        assert await gateway.count(table) == 0, table


# Callbacks of single messages


async def test_a_callback_is_written_with_its_message_and_called_for_what_it_wants(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()

    def fill(kept: Any, event: Event, data: Any) -> tuple[str, str, bytes, dict[str, str]]:
        return "GET", kept["url"].replace("%id", data["id"]) + f"&is={data['state']}&mine={kept['mine']}", b"", {}

    gateway.telling.callbacks.doors["test"] = fill
    beside = await gateway.telling.callbacks.prepare(
        account, "test", receiver.url + "?id=%id", kinds=["message.delivered", "message.failed"], arguments={"mine": 7}
    )
    body = {"to": [TO, "+48600100201"], "text": "hi", "report": True}
    receipt = await gateway.accounts.sending.submit(account, requests.read(body, gateway.clock.now()), beside=beside)
    first, second = [await gateway.message(ids.decode("m", one["id"]) or 0) for one in receipt.messages]
    await gateway.telling.deliveries.start()
    await gateway.attempt(second, REFUSED)
    await gateway.delivered(first)
    await asyncio.to_thread(receiver.wait, 2)
    await gateway.until(gateway.empty)
    wanted = {
        f"/hook?id={ids.encode('m', n)}&is={state}&mine=7"
        for n, state in ((first.id, "delivered"), (second.id, "failed"))
    }
    assert {got.path for got in receiver.got} == wanted
    assert await gateway.webhooks.of(account) == [], "a callback is no webhook"


async def test_callbacks_to_one_origin_share_a_line_and_a_bad_url_is_refused(
    gateway: Gateway, receiver: Receiver
) -> None:
    account = await gateway.account()
    for path in ("/a", "/b"):
        await gateway.telling.callbacks.prepare(account, "test", receiver.url + path, kinds=["message.sent"])
    assert await gateway.count("webhook") == 1
    for url in ("http://169.254.169.254/", "ftp://example.org/", "http://u:p@127.0.0.1:8080/"):
        with pytest.raises(InvalidField) as caught:
            await gateway.telling.callbacks.prepare(account, "test", url, kinds=["message.sent"], field="dlr-url")
        assert caught.value.field == "dlr-url"


async def test_a_door_that_stumbles_over_an_event_loses_nothing_else(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    stumbled: list[int] = []

    def fill(kept: Any, event: Event, data: Any) -> tuple[str, str, bytes, dict[str, str]]:
        if data["to"] == TO:
            stumbled.append(event.id)
            raise KeyError("a fault of the door")
        return "POST", kept["url"], b"", {}

    gateway.telling.callbacks.doors["test"] = fill
    beside = await gateway.telling.callbacks.prepare(account, "test", receiver.url, kinds=["message.sent"])
    body = {"to": [TO, "+48600100201"], "text": "hi"}
    receipt = await gateway.accounts.sending.submit(account, requests.read(body, gateway.clock.now()), beside=beside)
    for one in receipt.messages:
        await gateway.attempt(await gateway.message(ids.decode("m", one["id"]) or 0), ACCEPTED)
    await gateway.telling.deliveries.start()
    await gateway.until(gateway.empty)
    assert (len(receiver.got), len(stumbled)) == (1, 4)
    assert [row[3:] for row in await gateway.rows()] == [("internal", True)]


async def test_a_callback_whose_message_was_not_accepted_is_not_there(gateway: Gateway, receiver: Receiver) -> None:
    account = await gateway.account()
    beside = await gateway.telling.callbacks.prepare(account, "test", receiver.url, kinds=["message.sent"])
    first = requests.read({"to": TO, "text": "hi"}, gateway.clock.now())
    for _ in range(2):
        await gateway.accounts.sending.submit(account, first, "once", beside=beside)
    other = requests.read({"to": TO, "text": "other"}, gateway.clock.now())
    with pytest.raises(Conflict):
        await gateway.accounts.sending.submit(account, other, "once", beside=beside)
    assert await gateway.count("callback") == 1
