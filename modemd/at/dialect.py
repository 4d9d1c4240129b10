"""What one family of modems needs beyond 27.005, as data.

``generic`` works with any modem of the standard; a row in ``dialects.toml``, or in the operator's own file of the same
form, changes single points of it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from modemd.at.commands import PROMPT_S, SUBMIT_S
from modemd.errors import ConfigError

_NOTIFY = ((2, 1, 0, 1, 0), (1, 1, 0, 1, 0), (2, 1, 0, 2, 0), (1, 1, 0, 2, 0), (2, 1, 0, 0, 0), (1, 1, 0, 0, 0))
_RESTARTED = (
    "RDY",  # SIM800, SIM7600, Quectel
    "*ATREADY",  # A7670
    "^SYSSTART",  # Cinterion
    "UNDER-VOLTAGE WARNNING",  # the modem's spelling; it is about to go down
    "NORMAL POWER DOWN",
    "POWERED DOWN",
    "UNDER-VOLTAGE POWER DOWN",
    "OVER-VOLTAGE POWER DOWN",
)
_BOOTING = (
    "+CFUN: 1",
    "+CPIN: READY",
    "Call Ready",
    "SMS Ready",
    "SMS DONE",
    "PB DONE",
    "+QIND: SMS DONE",
    "+QIND: PB DONE",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family: what to send, what to skip, how long to wait, which lines prove a restart."""

    name: str = "generic"
    match: str = ""
    """Regular expression searched, without case, in ``<maker> <model> <revision>``; empty: never by itself."""
    vendor: str = ""
    """Whose result codes it gives: a key of ``codes.VENDORS``, or none."""
    setup: tuple[str, ...] = ()
    """Commands sent once a session; an error is no failure."""
    iccid: tuple[str, ...] = ("AT+CCID", "AT+ICCID", "AT^ICCID?")
    """Ways to ask for the ICCID, the likeliest first (27.007 has none)."""
    pin_tries: tuple[tuple[str, str], ...] = ()
    """Ways to read how many PIN tries are left: command, and a regular expression that catches the number."""
    pin_rest_s: float = 0.0
    """Silence after a PIN was taken: firmwares asked sooner restart (Huawei, ZTE) or answer 515 (Wavecom)."""
    restart: tuple[str, ...] = ("AT+CFUN=1,1",)
    """What restarts the modem, sent one after the other; none where a restart is poison (gammu #687, #552)."""
    ussd: str = "text"
    """How ``+CUSD`` carries text: ``text``, ``packed`` (GSM 7 bit in hex) or ``ucs2``."""
    ussd_setup: str = ""
    """Sent once where ``+CUSD`` is refused, before it is tried again."""
    one_line: bool = True
    """Whether to set PDU mode on the line of each ``AT+CMGS``, where the modem proves that it takes two commands."""
    ok_alone: bool = False
    """Whether OK without ``+CMGS`` before it is how the modem says that the network has a message: it names none, so no
    status report can be told to be about one for certain."""
    keep_link: bool = True
    """Whether to ask for ``AT+CMMS=2``."""
    notify: tuple[tuple[int, ...], ...] = _NOTIFY
    """``AT+CNMI`` settings by preference: stored messages told (mt 1), reports direct (ds 1) before stored (ds 2)."""
    pause_s: float = 0.0
    """Silence the modem wants after a final result before the next command."""
    lenient_s: float = 1.0
    """Seconds after ``+CPIN:`` until its OK is no longer waited for."""
    piece: int = 0
    """Octets the port may be given at once; 0 is any number."""
    piece_s: float = 0.0
    """Pause between two pieces."""
    prompt_s: float = PROMPT_S
    submit_s: float = SUBMIT_S
    """Seconds an answer to Ctrl-Z may take."""
    escape_rest_s: float = 0.05
    """Silence after ESC before the next command (Siemens M20 wants a second, gammu atgen.c)."""
    refused_within_s: float = 2.0
    """An error without a telling code proves that nothing was sent if it comes sooner than this after Ctrl-Z."""
    attention_tries: int = 20
    """How often ``AT`` is sent, a second apart, to a modem that may be starting: LM9x0 take 10–14, TOBY-L4 20."""
    restarted: tuple[str, ...] = _RESTARTED
    """Lines that begin so prove a restart at any time."""
    repeated: tuple[str, ...] = ("^BOOT",)
    """Boot lines that firmwares repeat all the time: one proves a restart only when it differs from the last."""
    booting: tuple[str, ...] = _BOOTING
    """Lines of a boot's later part: they prove a restart only when no boot is under way."""

    def fits(self, identity: str) -> bool:
        """Whether this row is for the modem that gave this maker, model and revision."""
        return bool(self.match) and re.search(self.match, identity, re.IGNORECASE) is not None


GENERIC = Dialect()

_FIELDS = {row.name: row for row in fields(Dialect)}


@dataclass(frozen=True)
class Dialects:
    """All rows known, the operator's before ours."""

    rows: tuple[Dialect, ...] = field(default=())

    def of(self, identity: str) -> Dialect:
        """The first row that fits, else ``generic``."""
        return next((row for row in self.rows if row.fits(identity)), GENERIC)


def load(own: Path | None = None) -> Dialects:
    """Read the packaged rows and, before them, those of the operator's file; raises ConfigError naming row and key."""
    packaged = resources.files("modemd.at").joinpath("dialects.toml").read_text(encoding="utf-8")
    rows = _rows(packaged, "dialects.toml")
    if own is not None:
        try:
            text = own.expanduser().read_text(encoding="utf-8")
        except OSError as reason:
            raise ConfigError(f"{own} cannot be read ({reason.strerror})", cure="correct [modems] dialects") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{own} is no text in UTF-8", cure="TOML files are UTF-8") from None
        rows = _rows(text, own.name) + rows
    return Dialects(rows)


def _rows(text: str, source: str) -> tuple[Dialect, ...]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise ConfigError(f"{source} is no TOML: {reason}", cure="correct that line") from None
    return tuple(_row(name, values, source) for name, values in document.items())


def _row(name: str, values: Any, source: str) -> Dialect:
    where = f"{source} [{name}]"
    if not isinstance(values, dict):
        raise ConfigError(f"{where} is no table", cure="write each dialect as [name] with keys under it")
    changes: dict[str, Any] = {"name": name}
    for key, value in values.items():
        if key not in _FIELDS:
            raise ConfigError(f"{where} has no key {key}", cure=f"known keys: {', '.join(sorted(_FIELDS))}")
        changes[key] = _value(getattr(GENERIC, key), value, f"{where} {key}")
    try:
        re.compile(changes.get("match", ""))
    except re.error as reason:
        raise ConfigError(f"{where} match: {reason}", cure="write a regular expression") from None
    return replace(GENERIC, **changes)


def _value(model: Any, value: Any, where: str) -> Any:
    if isinstance(model, tuple):
        if not isinstance(value, list):
            raise ConfigError(f"{where} is no list", cure="write […]")
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    if isinstance(model, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(model):
        raise ConfigError(f"{where} is no {type(model).__name__}", cure="correct the value")
    return value
