"""``modemd completion``: what makes a shell complete modemd's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from modemd.cli.options import placed


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@placed
def command(shell: str, **_: object) -> None:
    """Print what makes a shell complete modemd's commands.

    For bash: add the line  eval "$(modemd completion bash)"  to ~/.bashrc.
    """
    from modemd.cli import app

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known.")
    click.echo(kind(app, {}, "modemd", "_MODEMD_COMPLETE").source())
