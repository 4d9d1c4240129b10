"""Delivers what the outbox has written: a task for each receiver that something waits for, and none for the others.

A receiver that does not take what it is sent is left alone for a while, longer each time, and then tried with a single
event. It delays neither other receivers nor sending: every request has its deadline, each receiver and each account
their share of the requests under way, and what waits, waits in the database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

from modemd import log
from modemd.accounts.vault import Vault
from modemd.clock import SECOND, Clock
from modemd.db import Database, Urgency
from modemd.errors import StorageError, Unreadable
from modemd.ids import encode
from modemd.webhooks import line, tidying
from modemd.webhooks.backoff import LONGEST_REST_S, Patience
from modemd.webhooks.callbacks import Callbacks, Request
from modemd.webhooks.courier import MOST_CONNECTIONS, Courier, Reply
from modemd.webhooks.event import Documents, Event
from modemd.webhooks.line import Receiver, Result, Waiting, Work
from modemd.webhooks.outbox import Outbox
from modemd.webhooks.signing import signature

AT_ONCE = MOST_CONNECTIONS
"""Requests under way."""
AT_ONCE_ACCOUNT = 16
AT_ONCE_RECEIVER = 4
STORAGE_AGAIN_S = 5.0
"""Seconds after which a database that refused is asked again."""
_NOTHING = Reply("nothing to tell", 204)
Make = Callable[[Event, bytes], Awaitable[Request | None]]
"""Makes the request of an event from its document; None if there is nothing to tell any more."""
URL, SECRET = "webhook.url", "webhook.secret"


class Deliveries:
    """The tasks of receivers."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        outbox: Outbox,
        callbacks: Callbacks,
        courier: Courier,
        documents: Documents,
        *,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self.database = database
        self.vault = vault
        self.outbox = outbox
        self.callbacks = callbacks
        self.courier = courier
        self.patience = patience
        self.clock = clock
        self.documents = documents
        self.places = asyncio.Semaphore(AT_ONCE)
        self._of_account: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()
        self._lines: dict[int, _Line] = {}

    async def start(self) -> None:
        """Go on with what an earlier run has left, and from now on with what comes."""
        self.outbox.on_due = self.wake
        self.wake(await self.database.read(line.with_backlog))

    async def stop(self) -> None:
        """Cut off what is under way: it will be sent again."""
        self.outbox.on_due = lambda _: None
        tasks = [one.task for one in self._lines.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.close()

    def wake(self, webhooks: Iterable[int], *, at_once: bool = False) -> None:
        """Something waits for these receivers; ``at_once`` ends their rest."""
        for webhook in webhooks:
            found = self._lines.get(webhook)
            if found is None:
                self._lines[webhook] = _Line(self, webhook)
            else:
                found.wake(at_once=at_once)

    def ended(self, webhook: int) -> None:
        """A line has nothing left to do."""
        self._lines.pop(webhook, None)

    def places_of(self, account: int) -> asyncio.Semaphore:
        """The share of an account, kept as long as one of its receivers is busy."""
        found = self._of_account.get(account)
        if found is None:
            found = self._of_account[account] = asyncio.Semaphore(AT_ONCE_ACCOUNT)
        return found

    async def waiting(self) -> int:
        """Events that wait for a receiver."""
        return await self._count("dead_at IS NULL")

    async def dead(self) -> int:
        """Dead letters."""
        return await self._count("dead_at IS NOT NULL")

    async def tidy(self) -> None:
        """Give up what is too old or too much, drop old dead letters, and take up what a fault has left lying."""
        await tidying.tidy(self.database, self.clock.now())
        await self.outbox.reload()
        self.wake(await self.database.read(line.with_backlog))

    async def disable(self, webhook: int, why: str) -> None:
        """Send a receiver nothing more; what waits for it becomes dead letters."""
        now = self.clock.now()
        await self.database.write(lambda tx: line.disable(tx, webhook, why, now), Urgency.BULK)
        await self.outbox.reload()
        while await self.database.write(lambda tx: line.bury(tx, webhook, why, now), Urgency.BULK):
            pass
        log.event("webhook.disabled", level="WARNING", webhook=encode("w", webhook), why=why)

    async def _count(self, which: str) -> int:
        sql = f"SELECT count(*) FROM webhook_event WHERE {which}"
        return int(await self.database.read(lambda db: db.execute(sql).fetchone()[0]))


class _Line:
    """What waits for one receiver, until nothing does."""

    def __init__(self, owner: Deliveries, webhook: int) -> None:
        self._owner = owner
        self._webhook = webhook
        self._news, self._at_once = asyncio.Event(), asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE_RECEIVER)
        self._failing = False
        """Something in this batch was not taken: no more of it is sent."""
        self.task = asyncio.get_running_loop().create_task(self._run(), name="webhook")

    def wake(self, *, at_once: bool) -> None:
        """There is more, or the account wants it tried now."""
        self._news.set()
        if at_once:
            self._at_once.set()

    async def _run(self) -> None:
        try:
            while await self._round():
                pass
        except Unreadable:
            pass  # the account was erased, and this with it
        except Exception as error:  # one receiver's fault must not end the others'
            log.failed("webhook.failed", error, webhook=encode("w", self._webhook))
        finally:
            self._owner.ended(self._webhook)

    async def _round(self) -> bool:
        """Send the next batch or wait for it; False when nothing is left."""
        self._news.clear()
        self._at_once.clear()
        now = self._owner.clock.now()
        try:
            work = await self._owner.database.read(lambda db: line.next_work(db, self._webhook, now))
            if work.receiver is None:
                return False
            if work.events:
                await self._deliver(work.receiver, work)
            elif work.next_due is not None:
                await self._wait(work.receiver, (work.next_due - now) / SECOND)
            else:
                return self._news.is_set()
        except StorageError as error:
            log.failed("webhook.waits", error, level="WARNING", webhook=encode("w", self._webhook))
            await asyncio.sleep(STORAGE_AGAIN_S)
        return True

    async def _wait(self, receiver: Receiver, seconds: float) -> None:
        """Until something is due, or there is news; a receiver that rests has no news."""
        event = self._at_once if receiver.rest_until > self._owner.clock.now() else self._news
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), max(seconds, 0.0))

    async def _deliver(self, receiver: Receiver, work: Work) -> None:
        self._failing = False
        make = self._callback if receiver.door else self._signed(receiver)
        documents = await self._owner.documents.of(receiver.account, [one.event for one in work.events])
        pairs = zip(work.events, documents, strict=True)
        answers = await asyncio.gather(*(self._one(receiver, make, one.event, document) for one, document in pairs))
        done = [answer for answer in answers if answer is not None]
        if any(reply.gone for _, reply in done) and not receiver.door:
            await self._owner.disable(receiver.id, "http-410")
            return
        await self._settle(receiver, work.events, done)

    async def _one(
        self, receiver: Receiver, make: Make, event: Event, document: bytes | None
    ) -> tuple[int, Reply] | None:
        """Send one event: what became of it, None if it was left for later."""
        owner = self._owner
        async with self._places, owner.places_of(receiver.account), owner.places:
            if self._failing:
                return None
            try:
                request = None if document is None else await make(event, document)
                reply = _NOTHING if request is None else await owner.courier.request(*request)
            except Exception as error:  # one event's fault must not end the others'
                log.failed("webhook.event_failed", error, webhook=encode("w", receiver.id))
                reply = Reply("internal")
            self._failing = self._failing or not reply.taken
            return event.id, reply

    async def _callback(self, event: Event, document: bytes) -> Request | None:
        return await self._owner.callbacks.request(event, document)

    def _signed(self, receiver: Receiver) -> Make:
        """Makes the requests of a webhook. Raises Unreadable if its account is gone."""
        with self._owner.vault.unit(receiver.account) as box:
            url = box.open(URL, receiver.id, receiver.url).decode()
            secret = box.open(SECRET, receiver.id, receiver.secret).decode()

        async def make(event: Event, document: bytes) -> Request:
            headers = {
                "Content-Type": "application/json",
                "Modemd-Event": event.kind,
                "Modemd-Event-Id": encode("v", event.id),
                "Modemd-Signature": signature(secret, self._owner.clock.now() // SECOND, document),
            }
            return "POST", url, document, headers

        return make

    async def _settle(self, receiver: Receiver, events: Sequence[Waiting], done: Sequence[tuple[int, Reply]]) -> None:
        now, attempts = self._owner.clock.now(), {one.event.id: one for one in events}
        results = [self._result(attempts[number], reply, now) for number, reply in done]
        rest_until = 0
        if results and all(one.error for one in results):
            pause = self._owner.patience.pause(receiver.failures + 1, random.random, LONGEST_REST_S)
            asked = min(max(reply.retry_after for _, reply in done), LONGEST_REST_S)
            rest_until = now + round(max(pause, asked) * SECOND)
        await self._owner.database.write(lambda tx: line.settle(tx, receiver, results, now, rest_until), Urgency.BULK)
        if rest_until and not receiver.failures:
            log.event("webhook.failing", level="WARNING", webhook=encode("w", receiver.id), error=results[-1].error)
        elif receiver.failures and not rest_until:
            log.event("webhook.recovered", webhook=encode("w", receiver.id), failures=receiver.failures)

    def _result(self, one: Waiting, reply: Reply, now: int) -> Result:
        if reply.taken:
            return Result(one.event.id)
        patience, failures = self._owner.patience, one.attempts + 1
        due = now + round(patience.pause(failures, random.random) * SECOND)
        dead = reply.gone or patience.over(failures, (now - one.event.at) / SECOND)
        return Result(one.event.id, reply.code, due, dead)
