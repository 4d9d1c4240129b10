"""The log tells what happened, and nothing about anybody."""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from modemd import ids, log
from modemd.errors import CommandFailed, PortUnusable
from modemd.values import Lane

NUMBER = "+48600100200"
EMAIL = "anna.nowak@example.org"
TEXT = "see you at nine"
KEY = "mk_4Jd8sKf03jfK2l"
PDU = "0011000B918406010020F00000AA05E8329BFD06"


class Lines(io.StringIO):
    """Standard error, by lines."""

    def all(self) -> list[str]:
        """What has been written so far."""
        return self.getvalue().splitlines()

    def last(self) -> str:
        """The newest line after its time and level."""
        return self.all()[-1].split(maxsplit=2)[2]


@pytest.fixture
def restored() -> Iterator[None]:
    """Put back what the set-up changes for the whole process."""
    root = logging.getLogger()
    kept = (root.handlers[:], root.level, logging.raiseExceptions)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    logger.remove()
    logging.captureWarnings(False)
    root.handlers, root.level, logging.raiseExceptions = kept
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    for name in log.SILENCED:
        logging.getLogger(name).propagate = True
        logging.getLogger(name).handlers = []


@pytest.fixture
def lines(restored: None) -> Lines:
    written = Lines()
    log.set_up(stream=written)
    return written


def test_an_event_is_one_line_of_time_level_name_and_fields(lines: Lines) -> None:
    log.event("message.sent", message="m_0123456789abc", modem="modem0", took=0.1234, lane=Lane.BULK, mr=None)
    (line,) = lines.all()
    moment, level, rest = line.split(maxsplit=2)
    assert moment.endswith("Z")
    assert level == "INFO"
    assert rest == "message.sent message=m_0123456789abc modem=modem0 took=0.123 lane=bulk mr=none"


def test_a_value_with_spaces_or_a_line_end_stays_one_field_of_one_line(lines: Lines) -> None:
    log.event("modem.named", model="E173 rev\nB")
    assert lines.last() == r'modem.named model="E173 rev\nB"'


@pytest.mark.parametrize("field", sorted(log.PRIVATE_FIELDS))
def test_text_in_a_private_field_is_never_written(lines: Lines, field: str) -> None:
    log.event("x", **{field: TEXT})  # type: ignore[arg-type]  # the field's name is data here
    assert lines.last() == f"x {field}=<private>"


@pytest.mark.parametrize(
    "value",
    [NUMBER, "0048 600 100 200", "600-100-200", "(600) 100 200", "48.600100200", "tel600100200", EMAIL, KEY, PDU],
)
def test_what_looks_personal_is_masked_wherever_it_stands(lines: Lines, value: str) -> None:
    log.event("x", detail=f"about {value}.")
    logging.getLogger("library").warning("about %s.", value)
    logger.info(f"about {value}.")
    written = "\n".join(lines.all())
    assert written.count("about") == 3
    assert value not in written
    assert "100200" not in written.replace("-", "").replace(" ", "")


@given(st.from_regex(r"\+?[0-9]([ -]?[0-9]){6,16}", fullmatch=True), st.text("abc :=_([", max_size=3))
def test_no_number_passes_in_any_spelling(number: str, before: str) -> None:
    digits = [character for character in log.masked(before + number) if character.isdigit()]
    assert len(digits) < 7 or number.startswith("20")  # a date may stay


@pytest.mark.parametrize("made", range(1 << 60, (1 << 60) + 5))
def test_ids_dates_and_timings_survive(made: int) -> None:
    for kept in (ids.encode("m", made), "2026-11-22T10:00:00", "0.123456", "12.5 s", "127.0.0.1:8160", "cms-322"):
        assert log.masked(f"at {kept} now") == f"at {kept} now"


def test_an_exception_is_told_by_type_code_and_place_without_its_words(lines: Lines) -> None:
    try:
        raise KeyError(TEXT)
    except KeyError as error:
        log.failed("claim.failed", error, message="m_0123456789abc")
    written = lines.last()
    assert "error=KeyError" in written
    assert "tests/test_log.py:" in written
    assert TEXT not in written
    assert len(lines.all()) == 1


def test_known_exceptions_carry_their_codes() -> None:
    full = sqlite3.OperationalError("x")
    full.sqlite_errorname = "SQLITE_FULL"
    group = ExceptionGroup("x", [KeyError(), CommandFailed("cms", 38)])
    assert log.described(CommandFailed("cms", 38)) == "CommandFailed(cms-38)"
    assert log.described(OSError(errno.ENOSPC, TEXT)) == "OSError(ENOSPC)"
    assert log.described(full) == "OperationalError(SQLITE_FULL)"
    assert log.described(group) == "ExceptionGroup(KeyError, CommandFailed(cms-38))"


def test_the_words_of_our_own_errors_are_told_for_they_hold_nothing_personal(lines: Lines) -> None:
    log.failed("modem.absent", PortUnusable("/dev/ttyUSB3 is held by ModemManager"))
    assert 'detail="/dev/ttyUSB3 is held by ModemManager"' in lines.last()


def test_libraries_are_heard_from_warning_up_and_their_quotations_are_cut(lines: Lines) -> None:
    logging.getLogger("some.library").info("not heard")
    logging.getLogger("some.library").warning("cannot parse '%s'", TEXT)
    (line,) = lines.all()
    assert "logger=some.library" in line
    assert "cannot parse '…'" in line


def test_a_library_message_that_does_not_fit_its_arguments_does_no_harm(lines: Lines) -> None:
    logging.getLogger("some.library").warning("%d", TEXT)
    (line,) = lines.all()
    assert TEXT not in line


def test_sql_and_the_access_log_are_silent(lines: Lines) -> None:
    for name in ("peewee", "uvicorn.access"):
        logging.getLogger(name).error("SELECT %s", TEXT)
    assert lines.all() == []


async def test_a_task_that_nobody_awaited_is_told_without_its_values(lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(log.loop_error)

    async def fails() -> None:
        raise ValueError(TEXT)

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    del task
    await asyncio.sleep(0)
    loop.set_exception_handler(before)
    written = "\n".join(lines.all())
    assert "loop.error" in written
    assert "error=ValueError" in written
    assert TEXT not in written


def test_asyncio_without_our_handler_tells_no_values_either(lines: Lines) -> None:
    loop = asyncio.new_event_loop()
    loop.call_exception_handler({"message": f"Task exception={TEXT}", "exception": ValueError(TEXT)})
    loop.close()
    written = "\n".join(lines.all())
    assert "ValueError" in written
    assert TEXT not in written


def test_what_nobody_caught_is_one_line_and_no_traceback(lines: Lines) -> None:
    def crash() -> None:
        raise ValueError(TEXT)

    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    try:
        crash()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    first, second = lines.all()
    assert "CRITICAL thread.crashed" in first
    assert "CRITICAL crashed" in second
    assert TEXT not in first + second


def test_the_file_is_for_its_owner_only_and_says_the_same(restored: None, tmp_path: Path) -> None:
    file = tmp_path / "modemd.log"
    log.set_up(file=file)
    log.event("up", to=NUMBER)
    assert file.read_text().endswith("up to=<private>\n")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_sink_that_fails_does_not_print_the_exception(lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    logger.add(full)
    log.failed("x", ValueError(TEXT))
    complaint = capsys.readouterr().err
    assert "no space left" in complaint
    assert TEXT not in complaint + lines.getvalue()


def test_events_below_the_level_are_not_written(lines: Lines) -> None:
    log.set_up("WARNING", stream=lines)
    log.event("quiet")
    log.event("loud", level="WARNING")
    assert [line.split()[-1] for line in lines.all()] == ["loud"]


def test_debug_shows_tracebacks_but_no_values_of_variables(lines: Lines) -> None:
    log.set_up(debug=True, stream=lines)
    secret = TEXT
    try:
        int(secret == "", base=2 if secret else 0)  # type: ignore[call-overload]  # it has to fail
    except TypeError as error:
        log.failed("x", error)
    assert "Traceback" in lines.getvalue()
    assert TEXT not in lines.getvalue()
