"""Address books: numbers with an optional name and free fields, each number once in an account."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import orjson

from modemd.accounts.numbers import Numbers
from modemd.accounts.vault import Box, Vault
from modemd.clock import Clock
from modemd.db import Database, Transaction, Urgency
from modemd.errors import Conflict, InvalidField, NotFound
from modemd.ids import IdSource

BODY = "recipient.body"
MAX_NAME, MAX_FIELDS, MAX_VALUE = 200, 20, 500
MOST = 1_000_000
"""Recipients of an account."""
SLICE = 250
"""Recipients written in one transaction."""
FIELD = "^[A-Za-z_][A-Za-z0-9_]{0,39}$"
"""The form of a field's name."""
_FIELD = re.compile(FIELD)


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a recipient: the number is E.164."""

    number: str
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """What a text can be filled with."""
        return {"number": self.number, **({"name": self.name} if self.name else {}), **self.fields}


@dataclass(frozen=True, slots=True)
class Recipient:
    """A card in an account's book."""

    id: int
    card: Card
    created: int


def read(body: object, numbers: Numbers) -> Card:
    """The card in a decoded JSON body. Raises InvalidField."""
    if not isinstance(body, dict):
        raise InvalidField("body", "the body is no JSON object", cure='send {"number": …}')
    if not body.keys() <= {"number", "name", "fields"}:
        cure = "the fields are number, name, fields"
        raise InvalidField("body", "a field of the body is unknown", cure=cure, code="unknown_field")
    number, name, values = body.get("number"), body.get("name"), body.get("fields")
    if not isinstance(number, str):
        raise InvalidField("number", "there is no number", cure='give it as a string, like "+48600100200"')
    return Card(
        numbers.normalise(number, "number"),
        _name("" if name is None else name),
        _fields({} if values is None else values),
    )


def is_field(name: str) -> bool:
    """Whether a field may have this name."""
    return _FIELD.fullmatch(name) is not None and name not in ("name", "number")


def _name(name: object) -> str:
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise InvalidField("name", f"a name is a string of at most {MAX_NAME} characters", cure="shorten it")
    return name.strip()


def _fields(values: object) -> dict[str, str]:
    cure = f"at most {MAX_FIELDS}, named by letters, digits and underscores, each at most {MAX_VALUE} characters"
    if not isinstance(values, dict) or len(values) > MAX_FIELDS:
        raise InvalidField("fields", "the fields are no object of strings, or too many", cure=cure)
    for name, value in values.items():
        if not is_field(name):
            raise InvalidField("fields", "a field has a name that cannot be", cure=cure)
        if not isinstance(value, str) or len(value) > MAX_VALUE:
            raise InvalidField("fields", "the value of a field is no string, or too long", cure=cure)
    return values


class Recipients:
    """The books of accounts."""

    def __init__(self, database: Database, vault: Vault, ids: IdSource, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._ids = ids
        self._clock = clock

    async def put(self, account: int, card: Card) -> tuple[Recipient, bool]:
        """Add a card, or merge it with the one of its number; and whether it is new. Raises Conflict if it is full."""
        (found,) = await self.put_all(account, [card])
        return found

    async def put_all(self, account: int, cards: Sequence[Card]) -> list[tuple[Recipient, bool]]:
        """As ``put`` for many, in slices; what a failure leaves out has not been written."""
        done = []
        for start in range(0, len(cards), SLICE):
            some = cards[start : start + SLICE]
            done += await self._database.write(partial(self._merge, account=account, cards=some), Urgency.BULK)
        return done

    async def replace(self, account: int, number: int, card: Card) -> Recipient:
        """Change a card. Raises NotFound, Conflict if another one has the number."""

        def change(tx: Transaction) -> int:
            row = tx.execute("SELECT created FROM recipient WHERE id = ? AND account = ?", (number, account)).fetchone()
            if row is None:
                raise _unknown()
            with self._vault.unit(account) as box:
                key, body = box.tag("to", card.number), _sealed(box, number, card)
            other = tx.execute(
                "SELECT 1 FROM recipient WHERE account = ? AND number_key = ? AND id <> ?", (account, key, number)
            ).fetchone()
            if other is not None:
                raise Conflict("another recipient has this number", cure="change that one", code="number_taken")
            tx.execute("UPDATE recipient SET number_key = ?, body = ? WHERE id = ?", (key, body, number))
            return int(row[0])

        return Recipient(number, card, await self._database.write(change))

    async def remove(self, account: int, number: int) -> None:
        """Remove a card, from its groups too. Raises NotFound."""

        def delete(tx: Transaction) -> int:
            gone = tx.execute("DELETE FROM recipient WHERE id = ? AND account = ?", (number, account)).rowcount
            if gone:
                tx.execute("DELETE FROM membership WHERE recipient = ?", (number,))
            return int(gone)

        if not await self._database.write(delete):
            raise _unknown()

    async def one(self, account: int, number: int) -> Recipient:
        """One card. Raises NotFound."""
        found = await self.some(account, [number])
        if not found:
            raise _unknown()
        return found[0]

    async def some(self, account: int, numbers: Sequence[int]) -> list[Recipient]:
        """Those of these ids that the account has."""
        found = []
        for start in range(0, len(numbers), SLICE):
            part = list(numbers[start : start + SLICE])
            found += await self._rows(account, f"id IN ({', '.join('?' * len(part))})", part)
        return found

    async def of(self, account: int, after: int = 0, limit: int = 100, group: int | None = None) -> list[Recipient]:
        """The cards of an account or of one of its groups, oldest first, from the id ``after`` on."""
        where, params = "id > ?", [after]
        if group is not None:
            where += " AND id IN (SELECT recipient FROM membership WHERE grouping = ?)"
            params.append(group)
        return await self._rows(account, f"{where} ORDER BY id LIMIT ?", [*params, limit])

    async def newest(self, account: int, limit: int) -> list[Recipient]:
        """The cards of an account that were added last."""
        return await self._rows(account, "1 = 1 ORDER BY id DESC LIMIT ?", [limit])

    async def _rows(self, account: int, where: str, params: Sequence[int]) -> list[Recipient]:
        rows = await self._database.read(
            lambda reader: reader.execute(
                f"SELECT id, body, created FROM recipient WHERE account = ? AND {where}", (account, *params)
            ).fetchall()
        )
        with self._vault.unit(account) as box:
            return [Recipient(row[0], _card(box.open(BODY, row[0], bytes(row[1]))), row[2]) for row in rows]

    def _merge(self, tx: Transaction, account: int, cards: Sequence[Card]) -> list[tuple[Recipient, bool]]:
        (known,) = tx.execute("SELECT count(*) FROM recipient WHERE account = ?", (account,)).fetchone()
        if known + len(cards) > MOST:
            raise Conflict(f"an account has at most {MOST} recipients", cure="remove some", code="too_many_recipients")
        with self._vault.unit(account) as box:
            return [self._merge_one(tx, account, card, box) for card in cards]

    def _merge_one(self, tx: Transaction, account: int, card: Card, box: Box) -> tuple[Recipient, bool]:
        key = box.tag("to", card.number)
        row = tx.execute(
            "SELECT id, body, created FROM recipient WHERE account = ? AND number_key = ?", (account, key)
        ).fetchone()
        if row is None:
            new = Recipient(self._ids.next(), card, self._clock.now())
            tx.execute(
                "INSERT INTO recipient (id, account, number_key, body, created) VALUES (?, ?, ?, ?, ?)",
                (new.id, account, key, _sealed(box, new.id, card), new.created),
            )
            return new, True
        former = _card(box.open(BODY, row[0], bytes(row[1])))
        merged = Card(card.number, card.name or former.name, {**former.fields, **card.fields})
        if len(merged.fields) > MAX_FIELDS:
            detail = f"with these a recipient of this number would have more than {MAX_FIELDS} fields"
            raise Conflict(detail, cure="replace it, with the fields that are wanted", code="too_many_fields")
        tx.execute("UPDATE recipient SET body = ? WHERE id = ?", (_sealed(box, row[0], merged), row[0]))
        return Recipient(row[0], merged, row[2]), False


def _sealed(box: Box, number: int, card: Card) -> bytes:
    return box.seal(BODY, number, orjson.dumps([card.number, card.name, dict(card.fields)]))


def _card(plain: bytes) -> Card:
    return Card(*orjson.loads(plain))


def _unknown() -> NotFound:
    return NotFound("there is no such recipient", cure="list the recipients")
