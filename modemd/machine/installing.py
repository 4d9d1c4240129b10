"""Puts the udev rules and the systemd unit in place, and claims the modems that are plugged in.

A modem is claimed by its place on the bus (udev's ID_PATH), one file each in ``/etc/modemd/modems``: ModemManager is
kept off these sockets and off no others. A list of vendor and product ids would be a blanket: it would take a laptop's
own data modem along with the sticks of the same make.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from modemd.errors import ModemdError
from modemd.pool import Discovery, usb

RULES = "/etc/udev/rules.d/78-modemd.rules"
UNIT = "/etc/systemd/system/modemd.service"
SETTINGS = "/etc/modemd/modemd.toml"
CLAIMS = "/etc/modemd/modems"
USER = "modemd"
_HIDDEN = ("/home/", "/root/", "/tmp/", "/var/tmp/")  # noqa: S108  # not used: named because the unit cannot see them
"""Where the unit cannot look (ProtectHome, PrivateTmp)."""


@dataclass(frozen=True)
class File:
    """Something to put in place; ``path`` is absolute on the machine it is for."""

    path: str
    text: str
    mode: int = 0o644
    keep: bool = False
    """Left as it is if it is there."""


@dataclass(frozen=True)
class Placed:
    """What became of a file."""

    path: str
    how: str
    """``written``, ``unchanged`` or ``kept``."""


def files(program: str, claims: Iterable[str]) -> list[File]:
    """Everything there is to put in place, for the ``modemd`` at this path and modems at these places."""
    unit = _packaged("modemd.service").replace("/usr/local/bin/modemd", _as_word(program))
    return [
        File(RULES, _packaged("78-modemd.rules")),
        File(UNIT, unit),
        File(SETTINGS, "", 0o640, keep=True),
        *(File(f"{CLAIMS}/{place}", "", keep=True) for place in sorted(claims)),
    ]


async def claims(root: Path, ports: Sequence[str]) -> list[str]:
    """The places of the modems at these ports, or of all that are plugged in; raises ModemdError for another port."""
    sysfs = root / "sys"
    if not ports:
        devices = await Discovery(sysfs=sysfs, dev=root / "dev").places()
        return [place for device in devices if (place := usb.id_path(device)) is not None]
    return [_place(port, sysfs) for port in ports]


def place(wanted: Iterable[File], root: Path, *, dry: bool) -> Iterator[Placed]:
    """Write what is not there yet or differs, below ``root``; nothing if ``dry``. Raises ModemdError."""
    for file in wanted:
        target = root / file.path.lstrip("/")
        try:
            how = _how(file, target)
            if how == "written" and not dry:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.text, "utf-8")
                target.chmod(file.mode)
        except OSError as error:
            cure = "run it as root: sudo modemd install" if isinstance(error, PermissionError) else "see to that first"
            raise ModemdError(f"{target} cannot be written ({error.strerror})", cure=cure, code="install") from None
        yield Placed(file.path, how)


def commands() -> list[list[str]]:
    """What makes the files count, in this order."""
    made = []
    if not _there_is(USER):
        made.append(["useradd", "--system", "--home-dir", "/var/lib/modemd", "--shell", "/usr/sbin/nologin", USER])
    made.append(["chgrp", USER, SETTINGS])
    if Path("/run/systemd/system").is_dir():
        made.append(["systemctl", "daemon-reload"])
    if Path("/run/udev/control").exists():
        made.append(["udevadm", "control", "--reload"])
        made.append(["udevadm", "trigger", "--action=add", "--subsystem-match=usb", "--subsystem-match=tty"])
    return made


def run(command: Sequence[str]) -> None:
    """Run one of them; raises ModemdError."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # ours, see commands
    except OSError as error:
        raise ModemdError(f"{command[0]} cannot be run ({error.strerror})", cure="install it", code="install") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ModemdError(f"{' '.join(command)}: {said[0]}", cure="run it by hand", code="install")


def _as_word(program: str) -> str:
    """A path as one word of a unit (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers")."""
    whole = program.replace("%", "%%")
    if not re.search(r"""[\s"'\\;]""", whole):
        return whole
    return '"' + whole.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_hidden(program: str) -> bool:
    """Whether the unit could not run a program at this path."""
    return os.path.realpath(program).startswith(_HIDDEN) or program.startswith(_HIDDEN)


def _place(port: str, sysfs: Path) -> str:
    found = usb.usb_port(port, sysfs)
    place = usb.id_path(found.device) if found is not None else None
    if place is None:
        raise ModemdError(f"{port} is no port of a USB device", cure="plug it in, or name its port", code="install")
    return place


def _how(file: File, target: Path) -> str:
    if not target.exists():
        return "written"
    if file.keep:
        return "kept"
    return "unchanged" if target.read_text("utf-8", "replace") == file.text else "written"


def _packaged(name: str) -> str:
    """A file of the folder ``udev``: in the package, or beside it in a checkout."""
    packaged = resources.files("modemd.machine").joinpath(name)
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[2] / "udev" / name).read_text("utf-8")


def _there_is(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
