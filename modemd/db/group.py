"""One transaction of the writer: closures board it, COMMIT carries them all or none.

Each closure but the first stands in a savepoint, so that one that fails is undone alone. The first needs none: while
nothing else is aboard, giving up the whole transaction undoes exactly that closure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from modemd.db.answers import Answer
from modemd.db.engine import Connection, Engine
from modemd.db.transaction import Listener, Transaction
from modemd.errors import StorageError


class Group:
    """Closures that share one commit; ``answers`` holds what is to be told to whom."""

    def __init__(self, engine: Engine, connection: Connection, listener: Listener | None = None) -> None:
        self._engine = engine
        self._connection = connection
        self._transaction = Transaction(engine, connection)
        self._aboard: list[Answer] = []
        self._tallies: dict[str, int] = {}
        self._listener = listener
        self._told: list[Any] = []
        self.answers: list[Answer] = []
        self.over = False
        """True once the transaction was given up: nobody may board."""

    def board(self, closure: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        """Carry out one closure; what it raises is its own answer and leaves the others alone."""
        alone = not self._aboard
        try:
            if not alone:
                self._connection.savepoint()
            result = closure(self._transaction)
            if not self._connection.in_transaction:
                raise StorageError("a statement failed and the closure went on", code="not_committed")
        except BaseException as error:
            self._undo(future, self._engine.fault(error), alone=alone)
        else:
            self._aboard.append((future, result, None))
            self._count()

    def _undo(self, future: asyncio.Future[Any], fault: BaseException, *, alone: bool) -> None:
        """Take back one closure, or everything where the engine has done that already."""
        self._transaction.take_tallies()
        self._transaction.take_told()
        self.answers.append((future, None, fault))
        if alone:
            self._connection.rollback()
            self.over = True
            return
        try:
            self._connection.undo()
        except Exception as error:
            self._fail(fault if isinstance(fault, StorageError) else self._engine.fault(error))

    def _count(self) -> None:
        for name, delta in self._transaction.take_tallies().items():
            self._tallies[name] = self._tallies.get(name, 0) + delta
        self._told += self._transaction.take_told()

    def commit(self) -> None:
        """Make it durable; on an error everybody aboard gets it and nothing is written."""
        then = None
        try:
            if self._told and self._listener is not None:
                then = self._listener.hear(self._transaction, self._told)
                self._count()
            if self._tallies:  # in order of names, or two nodes could lock each other out
                values = [value for tally in sorted(self._tallies.items()) for value in tally]
                self._connection.execute(_add(len(self._tallies)), values)
            self._connection.commit()
        except Exception as error:
            self._fail(self._engine.fault(error))
        else:
            self.answers += self._aboard
            if then is not None:
                then()

    def _fail(self, fault: BaseException) -> None:
        self._connection.rollback()
        self.answers += [(future, None, again(fault)) for future, _, _ in self._aboard]
        self._aboard.clear()
        self.over = True


@lru_cache(maxsize=32)
def _add(tallies: int) -> str:
    """One statement for all: each gives the interpreter lock up, and beside a busy loop that takes 0.1 ms."""
    rows = ", ".join(["(?, ?)"] * tallies)
    return (
        f"INSERT INTO tally (name, value) VALUES {rows} "
        "ON CONFLICT (name) DO UPDATE SET value = tally.value + excluded.value"
    )


def again(fault: BaseException) -> BaseException:
    """An equal error: one object raised in many tasks would collect all their tracebacks."""
    if isinstance(fault, StorageError):
        return type(fault)(fault.detail, cure=fault.cure, code=fault.code)
    return fault
