"""What an account may do with messages: submit them, look at them, take them back.

Texts and numbers are sealed on the way in and opened on the way out; the queue sees neither. Work on a large call is
cut into slices, so that the event loop is back with the modems in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace

from modemd import ids
from modemd.accounts import letter, views
from modemd.accounts.addressing import Addressing, Books
from modemd.accounts.billing.till import Till
from modemd.accounts.bounds import Bounds
from modemd.accounts.call import SLICE, Call, Receipt, name_of, none_acceptable, recalled
from modemd.accounts.numbers import Numbers
from modemd.accounts.request import Request
from modemd.accounts.vault import Box, Vault
from modemd.accounts.views import View
from modemd.clock import Clock
from modemd.db import Transaction
from modemd.errors import NotFound, Unreadable
from modemd.queue import Queue
from modemd.queue.listing import Wanted
from modemd.queue.rows import Message
from modemd.queue.states import State
from modemd.queue.submit import Repeated
from modemd.values import Sms

Beside = Callable[[Transaction, Sequence[int]], None]
"""Writes what belongs to messages, given their ids."""


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
        plain: Callable[[str], str],
        clock: Clock,
        books: Books,
        bounds: Bounds,
        till: Till,
    ) -> None:
        self._queue = queue
        self._bounds = bounds
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
                    await self._queue.refuse_repeated(account, *name_of(box, idempotency_key, request))
                return await self._accept(account, request, idempotency_key, beside, box)
            except Repeated as repeated:
                return await self._repeat(account, repeated, box)

    async def _accept(
        self, account: int, request: Request, idempotency_key: str | None, beside: Beside | None, box: Box
    ) -> Receipt:
        """Accept a call that was not made before, as far as could be seen. Raises Repeated, and as `submit` does."""
        accepted, rejected = await self._addressing.messages(account, request, box)
        accepted, bill = await self._till.priced(account, request.lane, accepted, rejected)
        if not accepted:
            raise none_acceptable(rejected)
        call = Call(request, accepted, self._queue.ids.many(len(accepted)), box, self._clock.now(), bill)
        call_key = None if idempotency_key is None else call.idempotency(idempotency_key, rejected)
        receipt = Receipt(ids.encode("b", call.numbers[0]), rejected=rejected)
        drafts = call.slices(receipt) if len(accepted) > SLICE else call.drafts(range(len(accepted)), receipt)
        envelope = replace(call.envelope(account, self._bounds), beside=beside)
        await self._queue.submit(envelope, drafts, call_key)
        return receipt

    def parts(self, text: str, *, plain: bool = False) -> int:
        """The segments that a text takes. Raises InvalidField if they are too many."""
        return self._addressing.parts(text, plain=plain)

    async def message(self, account: int, number: int) -> View:
        """One message as its account sees it. Raises NotFound."""
        found = await self._queue.message(number, account)
        if found is None:
            raise NotFound("there is no such message", cure="check the id")
        with self._vault.unit(account) as box:
            return views.message(found, box)

    async def messages(
        self,
        account: int,
        *,
        states: Iterable[State] | None = None,
        tag: str | None = None,
        to: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[View]:
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
            return [views.message(message, box) async for message in _unhurried(found)]

    async def cancel(self, account: int, number: int) -> State:
        """Take a message back. Raises NotFound, or Conflict if it is being sent or has ended."""
        return await self._queue.cancel(number, account)

    async def cancel_call(self, account: int, batch: int) -> int:
        """Take back what still waits of a call; how many messages. Raises NotFound."""
        return await self._queue.cancel_call(batch, account)

    def open(self, message: Message) -> Sms:
        """What to send; for any thread. Raises Unreadable, also if its text has been forgotten by its age."""
        sms, _, password, _ = letter.decode(self._vault.open(message.account, letter.BODY, message.id, message.body))
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
        last = repeated.first_id + repeated.messages - 1
        wanted = Wanted(account, first_id=repeated.first_id, last_id=last)
        found = {one.id: one for one in await self._queue.messages(wanted, repeated.messages)}
        return await recalled(repeated, found, box)


def _no_password(_: int) -> str:
    raise Unreadable("nobody makes passwords here")


async def _unhurried(messages: Sequence[Message]) -> AsyncIterator[Message]:
    """Each message; the loop gets a turn after every slice."""
    for place, message in enumerate(messages):
        if place % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        yield message
