"""One small file, replaced as a whole: durable when the call returns, its former content overwritten.

Overwriting defends against whoever reads the disk later; on flash and copy-on-write file systems the old blocks may
live on, which is why the file holds nothing in the clear.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modemd.errors import KeyStoreError

_PIECE = 1 << 20
"""Octets overwritten at once: a database is scrapped in this way too."""


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` (mode 0600) at ``path``: new file, fsync, rename, fsync of the directory, old inode overwritten.

    A crash at any moment leaves the old or the new content at ``path``; ``tidy`` removes what else it left.
    Raises KeyStoreError; then ``path`` still holds what it held.
    """
    with _named_errors(path):
        tidy(path)
        _write(fresh(path), content)
        put(path)


def put(path: Path) -> None:
    """Put what lies complete and durable at ``fresh(path)`` in place; see `replace`."""
    former = _former(path)
    with _named_errors(path):
        if path.exists():
            os.link(path, former)
        fresh(path).replace(path)
        sync_folder(path.parent)
        scrap(former)


def tidy(path: Path) -> None:
    """Remove, overwritten, what an interrupted ``replace`` left beside ``path``. Raises KeyStoreError."""
    with _named_errors(path):
        scrap(fresh(path))
        former = _former(path)
        if former.exists() and path.exists() and former.samefile(path):
            former.unlink()  # a second name of what is still in force: not to be overwritten
        scrap(former)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fresh(path: Path) -> Path:
    """Where the new content of a file is made ready, beside it."""
    return path.with_name(path.name + ".new")


def _former(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def scrap(path: Path) -> None:
    """Overwrite and unlink a file, if it is there. Raises KeyStoreError."""
    with _named_errors(path):
        _overwrite(path)


def _overwrite(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with open(descriptor, "wb") as file:
        left = os.fstat(descriptor).st_size
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE)))
        file.flush()
        os.fsync(descriptor)
    path.unlink()
    sync_folder(path.parent)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyStoreError(
            f"{path} cannot be written ({error.strerror})", cure="free space there and check that the daemon owns it"
        ) from error
