"""Looking for plain text where a daemon on a state directory could have left it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from modemd.accounts import search
from modemd.accounts.file_search import FileSearch, Places
from modemd.accounts.keystore import KeyStore
from modemd.accounts.search import Hit
from modemd.at.pdu.alphabet import DEFAULT
from modemd.config import Settings
from modemd.errors import InvalidField, ModemdError


def places(settings: Settings, more: Iterable[Path]) -> list[Path]:
    """State directory, an SQLite file elsewhere with its journals, and what else is named; each once."""
    scheme, _, rest = settings.database_url.partition("://")
    database = Path(rest)
    files = sorted(database.parent.glob(f"{database.name}*")) if scheme == "sqlite" else []
    state = settings.state_dir.resolve()
    found = dict.fromkeys(path.resolve() for path in (*files, *more))
    return [state, *(path for path in found if not path.is_relative_to(state))]


def own_search(settings: Settings, keys: KeyStore) -> FileSearch:
    """What searches at the end of each erasure: all of that, the key store, its mirrors and where the log goes.

    But for the configuration: whatever stands there, the operator has written himself.
    """

    def everywhere() -> Places:
        more = [keys.directory, *keys.mirrors, *_outputs()]
        return Places(places(settings, more), [settings.file.resolve()] if settings.file is not None else [])

    return FileSearch(everywhere, DEFAULT.encode)


def _outputs() -> list[Path]:
    """The files that standard output and standard error of this process go to, if they go to files."""
    descriptors = (descriptor for descriptor in (1, 2) if _is_file(descriptor))
    return [path for path in (Path(f"/proc/self/fd/{one}").resolve() for one in descriptors) if path.is_file()]


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:  # a daemon may have been started without it
        return False


def find(paths: Sequence[Path], needles: Sequence[str]) -> Iterator[Hit]:
    """Where the needles are, in every form. Raises InvalidField, or ModemdError for what cannot be read."""
    for line, needle in enumerate(needles, 1):
        if len(needle.encode()) < search.LEAST:
            raise InvalidField("search", f"line {line} is too short", cure=f"give at least {search.LEAST} characters")
    try:
        yield from search.search(paths, needles, DEFAULT.encode)
    except OSError as error:
        raise ModemdError(
            f"{error.filename} cannot be searched ({error.strerror})",
            cure="run this as the user of the daemon, or as root",
        ) from None
