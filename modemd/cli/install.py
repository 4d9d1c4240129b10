"""``modemd install``: the udev rules, the systemd unit, and a claim for each modem."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.errors import ModemdError


@click.command("install")
@click.option("--modem", "ports", metavar="PORT", multiple=True, help="Claim this modem and no others.")
@click.option("--program", metavar="PATH", help="The modemd that the unit starts.  [default: this one]")
@click.option("--root", metavar="DIR", type=click.Path(path_type=Path), default=Path("/"), help="Install below DIR.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what would be done, and do nothing.")
@as_json
@placed
def command(place: Place, ports: tuple[str, ...], program: str | None, root: Path, dry: bool, as_json: bool) -> None:
    """Install the udev rules and the systemd unit, and claim the modems that are plugged in.

    ModemManager is kept off claimed modems, and off no others; run it again when one is plugged into another socket.
    With --root DIR (a package's, or another system's) nothing is run, and what is plugged in there counts.
    """
    from modemd.machine import installing  # it brings the pool along

    program = program or _this_program()
    if not os.path.isabs(program) or not program.isprintable():
        raise click.UsageError("--program is given by its whole path: a unit starts nowhere.")
    here = root == Path("/")
    if here and not dry and os.geteuid() != 0:
        raise ModemdError("only root may install", cure="sudo modemd install", code="permission")
    claims = asyncio.run(installing.claims(root, ports))
    files = list(installing.place(installing.files(program, claims), root, dry=dry))
    commands = installing.commands() if here else []
    for each in () if dry else commands:
        installing.run(each)
    lines = [shlex.join(each) for each in commands]
    if as_json:
        changes = [{"path": file.path, "how": file.how} for file in files]
        print_json({"dry_run": dry, "files": changes, "claims": claims, "commands": lines})
        return
    for file in files:
        click.echo(f"{_said(file.how, dry):18} {file.path}")
    for line in lines:
        click.echo(f"{_said('run', dry):18} {line}")
    _advise(program, claims, here=here, hidden=installing.is_hidden(program))


def _said(how: str, dry: bool) -> str:
    return {"written": "would be written", "run": "would be run"}.get(how, how) if dry else how


def _advise(program: str, claims: list[str], *, here: bool, hidden: bool) -> None:
    if hidden:
        cure = "pipx install --global, or give another with --program"
        click.echo(f"modemd: the unit cannot see {program}: {cure}", err=True)
    if not claims:
        click.echo("no modem is plugged in: run modemd install again when one is")
    if here:
        click.echo("next: systemctl restart ModemManager (if it runs), then systemctl enable --now modemd")


def _this_program() -> str:
    """The path of the command that runs now."""
    own = Path(sys.argv[0])
    return str(own.absolute()) if own.name == "modemd" else shutil.which("modemd") or "/usr/local/bin/modemd"
