"""What is left of an erased account: rows in every table with its id, its key in any copy of the store, unswept SIMs.

Needs no master key, and no running daemon.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from modemd.accounts import erasing_rows, receipts
from modemd.accounts.keychain import STORE
from modemd.accounts.receipts import Erasure
from modemd.db import Reader


def in_database(reader: Reader, erasure: Erasure) -> dict[str, int]:
    """Rows by table, and how many SIMs are still to be swept."""
    unswept = len(receipts.sims(reader, erasure.id))
    return erasing_rows.count(reader, erasure.erased) | ({"sim": unswept} if unswept else {})


def in_keys(folders: Iterable[Path], account: int) -> dict[str, int]:
    """Copies of the key store, also half written ones, that hold the account's key, or that cannot be looked into."""
    left = {}
    for folder in folders:
        copies = sorted(folder.glob(f"{STORE}*")) if folder.is_dir() else []
        if not (folder / STORE).is_file():
            left[f"{folder} (out of reach)"] = 1
        found = sum(_holds(path, account) for path in copies)
        if found:
            left[str(folder)] = found
    return left


def _holds(path: Path, account: int) -> bool:
    """Whether a file has this account's entry; one that cannot be read may have it."""
    try:
        return str(account) in orjson.loads(path.read_bytes().partition(b"\n")[2])["accounts"]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True
