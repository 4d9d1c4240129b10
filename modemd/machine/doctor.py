"""Looks for what keeps modems from sending: each finding with its cure. Asks and reads only; changes nothing."""

from __future__ import annotations

import glob
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modemd.at import dialect
from modemd.errors import PortUnusable
from modemd.machine import installing
from modemd.pool import Discovery, usb
from modemd.pool.probing import probe

FREE_OCTETS = 200_000_000
"""A full disk stops everything; a million messages take about half of this."""
WEAK_DBM = -103
"""+CSQ 5: below, sends fail by the minute (smstools, notes on CMS 512)."""
RELEASED = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""No clock that is right shows an earlier time."""
SKEW_S = 120.0
"""What a clock may be put back by without harm."""

_MEDDLERS = {
    "ModemManager": "keep it off: sudo modemd install, then systemctl restart ModemManager",
    "brltty": "it takes USB serial adapters for braille displays: apt remove brltty, or mask its udev rule",
}
_SIM_CURES = {
    "SIM PIN": "set [sim] pin, or switch the PIN off in a phone",
    "SIM PUK": "unlock it with its PUK in a phone",
    "refused: cme-10": "put a SIM in, the right way round",
    "refused: cme-13": "clean its contacts, or use another SIM",
    "refused: cme-14": "wait half a minute, and look again",
}
_STATE_CURES = {
    "absent": "plug it in, or correct its port",
    "quarantined": "see to the reason, then modemd modems resume {name}",
    "draining": "modemd modems resume {name}",
    "starting": "give it a minute; if it stays so, see to the reason",
}
_REGISTRATIONS = ("circuit_registration", "packet_registration", "eps_registration")


@dataclass(frozen=True)
class Ailment:
    """One thing that is wrong, and what to do about it."""

    check: str
    subject: str
    what: str
    cure: str


NO_MODEMS = Ailment("ports", "modems", "there is none", "plug one in, or name its port: [modems] ports")


def of_place(state_dir: Path) -> Iterator[Ailment]:
    """Disk and clock."""
    there = next(folder for folder in (state_dir, *state_dir.parents) if folder.is_dir())
    if there == state_dir and not os.access(state_dir, os.W_OK):
        yield Ailment("permissions", str(state_dir), "it may not be written", "run this as the user of the daemon")
    free = shutil.disk_usage(there).free
    if free < FREE_OCTETS:
        yield Ailment("disk", str(there), f"{free // 1_000_000} MB are free", "make room: everything stops without")
    now = time.time()
    newest = max((path.stat().st_mtime for path in _readable(state_dir)), default=0.0)
    if now < max(RELEASED, newest - SKEW_S):
        told = datetime.fromtimestamp(now, UTC)
        yield Ailment("clock", f"{told:%Y-%m-%d %H:%M} UTC", "the clock is behind", "set it: timedatectl set-ntp true")


async def of_machine(root: Path) -> list[Ailment]:
    """What is plugged in but cannot be used as it is, and programs that may take what is plugged in."""
    discovery = Discovery(sysfs=root / "sys", dev=root / "dev")
    found = [Ailment("mode", each.place, each.why, each.cure) for each in await discovery.findings()]
    devices = await discovery.places()
    places = {place for device in devices if (place := usb.id_path(device)) is not None}
    claimed = root / installing.CLAIMS.lstrip("/")
    unclaimed = sorted(place for place in places if not (claimed / place).exists())
    rules = root / installing.RULES.lstrip("/")
    for program in _running(_MEDDLERS) if devices else ():
        for place in unclaimed or ([] if rules.exists() else sorted(places)):
            found.append(Ailment("udev rules", place, f"{program} runs and may take it", _MEDDLERS[program]))
    if places and not unclaimed and not rules.exists():
        found.append(Ailment("udev rules", str(rules), "modems are claimed without the rules", "sudo modemd install"))
    return found


async def of_ports(root: Path, ports: Sequence[str], baud: int, dialects: Path | None, usb_too: bool) -> list[Ailment]:
    """Every port that a daemon would use, opened and asked: for when none runs."""
    rows = dialect.load(dialects)
    discovery = Discovery(
        [port for port in ports if glob.has_magic(port)], usb=usb_too, sysfs=root / "sys", dev=root / "dev"
    )
    fixed = [port for port in ports if not glob.has_magic(port)]
    candidates = [(port,) for port in fixed] + [each.ports for each in await discovery.look(fixed)]
    if not candidates:
        return [NO_MODEMS]
    found: list[Ailment] = []
    for device in candidates:
        found += await _of_device(device, baud, rows, root / "sys")
    return found


async def _of_device(ports: Sequence[str], baud: int, rows: dialect.Dialects, sysfs: Path) -> list[Ailment]:
    """The first of a device's ports that answers speaks for it."""
    reasons: list[Ailment] = []
    for port in ports:
        try:
            report = await probe(port, baud, rows, sysfs)
        except PortUnusable as reason:
            reasons.append(Ailment("ports", port, reason.detail, reason.cure))
            continue
        if report["answers"]:
            return list(of_report(port, report))
        reasons.append(Ailment("ports", port, "nobody answers AT there", "replug it, or name its other port"))
    return reasons


def of_modem(modem: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[Ailment]:
    """A modem of a running daemon: what it says of it, and what the modem answers if it can be asked."""
    name, state = str(modem["name"]), str(modem["state"])
    if state in _STATE_CURES:
        reason = modem["reason"] or "by hand"
        yield Ailment("modem", name, f"{state}: {reason}", _STATE_CURES[state].format(name=name))
    storage = modem["storage"]
    if storage["total"] and storage["used"] >= storage["total"]:
        cure = "modemd empties it by itself; if it stays full, reset the modem"
        yield Ailment("storage", name, f"all {storage['total']} places are full", cure)
    if report.get("answers"):
        yield from of_report(name, report)


def of_report(name: str, report: Mapping[str, Any]) -> Iterator[Ailment]:
    """SIM, SMSC, network and signal, from what a modem that answers says."""
    sim = str(report["sim"])
    if sim not in {"READY", "SIM PIN2", "SIM PUK2"}:
        yield Ailment("SIM", name, sim, _SIM_CURES.get(sim, "try it in a phone"))
        return
    if report["smsc"] == "missing":
        yield Ailment(
            "SMSC", name, "the SIM holds no number of a service centre", "set it in a phone: the carrier has it"
        )
    registrations = {str(report[which]) for which in _REGISTRATIONS}
    if not registrations & {"home", "roaming"}:
        denied = "denied" in registrations
        cure = "ask the carrier: the SIM or the IMEI is barred" if denied else "see to antenna and place"
        yield Ailment("network", name, "the network refuses it" if denied else "it is in no network", cure)
    signal = report["signal_dbm"]
    if isinstance(signal, int) and signal < WEAK_DBM:
        yield Ailment("signal", name, f"{signal} dBm is too weak", "another antenna, or another place")


def _readable(folder: Path) -> Iterable[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def _running(names: Iterable[str]) -> list[str]:
    """Which of these programs run on this machine."""
    said = set()
    for comm in glob.glob("/proc/[0-9]*/comm"):
        try:
            said.add(Path(comm).read_text().strip())
        except OSError:  # ended meanwhile
            continue
    return [name for name in names if name in said]
