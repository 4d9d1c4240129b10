"""``modemd doctor``: what keeps modems from sending, each finding with its cure."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import console, counted, table
from modemd.errors import ModemdError, NotRunning

if TYPE_CHECKING:
    from modemd.machine.doctor import Ailment

SETTLE_S = 10.0
"""Seconds that modems which are just being brought up are given."""


@click.command("doctor")
@as_json
@placed
def command(place: Place, as_json: bool) -> int:
    """Check everything that keeps modems from sending, with cures.

    Looks at ports, permissions, other programs that hold a port (ModemManager, brltty), udev rules, SIM, signal, SMSC,
    storage, clock and disk. Without a daemon it opens the ports and asks the modems itself. Exit code 1 if something
    is found.
    """
    from modemd.machine import doctor  # it brings the pool along

    settings = place.settings()
    modems = _modems(place)
    found = [*doctor.of_place(settings.state_dir), *asyncio.run(doctor.of_machine(settings.modems.root))]
    if modems is None:
        how = settings.modems
        found += asyncio.run(
            doctor.of_ports(how.root, how.ports, how.baud, how.dialects, usb_too=how.discover is not False)
        )
    else:
        for modem in modems:
            found += doctor.of_modem(modem, _asked(place, str(modem["name"])))
        if not modems:
            found.append(doctor.NO_MODEMS)
    if as_json:
        print_json({"ok": not found, "running": modems is not None, "findings": [asdict(each) for each in found]})
    else:
        _show(found, len(modems or ()))
    return 1 if found else 0


def _modems(place: Place) -> list[dict[str, Any]] | None:
    """The modems of the running daemon, once none is being brought up; None without a daemon."""
    deadline = time.monotonic() + SETTLE_S
    try:
        while True:
            modems: list[dict[str, Any]] = place.call("modems")["modems"]
            busy = [modem for modem in modems if str(modem["reason"]).startswith("bring-up")]
            if not busy or time.monotonic() > deadline:
                return modems
            time.sleep(0.1)
    except NotRunning:
        return None


def _asked(place: Place, name: str) -> dict[str, Any]:
    """What a modem answers; nothing where it cannot be asked, for its state says why."""
    try:
        return place.call("modems.probe", port=name)
    except ModemdError:
        return {}


def _show(found: list[Ailment], modems: int) -> None:
    if not found:
        click.echo(f"all is well: {counted(modems, 'modem')}" if modems else "all is well")
        return
    rows = ((each.check, each.subject, each.what, each.cure) for each in found)
    console().print(table(("check", "where", "what…", "cure…"), rows))
