"""What an account may do with messages: submit them, look at them, take them back.

Texts and numbers are sealed on the way in and opened on the way out; the queue sees neither. Work on a large call is
cut into slices, so that the event loop is back with the modems in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NotRequired, TypedDict

import orjson

from modemd import ids
from modemd.accounts import letter
from modemd.accounts.addressing import Addressed, Addressing, Books
from modemd.accounts.billing.till import Bill, Till
from modemd.accounts.bounds import Bounds
from modemd.accounts.letter import Letter
from modemd.accounts.numbers import Numbers, Rejected
from modemd.accounts.passwords import LENGTH
from modemd.accounts.request import Request
from modemd.accounts.vault import Box, Vault
from modemd.clock import SECOND, Clock, rfc3339
from modemd.db import Transaction
from modemd.errors import InvalidField, NotFound, Unreadable
from modemd.queue import Queue
from modemd.queue.listing import Wanted
from modemd.queue.rows import Draft, Envelope, Idempotency, Message
from modemd.queue.states import State
from modemd.queue.submit import Repeated
from modemd.values import Sms

BODY = "message.body"
REJECTED = "idempotency.rejected"
Beside = Callable[[Transaction, Sequence[int]], None]
"""Writes what belongs to messages, given their ids."""
SLICE = 100
"""Messages sealed or opened in one turn of the loop: below a millisecond."""


class Accepted(TypedDict):
    """One message of a receipt."""

    id: str
    to: str
    parts: int
    state: str
    plain: NotRequired[Literal[True]]
    """There if diacritics were stripped from its text."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a call; given only after it is on disk."""

    batch: str
    messages: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class Sending:
    """The messages of accounts.

    ``count`` gives the segments that a text takes, and raises InvalidField if they are too many; ``plain`` gives a text
    without the diacritics that make it dear.
    """

    def __init__(
        self,
        queue: Queue,
        vault: Vault,
        numbers: Numbers,
        *,
        count: Callable[[str], int],
        plain: Callable[[str], str] = str,
        clock: Clock,
        books: Books | None = None,
        bounds: Bounds | None = None,
        till: Till | None = None,
    ) -> None:
        self._queue = queue
        self._bounds = bounds or Bounds()
        self._till = till
        self._vault = vault
        self._numbers = numbers
        self._addressing = Addressing(numbers, books, count, plain)
        self._clock = clock
        self.issue_password: Callable[[int], str] = _no_password
        """Makes a password for an account, for any thread; set by who keeps the passwords."""

    async def submit(
        self, account: int, request: Request, idempotency_key: str | None = None, beside: Beside | None = None
    ) -> Receipt:
        """Accept a call: durable when it returns; ``beside`` writes more in the same transactions, by message ids.

        Raises InvalidField if no recipient is acceptable, Conflict (``idempotency_mismatch``) if the key was used
        for another request, TooMany if it would pass the account's limit, PaymentRequired if it costs more than the
        account has, StorageError; then nothing was accepted.
        """
        with self._vault.unit(account) as box:
            try:
                if idempotency_key is not None:  # before anything that may have changed since
                    await self._queue.refuse_repeated(account, *_name_of(box, idempotency_key, request))
                return await self._accept(account, request, idempotency_key, beside, box)
            except Repeated as repeated:
                return await self._repeat(account, repeated, box)

    async def _accept(
        self, account: int, request: Request, idempotency_key: str | None, beside: Beside | None, box: Box
    ) -> Receipt:
        """Accept a call that was not made before, as far as could be seen. Raises Repeated, and as `submit` does."""
        accepted, rejected = await self._addressing.messages(account, request, box)
        bill = None
        if self._till is not None:
            accepted, bill = await self._till.priced(account, request.lane, accepted, rejected)
        if not accepted:
            raise _none_acceptable(rejected)
        call = _Call(request, accepted, self._queue.ids.many(len(accepted)), box, self._clock.now(), bill)
        call_key = None if idempotency_key is None else call.idempotency(idempotency_key, rejected)
        receipt = Receipt(ids.encode("b", call.numbers[0]), rejected=rejected)
        drafts = call.slices(receipt) if len(accepted) > SLICE else call.drafts(range(len(accepted)), receipt)
        envelope = replace(call.envelope(account, self._bounds), beside=beside)
        await self._queue.submit(envelope, drafts, call_key)
        return receipt

    def parts(self, text: str, *, plain: bool = False) -> int:
        """The segments that a text takes. Raises InvalidField if they are too many."""
        return self._addressing.parts(text, plain=plain)

    async def message(self, account: int, number: int) -> dict[str, Any]:
        """One message as its account sees it. Raises NotFound."""
        found = await self._queue.message(number, account)
        if found is None:
            raise NotFound("there is no such message", cure="check the id")
        with self._vault.unit(account) as box:
            return view(found, box)

    async def messages(
        self,
        account: int,
        *,
        states: Iterable[State] | None = None,
        tag: str | None = None,
        to: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Messages, newest first; ``before`` is the id of the last one of the previous page. Raises InvalidField."""
        with self._vault.unit(account) as box:
            wanted = Wanted(
                account,
                states=None if states is None else frozenset(states),
                tag_key=None if tag is None else box.tag("tag", tag),
                to_key=None if to is None else box.tag("to", self._numbers.normalise(to)),
                before=before,
            )
            found = await self._queue.messages(wanted, limit)
            return [view(message, box) async for message in _unhurried(found)]

    async def cancel(self, account: int, number: int) -> State:
        """Take a message back. Raises NotFound, or Conflict if it is being sent or has ended."""
        return await self._queue.cancel(number, account)

    async def cancel_call(self, account: int, batch: int) -> int:
        """Take back what still waits of a call; how many messages. Raises NotFound."""
        return await self._queue.cancel_call(batch, account)

    def open(self, message: Message) -> Sms:
        """What to send; for any thread. Raises Unreadable, also if its text has been forgotten by its age."""
        sms, _, password, _ = letter.decode(self._vault.open(message.account, BODY, message.id, message.body))
        if not sms.text:
            raise Unreadable("its text has been forgotten by its age", cure="send it anew")
        if not password:
            return sms
        return replace(sms, text=sms.text.replace(letter.BLANK, self.issue_password(message.account)))

    def close(self) -> None:
        """End the child process, if there is one."""
        self._addressing.close()

    async def _repeat(self, account: int, repeated: Repeated, box: Box) -> Receipt:
        """The receipt that was given before."""
        state, rejected = orjson.loads(box.open(REJECTED, repeated.first_id, repeated.rejected))
        numbers = range(repeated.first_id, repeated.first_id + repeated.messages)
        wanted = Wanted(account, first_id=numbers[0], last_id=numbers[-1])
        found = {one.id: one for one in await self._queue.messages(wanted, len(numbers))}
        messages = [
            _accepted(number, to, parts, state, plain=plain)
            async for number, to, parts, plain in _recalled(numbers, found, box)
        ]
        return Receipt(ids.encode("b", repeated.first_id), messages, rejected)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request on its way into the queue."""

    request: Request
    accepted: list[Addressed]
    numbers: range
    box: Box
    now: int
    bill: Bill | None

    @property
    def due(self) -> int:
        return max(self.request.send_at or 0, self.now)

    @property
    def state(self) -> str:
        return (State.SCHEDULED if self.due > self.now else State.QUEUED).label

    def envelope(self, account: int, bounds: Bounds) -> Envelope:
        """What its messages share."""
        request = self.request
        expires = self.due + (bounds.life_s if request.valid_for is None else request.valid_for) * SECOND
        tag_key = None if request.tag is None else self.box.tag("tag", request.tag)
        spending = bounds.of(account, request.lane, sum(one.parts for one in self.accepted))
        return Envelope(
            account,
            request.lane,
            self.due,
            expires,
            request.if_uncertain,
            request.report,
            tag_key,
            spending,
            self.bill.charge if self.bill else None,
        )

    def drafts(self, places: range, receipt: Receipt) -> list[Draft]:
        """These messages, sealed; and what the receipt says of them."""
        request, box, state, drafts = self.request, self.box, self.state, []
        for place in places:
            number, (to, text, parts, plain) = self.numbers[place], self.accepted[place]
            sms = Sms(to, text, request.flash, request.report, request.valid_for)
            body = box.seal(BODY, number, letter.encode(Letter(sms, request.tag, plain=plain)))
            price = self.bill.prices[place] if self.bill else 0
            drafts.append(Draft(number, body, parts, box.tag("to", to), price))
            receipt.messages.append(_accepted(number, to, parts, state, plain=plain))
        return drafts

    async def slices(self, receipt: Receipt) -> AsyncIterator[list[Draft]]:
        """All messages, in slices made only when the queue wants the next."""
        for start in range(0, len(self.accepted), SLICE):
            yield self.drafts(range(start, min(start + SLICE, len(self.accepted))), receipt)

    def idempotency(self, key: str, rejected: list[Rejected]) -> Idempotency:
        """The caller's key for this call, what it stands for, and what to answer a repeat."""
        answer = orjson.dumps([self.state, rejected])
        return Idempotency(*_name_of(self.box, key, self.request), self.box.seal(REJECTED, self.numbers[0], answer))


def _name_of(box: Box, key: str, request: Request) -> tuple[bytes, bytes]:
    """What an Idempotency-Key is known by, and the fingerprint of its call."""
    return box.tag("idempotency", key), box.tag("fingerprint", orjson.dumps(request))


def view(message: Message, box: Box) -> dict[str, Any]:
    """A message as its account sees it (interface: HTTP API)."""
    sms, tag, password, _ = _opened(message, box)
    error = {"code": message.error_code, "detail": message.error_detail or ""} if message.error_code else None
    return {
        "id": ids.encode("m", message.id),
        "to": sms.to,
        "text": sms.text.replace(letter.BLANK, "•" * LENGTH) if password else sms.text,
        "parts": message.parts,
        "state": message.state.label,
        "lane": message.lane.name.lower(),
        "tag": tag,
        "created_at": rfc3339(message.created),
        "sent_at": rfc3339(message.sent_at),
        "delivered_at": rfc3339(message.delivered_at),
        "error": error,
    }


def _accepted(number: int, to: str, parts: int, state: str, *, plain: bool) -> Accepted:
    accepted = Accepted(id=ids.encode("m", number), to=to, parts=parts, state=state)
    if plain:
        accepted["plain"] = True
    return accepted


def _opened(message: Message, box: Box) -> Letter:
    return letter.decode(box.open(BODY, message.id, message.body))


def _no_password(_: int) -> str:
    raise Unreadable("nobody makes passwords here")


async def _recalled(
    numbers: range, found: Mapping[int, Message], box: Box
) -> AsyncIterator[tuple[int, str, int, bool]]:
    """What a receipt says of each message of a call, but for the state; of forgotten ones it is not known any more."""
    for place, number in enumerate(numbers):
        if place % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        message = found.get(number)
        if message is None:
            yield number, "", 0, False
        else:
            opened = _opened(message, box)
            yield number, opened.sms.to, message.parts, opened.plain


async def _unhurried(messages: Sequence[Message]) -> AsyncIterator[Message]:
    """Each message; the loop gets a turn after every slice."""
    for place, message in enumerate(messages):
        if place % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        yield message


def _none_acceptable(rejected: list[Rejected]) -> InvalidField:
    if not rejected:
        return InvalidField("groups", "there is nobody in these groups", cure="put recipients in", code="no_recipient")
    first = rejected[0]
    cure = _CURES.get(first["code"], _WRITE_SO)
    if len(rejected) == 1:
        return InvalidField("to", first["detail"], cure=cure, code=first["code"])
    detail = f"none of the {len(rejected)} recipients is acceptable; the first: {first['detail']}"
    return InvalidField("to", detail, cure=cure, code="no_recipient")


_CURES = {
    "opted_out": "leave it out; if its owner has agreed to be sent to again, delete the opt-out",
    "suppressed": "leave it out; only the operator of this gateway can allow it again",
    "missing_field": "give the recipients that field, or take it out of the text",
    "no_price": "leave it out, or ask the operator of this gateway for a price",
}
"""What to do about recipients whose numbers are right."""
_WRITE_SO = "write numbers as + and country code and number, for example +48600100200"
