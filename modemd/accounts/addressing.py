"""Who a call goes to, and what each of them is to read: numbers as they were written, recipients, groups, opt-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from modemd.accounts import template
from modemd.accounts.groups import Groups
from modemd.accounts.number_worker import NumberWorker
from modemd.accounts.numbers import Numbers, Rejected, sort
from modemd.accounts.opt_outs import OptOuts
from modemd.accounts.recipients import Card, Recipients
from modemd.accounts.request import MAX_RECIPIENTS, Request
from modemd.accounts.suppression import Suppression
from modemd.accounts.vault import Box
from modemd.errors import InvalidField

INLINE = 50
"""Recipients whose numbers are read on the loop; more go to the child process."""
LONG_TEXT = 1000
"""Characters from which counting the segments of a text leaves the loop."""
SLICE = 100
"""Texts filled in one turn of the loop."""


class Addressed(NamedTuple):
    """One message of a call."""

    to: str
    text: str
    parts: int
    plain: bool = False
    """Its text is not quite what the caller wrote: diacritics were stripped."""


class Books(NamedTuple):
    """What an account has written down about whom it sends to."""

    recipients: Recipients
    groups: Groups
    opt_outs: OptOuts
    suppression: Suppression


class Addressing:
    """Works out the messages of a call. ``count`` gives the segments of a text, ``plain`` a cheaper one."""

    def __init__(
        self, numbers: Numbers, books: Books, count: Callable[[str], int], plain: Callable[[str], str]
    ) -> None:
        self._numbers = numbers
        self._worker = NumberWorker(numbers)
        self._books = books
        self._count = count
        self._plain = plain

    async def messages(self, account: int, request: Request, box: Box) -> tuple[list[Addressed], list[Rejected]]:
        """The messages, one for each number, and the recipients that can have none. Raises InvalidField."""
        numbers, rejected = await self._sort(request.to)
        if request.recipients or request.groups:
            template.check(request.text)
            cards = {number: Card(number) for number in numbers}
            cards |= {card.number: card for card in await self._cards(account, request)}
            if len(cards) > MAX_RECIPIENTS:
                raise InvalidField("groups", f"there are more than {MAX_RECIPIENTS} recipients", cure="split the call")
            addressed = await self._filled(request, list(cards.values()), rejected)
        else:
            written = await self._written("", request.text, plain=request.plain)
            addressed = [written._replace(to=number) for number in numbers]
        return await self._wanted(account, addressed, rejected, box), rejected

    def parts(self, text: str, *, plain: bool) -> int:
        """The segments that a text takes. Raises InvalidField if they are too many."""
        return self._write("", text, plain).parts

    def close(self) -> None:
        """End the child process, if there is one."""
        self._worker.close()

    async def _sort(self, raws: Sequence[str]) -> tuple[list[str], list[Rejected]]:
        return sort(self._numbers, raws) if len(raws) <= INLINE else await self._worker.sort(raws)

    async def _written(self, to: str, text: str, *, plain: bool) -> Addressed:
        """The message with this text."""
        return (
            self._write(to, text, plain)
            if len(text) < LONG_TEXT
            else await asyncio.to_thread(self._write, to, text, plain)
        )

    def _write(self, to: str, text: str, plain: bool) -> Addressed:
        sent = self._plain(text) if plain else text
        return Addressed(to, sent, self._count(sent), sent != text)

    async def _cards(self, account: int, request: Request) -> list[Card]:
        """The cards that the call names. Raises InvalidField if one does not exist."""
        found = await self._books.recipients.some(account, request.recipients)
        if len(found) != len(request.recipients):
            raise InvalidField("recipients", "one of the recipients does not exist", cure="list the recipients")
        for group in request.groups:
            await self._known(account, group)
            found += await self._books.recipients.of(account, limit=MAX_RECIPIENTS + 1, group=group)
        return [recipient.card for recipient in found]

    async def _known(self, account: int, group: int) -> None:
        if not await self._books.groups.exists(account, group):
            raise InvalidField("groups", "one of the groups does not exist", cure="list the groups")

    async def _filled(self, request: Request, cards: Sequence[Card], rejected: list[Rejected]) -> list[Addressed]:
        """Each one's text; who lacks a field of it, or all of it, is rejected."""
        addressed = []
        for place, card in enumerate(cards):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            try:
                own = template.fill(request.text, card.values())
            except KeyError as missing:
                detail = f"the recipient has no {missing.args[0]}, which the text names"
                rejected.append(Rejected(to=card.number, code="missing_field", detail=detail))
                continue
            if not own.strip():
                detail = "with the recipient's fields the text is empty"
                rejected.append(Rejected(to=card.number, code="missing_field", detail=detail))
                continue
            addressed.append(await self._written(card.number, own, plain=request.plain))
        return addressed

    async def _wanted(
        self, account: int, addressed: list[Addressed], rejected: list[Rejected], box: Box
    ) -> list[Addressed]:
        """Without those who do not want to hear from the account, or from anybody here."""
        blocked = await self._books.opt_outs.blocked(account)
        suppressed = await self._books.suppression.among([one.to for one in addressed])
        if not blocked and not suppressed:
            return addressed
        wanted = []
        for place, one in enumerate(addressed):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if one.to in suppressed:
                rejected.append(Rejected(to=one.to, code="suppressed", detail="this number wants no SMS from here"))
            elif box.tag("to", one.to) in blocked:
                rejected.append(Rejected(to=one.to, code="opted_out", detail="this number has opted out"))
            else:
                wanted.append(one)
        return wanted
