"""``modemd backup``: a consistent copy of the database."""

from __future__ import annotations

from pathlib import Path

import click

from modemd.cli.options import Place, as_json, placed, print_json


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@placed
def command(place: Place, file: Path, as_json: bool) -> None:
    """Copy the database to a new file, whether the daemon runs or not.

    The copy holds no key: it is worth nothing without the key store, of which a mirror has to be kept apart from it
    (modemd keys mirror), and accounts that are erased later cannot be read in it either. PostgreSQL has pg_dump.
    """
    from modemd import service

    answer = service.back_up(place.settings(), file.absolute())
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['file']}: {answer['bytes']:,} bytes")
