"""``modemd accounts``: who may send."""

from __future__ import annotations

import click

from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.rendering import console, moment, table
from modemd.cli.typed import StandardInput


@click.group("accounts")
def command() -> None:
    """Create and show accounts."""


@command.command("create")
@click.option("--email", required=True, help="E-mail address; - reads it from standard input.")
@click.option("--phone", required=True, help="Mobile number; - reads it from standard input.")
@click.option("--no-sms", is_flag=True, help="Send no password to the phone.")
@click.option("--with-key", is_flag=True, help="Make an API key and print it, this once.")
@as_json
@placed
def create(place: Place, email: str, phone: str, no_sms: bool, with_key: bool, as_json: bool) -> None:
    """Create an account, without a trial limit.

    With - for both, the e-mail address comes first, each on a line of its own.
    """
    typed = StandardInput()
    email, phone = typed.line(email), typed.line(phone)
    answer = place.call("accounts.create", email=email, phone=phone, sms=not no_sms, with_key=with_key)
    if as_json:
        print_json(answer)
        return
    click.echo(f"account {answer['id']} for {answer['email']}")
    if "api_key" in answer:
        click.echo(f"API key {answer['api_key']} (nobody can show it again)")


@command.command("list")
@as_json
@placed
def list_accounts(place: Place, as_json: bool) -> None:
    """List the accounts, the newest first."""
    answer = place.call("accounts.list")
    if as_json:
        print_json(answer)
        return
    columns = ("account", "e-mail", "phone", "created", "operator")
    rows = (
        (account["id"], account["email"], account["phone"], moment(account["created_at"]), _yes(account["operator"]))
        for account in answer["accounts"]
    )
    console().print(table(columns, rows))


@command.command("show")
@click.argument("who")
@as_json
@placed
def show(place: Place, who: str, as_json: bool) -> None:
    """Show the accounts of an id, e-mail address or phone; - reads it from standard input."""
    answer = place.call("accounts.show", who=StandardInput().line(who))
    if as_json:
        print_json(answer)
        return
    for account in answer["accounts"]:
        click.echo(f"account  {account['id']}{'  (the operator)' if account['operator'] else ''}")
        click.echo(f"e-mail   {account['email'] or '–'}")
        click.echo(f"phone    {account['phone'] or '–'}")
        click.echo(f"created  {moment(account['created_at'])}")
        for key in account["keys"]:
            click.echo(f"key      {key['id']}  {moment(key['created_at'])}  {key['name']}")


def _yes(flag: bool) -> str | None:
    return "yes" if flag else None
