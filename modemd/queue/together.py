"""Small calls that arrive at the same time are written together, with one statement and one commit.

A closure for each would give the interpreter lock up a dozen times a call, and beside a busy event loop every time
costs a tenth of a millisecond. So calls that nothing in the database can refuse gather for as long as more of them
come without a pause; one that comes alone does not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from modemd.clock import Clock
from modemd.db import Database, Transaction
from modemd.db.group import again
from modemd.queue import submit
from modemd.queue.rows import Draft, Envelope, Idempotency

MOST = submit.SLICE
"""Messages written at once."""
LONGEST = 0.003
"""Seconds that a call waits for others to come."""
PAUSE = 2
"""Turns of the loop in which none came: what has been received by then needs no longer to get here."""


def refusable(envelope: Envelope, idempotency: Idempotency | None) -> bool:
    """Whether the database decides if this call is accepted, or writes more than its messages."""
    asks = (idempotency, envelope.spending, envelope.charge, envelope.beside)
    return any(one is not None for one in asks)


class Together:
    """Gathers calls on the event loop."""

    def __init__(self, database: Database, references: submit.References, clock: Clock) -> None:
        self._database = database
        self._references = references
        self._clock = clock
        self._calls: list[submit.Call] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._messages = 0

    async def accept(self, envelope: Envelope, drafts: Sequence[Draft], now: int) -> None:
        """Accept a call that is not refusable; durable when it returns. Raises StorageError: nothing was accepted."""
        if self._messages + len(drafts) > MOST:
            self._write()
        loop = asyncio.get_running_loop()
        if not self._calls:
            loop.call_soon(self._look, self._calls, 0, PAUSE, self._clock.monotonic() + LONGEST)
        self._calls.append((envelope, drafts, now))
        self._messages += len(drafts)
        written = loop.create_future()
        self._waiting.append(written)
        await written

    def _look(self, calls: list[submit.Call], before: int, turns: int, until: float) -> None:
        """Write if no call has come for a while, else look again in the next turn of the loop."""
        if calls is not self._calls:
            return
        turns = turns - 1 if len(calls) == before else PAUSE
        if not turns or self._clock.monotonic() > until:
            self._write()
        else:
            asyncio.get_running_loop().call_soon(self._look, calls, len(calls), turns, until)

    def _write(self) -> None:
        calls, waiting = self._calls, self._waiting
        self._calls, self._waiting, self._messages = [], [], 0
        try:
            written = self._database.submit(partial(self._accept, calls=calls))
        except Exception as error:
            _answer(waiting, error)
        else:
            written.add_done_callback(lambda done: _answer(waiting, done.exception()))

    def _accept(self, tx: Transaction, calls: Sequence[submit.Call]) -> None:
        submit.accept_all(tx, calls, self._references)


def _answer(waiting: Sequence[asyncio.Future[None]], error: BaseException | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(again(error))
