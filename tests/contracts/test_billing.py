"""Trial, credit and invoices on both engines: never oversold, given back once, numbered without gaps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from modemd.accounts import keystore
from modemd.accounts import request as requests
from modemd.accounts.billing import printing
from modemd.accounts.billing.buyers import Buyer
from modemd.accounts.billing.months import Month
from modemd.accounts.billing.plans import Plan, Standing
from modemd.accounts.billing.tariff import Tariff
from modemd.accounts.call import Receipt
from modemd.accounts.keychain import KeyStore
from modemd.accounts.numbers import Numbers
from modemd.accounts.parts import Accounts, Terms
from modemd.at.pdu import count
from modemd.clock import SECOND, ManualClock
from modemd.db import Database, connect
from modemd.errors import Conflict, InvalidField, NotFound, PaymentRequired, StorageFull
from modemd.ids import decode
from modemd.queue import Message, Queue, Settlement, State, ledger
from modemd.values import Fault, Outcome, Verdict

OCTOBER = 1_791_763_200 * SECOND
"""2026-10-12 00:00 UTC."""
TARIFF = Tariff({"+48": 9, "+48600": 7, "+49": 35}, trial=10, vat=23, seller="Bramka s.c.\nul. Portowa 1, Gdynia")
BUYER = Buyer("Zakład Wilhelmina Zgrzyt", "ul. Kwiecista 4711\n80-001 Gdańsk", "PL5260250274")
HERE, THERE = "+48600100200", "+4915123456789"


class House:
    """Accounts that pay, on a database."""

    def __init__(self, database: Database, folder: Path, store: KeyStore | None = None) -> None:
        self.database, self.folder = database, folder
        self.clock = ManualClock(OCTOBER)
        self.store = store or keystore.create(folder)
        self.accounts = self.built()

    def built(self, tariff: Tariff = TARIFF) -> Accounts:
        self.queue = Queue(self.database, self.clock, "node")
        terms = Terms(Numbers("PL"), tariff=tariff, zone=UTC)
        return Accounts(
            self.database,
            self.store,
            self.queue,
            terms,
            count=lambda text: count(text).parts,
            capacity=lambda: 1e6,
            clock=self.clock,
        )

    async def opened(self, phone: str = "+48600200300", *, credit: int = 0, trial_used: int = 0) -> int:
        """An account that a stranger has opened."""
        await self.accounts.errands.register("jan@example.org", phone, "-")
        await self.accounts.errands.do_all()
        (account,) = await self.accounts.directory.find(phone)
        if trial_used:
            await self.send(account.id, to=numbers(trial_used))
        if credit:
            await self.accounts.billing.buyers.put(account.id, BUYER)
            await self.accounts.billing.plans.pay(account.id, credit)
        return account.id

    async def send(self, account: int, text: str = "x", to: Any = HERE, key: str | None = None, **more: Any) -> Receipt:
        body = {"to": to, "text": text, **more}
        return await self.accounts.sending.submit(account, requests.read(body, self.clock.now()), key)

    async def standing(self, account: int) -> Standing:
        standing = await self.accounts.billing.plans.standing(account)
        rows = await self.database.read(
            lambda db: db.execute(
                "SELECT COALESCE(SUM(amount), 0), COALESCE(SUM(CASE WHEN kind = 0 THEN segments END), 0)"
                " FROM booking WHERE account = ?",
                (account,),
            ).fetchone()
        )
        used = (TARIFF.trial or 0) - (standing.trial_left or 0)
        assert (standing.credit, used) == tuple(map(int, rows)), "the balance is the sum of its bookings"
        return standing

    async def credit(self, account: int) -> int:
        return (await self.standing(account)).credit

    async def message(self, receipt: Receipt, place: int = 0) -> Message:
        found = await self.queue.message(decode("m", receipt.messages[place]["id"]) or 0)
        assert found is not None
        return found

    async def ended(self, message: Message, *verdicts: Outcome) -> None:
        """Hand a message to a modem, segment by segment, with these outcomes."""
        for part, outcome in enumerate(verdicts, start=1):
            assert (await self.queue.cross([], message, part, "sim", {})).marked
            settlement = Settlement(message, part, "sim", outcome, self.clock.now())
            await self.queue.cross([settlement], None, 0, "sim", {})

    async def rows(self, table: str) -> int:
        return await self.database.read(lambda db: int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))


def numbers(many: int, start: str = "+48600") -> list[str]:
    return [f"{start}{place:06}" for place in range(many)]


ACCEPTED = Outcome(Verdict.ACCEPTED, reference=1)
REFUSED = Outcome(Verdict.REFUSED, code="cms-1", fault=Fault.MESSAGE, detail="unassigned number")
LOST = Outcome(Verdict.UNCERTAIN, code="timeout", fault=Fault.MODEM, detail="no answer")


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    house = House(database, tmp_path / "state.keys")
    await house.accounts.start()
    yield house
    house.accounts.close()


async def refused(house: House, account: int, **call: Any) -> PaymentRequired:
    before = await house.rows("message")
    with pytest.raises(PaymentRequired) as caught:
        await house.send(account, **call)
    assert await house.rows("message") == before, "nothing of it was accepted"
    return caught.value


async def test_a_trial_then_billing_data_then_credit(house: House) -> None:
    account = await house.opened()
    await house.send(account, to=numbers(9))
    await house.send(account)
    over = await refused(house, account)
    assert over.code == "billing_data_required"
    assert over.detail == "of the trial's 10 segments 0 are left; this call takes 1"
    assert "PUT /v1/account/billing" in over.cure
    await house.accounts.billing.buyers.put(account, BUYER)
    assert (await refused(house, account)).code == "no_credit"
    await house.accounts.billing.plans.pay(account, 20)
    await house.send(account)
    await house.send(account)
    assert (await refused(house, account)).code == "no_credit"
    assert await house.credit(account) == 6


async def test_a_call_that_does_not_fit_the_trial_leaves_it_alone(house: House) -> None:
    account = await house.opened(trial_used=8)
    assert (await refused(house, account, to=numbers(3))).code == "billing_data_required"
    await house.send(account, to=numbers(2))
    assert (await house.standing(account)).trial_left == 0


async def test_the_longest_prefix_says_the_price_and_no_price_is_no_message(house: House) -> None:
    account = await house.opened(trial_used=10, credit=1000)
    receipt = await house.send(account, to=[HERE, "+48500100200", THERE, "+33612345678"])
    assert [one["to"] for one in receipt.messages] == [HERE, "+48500100200", THERE]
    assert [(one["to"], one["code"]) for one in receipt.rejected] == [("+33612345678", "no_price")]
    assert await house.credit(account) == 1000 - 7 - 9 - 35
    with pytest.raises(InvalidField) as caught:
        await house.send(account, to="+33612345678")
    assert caught.value.code == "no_price"
    await house.send(account, "x" * 161)
    assert await house.credit(account) == 1000 - 51 - 14


@pytest.mark.parametrize("plan", ["operator", "made by the operator", "lifted"])
async def test_the_operator_and_whom_he_lets_send_freely(house: House, plan: str) -> None:
    if plan == "operator":
        account = 1
    elif plan == "lifted":
        account = await house.opened()
        await house.accounts.billing.plans.change(account, Plan.FREE)
    else:
        account = (await house.accounts.directory.create("op@example.org", "+48600200301")).id
    await house.send(account, to=numbers(30))
    await house.send(account, to="+33612345678")
    assert await house.rows("booking") == await house.rows("charge") == 0
    with pytest.raises(Conflict) as caught:
        await house.accounts.billing.plans.pay(account, 10)
    assert caught.value.code == "plan_free"


async def test_an_account_can_be_told_to_pay(house: House) -> None:
    account = (await house.accounts.directory.create("op@example.org", "+48600200301")).id
    await house.send(account, to=numbers(30))
    standing = await house.accounts.billing.plans.change(account, Plan.PREPAID)
    assert (standing.plan, standing.trial_left) == (Plan.PREPAID, 10)
    assert (await refused(house, account, to=numbers(30))).code == "billing_data_required"


async def test_without_prices_a_trial_ends_and_nothing_is_sold(house: House) -> None:
    account = await house.opened()
    house.accounts.close()
    house.accounts = house.built(Tariff(trial=3))
    await house.send(account, to=[*numbers(2), "+33612345678"])
    over = await refused(house, account)
    assert (over.code, "operator" in over.cure) == ("trial_ended", True)
    with pytest.raises(Conflict) as caught:
        await house.accounts.billing.plans.pay(account, 10)
    assert caught.value.code == "no_billing"


async def test_without_a_tariff_nothing_is_counted(house: House) -> None:
    account = await house.opened()
    house.accounts.close()
    house.accounts = house.built(Tariff())
    await house.send(account, to=numbers(300))
    assert await house.rows("booking") == await house.rows("balance") == 0


async def test_passwords_cost_nothing(house: House) -> None:
    account = await house.opened(trial_used=10)
    await house.accounts.errands.reset("+48600200300", "-")
    assert await house.accounts.errands.do_all() == 0
    assert (await house.standing(account)).trial_left == 0


# Never oversold


@pytest.mark.parametrize("large", [False, True])
async def test_calls_at_the_same_time_never_take_more_than_there_is(house: House, large: bool) -> None:
    account = await house.opened(trial_used=10, credit=10 * 7 * (101 if large else 1))
    to = numbers(101) if large else HERE
    calls = [house.send(account, to=to) for _ in range(30)]
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Receipt) for one in done) == 10
    assert {one.code for one in done if isinstance(one, PaymentRequired)} == {"no_credit"}
    assert await house.credit(account) == 0
    assert await house.rows("staging") == 0
    assert await house.rows("charge") == 10 + 10 * (101 if large else 1)


async def test_calls_at_the_same_time_never_pass_the_trial_together(house: House) -> None:
    account = await house.opened()
    done = await asyncio.gather(*(house.send(account, to=numbers(3)) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, Receipt) for one in done) == 3
    assert (await house.standing(account)).trial_left == 1


async def test_a_repeat_costs_nothing_also_when_the_credit_is_gone(house: House) -> None:
    account = await house.opened(trial_used=10, credit=7 * 251)
    one = await house.send(account, to=HERE, key="small")
    many = await house.send(account, to=numbers(250), key="large")
    assert await house.credit(account) == 0
    assert await house.send(account, to=HERE, key="small") == one
    assert await house.send(account, to=numbers(250), key="large") == many
    assert await house.credit(account) == 0


async def test_a_large_call_that_breaks_off_is_given_back_at_once_or_at_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await house.opened(trial_used=10, credit=7 * 300)
    seal = house.accounts.vault.unit(account).__class__.seal
    sealed = 0

    def full(box: Any, place: str, row: int, plain: bytes) -> bytes:
        nonlocal sealed
        sealed += place == "message.body"
        if sealed == 250:
            raise StorageFull("no room")
        return seal(box, place, row, plain)

    monkeypatch.setattr("modemd.accounts.vault.Box.seal", full)
    with pytest.raises(StorageFull):
        await house.send(account, to=numbers(300))
    assert await house.credit(account) == 7 * 300
    assert await house.rows("charge") == await house.rows("message") - 1 == 10

    async def crash(*_: Any) -> None:
        raise StorageFull("the power is gone")

    sealed = 0
    with monkeypatch.context() as patch:
        patch.setattr("modemd.queue.submit.discard_staged", crash)
        with pytest.raises(StorageFull):
            await house.send(account, to=numbers(300))
    assert await house.credit(account) == 0, "it is held while the call is staged"
    house.accounts.close()
    house.accounts = house.built()
    await house.queue.recover()
    assert await house.credit(account) == 7 * 300
    assert await house.rows("charge") == 10


# Given back, once


async def test_what_is_cancelled_is_given_back_once(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account, "x" * 161))
    for _ in range(2):
        await house.queue.cancel(message.id)
        assert await house.credit(account) == 100


async def test_cancelling_at_the_same_time_gives_back_once(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account))
    await asyncio.gather(*(house.queue.cancel(message.id) for _ in range(10)))
    assert await house.credit(account) == 100


async def test_what_expires_is_given_back(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    await house.send(account, to=numbers(3), valid_for=60)
    house.clock.advance(61)
    await house.queue.tick(0)
    await house.queue.tick(0)
    assert await house.credit(account) == 100


async def test_a_trial_is_given_back_to_the_trial(house: House) -> None:
    account = await house.opened()
    message = await house.message(await house.send(account, "x" * 161))
    await house.queue.cancel(message.id)
    standing = await house.standing(account)
    assert (standing.trial_left, standing.credit) == (10, 0)


@pytest.mark.parametrize(("outcome", "left"), [(ACCEPTED, 93), (REFUSED, 100), (LOST, 93)])
async def test_what_is_sent_is_paid_what_is_refused_is_not(house: House, outcome: Outcome, left: int) -> None:
    account = await house.opened(trial_used=10, credit=100)
    await house.ended(await house.message(await house.send(account)), outcome)
    assert await house.credit(account) == left


async def test_of_a_message_sent_in_part_the_rest_is_given_back(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account, "x" * 400))
    assert message.parts == 3
    await house.ended(message, ACCEPTED, REFUSED)
    assert (await house.credit(account), (await house.queue.story(message.id)).message.state) == (93, State.FAILED)


@pytest.mark.parametrize(("how", "left"), [("sent", 93), ("fail", 100), ("resend", 93)])
async def test_what_is_uncertain_is_held_until_it_is_settled(house: House, how: str, left: int) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account))
    await house.ended(message, LOST)
    await house.queue.resolve(message.id, how)
    assert await house.credit(account) == left


async def test_what_is_uncertain_and_fails_by_the_senders_wish_is_given_back(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    await house.ended(await house.message(await house.send(account, if_uncertain="fail")), LOST)
    house.clock.advance(61)
    for _ in range(2):
        await house.queue.tick(0)
    assert await house.credit(account) == 100


async def test_a_daemon_that_died_while_sending_keeps_what_was_taken_until_it_is_settled(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account))
    assert (await house.queue.cross([], message, 1, "sim", {})).marked
    for _ in range(2):
        await house.queue.recover(None)
        assert await house.credit(account) == 93
    await house.queue.resolve(message.id, "fail")
    assert await house.credit(account) == 100


async def test_what_cannot_be_sent_at_all_is_given_back(house: House) -> None:
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account))
    for _ in range(2):
        await house.queue.fail(message, "unreadable", "it cannot be opened")
    assert await house.credit(account) == 100


async def test_trying_a_failed_message_again_costs_again(house: House) -> None:
    account = await house.opened(trial_used=10, credit=7)
    message = await house.message(await house.send(account))
    await house.ended(message, REFUSED)
    await house.queue.retry(message.id)
    assert await house.credit(account) == 0
    await house.queue.cancel(message.id)
    other = await house.message(await house.send(account))
    await house.ended(other, REFUSED)
    await house.send(account)
    with pytest.raises(PaymentRequired):
        await house.queue.retry(other.id)
    assert (await house.queue.story(other.id)).message.state is State.FAILED


async def test_a_failed_settlement_gives_nothing_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that moves the message is the one that gives back."""
    account = await house.opened(trial_used=10, credit=100)
    message = await house.message(await house.send(account))

    def broken(*_: Any, **__: Any) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "note", broken)
        with pytest.raises(StorageFull):
            await house.queue.fail(message, "x", "x")
    assert await house.credit(account) == 93
    assert (await house.queue.story(message.id)).message.state is State.QUEUED


# Credit


async def test_credit_is_taken_back_but_never_more_than_there_is(house: House) -> None:
    account = await house.opened(credit=100)
    await house.accounts.billing.plans.pay(account, -60)
    with pytest.raises(PaymentRequired):
        await house.accounts.billing.plans.pay(account, -41)
    assert await house.credit(account) == 40


@pytest.mark.parametrize(("typed", "amount"), [("1230", 1230), ("12.30", 1230), ("-5", -5), ("-0.05", -5), ("0.01", 1)])
def test_amounts_are_typed_as_units_or_as_money(typed: str, amount: int) -> None:
    assert TARIFF.amount(typed) == amount


@pytest.mark.parametrize("typed", ["", "0", "0.00", "12.3", "12.345", "1,00", "1e9", "99999999999", "ten", "+5", "٣"])
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(InvalidField) as caught:
        TARIFF.amount(typed)
    assert caught.value.field == "amount"


def test_money_is_printed_in_the_currency() -> None:
    assert [TARIFF.money(amount) for amount in (0, 5, -5, 1230, -1230)] == [
        *("0.00 PLN", "0.05 PLN", "-0.05 PLN", "12.30 PLN", "-12.30 PLN")
    ]
    assert Tariff(currency="JPY", decimals=0).money(1230) == "1230 JPY"


# Usage and invoices


async def paid_month(house: House, phone: str = "+48600200300") -> int:
    """An account that has bought 3 segments, and the month after."""
    account = await house.opened(phone, trial_used=10, credit=1000)
    await house.send(account, to=[HERE, THERE])
    await house.send(account)
    house.clock.advance(30 * 86_400)
    return account


async def test_usage_is_told_by_month(house: House) -> None:
    account = await paid_month(house)
    await house.send(account)
    used = await house.accounts.billing.used(account)
    assert (used["plan"], used["currency"], used["credit"], used["trial_left"]) == ("prepaid", "PLN", 944, 0)
    assert used["months"] == [
        {"month": "2026-11", "segments": 1, "trial_segments": 0, "amount": 7, "paid": 0},
        {"month": "2026-10", "segments": 3, "trial_segments": 10, "amount": 49, "paid": 1000},
    ]


async def test_an_invoice_tells_who_and_what(house: House) -> None:
    account = await paid_month(house)
    invoice = await house.accounts.billing.invoices.issue(account)
    assert invoice["number"] == "2026/00001"
    assert (invoice["month"], invoice["seller"]) == ("2026-10", TARIFF.seller)
    assert invoice["buyer"] == {"name": BUYER.name, "address": BUYER.address, "vat_id": BUYER.vat_id}
    assert invoice["lines"] == [
        {"segments": 2, "price": 7, "amount": 14},
        {"segments": 1, "price": 35, "amount": 35},
    ]
    assert (invoice["total"], invoice["vat_percent"], invoice["vat"]) == (49, 23, 9)
    text = printing.printed(invoice)
    assert max(map(len, text.splitlines())) <= printing.WIDTH
    for word in ("INVOICE 2026/00001", "2026-11-11", "2026-10", "ul. Kwiecista", "PL5260250274", "0.49 PLN"):
        assert word in text


async def test_an_invoice_is_issued_once_and_stays_as_it_was(house: House) -> None:
    account = await paid_month(house)
    first = await house.accounts.billing.invoices.issue(account)
    await house.accounts.billing.buyers.put(account, Buyer("Somebody else", "Elsewhere"))
    house.clock.advance(86_400)
    assert await house.accounts.billing.invoices.issue(account, Month(2026, 10)) == first
    assert await house.accounts.billing.invoices.all(account) == [first]


async def test_what_is_given_back_later_is_in_the_month_in_which_that_happens(house: House) -> None:
    account = await house.opened(trial_used=10, credit=1000)
    message = await house.message(await house.send(account, send_at="2026-12-01T08:00:00Z", valid_for=86_400))
    house.clock.advance(30 * 86_400)
    first = await house.accounts.billing.invoices.issue(account)
    await house.queue.cancel(message.id)
    house.clock.advance(30 * 86_400)
    second = await house.accounts.billing.invoices.issue(account)
    assert (first["total"], second["total"]) == (7, -7)
    assert "given back" in printing.printed(second)


async def test_of_the_month_that_runs_there_is_a_draft_without_a_number(house: House) -> None:
    account = await house.opened(trial_used=10, credit=1000)
    await house.send(account)
    draft = await house.accounts.billing.invoices.issue(account, Month(2026, 10))
    assert (draft["number"], draft["total"]) == (None, 7)
    assert printing.printed(draft).startswith("DRAFT")
    assert await house.rows("invoice") == await house.rows("invoice_series") == 0


async def test_there_is_no_invoice_for_nothing_for_nobody_or_for_later(house: House) -> None:
    account = await house.opened(trial_used=10, credit=1000)
    invoices = house.accounts.billing.invoices
    for month, error in ((None, NotFound), (Month(2026, 11), InvalidField), (Month(2026, 10), NotFound)):
        with pytest.raises(error):
            await invoices.issue(account, month)
    assert await house.rows("invoice_series") == 0


async def test_numbers_have_no_gaps_however_many_ask_at_once_and_whatever_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [await another(house, place) for place in range(8)]
    invoices = house.accounts.billing.invoices
    seal = house.accounts.vault.seal
    calls = 0

    def sometimes(*args: Any) -> bytes:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise StorageFull("no room")
        return seal(*args)

    monkeypatch.setattr(house.accounts.vault, "seal", sometimes)
    asked = [invoices.issue(account) for account in accounts for _ in range(3)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert any(isinstance(one, StorageFull) for one in done)
    monkeypatch.undo()
    issued = {(await invoices.issue(account))["number"] for account in accounts}
    assert issued == {f"2026/{serial:05}" for serial in range(1, 9)}
    assert {one["number"] for one in done if isinstance(one, dict)} <= issued


async def test_numbers_begin_anew_each_year(house: House) -> None:
    account = await house.opened(trial_used=10, credit=1000)
    for _ in range(4):
        await house.send(account)
        house.clock.advance(30 * 86_400)
    issue = house.accounts.billing.invoices.issue
    assert (await issue(account, Month(2026, 10)))["number"] == "2027/00001"
    house.clock.moment = OCTOBER + 40 * 86_400 * SECOND
    assert (await issue(account, Month(2026, 10)))["number"] == "2027/00001"
    assert (await issue(await another(house)))["number"] == "2026/00001"


async def test_everything_is_sealed_and_goes_with_the_account(house: House) -> None:
    account = await paid_month(house)
    await house.accounts.billing.invoices.issue(account)

    def dump(db: Any) -> bytes:
        found = []
        for table in ("balance", "booking", "charge", "billing_data", "invoice"):
            for row in db.execute(f"SELECT * FROM {table}").fetchall():
                found += [bytes(one) if isinstance(one, (bytes, memoryview)) else str(one).encode() for one in row]
        return b"\n".join(found)

    plain = await house.database.read(dump)
    for secret in (BUYER.name, "Kwiecista", BUYER.vat_id or "", "Zgrzyt", HERE[3:]):
        assert secret.encode() not in plain
    held = await house.accounts.billing.held(account)
    assert (held["name"], held["vat_id"], held["invoices"][0]["number"]) == (BUYER.name, BUYER.vat_id, "2026/00001")
    assert sum(one["amount"] for one in held["bookings"]) == held["credit"]
    await house.accounts.erasures.request(account)
    assert await house.accounts.erasures.do_all() == 0
    for table in ("balance", "booking", "charge", "billing_data", "invoice"):
        assert await house.rows(table) == 0
    assert (await house.accounts.billing.invoices.issue(await another(house)))["number"] == "2026/00002"


async def another(house: House, place: int = 301) -> int:
    """One more account that has bought something in October; it is November."""
    house.clock.moment = OCTOBER
    return await paid_month(house, f"+48600200{place:03}")


async def test_two_daemons_together_oversell_nothing_and_leave_no_gap(house: House, database_url: str) -> None:
    if house.database.engine == "sqlite":
        pytest.skip("an SQLite file has one daemon")
    accounts = [await another(house, place) for place in range(4)]
    other = connect(database_url)
    await other.open()
    mine = house.accounts
    theirs = House(other, house.folder, house.store)
    theirs.clock.moment = house.clock.moment
    calls = [one.send(accounts[0], to=numbers(10)) for _ in range(20) for one in (house, theirs)]
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(one, Receipt) for one in done) == (1000 - 49) // 70
    assert await house.credit(accounts[0]) == (1000 - 49) % 70
    invoices = (mine.billing.invoices, theirs.accounts.billing.invoices)
    issued = await asyncio.gather(*(one.issue(account) for account in accounts for one in invoices))
    assert sorted(one["number"] for one in issued) == sorted(2 * [f"2026/{serial:05}" for serial in range(1, 5)])
    theirs.accounts.close()
    await other.close()
