"""Personalities: what a make of modem answers and how it behaves, as data (``profiles/*.toml``).

A profile is a list of facts. Each is either an *answer*, the literal lines to one command, or a *trait*, a switch of
behaviour; each names where it comes from, or says that it is guessed from the nearest relative.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any


class BadProfile(ValueError):
    """A profile is missing, or says something no modem understands."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The literal answer to one command."""

    lines: tuple[str, ...]
    result: str = "OK"
    """The final result; empty where the modem sends none."""


@dataclass
class Traits:
    """Switches of behaviour; the defaults are a modem that keeps to TS 27.005 and 27.007."""

    unknown_command: str = "ERROR"
    """The final result to a command that is not known."""
    own_commands: list[str] = field(default_factory=list)
    """Commands outside the standards that this make knows."""
    cpin_without_ok: bool = False
    """``+CPIN: READY`` ends the command by itself."""
    prompt: str = "\r\n> "
    escape_answer: str = "OK"
    """The final result after ESC at the prompt; empty where there is none."""
    cmms: bool = True
    cmms_error: int = 500
    """CMS code that refuses +CMMS where *cmms* is false."""
    cmms_gap: float = 5.0
    """Seconds between an answer and the next +CMGS after which the link is released (TS 27.005 3.5.6: 1 to 5)."""
    cnmi: list[list[int]] = field(default_factory=lambda: [[0, 1, 2, 3], [0, 1, 2, 3], [0, 2], [0, 1, 2], [0, 1]])
    """What each parameter of +CNMI may be."""
    cnmi_refused: list[dict[str, list[int]]] = field(default_factory=list)
    """Combinations refused though each value is allowed: parameter name to values, all of them together."""
    cnmi_error: int = 303
    """CMS code for a +CNMI that is refused; 0 is a bare ERROR."""
    cpms: list[list[str]] = field(default_factory=lambda: [["SM", "ME", "MT", "SR"], ["SM", "ME"], ["SM", "ME"]])
    """Storages that each parameter of +CPMS may name."""
    cpms_arguments: list[int] = field(default_factory=lambda: [1, 2, 3])
    """How many arguments setting +CPMS takes."""
    cpms_bare_ok: bool = False
    """Setting +CPMS answers OK without the numbers."""
    storage_sizes: dict[str, int] = field(default_factory=lambda: {"SM": 50, "ME": 100, "SR": 50})
    first_index: int = 1
    free_record_is_ff: bool = False
    """+CMGR of a free place gives a PDU of F instead of nothing."""
    cscs: list[str] = field(default_factory=lambda: ["GSM", "IRA", "UCS2", "HEX"])
    csms: list[int] = field(default_factory=lambda: [0, 1])
    csms_support: str = "1,1,1"
    """What +CSMS says of received, sent and broadcast messages."""
    csms_needs_ack: bool = True
    """With +CSMS=1, a +CMT or +CDS without a +CNMA stops the routing (TS 27.005 3.4.4)."""
    report_storage: str = "SR"
    """Where status reports are kept when <ds> is 2."""
    report_storage_said: str = ""
    """What +CDSI calls it, if not by its name."""
    cds_comma: bool = False
    """``+CDS: ,<length>`` with a comma too many."""
    registration_quoted: bool = True
    """LAC and cell of +CREG in quotation marks."""
    told_registration: dict[str, int] = field(default_factory=dict)
    """What +CREG, +CGREG, +CEREG say while the modem is registered, if not the same."""
    cms_blank: bool = True
    """A blank after the colon of ``+CMS ERROR:``."""
    ussd: str = "text"
    """How +CUSD carries text both ways: text, packed (GSM 7 bit in hex) or ucs2."""
    ussd_mode_needed: bool = False
    """+CUSD is an ERROR until ``AT^USSDMODE=0``."""
    memory_full_urc: str = ""
    """What is said when a storage is full; ``{storage}`` is its name."""
    boot: list[list[Any]] = field(default_factory=list)
    """[seconds after power-on, line] of each line said while starting."""
    boot_seconds: float = 1.0
    """Silence after power-on before commands are answered."""
    sim_seconds: float = 0.0
    """Further seconds for which the SIM is busy (CME 14, CMS 314)."""
    pin_seconds: float = 0.0
    """Seconds for which the SIM is busy after its PIN was taken."""
    pin_busy_error: int = 14
    """CME code while the SIM is busy."""
    sms_busy_error: int = 314
    """CMS code while the SIM is busy."""
    setup_needs_pin: bool = False
    """ATZ, ATS0, AT&C and AT&D are an ERROR before the PIN."""
    registration_seconds: float = 1.0
    """From a ready SIM to being registered."""
    reset_drops_port: bool = False
    """+CFUN=1,1 takes the port away, as on USB sticks."""
    chatter: list[list[Any]] = field(default_factory=list)
    """[every so many seconds, line] of what the modem says unasked."""
    csmp_wipes_smsc: bool = False
    """+CSMP= empties +CSCA."""
    count_lags: float = 0.0
    """Seconds after +CMTI in which +CPMS? does not count the new message."""
    power_up: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from Settings' own at power-up."""
    ports: list[str] = field(default_factory=lambda: ["at"])
    """What each interface is: at, second (another AT port, no unsolicited codes), silent, nmea, parrot (says OK)."""


@dataclass(frozen=True)
class Profile:
    """One personality."""

    name: str
    title: str
    answers: Mapping[str, Answer]
    traits: Traits
    sources: Mapping[str, str]
    """Where each fact comes from, by the command it answers or the name of the trait; guesses say so."""


@cache
def load_profile(name: str) -> Profile:
    """Read a personality by its name; raises BadProfile."""
    file = resources.files("hw_sim") / "profiles" / f"{name}.toml"
    if not file.is_file():
        raise BadProfile(f"no personality {name!r}; there are {', '.join(profile_names())}")
    return read_profile(name, tomllib.loads(file.read_text("utf-8")))


def profile_names() -> list[str]:
    """Give the names of all personalities."""
    folder = resources.files("hw_sim") / "profiles"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def read_profile(name: str, document: dict[str, Any]) -> Profile:
    """Build a personality from its document, on top of the one it extends; raises BadProfile."""
    extends = document.get("extends", "" if name == "generic" else "generic")
    base = load_profile(extends) if extends else None
    answers = dict(base.answers) if base else {}
    values = {f.name: getattr(base.traits, f.name) for f in fields(Traits)} if base else {}
    sources = dict(base.sources) if base else {}
    for fact in document.get("answer", []):
        key = fact["to"].upper()
        answers[key] = Answer(tuple(fact.get("lines", ())), fact.get("result", "OK"))
        sources[key] = _source(name, key, fact)
    known = {f.name for f in fields(Traits)}
    for fact in document.get("trait", []):
        if fact["name"] not in known:
            raise BadProfile(f"profile {name}: no trait {fact['name']!r}")
        values[fact["name"]] = fact["value"]
        sources[fact["name"]] = _source(name, fact["name"], fact)
    for forgotten in document.get("forget", []):
        answers.pop(forgotten.upper(), None)
    return Profile(name, document.get("title", name), answers, Traits(**values), sources)


def _source(name: str, key: str, fact: dict[str, Any]) -> str:
    source = str(fact.get("source", ""))
    if not source:
        raise BadProfile(f"profile {name}: {key} names no source")
    return f"guessed: {source}" if fact.get("guessed") else source
