"""The command ``modemd``: every command is one file, imported only when it is used.

Errors are one line on standard error that says what to do. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon
is not running.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from modemd.cli.lazy import LazyGroup
from modemd.cli.options import grouped
from modemd.errors import ConfigError, Conflict, ModemdError, NotFound, NotRunning, PaymentRequired, UsageError

FAILED, WRONG_USAGE, NOT_RUNNING = 1, 2, 3


@click.command(
    cls=LazyGroup,
    commands={
        "start": "Run the daemon in the foreground.",
        "status": "Show the queue, the rates and the modems.",
        "send": "Send a message as the operator's own account.",
        "why": "Tell what happened to a message and why it is not further.",
        "queue": "List, cancel, retry and settle messages.",
        "modems": "Show the modems; drain, resume, restart, probe them.",
        "accounts": "Create, show, export and delete accounts.",
        "suppression": "Keep numbers that no account may send to.",
        "keys": "Show the key store; make, mirror, restore it, change its master key.",
        "tls": "Make a certificate for the HTTP listener.",
        "erasures": "Show deletions of accounts, and prove them.",
        "backup": "Copy the database to a new file, whether the daemon runs or not.",
        "restore": "Put a backup in the place of the database, which is overwritten.",
        "install": "Install the udev rules and the systemd unit, and claim the modems that are plugged in.",
        "doctor": "Check everything that keeps modems from sending, with cures.",
        "completion": "Print what makes a shell complete modemd's commands.",
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "--version", package_name="modemd", message="%(prog)s %(version)s")
@grouped
def app() -> None:
    """The SMS gateway you plug USB GSM modems into and forget."""


def main() -> NoReturn:
    """The entry point: run the command line's words, end with the exit code."""
    _open_streams()
    sys.exit(run(sys.argv[1:]))


def _open_streams() -> None:
    """Have three standard streams that take everything.

    Of those that are closed the next file or port would take the place. What another encoding than UTF-8 has no sign
    for is shown as a question mark.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # Python's own way to say so
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(words: Sequence[str]) -> int:
    """Run one command; its exit code."""
    if "--debug" in words:
        return _run(words)
    try:
        return _run(words)
    except ModemdError as error:
        return _complain(str(error), _exit_code(error))
    except NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "modemd"
        return _complain(f"{error.format_message().rstrip('.')}. See {command} --help.", WRONG_USAGE)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except ModuleNotFoundError as error:
        return _complain(f"the library {error.name} is missing: install modemd again (pip install .)", FAILED)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", FAILED)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; keeps Python from complaining at its end
        return FAILED
    except UnicodeError:
        return _complain("what was typed or read is no text in UTF-8: type it, or save it, in UTF-8", WRONG_USAGE)
    except Exception as error:
        return _complain(f"stumbled over {_named(error)}: run it again with --debug", FAILED)


def _run(words: Sequence[str]) -> int:
    code = app.main(list(words), prog_name="modemd", standalone_mode=False)
    return code if isinstance(code, int) else 0


def _named(error: Exception) -> str:
    """An error's type and what the system says of it; its own words may quote what somebody typed."""
    said = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({said})" if said else type(error).__name__


def _complain(what: str, code: int) -> int:
    click.echo(f"modemd: {' '.join(what.split())}", err=True)
    return code


def _exit_code(error: ModemdError) -> int:
    if isinstance(error, NotRunning):
        return NOT_RUNNING
    wrong = isinstance(error, ConfigError | UsageError) and not isinstance(error, NotFound | Conflict | PaymentRequired)
    return WRONG_USAGE if wrong else FAILED
