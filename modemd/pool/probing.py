"""What a modem says about itself, safe to paste in public: no IMEI, IMSI, ICCID, number, PIN or cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modemd.at import commands, grammar
from modemd.at.commands import Command
from modemd.at.dialect import Dialects
from modemd.at.link import Link
from modemd.at.serial import in_thread, open_port
from modemd.errors import CommandFailed, CommandTimeout
from modemd.pool import registration, usb

TRIES = 3
"""Times ``AT`` is sent to a port that is not ours yet."""

Report = dict[str, Any]
Reading = Callable[[str], object]


def _listed(line: str) -> str:
    """The list of a test command: it holds names and ranges, nothing personal."""
    return grammar.after(line.partition(":")[0] + ":", line)


def _present(line: str) -> str:
    """Whether there is a value; the value is personal."""
    return "set" if any(grammar.fields(_listed(line))[:1]) else "missing"


def _state(line: str) -> str:
    return registration.answered(line).value


_QUESTIONS: Mapping[str, tuple[Command, Reading]] = {
    "sim": (commands.PIN_STATE, lambda line: grammar.after("+CPIN:", line).strip('"')),
    "smsc": (commands.SMSC, _present),
    "circuit_registration": (commands.CIRCUIT_REGISTRATION, _state),
    "packet_registration": (commands.PACKET_REGISTRATION, _state),
    "eps_registration": (commands.EPS_REGISTRATION, _state),
    "signal_dbm": (commands.SIGNAL, registration.dbm),
    "operator": (commands.OPERATOR, registration.operator),
    "storages": (commands.STORAGES, _listed),
    "notifications": (commands.NOTIFY_VALUES, _listed),
    "service": (Command("AT+CSMS=?", prefix="+CSMS:"), _listed),
    "keeps_link": (Command("AT+CMMS=?", prefix="+CMMS:"), _listed),
    "modes": (Command("AT+CMGF=?", prefix="+CMGF:"), _listed),
    "characters": (Command("AT+CSCS=?", prefix="+CSCS:"), _listed),
}


async def examine(link: Link, dialects: Dialects) -> Report:
    """Ask over an idle link; a question that is refused is reported with its code."""
    report: Report = {}
    for name, question in (("maker", commands.MAKER), ("model", commands.MODEL), ("revision", commands.REVISION)):
        answer = await _ask(link, question)
        report[name] = grammar.after(question.prefix, answer).strip('"') if answer else None
    identity = " ".join(filter(None, (report["maker"], report["model"], report["revision"])))
    report["dialect"] = dialects.of(identity).name
    for name, (question, read) in _QUESTIONS.items():
        try:
            lines = await link.ask(question)
        except CommandFailed as refusal:
            report[name] = f"refused: {refusal.code}"
        else:
            report[name] = read(lines[0]) if lines else None
    return report


async def probe(path: str, baud: int, dialects: Dialects, sysfs: Path = usb.SYSFS) -> Report:
    """Open a port that is nobody's, examine what is there, let it go; raises PortUnusable."""
    port = await open_port(path, baud)
    link = Link(port, lambda _event: None)
    try:
        link.escape()
        await link.listen(0.1, 1.0)
        await link.attend(TRIES)
        await link.listen(0.1, 1.0)
        report = {"answers": True, **await examine(link, dialects)}
    except CommandTimeout:
        report = {"answers": False}
    finally:
        link.close()
        await port.close()
    return {"port": path, **await where(path, sysfs), **report}


async def where(path: str, sysfs: Path) -> Report:
    """The USB side of a port: ids and interface, never a serial number."""
    found = await in_thread(lambda: usb.usb_port(path, sysfs))
    if found is None:
        return {"usb": None}
    return {"usb": f"{found.vendor:04x}:{found.product:04x}", "interface": found.interface, "place": found.place}


async def _ask(link: Link, question: Command) -> str:
    try:
        return next(iter(await link.ask(question)), "")
    except CommandFailed:
        return ""
