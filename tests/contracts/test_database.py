"""What every store may rely on, on either engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import peewee
import pytest
from loguru import logger

from modemd.clock import ManualClock
from modemd.db import Database, Reader, Transaction, Urgency, connect
from modemd.errors import ConstraintFailed, StorageError

PATIENCE = 10
"""Seconds after which an event that should have come is a failure."""

Write = Callable[[Transaction], Any]


def insert(name: str, value: int = 1) -> Write:
    """A closure that adds a row to a table every database has."""
    return lambda tx: tx.execute("INSERT INTO tally (name, value) VALUES (?, ?)", (name, value)).rowcount


def stored(reader: Reader) -> dict[str, int]:
    return dict(reader.execute("SELECT name, value FROM tally").fetchall())


class Refused(Exception):
    """What a closure of these tests raises."""


class Barrier:
    """A closure that holds the writer until the test has handed in what is to be in line behind it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, tx: Transaction) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


@pytest.fixture
async def gathering(database_url: str) -> AsyncIterator[Database]:
    """A database whose clock stands still, so that one transaction takes all that waits, however slow the machine."""
    database = connect(database_url, clock=ManualClock())
    await database.open()
    yield database
    await database.close()


async def share_a_commit(database: Database, closures: Sequence[Write]) -> list[Any]:
    """What becomes of closures that board one transaction."""
    barrier = Barrier()
    held = database.submit(barrier)
    futures = [database.submit(closure) for closure in closures]
    barrier.opened.set()
    _, *results = await asyncio.gather(held, *futures, return_exceptions=True)
    return results


async def test_what_was_written_is_read(database: Database) -> None:
    assert await database.write(insert("a")) == 1
    assert await database.read(stored) == {"a": 1}


async def test_a_closure_that_raises_is_undone_alone(gathering: Database) -> None:
    def bad(tx: Transaction) -> None:
        insert("bad")(tx)
        raise Refused

    closures = [insert("a"), bad, insert("b"), insert("a"), bad, insert("c")]
    results = await share_a_commit(gathering, closures)
    assert [type(result) for result in results] == [int, Refused, int, ConstraintFailed, Refused, int]
    assert await gathering.read(stored) == {"a": 1, "b": 1, "c": 1}


async def test_a_closure_that_raises_first_or_last_is_undone_alone(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        insert("bad")(tx)
        raise Refused

    handed_in = [database.submit(one) for one in (bad, insert("a"), bad)]
    results = await asyncio.gather(*handed_in, return_exceptions=True)
    assert [type(result) for result in results] == [Refused, int, Refused]
    assert await database.read(stored) == {"a": 1}


@pytest.mark.parametrize("error", [StopIteration, KeyboardInterrupt, asyncio.CancelledError, SystemExit])
async def test_even_an_exception_that_ends_threads_does_not_end_the_writer(
    database: Database, error: type[BaseException]
) -> None:
    def bad(tx: Transaction) -> None:
        raise error

    future = database.submit(bad)
    await asyncio.wait([future])
    assert isinstance(future.exception(), RuntimeError if error is StopIteration else error)
    assert await database.write(insert("a")) == 1


async def test_a_violated_constraint_has_one_name_on_either_engine(database: Database) -> None:
    await database.write(insert("a"))
    with pytest.raises(ConstraintFailed) as unique:
        await database.write(insert("a"))
    with pytest.raises(ConstraintFailed) as not_null:
        await database.write(lambda tx: tx.execute("INSERT INTO tally (name, value) VALUES (?, ?)", ("b", None)))
    assert (unique.value.code, not_null.value.code) == ("unique", "not_null")


async def test_no_error_shows_a_value(database: Database) -> None:
    secret = "+48123456789"
    await database.write(insert(secret))
    with pytest.raises(ConstraintFailed) as caught:
        await database.write(insert(secret))
    assert secret not in repr(caught.value)
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_statement_that_makes_no_sense_is_an_error_of_its_caller_alone(gathering: Database) -> None:
    def nonsense(tx: Transaction) -> None:
        tx.execute("SELECT amount FROM nowhere")

    before, refused, after = await share_a_commit(gathering, [insert("a"), nonsense, insert("b")])
    assert (before, after) == (1, 1)
    assert isinstance(refused, StorageError)
    assert "nowhere" in refused.detail


async def test_if_commit_fails_all_that_share_it_fail_and_nothing_is_written(gathering: Database) -> None:
    def orphan(tx: Transaction) -> None:
        tx.execute("INSERT INTO child (parent) VALUES (?)", (7,))

    await gathering.write(lambda tx: tx.execute("CREATE TABLE parent (id BIGINT PRIMARY KEY)"))
    await gathering.write(
        lambda tx: tx.execute("CREATE TABLE child (parent BIGINT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
    )
    results = await share_a_commit(gathering, [insert("a"), orphan, insert("b")])
    assert [type(result) for result in results] == [ConstraintFailed] * 3
    assert len({id(result) for result in results}) == 3
    assert await gathering.read(stored) == {}
    assert await gathering.write(insert("c")) == 1


async def test_the_most_urgent_goes_first_and_within_one_urgency_the_oldest(database: Database) -> None:
    order: list[str] = []
    barrier = Barrier()
    held = database.submit(barrier)
    await asyncio.to_thread(barrier.reached.wait, PATIENCE)
    waiting = [
        database.submit(lambda tx, name=name: order.append(name), urgency)  # type: ignore[misc] # binds the loop's name
        for name, urgency in (
            ("bulk 1", Urgency.BULK),
            ("submit 1", Urgency.SUBMIT),
            ("bulk 2", Urgency.BULK),
            ("send 1", Urgency.SEND),
            ("submit 2", Urgency.SUBMIT),
            ("send 2", Urgency.SEND),
        )
    ]
    barrier.opened.set()
    await asyncio.gather(held, *waiting)
    assert order == ["send 1", "send 2", "submit 1", "submit 2", "bulk 1", "bulk 2"]


async def test_cancelling_gives_up_the_answer_not_the_work(gathering: Database) -> None:
    barrier = Barrier()
    held = gathering.submit(barrier)
    given_up = asyncio.create_task(gathering.write(insert("a")))
    await asyncio.to_thread(barrier.reached.wait, PATIENCE)
    other = gathering.submit(insert("b"))
    given_up.cancel()
    barrier.opened.set()
    await asyncio.wait_for(asyncio.gather(held, other), PATIENCE)
    assert given_up.cancelled()
    assert await gathering.read(stored) == {"a": 1, "b": 1}


async def test_a_failure_nobody_waits_for_any_more_is_logged_without_its_words(gathering: Database) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format=lambda _: "{message}\n")  # as modemd.log has it
    barrier = Barrier()

    def bad(tx: Transaction) -> None:
        raise Refused("+48123456789")

    held = gathering.submit(barrier)
    given_up = gathering.submit(bad)
    given_up.cancel()
    barrier.opened.set()
    await held
    await gathering.write(insert("after"))
    logger.remove(sink)
    assert any("database.unheard" in line and "Refused" in line for line in lines)
    assert "48123456789" not in "".join(lines)


async def test_close_finishes_what_was_handed_in(database_url: str) -> None:
    database = connect(database_url)
    await database.open()
    futures = [database.submit(insert(str(number)), Urgency.BULK) for number in range(200)]
    reading = asyncio.create_task(database.read(stored))
    await asyncio.sleep(0)
    await database.close()
    assert [future.result() for future in futures] == [1] * 200
    assert reading.done() or await reading is not None
    with pytest.raises(StorageError, match="closed"):
        database.submit(insert("late"))
    with pytest.raises(StorageError, match="closed"):
        await database.read(stored)
    again = connect(database_url)
    await again.open()
    assert len(await again.read(stored)) == 200
    await again.close()


async def test_it_opens_once_at_a_time_and_again_after_close(database_url: str) -> None:
    database = connect(database_url)
    await database.open()
    with pytest.raises(StorageError, match="already open"):
        await database.open()
    await database.write(insert("a"))
    await database.close()
    await database.open()
    assert await database.read(stored) == {"a": 1}
    await database.close()
    await database.close()


async def test_an_open_that_is_cancelled_leaves_no_thread(database_url: str) -> None:
    opening = asyncio.create_task(connect(database_url).open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for thread in threading.enumerate():
        if thread.name.startswith("modemd-db"):
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()


async def test_counters_are_added_up_over_closures_and_commits(gathering: Database) -> None:
    def counting(tx: Transaction) -> None:
        tx.tally("sent", 2)

    def failing(tx: Transaction) -> None:
        tx.tally("sent", 1000)
        raise Refused

    await share_a_commit(gathering, [counting] * 5 + [failing] + [counting] * 5)
    with pytest.raises(Refused):
        await gathering.write(failing)
    await gathering.write(lambda tx: tx.tally("failed", 1))
    await gathering.write(lambda tx: tx.tally("sent", -1))
    assert await gathering.read(stored) == {"sent": 19, "failed": 1}


async def test_a_read_sees_one_moment_while_others_write(database: Database) -> None:
    first, written = threading.Event(), threading.Event()

    def twice(reader: Reader) -> tuple[dict[str, int], dict[str, int]]:
        before = stored(reader)
        first.set()
        assert written.wait(PATIENCE)
        return before, stored(reader)

    await database.write(insert("a"))
    reading = asyncio.create_task(database.read(twice))
    await asyncio.to_thread(first.wait, PATIENCE)
    await database.write(insert("b"))
    written.set()
    assert await reading == ({"a": 1}, {"a": 1})
    assert await database.read(stored) == {"a": 1, "b": 1}


async def test_reads_do_not_wait_for_a_write_in_progress(database: Database) -> None:
    barrier = Barrier()
    held = database.submit(barrier)
    await asyncio.to_thread(barrier.reached.wait, PATIENCE)
    assert await database.read(stored) == {}
    assert not held.done()
    barrier.opened.set()
    await held


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError):
        await database.read(lambda reader: reader.execute("INSERT INTO tally (name, value) VALUES ('a', 1)"))
    assert await database.read(stored) == {}


async def test_a_read_that_raises_leaves_its_thread_usable(database: Database) -> None:
    def bad(reader: Reader) -> None:
        reader.execute("SELECT 1").fetchone()
        raise Refused

    for _ in range(5):
        with pytest.raises(Refused):
            await database.read(bad)
    assert await database.read(stored) == {}


async def test_several_connections_at_once_lose_no_update(database_url: str) -> None:
    databases = [connect(database_url) for _ in range(3)]
    await asyncio.gather(*(database.open() for database in databases))

    def increment(tx: Transaction) -> None:
        tx.execute("UPDATE tally SET value = value + 1 WHERE name = 'shared'")
        tx.tally("counted", 1)

    await databases[0].write(insert("shared", 0))
    await asyncio.gather(*(database.write(increment) for database in databases for _ in range(50)))
    assert await databases[1].read(stored) == {"shared": 150, "counted": 150}
    for database in databases:
        await database.close()


async def test_many_rows_at_once_are_whole_or_not_at_all(gathering: Database) -> None:
    sql = "INSERT INTO tally (name, value) VALUES (?, ?)"

    def good(tx: Transaction) -> int:
        return tx.executemany(sql, [(f"good {number}", number) for number in range(100)]).rowcount

    def bad(tx: Transaction) -> None:
        tx.executemany(sql, [("bad", 1), ("bad", 2)])

    results = await share_a_commit(gathering, [good, bad, insert("after")])
    assert [results[0], type(results[1]), results[2]] == [100, ConstraintFailed, 1]
    names = await gathering.read(stored)
    assert len(names) == 101
    assert "bad" not in names


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    await database.write(lambda tx: tx.execute("CREATE TABLE kept (number BIGINT, words TEXT, octets BYTEA)"))
    kept = [
        (2**63 - 1, "what? 100% 'quoted' żółw 🐢", bytes(range(256))),
        (-(2**63), "", b""),
        (None, None, None),
    ]
    await database.write(lambda tx: tx.executemany("INSERT INTO kept VALUES (?, ?, ?)", kept))
    assert await database.read(lambda reader: reader.execute("SELECT * FROM kept").fetchall()) == kept
    await database.write(lambda tx: tx.execute("DELETE FROM kept"))
    await database.write(lambda tx: tx.execute("INSERT INTO kept (number) VALUES (?)", (True,)))
    row = await database.read(
        lambda reader: reader.execute("SELECT number, sum(number) FROM kept GROUP BY 1").fetchone()
    )
    assert row == (1, 1)
    assert [type(value) for value in row] == [int, int]


async def test_question_and_percent_marks_in_the_sql_itself_are_left_alone(database: Database) -> None:
    row = await database.read(
        lambda reader: reader.execute(
            """SELECT 'why?', '100%', "what?", ? FROM (SELECT 5 % 3 AS "what?") AS t -- really? 100%s""", (7,)
        ).fetchone()
    )
    assert row == ("why?", "100%", 2, 7)


async def test_upsert_returning_and_partial_indexes_work_on_either_engine(database: Database) -> None:
    def upsert(tx: Transaction) -> Any:
        tx.execute("CREATE UNIQUE INDEX positive ON tally (value) WHERE value > 0")
        sql = "INSERT INTO tally (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ? RETURNING value"
        return [tx.execute(sql, ("a", value, value)).fetchall() for value in (1, 2)]

    assert await database.write(upsert) == [[(1,)], [(2,)]]


class Tally(peewee.Model):
    """The table of counters as a model that belongs to no database."""

    name = peewee.TextField(primary_key=True)
    value = peewee.BigIntegerField()


async def test_peewee_queries_run_inside_the_closure_s_transaction(database: Database) -> None:
    def both(tx: Transaction) -> list[str]:
        tx.run(Tally.insert(name="a", value=1))
        insert("b", 2)(tx)
        return [row.name for row in tx.run(Tally.select().where(Tally.value > 0).order_by(Tally.name))]

    def undone(tx: Transaction) -> None:
        tx.run(Tally.insert(name="c", value=3))
        raise Refused

    assert await database.write(both) == ["a", "b"]
    with pytest.raises(Refused):
        await database.write(undone)
    with pytest.raises(ConstraintFailed) as caught:
        await database.write(lambda tx: tx.run(Tally.insert(name="a", value=1)))
    assert caught.value.code == "unique"
    found = await database.read(lambda reader: reader.run(Tally.select(Tally.name).order_by(Tally.name).tuples())[:])
    assert found == [("a",), ("b",)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 111, 250])
async def test_many_rows_are_inserted_each_once_and_whole(database: Database, count: int) -> None:
    rows = [(f"row {number}", number) for number in range(count)]
    await database.write(lambda tx: tx.insert("tally", ("name", "value"), rows))
    assert await database.read(stored) == dict(rows)


async def test_of_rows_that_cannot_all_be_inserted_none_is(database: Database) -> None:
    rows = [(f"row {number % 120}", number) for number in range(130)]
    with pytest.raises(ConstraintFailed):
        await database.write(lambda tx: tx.insert("tally", ("name", "value"), rows))
    assert await database.read(stored) == {}
