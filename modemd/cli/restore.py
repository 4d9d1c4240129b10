"""``modemd restore``: a backup in the place of the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import counted
from modemd.cli.typed import StandardInput

REPLACED = {
    "merged": "Opt-outs, passwords, API keys and erasures are as they were last.",
    "none": "From a database that it replaces nothing was taken: opt-outs, passwords and API keys are the backup's.",
    "damaged": "The database it replaces could not be read: opt-outs newer than the backup are lost.",
    "foreign": "The database it replaces was another modemd's; nothing was taken from it.",
}
"""What became of the knowledge of the replaced database."""


@click.command("restore")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--in-place", is_flag=True, help="The database is in place already, by pg_restore or as a copied file.")
@click.option("--replaced", metavar="URL", help="With --in-place: the database it replaces; - reads it from stdin.")
@as_json
@placed
def command(place: Place, file: Path | None, in_place: bool, replaced: str | None, as_json: bool) -> None:
    """Put a backup in the place of the database, which is overwritten.

    Needs the daemon stopped. Nothing is resurrected: accounts that were erased since are removed, passwords and API
    keys stay as they were last, sessions end. Nothing is resent: what was waiting becomes uncertain and is held
    (modemd queue resolve).

    On PostgreSQL: stop every modemd of the pool, pg_restore into a new database, name that in database.url, then run
    this with --in-place and with the old one as --replaced, before any modemd starts.
    """
    if in_place == (file is not None) or (replaced and not in_place):
        raise click.UsageError("Name a FILE, or say --in-place (with --replaced URL, if that can be read).")
    from modemd import service

    settings = place.settings()
    if file is not None:
        answer = asyncio.run(service.restore(settings, file.absolute()))
    else:
        url = StandardInput().line(replaced) if replaced else None
        answer = asyncio.run(service.restore_in_place(settings, url))
    if as_json:
        print_json(answer)
    else:
        _tell(answer)


def _tell(answer: dict[str, Any]) -> None:
    click.echo(f"{counted(answer['messages_held'], 'message')} uncertain and held: modemd queue list --state uncertain")
    click.echo(f"{counted(answer['accounts_removed'], 'account')} removed that had been erased since")
    click.echo(
        f"{counted(answer['sessions_ended'], 'session')} ended, {counted(answer['opt_outs_merged'], 'opt-out')} added"
    )
    if answer["accounts_missing"]:
        click.echo(f"{counted(answer['accounts_missing'], 'account')} gone that had been opened since the backup")
    click.echo(REPLACED[answer["replaced"]])
