"""``modemd send``: a text to numbers, as the operator's own account."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, TextIO

import click

from modemd.cli import FAILED
from modemd.cli.options import Place, as_json, placed, print_json
from modemd.cli.recipients import read_numbers
from modemd.cli.rendering import console, counted, listed
from modemd.cli.typed import HIDDEN, StandardInput

MOST = 10_000
"""Recipients of one call (interface, section 3); more go in several."""

SHOWN = 20
"""Messages that are listed one by one; more are counted."""

ARRIVED = {"sent", "delivered"}


def _finite(_context: click.Context, _parameter: click.Parameter, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise click.BadParameter("say how many seconds.")
    return seconds


@click.command("send")
@click.option("--to", "numbers", metavar="NUMBER", multiple=True, help="A recipient; - reads them, one a line.")
@click.option(
    "--from-csv",
    metavar="FILE",
    type=click.File(encoding="utf-8", errors="replace"),  # numbers are the same in every encoding of names
    help="More recipients; - reads it.",
)
@click.option("--lane", type=click.Choice(["transactional", "bulk"]), default="transactional", show_default=True)
@click.option("--report", is_flag=True, help="Ask for status reports; --wait waits for them, too, for a while.")
@click.option("--wait", is_flag=True, help="Show the progress to the end; exit 1 unless every message was sent.")
@click.option(
    "--patience",
    metavar="SECONDS",
    type=click.FloatRange(0),
    callback=_finite,
    default=120.0,
    show_default=True,
    help="How long after the last message was sent --wait waits for status reports: some never come.",
)
@click.argument("text")
@as_json
@placed
def command(
    place: Place,
    numbers: tuple[str, ...],
    from_csv: TextIO | None,
    text: str,
    lane: str,
    report: bool,
    wait: bool,
    patience: float,
    as_json: bool,
) -> int:
    """Send a message as the operator's own account.

    TEXT is the message; - reads it from standard input.
    """
    recipients = _recipients(numbers, from_csv, text)
    text = StandardInput().rest(text)
    receipt: dict[str, Any] = {"batches": [], "messages": [], "rejected": []}
    try:
        _submit(place, receipt, recipients, as_json, text=text, lane=lane, report=report)
        if wait:
            receipt["states"] = _wait(place, [message["id"] for message in receipt["messages"]], patience)
            if not as_json:
                _show_states(receipt["states"], patience if report else None)
    finally:  # what was accepted will be sent, whatever has come between
        if as_json and receipt["messages"]:
            print_json(receipt)
    return 0 if not receipt["rejected"] and receipt.get("states", {}).keys() <= ARRIVED else FAILED


def _submit(place: Place, receipt: dict[str, Any], recipients: list[str], as_json: bool, **message: object) -> None:
    """Hand everything in, in as many calls as it takes, and show what was accepted, also if one of them fails."""
    try:
        for start in range(0, len(recipients), MOST):
            answer = place.call("send", to=recipients[start : start + MOST], **message)
            receipt.setdefault("batch", answer["batch"])
            receipt["batches"].append(answer["batch"])
            receipt["messages"] += answer["messages"]
            receipt["rejected"] += answer["rejected"]
    finally:
        if not as_json and receipt["messages"]:
            _show(receipt)


def _recipients(numbers: tuple[str, ...], from_csv: TextIO | None, text: str) -> list[str]:
    """Every recipient once; standard input can be only one thing."""
    from_input = [*numbers, text].count(HIDDEN) + (from_csv is not None and from_csv.name == "<stdin>")
    if from_input > 1:
        raise click.UsageError("Only one of --to, --from-csv and TEXT can be - (standard input).")
    named = [number for number in numbers if number != HIDDEN]
    typed = StandardInput().lines() if HIDDEN in numbers else []
    recipients = list(dict.fromkeys([*named, *typed, *(read_numbers(from_csv) if from_csv else ())]))
    if not recipients:
        raise click.UsageError("There is no recipient: name them with --to or --from-csv.")
    return recipients


def _show(receipt: dict[str, Any]) -> None:
    messages = receipt["messages"]
    if len(messages) <= SHOWN:
        for message in messages:
            click.echo(f"{message['id']}  {message['to']}  {counted(message['parts'], 'segment')}  {message['state']}")
    else:
        batches = receipt["batches"]
        click.echo(
            f"{counted(len(messages), 'message')} accepted, batch{'es' if batches[1:] else ''} {', '.join(batches)}"
        )
    for rejected in receipt["rejected"]:
        click.echo(f"rejected {rejected['to']}: {rejected['detail']}", err=True)


def _show_states(states: dict[str, int], patience: float | None) -> None:
    """How the messages have ended; ``patience`` is how long status reports were waited for."""
    click.echo(listed(states))
    if patience is not None and states.get("sent"):
        click.echo(f"no status report within {patience:g} s: see modemd why ID later", err=True)


def _wait(place: Place, messages: list[str], patience: float) -> dict[str, int]:
    """Follow the messages until nothing more is awaited for them; how many are in which state."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    ended: Counter[str] = Counter()
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task("", total=len(messages))
        for start in range(0, len(messages), MOST):
            states: dict[str, int] = {}
            for answer in place.stream("progress", messages=messages[start : start + MOST], patience=patience):
                states = answer["states"]
                bar.update(task, completed=start + answer["done"], description=listed(ended + Counter(states)))
            ended.update(states)
    return dict(ended)
