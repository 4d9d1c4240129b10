"""``modemd queue``: messages by their states, of all accounts, without what is in them."""

from __future__ import annotations

from typing import Any

import click

from modemd.cli.options import Place, as_json, grouped, placed, print_json
from modemd.cli.rendering import console, counted, moment, table

ID = click.argument("message_id", metavar="ID")


@click.group("queue")
@grouped
def command() -> None:
    """List, cancel, retry and settle messages."""


@command.command("list")
@click.option("--state", help="Only messages in this state, for instance uncertain.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@click.option("--cursor", metavar="ID", help="Go on after this message.")
@as_json
@placed
def list_messages(place: Place, state: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """List messages, the newest first."""
    answer = place.call("queue.list", state=state, limit=limit, cursor=cursor)
    if as_json:
        print_json(answer)
        return
    columns = ("message", "state", "lane", "SENT", "ATTEMPTS", "created", "error…")
    rows = (
        (
            message["id"],
            message["state"],
            message["lane"],
            f"{message['sent_parts']}/{message['parts']}",
            message["attempts"],
            moment(message["created_at"]),
            message["error"],
        )
        for message in answer["messages"]
    )
    if answer["messages"]:
        console().print(table(columns, rows))
    else:
        click.echo("no messages" if state is None else f"no messages are {state}")
    if answer["cursor"]:
        click.echo(f"more: --cursor {answer['cursor']}")


@command.command("cancel")
@ID
@as_json
@placed
def cancel(place: Place, message_id: str, as_json: bool) -> None:
    """Take back a message that is not sent yet, or all such messages of a call (ID is its batch, b_…)."""
    _told(message_id, place.call("queue.cancel", id=message_id), as_json)


@command.command("retry")
@ID
@as_json
@placed
def retry(place: Place, message_id: str, as_json: bool) -> None:
    """Queue a message again that failed, expired or was not delivered."""
    _told(message_id, place.call("queue.retry", id=message_id), as_json)


@command.command("resolve")
@ID
@click.argument("how", type=click.Choice(["sent", "resend", "fail"]))
@as_json
@placed
def resolve(place: Place, message_id: str, how: str, as_json: bool) -> None:
    """Settle an uncertain message: it was sent, send it again, or give it up."""
    _told(message_id, place.call("queue.resolve", id=message_id, how=how), as_json)


def _told(message_id: str, answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({"id": message_id, **answer})
    elif "cancelled" in answer:
        click.echo(f"{counted(answer['cancelled'], 'message')} of {message_id} cancelled")
    else:
        click.echo(f"{message_id} is {answer['state']}")
