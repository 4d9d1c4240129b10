"""``modemd accounts``: who may send, what is held about them, and how they are forgotten."""

from __future__ import annotations

import sys
from typing import Any

import click

from modemd.cli import FAILED
from modemd.cli.offline import answers
from modemd.cli.options import Place, as_json, grouped, placed, print_json
from modemd.cli.receipt import told
from modemd.cli.rendering import console, counted, moment, table
from modemd.cli.typed import StandardInput


@click.group("accounts")
@grouped
def command() -> None:
    """Create, show, export and delete accounts."""


@command.command("create")
@click.option("--email", required=True, help="E-mail address; - reads it from standard input.")
@click.option("--phone", required=True, help="Mobile number; - reads it from standard input.")
@click.option("--no-sms", is_flag=True, help="Send no password to the phone.")
@click.option("--with-key", is_flag=True, help="Make an API key and print it, this once.")
@as_json
@placed
def create(place: Place, email: str, phone: str, no_sms: bool, with_key: bool, as_json: bool) -> None:
    """Create an account, without a trial limit; its password goes to the phone.

    With - for both, the e-mail address comes first, each on a line of its own.
    """
    typed = StandardInput()
    email, phone = typed.line(email), typed.line(phone)
    answer = place.call("accounts.create", email=email, phone=phone, sms=not no_sms, with_key=with_key)
    if as_json:
        print_json(answer)
        return
    click.echo(f"account {answer['id']} for {answer['email']}{'' if no_sms else ', its password goes out by SMS'}")
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
        click.echo(f"sends    {_pays(account['paying'])}")
        for key in account["keys"]:
            click.echo(f"key      {key['id']}  {moment(key['created_at'])}  {key['name']}")


@command.command("operator-key")
@click.option("--name", default="", help="What you know it by.")
@click.option("--revoke", metavar="ID", help="Make one of these keys useless instead, at once.")
@as_json
@placed
def operator_key(place: Place, name: str, revoke: str | None, as_json: bool) -> None:
    """Make an API key of the operator's own account: for GET /v1/status, and /metrics from another machine.

    accounts show a_0000000000001 lists those there are.
    """
    answer = place.call("accounts.operator_key", name=name, revoke=revoke)
    if as_json:
        print_json(answer)
    elif revoke is None:
        click.echo(f"API key {answer['api_key']} (nobody can show it again), id {answer['id']}")
    else:
        click.echo(f"revoked {answer['id']}")


@command.command("plan")
@click.argument("who")
@click.argument("plan", type=click.Choice(["free", "prepaid"]))
@as_json
@placed
def plan(place: Place, who: str, plan: str, as_json: bool) -> None:
    """Let an account send freely, or pay in advance; free also lifts the limit of a trial."""
    _stands(place.call("accounts.plan", who=StandardInput().line(who), plan=plan), as_json)


@command.command("credit", context_settings={"ignore_unknown_options": True})
@click.argument("who")
@click.argument("amount")
@as_json
@placed
def credit(place: Place, who: str, amount: str, as_json: bool) -> None:
    """Book credit for an account that pays in advance: 1230 of the smallest unit, or 12.30; negative takes it back."""
    answer = place.call("accounts.credit", who=StandardInput().line(who), amount=amount)
    if not as_json:
        click.echo(f"booked   {answer['booked_text']}")
    _stands(answer, as_json)


@command.command("invoice")
@click.argument("who")
@click.option("--month", metavar="YYYY-MM", help="The month; by default the last one that is over.")
@click.option("--text/--json", "as_text", default=True, help="How to print it.")
@placed
def invoice(place: Place, who: str, month: str | None, as_text: bool) -> None:
    """Issue the invoice of a month, once, and print it; of the month that runs, a draft."""
    answer = place.call("accounts.invoice", who=StandardInput().line(who), month=month)
    if as_text:
        click.echo(answer["text"], nl=False)
    else:
        print_json(answer["invoice"])


def _stands(answer: dict[str, Any], as_json: bool) -> None:
    """How an account stands."""
    if as_json:
        print_json({name: value for name, value in answer.items() if not name.endswith("_text")})
        return
    click.echo(f"account  {answer['id']}, {answer['plan']}")
    click.echo(f"credit   {answer['credit_text']}")
    if answer["trial_left"] is not None:
        click.echo(f"trial    {counted(answer['trial_left'], 'segment')} left")


@command.command("export")
@click.argument("who")
@as_json
@placed
def export(place: Place, who: str, **_: object) -> None:
    """Print everything held about an account (id, e-mail address or phone; - reads it from standard input) as JSON.

    Works without a daemon.
    """
    answers(place, "accounts.export", lambda answer: sys.stdout.write(answer["piece"]), who=StandardInput().line(who))
    click.echo()


@command.command("delete")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@placed
def delete(place: Place, who: str, yes: bool, as_json: bool) -> int:
    """Forget an account (id, e-mail address or phone; - reads it from standard input) and all it has handed over.

    Nobody can bring it back, no backup can either. Waits until it is done and prints the receipt; the exit code is 1
    while something that has to be looked into is out of reach, or a file holds something of the account. The erasure
    goes on by itself when that returns, or is removed.
    """
    who = StandardInput().line(who)
    if not yes:
        _ask(who)
    *_, receipt = place.stream("accounts.delete", who=who)
    told(receipt, as_json)
    if receipt["waiting_for"]:
        click.echo(f"modemd: waiting for {', '.join(receipt['waiting_for'])}: it goes on when that is back", err=True)
    if receipt["found"]:
        files, number = ", ".join(receipt["found"]), receipt["id"]
        cure = f"remove it, then modemd erasures verify {number} searches again"
        click.echo(f"modemd: something of the account stands in {files}: {cure}", err=True)
    return 0 if receipt["state"] == "complete" else FAILED


def _ask(who: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody is there to be asked: --yes deletes without asking.")
    if not click.confirm(f"Forget the account of {who} for good?", err=True):
        raise click.ClickException("Nothing was deleted.")


def _pays(paying: dict[str, Any]) -> str:
    """How an account pays, in words."""
    if paying["plan"] == "free":
        return "freely"
    trial = f"{counted(paying['trial_left'] or 0, 'segment')} left of its trial"
    return trial if paying["currency"] is None else f"{trial}, then for credit: {paying['credit_text']}"


def _yes(flag: bool) -> str | None:
    return "yes" if flag else None
