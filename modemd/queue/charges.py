"""What messages take from accounts that pay in advance, in the transaction that accepts, ends or revives them.

A call is taken from the trial if all of it fits there, else from the credit. What is not sent is given back when its
message fails, expires or is cancelled: a message enters such a state once, so it is given back once. Every change of
a balance is a booking; credit is the sum of their amounts, and what a month costs is the sum of its bookings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from modemd.db import Transaction
from modemd.errors import PaymentRequired


class Kind(IntEnum):
    """Why a balance changed; the numbers are stored."""

    TRIAL = 0
    CREDIT = 1
    PAYMENT = 2
    """The operator booked credit."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call takes of an account that pays in advance."""

    lines: Mapping[int, int]
    """Segments by their price."""
    trial: int
    """Segments that an account may send on trial in all."""
    sold: bool
    """Whether there is more to be had for money."""

    @property
    def segments(self) -> int:
        """All of them."""
        return sum(self.lines.values())

    @property
    def cost(self) -> int:
        """What they cost."""
        return sum(price * segments for price, segments in self.lines.items())


class Balance(NamedTuple):
    """What an account has."""

    prepaid: bool
    billed: bool
    trial_used: int
    credit: int


NOTHING = Balance(prepaid=False, billed=False, trial_used=0, credit=0)
"""Of an account that does not exist (any more)."""

_HOLD = (
    "INSERT INTO balance (account, prepaid) SELECT id, trial FROM account WHERE id = ? "
    "ON CONFLICT (account) DO UPDATE SET account = excluded.account RETURNING prepaid, billed, trial_used, credit"
)
_BOOK = "INSERT INTO booking (account, at, kind, price, segments, amount, batch) VALUES (?, ?, ?, ?, ?, ?, ?)"
_MOVE = "UPDATE balance SET trial_used = trial_used + ?, credit = credit + ? WHERE account = ?"


def hold(tx: Transaction, account: int) -> Balance:
    """The account's balance, which nobody else changes until the transaction ends."""
    row = tx.execute(_HOLD, (account,)).fetchone()
    return Balance(bool(row[0]), bool(row[1]), row[2], row[3]) if row else NOTHING


def take(tx: Transaction, account: int, charge: Charge, batch: int, now: int) -> Kind | None:
    """Take what a call costs; from what it was taken, None if the account sends freely.

    Raises PaymentRequired (``trial_ended``, ``billing_data_required``, ``no_credit``); then nothing is written.
    """
    balance = hold(tx, account)
    if not balance.prepaid:
        return None
    kind = _payer(balance, charge)
    if kind is Kind.TRIAL:
        _book(tx, account, Kind.TRIAL, 0, charge.segments, batch, now)
        return kind
    for price, segments in charge.lines.items():
        _book(tx, account, Kind.CREDIT, price, segments, batch, now)
    return kind


def note(tx: Transaction, account: int, kind: Kind, prices: Sequence[tuple[int, int]]) -> None:
    """Write down what is to be given back for messages, as (message, price), should they not be sent."""
    trial = int(kind is Kind.TRIAL)
    rows = [(message, account, 0 if trial else price, trial) for message, price in prices]
    tx.insert("charge", ("message", "account", "price", "trial"), rows)


def give_back(tx: Transaction, unsent: Mapping[int, int], now: int) -> None:
    """Messages have ended, each with so many segments that were not sent."""
    for message, account, price, trial in _charges(tx, unsent):
        if unsent[message]:
            _book(tx, account, Kind.TRIAL if trial else Kind.CREDIT, price, -unsent[message], None, now)


def take_again(tx: Transaction, message: int, segments: int, now: int) -> None:
    """An ended message is queued again, with so many segments to send. Raises PaymentRequired (``no_credit``)."""
    for _, account, price, trial in _charges(tx, {message: segments}):
        credit = hold(tx, account).credit
        if not trial and credit < price * segments:
            raise _no_credit(price * segments, credit)
        _book(tx, account, Kind.TRIAL if trial else Kind.CREDIT, price, segments, None, now)


def undo(tx: Transaction, batch: int) -> None:
    """A call that was staged was not accepted: it has taken nothing."""
    rows = tx.execute("SELECT account, kind, segments, amount FROM booking WHERE batch = ?", (batch,)).fetchall()
    for account, kind, segments, amount in rows:
        tx.execute(_MOVE, (-segments if kind == Kind.TRIAL else 0, -amount, account))
    if rows:
        tx.execute("DELETE FROM booking WHERE batch = ?", (batch,))


def pay(tx: Transaction, account: int, amount: int, now: int) -> Balance:
    """The operator books credit, or takes it back if ``amount`` is negative; the balance after it."""
    balance = hold(tx, account)
    if balance.credit + amount < 0:
        raise PaymentRequired("the account has less credit than that", cure="take back at most what it has")
    tx.execute(_BOOK, (account, now, int(Kind.PAYMENT), 0, 0, amount, None))
    tx.execute(_MOVE, (0, amount, account))
    return balance._replace(credit=balance.credit + amount)


def _payer(balance: Balance, charge: Charge) -> Kind:
    """What pays for a call."""
    if balance.trial_used + charge.segments <= charge.trial:
        return Kind.TRIAL
    left = max(0, charge.trial - balance.trial_used)
    takes = f"of the trial's {charge.trial} segments {left} are left; this call takes {charge.segments}"
    if not charge.sold:
        raise PaymentRequired(takes, cure="ask the operator of this gateway to lift the limit", code="trial_ended")
    if not balance.billed:
        cure = 'give billing data, PUT /v1/account/billing with {"name", "address", "vat_id"}, and buy credit'
        raise PaymentRequired(takes, cure=cure, code="billing_data_required")
    if balance.credit < charge.cost:
        raise _no_credit(charge.cost, balance.credit)
    return Kind.CREDIT


def _no_credit(cost: int, credit: int) -> PaymentRequired:
    detail = f"this costs {cost}, the account's credit is {credit} (in the smallest unit of the currency)"
    return PaymentRequired(detail, cure="buy credit from the operator of this gateway", code="no_credit")


def _book(tx: Transaction, account: int, kind: Kind, price: int, segments: int, batch: int | None, now: int) -> None:
    amount = -price * segments
    tx.execute(_BOOK, (account, now, int(kind), price, segments, amount, batch))
    tx.execute(_MOVE, (segments if kind is Kind.TRIAL else 0, amount, account))


def _charges(tx: Transaction, messages: Mapping[int, int]) -> Sequence[tuple[int, int, int, int]]:
    if not messages:
        return []
    marks = ", ".join("?" * len(messages))
    rows: Sequence[tuple[int, int, int, int]] = tx.execute(
        f"SELECT message, account, price, trial FROM charge WHERE message IN ({marks})", tuple(messages)
    ).fetchall()
    return rows
