"""What every store may rely on, on either engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modemd.db import Database, Transaction
from modemd.errors import ConstraintFailed


def insert(name: str, value: int = 1) -> Callable[[Transaction], int]:
    """A closure that adds a row to the one table every database has."""
    return lambda tx: tx.execute("INSERT INTO tally (name, value) VALUES (?, ?)", (name, value)).rowcount


async def rows(database: Database) -> list[Any]:
    return await database.read(lambda reader: reader.execute("SELECT name, value FROM tally ORDER BY name").fetchall())


async def test_what_was_written_is_read(database: Database) -> None:
    assert await database.write(insert("a")) == 1
    assert await rows(database) == [("a", 1)]


async def test_a_closure_that_raises_is_undone_alone(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        insert("bad")(tx)
        raise ValueError

    handed_in = [insert("a"), bad, insert("b"), insert("a"), insert("c")]
    first, second, third, fourth, fifth = await asyncio.gather(*map(database.submit, handed_in), return_exceptions=True)
    assert (first, third, fifth) == (1, 1, 1)
    assert isinstance(second, ValueError)
    assert isinstance(fourth, ConstraintFailed)
    assert await rows(database) == [("a", 1), ("b", 1), ("c", 1)]


async def test_a_violated_constraint_is_named_the_same_on_either_engine(database: Database) -> None:
    await database.write(insert("a"))
    with pytest.raises(ConstraintFailed) as caught:
        await database.write(insert("a"))
    assert caught.value.code == "unique"
