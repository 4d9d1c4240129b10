"""``modemd why``: the story of a message."""

from __future__ import annotations

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import moment


@click.command("why")
@click.argument("message_id", metavar="ID")
@as_json
@placed
def command(place: Place, message_id: str, as_json: bool) -> None:
    """Tell what happened to a message and why it is not further."""
    story = place.call("why", id=message_id)
    if as_json:
        print_json(story)
        return
    click.echo(f"{story['id']} is {story['state']}")
    for line in story["lines"]:
        click.echo(f"  {moment(line['at'])}  {line['text']}")
    click.echo(story["summary"])
