"""The command ``hw-sim``: a bank of simulated modems, simulated phones, and a hand in what goes wrong.

Errors are one line on standard error. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import sys
from dataclasses import replace
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from hw_sim.air_log import BadAirLog, read_air_log
from hw_sim.bank import run_bank
from hw_sim.control import ControlError, ask
from hw_sim.fault_kinds import BadFault, kinds
from hw_sim.phone import Phone, follow
from hw_sim.profile import BadProfile, load_profile, profile_names
from hw_sim.scenario import BadScenario, Scenario, read_scenario

FOLDER = click.Path(path_type=Path)


def main() -> NoReturn:
    """The entry point: do what the command line says, end with the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal has no sign for is no reason to stop
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Do what these words say; the exit code."""
    try:
        app.main(words, prog_name="hw-sim", standalone_mode=False)
    except click.UsageError as wrong:
        command = wrong.ctx.command_path if wrong.ctx else "hw-sim"
        return _complain(f"{wrong.format_message().rstrip('.')}. See {command} --help.", wrong.exit_code)
    except click.ClickException as wrong:
        return _complain(wrong.format_message(), wrong.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", 1)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; keeps Python from complaining at its end
        return 1
    return 0


def _complain(what: str, code: int) -> int:
    click.echo(f"hw-sim: {' '.join(what.split())}", err=True)
    return code


def _finite(_context: click.Context, _parameter: click.Parameter, number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):
        raise click.BadParameter("say a number.")
    return number


@click.group(invoke_without_command=True)
@click.option("--modems", type=click.IntRange(1, 4000), help="How many modems.  [default: 4]")
@click.option("--dir", "folder", type=FOLDER, help="Where the ports modem0, modem1 … appear.")
@click.option("--air-log", type=FOLDER, help="File for one JSON line a message on the air.")
@click.option("--scenario", "script", type=FOLDER, help="TOML file: makes, network, faults.")
@click.option("--personality", help="Which make of modem.  [default: generic]")
@click.option("--air", type=click.FloatRange(0), callback=_finite, help="Seconds a message takes.  [default: 0.5]")
@click.option(
    "--cmms-air",
    type=click.FloatRange(0),
    callback=_finite,
    help="The same on a kept link.  [default: 0.45 of --air]",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    help="How much faster its time runs.  [default: 1]",
)
@click.option("--seed", type=int, help="Of all that is left to chance.  [default: 0]")
@click.option("--all-ports", is_flag=True, help="Show all interfaces of a device, not only the usable one.")
def app(folder: Path | None, air_log: Path | None, script: Path | None, **options: Any) -> None:
    """Run simulated GSM modems until interrupted; or do something with those that run."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    if folder is None:
        raise click.UsageError("say with --dir where the ports shall appear, for example: hw-sim --dir ./ports")
    try:
        scenario = _with_options(read_scenario(script) if script else Scenario(), options)
        asyncio.run(run_bank(scenario, folder, air_log))
    except (BadScenario, BadFault, BadProfile) as wrong:
        raise click.UsageError(str(wrong)) from None
    except (OSError, ControlError) as wrong:
        raise click.ClickException(f"cannot run the bank: {_told(wrong)}") from None


def _with_options(scenario: Scenario, options: dict[str, Any]) -> Scenario:
    """Put what was said on the command line in place of what the scenario says."""
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    radio = {name: given.pop(name) for name in ("air", "cmms_air") if name in given}
    scenario = replace(scenario, **given, radio=replace(scenario.radio, **radio))
    for index in range(scenario.modems):
        load_profile(scenario.plan_of(index).personality or "generic")
        scenario.faults_of(index)
    return scenario


@app.command()
@click.argument("number")
@click.option("--air-log", type=FOLDER, required=True, help="The bank's air log.")
@click.option("--follow", "keep_on", is_flag=True, help="Go on, and show messages as they arrive.")
def phone(number: str, air_log: Path, keep_on: bool) -> None:
    """Show what the phone with NUMBER has received."""
    if not keep_on and not air_log.exists():
        raise click.ClickException(f"there is no air log {air_log}: name the bank's --air-log")
    try:
        entries = follow(air_log) if keep_on else iter([read_air_log(air_log)])
        for message in Phone(number).receive(itertools.chain.from_iterable(entries)):
            when = datetime.fromtimestamp(message.t).astimezone()
            click.echo(f"{when:%Y-%m-%d %H:%M:%S}  modem{message.modem}  {message.text}")
    except BrokenPipeError:
        raise
    except (OSError, BadAirLog) as wrong:
        raise click.ClickException(f"{air_log} cannot be read as an air log: {_told(wrong)}") from None
    except KeyboardInterrupt:
        pass


@app.command()
@click.argument("number")
@click.argument("text")
@click.option("--dir", "folder", type=FOLDER, required=True, help="The bank's --dir.")
def reply(number: str, text: str, folder: Path) -> None:
    """Let the phone with NUMBER send TEXT to the modem that last sent to it."""
    modem = _ask(folder, {"verb": "reply", "number": number, "text": text})
    click.echo(f"to {modem}")


@app.command("do")
@click.argument("folder", type=FOLDER)
@click.argument("modem")
@click.argument("fault")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def strike(folder: Path, modem: str, fault: str, settings: tuple[str, ...]) -> None:
    """Let FAULT befall MODEM (modem0 …, or all) of the bank in FOLDER, with its settings, now or as they say."""
    table: dict[str, str] = {"name": fault}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"{setting!r} is not KEY=VALUE")
        table[key] = value
    _ask(folder, {"verb": "fault", "modem": modem, "fault": table})


@app.command()
@click.argument("folder", type=FOLDER)
@click.argument("modem")
@click.argument("fault")
def end(folder: Path, modem: str, fault: str) -> None:
    """Let FAULT befall MODEM of the bank in FOLDER no more."""
    _ask(folder, {"verb": "end", "modem": modem, "name": fault})


@app.command()
@click.argument("folder", type=FOLDER)
@click.argument("modem", default="all")
def look(folder: Path, modem: str) -> None:
    """Show what is inside MODEM of the bank in FOLDER: phase, registration, every octet of its storages."""
    for seen in _ask(folder, {"verb": "look", "modem": modem}):
        click.echo(json.dumps(seen))


@app.command()
def faults() -> None:
    """List the faults and what each takes."""
    for name, kind in sorted(kinds().items()):
        takes = " ".join(f"{key}={_shown(value)}" for key, value in kind.takes.items())
        click.echo(f"{name}  [{kind.point.value}]  {takes}\n    {kind.meaning}")


@app.command()
def personalities() -> None:
    """List the makes of modem."""
    for name in profile_names():
        click.echo(f"{name}  {load_profile(name).title}")


def _told(wrong: Exception) -> str:
    """What the system says of an error and of which file, without its number."""
    if isinstance(wrong, OSError) and wrong.strerror:
        return f"{wrong.strerror} ({wrong.filename})" if wrong.filename else wrong.strerror
    return str(wrong)


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ask(folder: Path, request: dict[str, Any]) -> Any:
    try:
        return ask(folder, request)
    except ControlError as wrong:
        raise click.ClickException(str(wrong)) from None
