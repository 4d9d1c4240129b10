"""The state directory: where it is, what lies in it, and that nobody else can look inside.

A leaf of its own, apart from the configuration, because every command needs it and few need the rest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modemd.errors import ConfigError

CONFIG_NAME = "modemd.toml"
"""The configuration file that is read when nobody names another."""

TLS = "tls"
"""The folder of the certificate that `modemd tls init` makes."""

LONGEST_ADDRESS = 100
"""Octets of a Unix socket's address that are certain to fit (Linux takes 107: unix(7), sun_path)."""


def locate(option: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The state directory: the option, else $STATE_DIRECTORY (systemd), else $MODEMD_STATE_DIR, else the platform's.

    systemd may name several, separated by colons; the first is ours.
    """
    environ = os.environ if environ is None else environ
    named = option or environ.get("STATE_DIRECTORY", "").partition(":")[0] or environ.get("MODEMD_STATE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_state_path  # only when asked: every command pays for it otherwise

    return user_state_path("modemd").absolute()


def named_config(file: str | Path) -> Path:
    """The configuration file that somebody has named, which has to be there. Raises ConfigError."""
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise ConfigError(f"there is no configuration file {path}", cure="check the path given to --config")
    return path


def prepare(state_dir: Path) -> Path:
    """Make the state directory where it is missing and close it to everybody else (0700); gives it back.

    Raises ConfigError if it cannot be made, belongs to another user, or is no directory.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = state_dir.stat()
        if stat.S_IMODE(found.st_mode) & 0o077:
            state_dir.chmod(0o700)
    except FileExistsError as error:
        raise ConfigError(f"{state_dir} is no directory", cure="name another with --state-dir") from error
    except OSError as error:
        raise unusable(state_dir, error) from error
    return state_dir


def unusable(state_dir: Path, error: OSError) -> ConfigError:
    """What is told of a state directory in which the system refuses something."""
    return ConfigError(
        f"the state directory {state_dir} cannot be used ({error.strerror})",
        cure="run as the user who owns it, or name another with --state-dir",
    )


def control_socket(state_dir: Path) -> Path:
    """Where the daemon listens for the command line."""
    return state_dir / "control.sock"


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """The address of a Unix socket for bind and connect: its path, or a short way round to it if that is too long.

    The way round leads through an open descriptor of its directory. Raises FileNotFoundError without that directory.
    """
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def database_file(state_dir: Path) -> Path:
    """The embedded database."""
    return state_dir / "modemd.db"


def database_url(state_dir: Path) -> str:
    """The URL of the embedded database, which is used when nobody names another."""
    return f"sqlite://{database_file(state_dir)}"
