"""The log: one line an event, and personal data cannot pass.

An event is a name and fields (``log.event("message.sent", message="m_…", modem="modem0")``), so that there is no
sentence into which a number or a text could be formatted. Exceptions are told by their type, code and place; the words
of foreign ones are not repeated, for they quote what they failed on. What libraries write through ``logging`` is let
through from WARNING up, with everything masked that looks like a number, an address, a key, a PDU or a quotation.
Field values are masked in the same way: a safety net, not a licence.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import sys
import threading
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from loguru import logger

from modemd.errors import ModemdError

if TYPE_CHECKING:
    from loguru import Record

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

PRIVATE_FIELDS = frozenset(
    {"to", "sender", "recipient", "number", "msisdn", "phone", "imsi", "text", "body", "pdu", "tag"}
    | {"email", "login", "name", "password", "pin", "key", "api_key", "url"}
)
"""Fields in which text would be personal or secret; it is never written."""

SILENCED = ("peewee", "uvicorn.access")
"""Loggers that write values by design: SQL with its parameters, and addresses with paths."""

KEPT_DAYS = 7
"""How long the log file is kept; what it holds besides our own events are network prefixes (design, section 7)."""

_debugging = True
"""Whether anybody reads DEBUG; before `set_up` everybody does."""

_MASKS = re.compile(
    r"""
      (?P<keep> \b[a-z]_[0-9a-hjkmnp-tv-z]{13}\b            # an id of ours
              | \b20\d\d-[01]\d-[0-3]\d (?=\b|T)            # a date
              | (?<![\d+.])\d{1,6}\.\d{1,6}(?![\d.])        # a measured time
      )
    | (?P<key>    \b(?:mk|wh)_\w+ )
    | (?P<email>  [^\s@"'<>=]+@[^\s@"'<>]+ )
    | (?P<pdu>    \b(?=[A-F]*\d)[0-9A-Fa-f]{16,}\b )
    | (?P<digits> \+?\d(?:[ \-()]{0,2}\d){6,} )
    """,
    re.VERBOSE,
)
_QUOTATION = re.compile(r"""(?<!\w)('[^']*'|"[^"]*")""")


def event(name: str, /, *, level: Level = "INFO", **fields: object) -> None:
    """Write one event; ``name`` is fixed text such as ``modem.ready``, fields are ids, counts, codes and times."""
    if level == "DEBUG" and not _debugging:
        return  # the send path says a line a message: 80 µs that nobody would read
    logger.bind(clean=True).log(level, "{}", _line(name, fields))


def failed(name: str, error: BaseException, /, *, level: Level = "ERROR", **fields: object) -> None:
    """Write one event that an exception caused: its type and code, where it was raised, and what else is known."""
    fields["error"] = error
    if error.__traceback__ is not None:
        fields["at"] = _place(error.__traceback__)
    logger.bind(clean=True).opt(exception=error).log(level, "{}", _line(name, fields))


def set_up(
    level: Level = "INFO",
    *,
    file: Path | None = None,
    days: int = KEPT_DAYS,
    debug: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send events to ``stream`` (standard error) and, if named, to a file (mode 0600, one a day, each kept ``days``).

    ``debug`` adds tracebacks, with the words of exceptions: it is for a developer's own machine.
    """
    form = "{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z <level>{level: <7}</level> {message}\n"
    form += "{exception}" if debug else ""

    def add(sink: Any, **opened: Any) -> None:
        least = "DEBUG" if debug else level
        logger.add(sink, level=least, format=lambda _: form, diagnose=False, backtrace=False, **opened)

    global _debugging  # noqa: PLW0603  # what loguru knows as well and tells slowly
    _debugging = debug or level == "DEBUG"
    logger.remove()
    logger.configure(patcher=_one_line if debug else _nothing_personal)
    add(stream or sys.stderr)
    if file is not None:
        add(file, rotation="00:00", retention=f"{days} days", opener=_owner_only)
    _intercept()
    _catch_the_uncaught()


def loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For ``loop.set_exception_handler``: asyncio's own handler writes the exception's words and the task's values."""
    says = masked(str(context.get("message", "")))
    error = context.get("exception")
    if isinstance(error, BaseException):
        failed("loop.error", error, says=says)
    else:
        event("loop.error", level="ERROR", says=says)


def masked(text: str) -> str:
    """Foreign text without what looks personal: quotations, numbers of 7 digits and more, e-mails, keys, PDUs."""
    return _mask(_QUOTATION.sub("'…'", text.partition("exception=")[0]))


def described(error: BaseException) -> str:
    """An exception as its type and code: ``CommandFailed(cms-38)``, ``OSError(ENOSPC)``, ``KeyError``."""
    if isinstance(error, BaseExceptionGroup):
        return f"{type(error).__name__}({', '.join(described(each) for each in error.exceptions)})"
    code = getattr(error, "code", None) or getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
    if isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0)
    name = type(error).__name__
    return f"{name}({_mask(code)})" if isinstance(code, str) else name


def _line(name: str, fields: dict[str, object]) -> str:
    error = fields.get("error")
    if isinstance(error, ModemdError):
        fields["detail"] = error.detail
    return " ".join([name, *(f"{key}={_value(key, value)}" for key, value in fields.items())])


def _value(key: str, value: object) -> str:
    match value:
        case str() if key in PRIVATE_FIELDS:
            return "<private>"
        case bytes():
            return f"<{len(value)} bytes>"
        case BaseException():
            return described(value)
        case Enum():
            return value.name.lower()
        case float():
            return f"{value:.3f}"
        case bool() | int() | None:
            return str(value).lower()
    text = _mask(str(value))
    return text if re.fullmatch(r"[^\s\"=]+", text) else json.dumps(text, ensure_ascii=False)


def _mask(text: str) -> str:
    def replace(found: re.Match[str]) -> str:
        kind = found.lastgroup
        return found.group() if kind == "keep" else f"<{kind}>"

    return _MASKS.sub(replace, text)


def _place(trace: TracebackType) -> str:
    """File and line of the innermost frame, from the name of its package on."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{'/'.join(Path(trace.tb_frame.f_code.co_filename).parts[-3:])}:{trace.tb_lineno}"


def _nothing_personal(record: Record) -> None:
    """Mask what reached loguru past ``event``, and forget the exception, which is told already.

    It must not stay in the record: when a sink fails (the disk is full), loguru prints the whole record.
    """
    if not record["extra"].get("clean"):
        found = record["exception"]
        error = f" error={described(found.value)}" if found and found.value else ""
        record["message"] = masked(record["message"]) + error
    record["exception"] = None
    _one_line(record)


def _one_line(record: Record) -> None:
    record["message"] = " ".join(record["message"].split())


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Interceptor(logging.Handler):
    """Takes what libraries write through ``logging``."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            says = masked(record.getMessage())
        except (TypeError, ValueError):
            says = "(a message that does not fit its arguments)"
        level: Level = "ERROR" if record.levelno >= logging.ERROR else "WARNING"
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            event("library", level=level, logger=record.name, says=says)
        else:
            failed("library", error, level=level, logger=record.name, says=says)


def _intercept() -> None:
    logging.raiseExceptions = False  # its complaint would print the arguments
    logging.basicConfig(handlers=[_Interceptor()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    for name in SILENCED:
        silenced = logging.getLogger(name)
        silenced.handlers = [logging.NullHandler()]
        silenced.propagate = False


def _catch_the_uncaught() -> None:
    """Python's own hooks print tracebacks with the exception's words."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        failed("crashed", error.with_traceback(trace), level="CRITICAL")

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            failed("thread.crashed", args.exc_value, level="CRITICAL")

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            failed("unraisable", args.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
