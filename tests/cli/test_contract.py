"""What every command promises, whatever it does: options, exit codes, errors of one line, a quick start."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from running import Modemd

from modemd.cli import app

HEAVY = ("asyncio", "pydantic", "fastapi", "loguru", "peewee", "modemd.service", "modemd.config")
"""What costs tens of milliseconds each, and no client of the daemon needs to answer for itself."""


def commands(group: click.Group = app, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = [((), app), *commands()]
LEAVES = [(path, command) for path, command in commands() if not isinstance(command, click.Group)]
BY_NAME = pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "modemd" for path, _ in ALL])
def test_every_command_takes_a_state_directory_and_a_configuration(
    path: tuple[str, ...], command: click.Command
) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--state-dir", "--config"} <= options


@BY_NAME
def test_every_command_has_a_help_that_says_what_it_does(
    modemd: Modemd, path: tuple[str, ...], command: click.Command
) -> None:
    ran = modemd(*path, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: modemd {' '.join(path)}")
    assert command.help
    undescribed = [
        option.name for option in command.params if isinstance(option, click.Option) and not _described(option)
    ]
    assert undescribed == []


def _described(option: click.Option) -> bool:
    return bool(option.help) or option.hidden or option.show_default is True


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    context = click.Context(app)
    for name, sentence in app.sentences.items():
        command = app.get_command(context, name)
        assert command is not None
        assert (command.help or "").splitlines()[0] == sentence


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--state-dir", "/nowhere", "--config", "/no/such/file"],
        ["start", "--config", "/no/such/file"],
        ["start", "--listen", "0.0.0.0:8160"],
        ["start", "--simulate", "0"],
        ["start", "--listen", "nonsense"],
        ["fly"],
        ["queue", "fly"],
        ["queue", "resolve", "m_0000000000000", "maybe"],
        ["send", "no recipient"],
        ["send", "--to", "-", "-"],
        ["send"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(modemd: Modemd, words: list[str]) -> None:
    ran = modemd(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("modemd: ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["why", "m_0000000000000"],
        ["send", "--to", "+48600100200", "x"],
        ["queue", "list"],
        ["queue", "cancel", "m_0000000000000"],
        ["modems"],
        ["modems", "reset", "modem0"],
        ["modems", "ussd", "modem0", "*100#"],
        ["modems", "probe", "/dev/ttyUSB0"],
        ["accounts", "list"],
        ["status", "--watch"],
    ],
)
def test_without_a_daemon_a_command_is_exit_3_and_says_what_to_do(modemd: Modemd, words: list[str]) -> None:
    ran = modemd(*words)
    assert ran.code == 3
    assert ran.out == ""
    assert "modemd start" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_no_word_at_all_shows_the_help_as_wrong_usage(modemd: Modemd) -> None:
    ran = modemd()
    assert ran.code == 2
    assert "Commands:" in ran.err


def test_an_unexpected_error_shows_its_type_and_not_its_words(modemd: Modemd, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise LookupError("+48600100200")

    monkeypatch.setattr("modemd.cli.daemon.call", stumble)
    ran = modemd("why", "m_0000000000000")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "modemd: stumbled over LookupError: run it again with --debug\n"
    with pytest.raises(LookupError):
        modemd("why", "m_0000000000000", "--debug")


def test_what_the_system_says_of_an_error_is_passed_on(modemd: Modemd, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/home/jan")

    monkeypatch.setattr("modemd.cli.daemon.call", stumble)
    ran = modemd("why", "m_0000000000000")
    assert ran.code == 1
    assert ran.err == "modemd: stumbled over OSError (No space left on device): run it again with --debug\n"


@pytest.mark.parametrize(
    "words",
    [
        ["send", "--to", "+48600100200", "caf\udce9"],
        ["accounts", "show", "caf\udce9"],
        ["modems", "drain", "caf\udce9"],
    ],
)
def test_what_is_no_utf_8_is_wrong_usage_and_says_so(modemd: Modemd, words: list[str]) -> None:
    ran = modemd(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "UTF-8" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("words", [["queue", "resolve", "m_0000000000000"], ["why"], ["keys", "mirror"], ["fly"]])
def test_a_refusal_is_made_of_whole_sentences(modemd: Modemd, words: list[str]) -> None:
    said = modemd(*words).err
    assert re.search(r"[^.]\. See modemd[ a-z]* --help\.$", said.strip()), said


@pytest.mark.parametrize("words", [["keys", "init"], ["start", "--simulate", "1", "--listen", "127.0.0.1:0"]])
def test_a_state_directory_in_which_the_system_refuses_something_is_told(
    modemd: Modemd, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "state" / "daemon.lock").mkdir(parents=True)
    ran = modemd(*words, "--state-dir", str(tmp_path / "state"))
    assert ran.code == 2
    assert "cannot be used (Is a directory)" in ran.err
    assert "--state-dir" in ran.err


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////no/where.db"])
def test_a_replaced_database_that_is_not_there_is_refused(modemd: Modemd, tmp_path: Path, url: str) -> None:
    assert modemd("keys", "init").code == 0
    ran = modemd("restore", "--in-place", "--replaced", url)
    assert (ran.code, ran.out) == (2, "")
    assert "--replaced" in ran.err
    assert not (tmp_path / "state" / "modemd.db").exists()


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_patience_is_a_number_of_seconds(modemd: Modemd, seconds: str) -> None:
    ran = modemd("send", "--to", "+48600100200", "x", "--wait", "--patience", seconds)
    assert ran.code == 2
    assert "--patience" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ["modems", "--state-dir", "/some/where", "drain", "modem0"],
        ["keys", "--state-dir", "/some/where", "mirror", "/x"],
        ["queue", "--state-dir", "/some/where", "list"],
        ["--state-dir", "/some/where", "accounts", "list"],
        ["--state-dir", "/else/where", "modems", "--state-dir", "/some/where", "drain", "modem0"],
    ],
)
def test_what_is_said_to_a_group_holds_for_its_command(modemd: Modemd, words: list[str]) -> None:
    assert "/some/where" in modemd(*words).err


@pytest.mark.parametrize(
    ("words", "rich"),
    [("--help", False), ("--version", False), ("completion bash", False), ("why m_0", True), ("send --to 1 x", True)],
)
def test_no_command_imports_what_it_does_not_need(words: str, rich: bool, tmp_path: Path) -> None:
    unwanted = [*HEAVY, *([] if rich else ["rich"])]
    program = (
        "import sys; from modemd.cli import run; run(sys.argv[2:]);"
        "sys.exit(','.join(sorted(sys.modules.keys() & set(sys.argv[1].split(',')))) or 0)"
    )
    command = [sys.executable, "-c", program, ",".join(unwanted), *words.split()]
    environ = {"MODEMD_STATE_DIR": str(tmp_path), "PATH": "/usr/bin"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(modemd: Modemd, shell: str) -> None:
    ran = modemd("completion", shell)
    assert ran.code == 0
    assert "_MODEMD_COMPLETE" in ran.out


def test_completion_names_the_commands() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['modemd']; from modemd.cli import main; main()"],
        env={"_MODEMD_COMPLETE": "bash_complete", "COMP_WORDS": "modemd s", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["plain,start", "plain,status", "plain,send", "plain,suppression"]
