"""Whose an inbound SMS is.

It belongs to the account that last had a message sent to its sender through the SIM it came to: whoever answers,
answers that account. It is found by the keyed forms of recipients that each account keeps, so every account's form of
the sender is made and looked up; nothing that matches numbers across accounts is ever written. Where no account has
written to the sender through this SIM, it is the operator's.

The account of a long message is that of its first segment, and a copy is a copy whichever account it was given to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from modemd.accounts.directory import OPERATOR
from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Vault
from modemd.db import Reader
from modemd.errors import InvalidField, Unreadable

RECIPIENT, COPY, CHAIN = "to", "inbound copy", "inbound chain"
"""Purposes of keyed forms: the first is that of messages (call.py)."""
_SLICE = 250
"""Accounts looked up by one statement."""

_COPIED = "SELECT tag FROM inbound_seen WHERE tag IN ({}) LIMIT 1"
_BEGUN = "SELECT account FROM inbound_part WHERE chain IN ({}) LIMIT 1"
_WROTE = (
    "SELECT account, sent_at FROM message WHERE to_key IN ({}) AND sent_at IS NOT NULL AND sim = ? "
    "ORDER BY sent_at DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One inbound SMS, or one segment of a long one; what its octets mean only their reader knows."""

    sim: str
    sender: str
    """As the network says it: a number in any form, or a name."""
    sent_at: int | None
    """Service centre time stamp."""
    octets: bytes
    identity: bytes
    """The same for two copies, different for anything else."""
    chain: bytes = b""
    """What the segments of one long message have in common; empty for a whole one."""
    number: int = 1
    total: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece belongs."""

    account: int
    copied: bytes | None = None
    """The keyed form under which it was remembered when it came before."""


@dataclass(slots=True)
class _Forms:
    """What is looked up for some accounts."""

    recipient: list[bytes] = field(default_factory=list)
    copy: list[bytes] = field(default_factory=list)
    chain: list[bytes] = field(default_factory=list)


class Whose:
    """Finds the account of a piece; ``accounts`` gives those that have a key."""

    def __init__(self, vault: Vault, numbers: Numbers, accounts: Callable[[], Iterable[int]]) -> None:
        self._vault = vault
        self._numbers = numbers
        self._accounts = accounts

    def find(self, db: Reader, piece: Piece) -> Place:
        """For a worker thread: two keyed forms an account take 20 µs."""
        begun = wrote = None
        last = -1
        for forms in self._forms(piece):
            copied = _row(db, _COPIED, forms.copy)
            if copied is not None:
                return Place(OPERATOR, bytes(copied[0]))
            begun = begun or _row(db, _BEGUN, forms.chain)
            found = _row(db, _WROTE, forms.recipient, piece.sim)
            if found is not None and found[1] > last:
                wrote, last = found[0], found[1]
        if begun is not None:
            return Place(begun[0])
        return Place(OPERATOR if wrote is None else wrote)

    def _forms(self, piece: Piece) -> Iterator[_Forms]:
        recipient = self._as_recipient(piece.sender)
        accounts = iter(self._accounts())
        while some := list(itertools.islice(accounts, _SLICE)):
            forms = _Forms()
            for account in some:
                self._add(forms, account, piece, recipient)
            yield forms

    def _add(self, forms: _Forms, account: int, piece: Piece, recipient: str) -> None:
        try:
            with self._vault.unit(account) as box:
                forms.recipient.append(box.tag(RECIPIENT, recipient))
                forms.copy.append(box.tag(COPY, piece.identity))
                if piece.chain:
                    forms.chain.append(box.tag(CHAIN, piece.chain))
        except Unreadable:  # erased at this very moment: nothing can belong to it
            return

    def _as_recipient(self, sender: str) -> str:
        """The sender as a recipient would be written; what is no number stays as it is."""
        try:
            return self._numbers.normalise(sender)
        except InvalidField:
            return sender


def _row(db: Reader, sql: str, forms: Sequence[bytes], *more: Any) -> Any:
    if not forms:
        return None
    return db.execute(sql.format(", ".join("?" * len(forms))), (*forms, *more)).fetchone()
