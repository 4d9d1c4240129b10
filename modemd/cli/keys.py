"""``modemd keys``: the key store, without which nothing of what users typed can be read."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import counted
from modemd.cli.typed import HIDDEN, StandardInput
from modemd.errors import NotRunning

directory = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
print_paper = click.option("--paper", "as_paper", is_flag=True, help="Print the master key's paper form.")
from_paper = click.option(
    "--from-paper", is_flag=True, help="Read the master key from standard input, in its paper form."
)


@click.group("keys", invoke_without_command=True)
@as_json
@placed
@click.pass_context
def command(context: click.Context, place: Place, as_json: bool) -> None:
    """Show the key store; make, mirror, restore it, change its master key."""
    if context.invoked_subcommand is None:
        _tell(_ask(place, "keys.show"), as_json)


@command.command("init")
@print_paper
@from_paper
@as_json
@placed
def init(place: Place, as_paper: bool, from_paper: bool, as_json: bool) -> None:
    """Make a key store before the first start, which would make one as well.

    Needs the daemon stopped. Refused beside accounts: a new store cannot open what another one has sealed.
    """
    from modemd import service

    typed = _typed() if from_paper else None
    answer = asyncio.run(service.init_keys(place.settings(), typed))
    _tell(answer | _paper(place, as_paper), as_json)


@command.command("mirror")
@directory
@as_json
@placed
def mirror(place: Place, directory: Path, as_json: bool) -> None:
    """Keep a copy of the key store in a directory, always the newest.

    The master key is never in it: write its paper form down (modemd keys paper).
    """
    _tell(_ask(place, "keys.mirror", directory=str(directory.absolute())), as_json)


@command.command("forget-mirror")
@directory
@as_json
@placed
def forget_mirror(place: Place, directory: Path, as_json: bool) -> None:
    """Keep no copy there any more, and overwrite the one that lies there."""
    answer = _ask(place, "keys.forget_mirror", directory=str(directory.absolute()))
    if not answer["overwritten"]:
        click.echo(f"modemd: the copy in {directory} is out of reach: destroy it", err=True)
    _tell(answer, as_json)


@command.command("restore")
@directory
@from_paper
@as_json
@placed
def restore(place: Place, directory: Path, from_paper: bool, as_json: bool) -> None:
    """Bring the key store back from a mirror.

    Needs the daemon stopped. A mirror that is older than what is here, or than another mirror, is refused: accounts
    that were erased since would come back.
    """
    from modemd import service

    typed = _typed() if from_paper else None
    _tell(asyncio.run(service.restore_keys(place.settings(), directory.absolute(), typed)), as_json)


@command.command("rotate")
@print_paper
@as_json
@placed
def rotate(place: Place, as_paper: bool, as_json: bool) -> None:
    """Wrap every key anew under a new master key; the old one opens nothing any more."""
    answer = _ask(place, "keys.rotate")
    _tell(answer | _paper(place, as_paper), as_json)


@command.command("paper")
@as_json
@placed
def paper(place: Place, as_json: bool) -> None:
    """Print the master key in the form in which it is written down and typed in again."""
    answer = _paper(place, wanted=True)
    if as_json:
        print_json(answer)
    else:
        click.echo(answer["paper"])


def _ask(place: Place, verb: str, **args: Any) -> dict[str, Any]:
    """The daemon's answer; without one, that of the key store itself."""
    try:
        return place.call(verb, **args)
    except NotRunning:
        from modemd import service  # heavy, and needed only without a daemon

        return asyncio.run(service.ask_keys(place.settings(), verb, args))


def _typed() -> bytes:
    from modemd import service

    if sys.stdin.isatty():
        click.echo("The master key's paper form, on one line: ", err=True, nl=False)
    return service.from_paper(StandardInput().line(HIDDEN))


def _paper(place: Place, wanted: bool) -> dict[str, str]:
    if not wanted:
        return {}
    from modemd import service

    return {"paper": service.paper_of(place.settings())}


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    accounts = counted(answer["accounts"], "account")
    click.echo(f"key store   {answer['directory']}, generation {answer['generation']}, {accounts}")
    click.echo(f"master key  {answer['master_key']}")
    if answer["master_key_waiting"]:
        click.echo(
            f"            the new one waits in {answer['master_key_waiting']}: make it the credential master.key"
        )
    for mirror in answer["mirrors"]:
        state = "" if mirror["current"] else "  behind: it cannot be written, what was erased since is not erased there"
        click.echo(f"mirror      {mirror['directory']}{state}")
    if not answer["mirrors"]:
        click.echo("no mirror   if this disk is lost, so is everything sealed: modemd keys mirror DIR")
    if "paper" in answer:
        click.echo(f"on paper    {answer['paper']}")
