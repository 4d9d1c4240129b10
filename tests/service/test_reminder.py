"""Uncertain messages are not forgotten: the log says again and again that there are some."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from loguru import logger

from modemd import status
from modemd.clock import ManualClock
from modemd.db import connect
from modemd.queue import Draft, Envelope, Queue, Settlement
from modemd.service.reminder import Reminder
from modemd.values import Lane, Outcome, Verdict


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    clock = ManualClock()
    database = connect(f"sqlite:///{tmp_path / 'modemd.db'}", clock=clock)
    await database.open()
    yield Queue(database, clock, "here")
    await database.close()


async def uncertain(queue: Queue) -> int:
    """A message of which nothing tells whether it was sent."""
    [number] = queue.ids.many(1)
    await queue.submit(Envelope(1, Lane.BULK, 0, None), [Draft(number, b"sealed", 1, b"key")])
    message = await queue.message(number)
    assert message is not None
    await queue.cross([], message, 1, "sim", {})
    await queue.cross([Settlement(message, 1, "sim", Outcome(Verdict.UNCERTAIN), message.created)], None, 0, "", {})
    return number


async def test_as_long_as_messages_are_uncertain_each_reminder_says_how_many(queue: Queue) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}")
    reminder = Reminder(queue)
    await reminder.remind()
    assert lines == []
    numbers = [await uncertain(queue) for _ in range(2)]
    await reminder.remind()
    await reminder.remind()
    await queue.resolve(numbers[0], "fail")
    await reminder.remind()
    await queue.resolve(numbers[1], "sent")
    await reminder.remind()
    logger.remove(sink)
    told = [line.partition(" see=")[0] for line in lines]
    assert told == [f"WARNING queue.uncertain messages={count}" for count in (2, 2, 1)]


async def test_the_status_has_an_alarm_while_there_are_any_also_without_a_daemon(queue: Queue) -> None:
    assert "alarms" not in status.document(await queue.counts(), 0, running=False)
    await uncertain(queue)
    [alarm] = status.document(await queue.counts(), 0, running=False)["alarms"]
    assert alarm.startswith("1 message is uncertain")
