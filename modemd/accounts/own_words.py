"""The words of an account by which a leak would be known: read while its key lives, for the search of its erasure.

Its e-mail address, phone and billing data; the numbers and texts of its newest messages and inbound SMS, and the
numbers of its newest recipients. What could be found by chance, or stands in files rightfully, is no word of its own:
anything short, names of recipients ("Anna"), texts of a single word ("delivered").
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import phonenumbers

from modemd.accounts.billing.parts import Billing
from modemd.accounts.export import Inbox
from modemd.accounts.recipients import Recipients
from modemd.accounts.sending import Sending
from modemd.accounts.vault import Vault
from modemd.db import Database
from modemd.errors import ModemdError

NEWEST = 200
"""Messages, inbound SMS and recipients that are taken of each: what leaks, leaks of the newest too."""
TAKE_FOR = 1.0
"""Seconds after which no more is read: the key's end waits for this. It takes 5 to 20 ms."""
LEAST = 8
"""Octets of a word: shorter ones are found by chance."""
LEAST_TEXT = 16
"""Characters of a text; it has to be two words at least."""
HEAD = 60
"""Characters of a text that are looked for: the first segment holds them in one piece, in whatever alphabet."""
_LONG_ENOUGH = 9
"""Digits of a phone without its country code: shorter ones are found by chance in longer numbers."""


class OwnWords:
    """Reads them."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        billing: Billing,
        sending: Sending,
        recipients: Recipients,
        inbox: Callable[[], Inbox | None],
    ) -> None:
        self._database = database
        self._vault = vault
        self._billing = billing
        self._sending = sending
        self._recipients = recipients
        self._inbox = inbox

    async def of(self, account: int) -> list[str]:
        """The words, each once, those first that tell most: as many as can be read in the time.

        There are none if the account has no key (any more).
        """
        found: dict[str, None] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKE_FOR):
                for read in (self._contact, self._buyer, self._messages, self._cards, self._inbound):
                    with suppress(ModemdError):  # one value that was altered hides no other
                        found |= dict.fromkeys(word for word in await read(account) if len(word.encode()) >= LEAST)
                    await asyncio.sleep(0)  # the loop belongs to the modems
        return list(found)

    async def _contact(self, account: int) -> Iterable[str]:
        row = await self._database.read(
            lambda reader: reader.execute("SELECT email, phone FROM account WHERE id = ?", (account,)).fetchone()
        )
        if row is None:  # a backup was restored that is older than the account
            return []
        with self._vault.unit(account) as box:
            sealed = zip(("account.email", "account.phone"), row, strict=True)
            email, phone = (box.open(place, account, bytes(one)).decode() if one else "" for place, one in sealed)
        return [email, email.lower(), phone, _national(phone)]

    async def _buyer(self, account: int) -> Iterable[str]:
        data = await self._billing.data(account)
        lines = [line.strip() for line in (data["address"] or "").splitlines()]
        return [data["name"] or "", data["vat_id"] or "", *lines]

    async def _messages(self, account: int) -> Iterable[str]:
        return _numbers_and_texts("to", await self._sending.messages(account, limit=NEWEST))

    async def _cards(self, account: int) -> Iterable[str]:
        return [one.card.number for one in await self._recipients.newest(account, NEWEST)]

    async def _inbound(self, account: int) -> Iterable[str]:
        inbox = self._inbox()
        return _numbers_and_texts("from", await inbox.list(account, None, NEWEST) if inbox is not None else ())


def _numbers_and_texts(number: str, views: Iterable[dict[str, Any]]) -> Iterator[str]:
    for view in views:
        yield str(view[number])
        text = str(view["text"])
        if len(text) >= LEAST_TEXT and len(text.split()) > 1:
            yield text[:HEAD]


def _national(phone: str) -> str:
    """A number as it is dialled at home without the trunk prefix; empty if that is too short to be told from others."""
    try:
        parsed = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return ""
    digits = phonenumbers.national_significant_number(parsed)
    return digits if len(digits) >= _LONG_ENOUGH else ""
