"""The command ``hw-sim``: a bank of simulated modems, and simulated phones."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from pathlib import Path

import click

from hw_sim.air_log import read_air_log
from hw_sim.bank import BankPlan, run_bank
from hw_sim.network import Radio
from hw_sim.phone import Phone, follow
from hw_sim.profile import BadProfile, load_profile


@click.group(invoke_without_command=True)
@click.option("--modems", type=click.IntRange(1, 4000), default=4, show_default=True, help="How many modems.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where the ports modem0, modem1 … appear.")
@click.option("--air-log", type=click.Path(path_type=Path), help="File for one JSON line a message on the air.")
@click.option("--air", type=click.FloatRange(0), default=0.5, show_default=True, help="Seconds a message takes.")
@click.option(
    "--cmms-air", type=click.FloatRange(0), help="The same on a link kept up by AT+CMMS.  [default: 0.45 of --air]"
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster than the world the network's clock runs.",
)
@click.option("--personality", default="generic", show_default=True, help="Which make of modem.")
@click.pass_context
def main(
    context: click.Context,
    *,
    modems: int,
    folder: Path | None,
    air_log: Path | None,
    air: float,
    cmms_air: float | None,
    speed: float,
    personality: str,
) -> None:
    """Run simulated GSM modems on pseudo-terminals until interrupted."""
    if context.invoked_subcommand is not None:
        return
    if folder is None:
        raise click.UsageError("say with --dir where the ports shall appear, for example: hw-sim --dir ./ports")
    try:
        load_profile(personality)
    except BadProfile as wrong:
        raise click.UsageError(str(wrong)) from None
    plan = BankPlan(folder, modems, air_log, Radio(air, cmms_air), speed, personality)
    try:
        asyncio.run(run_bank(plan))
    except OSError as wrong:
        raise click.ClickException(f"cannot run the bank: {wrong}") from None


@main.command()
@click.argument("number")
@click.option("--air-log", type=click.Path(path_type=Path), required=True, help="The bank's air log.")
@click.option("--follow", "keep_on", is_flag=True, help="Go on, and show messages as they arrive.")
def phone(number: str, air_log: Path, keep_on: bool) -> None:
    """Show what the phone with NUMBER has received."""
    entries = follow(air_log) if keep_on else iter([read_air_log(air_log)])
    try:
        for message in Phone(number).receive(itertools.chain.from_iterable(entries)):
            when = datetime.fromtimestamp(message.t).astimezone()
            click.echo(f"{when:%Y-%m-%d %H:%M:%S}  modem{message.modem}  {message.text}")
    except KeyboardInterrupt:
        pass
