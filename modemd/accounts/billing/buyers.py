"""Billing data: who an account's invoices go to. Sealed with the account's key; nothing but billing reads it.

A VAT id is checked by its form and check digits alone: nobody is asked over the network.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import orjson
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import InvalidChecksum, ValidationError

from modemd.accounts.vault import Box, Vault
from modemd.db import Database, Reader, Transaction
from modemd.errors import InvalidField

BODY = "billing_data.body"
MAX_NAME = 200
MAX_ADDRESS = 500
MAX_VAT_ID = 40
_BLANKS = re.compile(r"[\s.-]")
"""What people put between the digits."""
_FIELDS = ("name", "address", "vat_id")


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays."""

    name: str
    address: str
    """Lines as they are to be printed."""
    vat_id: str | None = None
    """With the prefix of its country; None for who has none."""


class Buyers:
    """The billing data of accounts."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def put(self, account: int, buyer: Buyer) -> None:
        """Keep the billing data of an account, in place of what there was. Raises StorageError, Unreadable."""
        with self._vault.unit(account) as box:
            sealed = box.seal(BODY, account, orjson.dumps(asdict(buyer)))
        await self._database.write(lambda tx: _put(tx, account, sealed))

    async def get(self, account: int) -> Buyer | None:
        """The billing data of an account, if it gave any. Raises StorageError, Unreadable."""
        with self._vault.unit(account) as box:
            return await self._database.read(lambda db: of(db, account, box))


def of(db: Reader, account: int, box: Box) -> Buyer | None:
    """Within a transaction: the billing data of an account, if it gave any."""
    row = db.execute("SELECT body FROM billing_data WHERE account = ?", (account,)).fetchone()
    return Buyer(**orjson.loads(box.open(BODY, account, bytes(row[0])))) if row else None


def read(body: object) -> Buyer:
    """The billing data in a decoded JSON body. Raises InvalidField for the first field that is wrong."""
    known = "the fields are " + ", ".join(_FIELDS)
    if not isinstance(body, dict):
        raise InvalidField("body", "the body is no JSON object", cure=known)
    if not body.keys() <= set(_FIELDS):
        raise InvalidField("body", "a field of the body is unknown", cure=known, code="unknown_field")
    given = body.get("vat_id")
    return Buyer(
        _text(body.get("name"), "name", MAX_NAME, lines=False),
        _text(body.get("address"), "address", MAX_ADDRESS, lines=True),
        None if given is None else vat_id(given),
    )


def vat_id(given: object) -> str:
    """A VAT id of a country of the European Union, in its compact form. Raises InvalidField."""
    cure = "write it with the prefix of its country, for example PL5260250274, or leave it out"
    if not isinstance(given, str) or not 0 < len(given) <= MAX_VAT_ID:
        raise InvalidField("vat_id", "this is no VAT id", cure=cure, code="invalid_vat_id")
    try:
        return str(eu_vat.validate(_BLANKS.sub("", given)))
    except InvalidChecksum:
        detail = "the check digit of the VAT id is wrong"
    except ValidationError:
        detail = "no country of the European Union has VAT ids of this form"
    raise InvalidField("vat_id", detail, cure=cure, code="invalid_vat_id")


def _text(value: object, name: str, most: int, *, lines: bool) -> str:
    text = value.strip() if isinstance(value, str) else ""
    control = any(not character.isprintable() and not (lines and character == "\n") for character in text)
    if not text or len(text) > most or control:
        cure = f"give it as a string of 1 to {most} characters" + (", lines parted by \\n" if lines else "")
        raise InvalidField(name, "this field is missing or no text", cure=cure)
    return text


def _put(tx: Transaction, account: int, sealed: bytes) -> None:
    tx.execute(
        "INSERT INTO billing_data (account, body) VALUES (?, ?)"
        " ON CONFLICT (account) DO UPDATE SET body = excluded.body",
        (account, sealed),
    )
    tx.execute(
        "INSERT INTO balance (account, prepaid, billed) SELECT id, trial, 1 FROM account WHERE id = ? "
        "ON CONFLICT (account) DO UPDATE SET billed = 1",
        (account,),
    )
