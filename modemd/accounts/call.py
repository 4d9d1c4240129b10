"""One call on its way into the queue: its messages, sealed slice by slice, and the receipt that it is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

import orjson

from modemd import ids
from modemd.accounts import letter
from modemd.accounts.addressing import Addressed
from modemd.accounts.billing.till import Bill
from modemd.accounts.bounds import Bounds
from modemd.accounts.letter import Letter
from modemd.accounts.numbers import Rejected
from modemd.accounts.request import Request
from modemd.accounts.vault import Box
from modemd.clock import SECOND
from modemd.errors import InvalidField
from modemd.queue.rows import Draft, Envelope, Idempotency, Message
from modemd.queue.states import State
from modemd.queue.submit import Repeated
from modemd.values import Sms

REJECTED = "idempotency.rejected"
"""Where it lies what a repeat is answered with."""
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


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way into the queue."""

    request: Request
    accepted: list[Addressed]
    numbers: range
    box: Box
    now: int
    bill: Bill | None

    @property
    def due(self) -> int:
        """When its messages may go."""
        return max(self.request.send_at or 0, self.now)

    @property
    def state(self) -> str:
        """The state in which its messages begin."""
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
            body = box.seal(letter.BODY, number, letter.encode(Letter(sms, request.tag, plain=plain)))
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
        return Idempotency(*name_of(self.box, key, self.request), self.box.seal(REJECTED, self.numbers[0], answer))


def name_of(box: Box, key: str, request: Request) -> tuple[bytes, bytes]:
    """What an Idempotency-Key is known by, and the fingerprint of its call."""
    return box.tag("idempotency", key), box.tag("fingerprint", orjson.dumps(request))


async def recalled(repeated: Repeated, found: Mapping[int, Message], box: Box) -> Receipt:
    """The receipt that a call was given before; of messages that are forgotten by now it knows the ids alone."""
    state, rejected = orjson.loads(box.open(REJECTED, repeated.first_id, repeated.rejected))
    receipt = Receipt(ids.encode("b", repeated.first_id), rejected=rejected)
    for place in range(repeated.messages):
        if place % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        number = repeated.first_id + place
        message = found.get(number)
        if message is None:
            receipt.messages.append(_accepted(number, "", 0, state, plain=False))
        else:
            opened = letter.opened(message, box)
            receipt.messages.append(_accepted(number, opened.sms.to, message.parts, state, plain=opened.plain))
    return receipt


def _accepted(number: int, to: str, parts: int, state: str, *, plain: bool) -> Accepted:
    """What a receipt says of one message."""
    found = Accepted(id=ids.encode("m", number), to=to, parts=parts, state=state)
    if plain:
        found["plain"] = True
    return found


def none_acceptable(rejected: list[Rejected]) -> InvalidField:
    """Why nothing of a call was accepted."""
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
