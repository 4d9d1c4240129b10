"""Erasures as they are written down: how far each is, its receipt, and the SIMs it still waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any

import orjson

from modemd.accounts import erasing_rows
from modemd.clock import rfc3339
from modemd.db import Reader, Transaction
from modemd.errors import Conflict, NotFound

_COLUMNS = (
    "id, erased, step, requested_at, unreadable_at, completed_at, searched_at, removed, waiting_for, retained, found"
)
_SHOWN_DIGITS = 4
"""Of the ICCID of a SIM that is in no modem: enough to find the card in a drawer."""


class Step(IntEnum):
    """How far an erasure is; the numbers are stored."""

    STOP = 0
    DRAIN = 1
    DESTROY = 2
    DELETE = 3
    SCRUB = 4
    SWEEP = 5
    SEARCH = 6
    DONE = 7


class Swept(Enum):
    """What became of an attempt to overwrite the storage of a SIM."""

    DONE = 1
    AWAY = 2
    """Out of reach; to be tried again."""
    REFUSED = 3
    """The modem does not let it be written to."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure; moments in microseconds."""

    id: int
    erased: int
    step: Step
    requested_at: int
    unreadable_at: int | None = None
    completed_at: int | None = None
    searched_at: int | None = None
    """When files were last searched for what was erased; None if they were not (yet)."""
    removed: dict[str, int] = field(default_factory=dict)
    waiting_for: list[str] = field(default_factory=list)
    retained: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    """Files in which that search has found something."""


def begin(tx: Transaction, erasure: Erasure) -> int:
    """Shut an account and write its erasure down; the id of the one that exists if there is one.

    Raises NotFound, and Conflict for an operator's account.
    """
    known = tx.execute("SELECT id FROM erasure WHERE erased = ?", (erasure.erased,)).fetchone()
    if known is not None:
        return int(known[0])
    row = tx.execute("SELECT operator FROM account WHERE id = ? AND state = 0", (erasure.erased,)).fetchone()
    if row is None:
        raise NotFound("there is no such account", cure="check it")
    if row[0]:
        raise Conflict("an operator's account cannot be deleted", cure="stop modemd and remove its state directory")
    tx.execute("UPDATE account SET state = 1 WHERE id = ?", (erasure.erased,))
    tx.execute(
        "INSERT INTO erasure (id, erased, step, requested_at, removed, waiting_for, retained)"
        " VALUES (?, ?, ?, ?, '{}', '[]', '[]')",
        (erasure.id, erasure.erased, int(erasure.step), erasure.requested_at),
    )
    for table in ("api_key", "session", "credential", "webhook"):
        gone = tx.execute(f"DELETE FROM {table} WHERE account = ?", (erasure.erased,)).rowcount
        count(tx, erasure.id, {table: gone})
    return erasure.id


def find(reader: Reader, where: str, params: Sequence[int] = ()) -> list[Erasure]:
    """The erasures for which a condition holds."""
    rows = reader.execute(f"SELECT {_COLUMNS} FROM erasure {where}", params).fetchall()
    return [_erasure(*row) for row in rows]


def write(tx: Transaction, erasure: Erasure) -> None:
    """Write down how far it is; counts, findings and what is retained have been written where they arose."""
    tx.execute(
        "UPDATE erasure SET step = ?, unreadable_at = ?, completed_at = ?, waiting_for = ? WHERE id = ?",
        (int(erasure.step), erasure.unreadable_at, erasure.completed_at, _text(erasure.waiting_for), erasure.id),
    )


def count(tx: Transaction, number: int, gone: Mapping[str, int]) -> None:
    """Add to what the receipt says was removed."""
    (text,) = tx.execute("SELECT removed FROM erasure WHERE id = ?", (number,)).fetchone()
    tx.execute(
        "UPDATE erasure SET removed = ? WHERE id = ?", (_text(Counter(orjson.loads(text)) + Counter(gone)), number)
    )


def expect_sims(tx: Transaction, erasure: Erasure, sims: Mapping[str, str]) -> None:
    """These SIMs are to be swept."""
    tx.executemany(
        "INSERT INTO erasure_sim (erasure, sim) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(erasure.id, sim) for sim in sims],
    )


def expect_sims_of(tx: Transaction, erasure: Erasure, table: str) -> None:
    """The SIMs that the next slice of a table's rows names are to be swept."""
    if table in erasing_rows.WITH_SIM:
        found = erasing_rows.sims(tx, erasure.erased, table)
        expect_sims(tx, erasure, dict.fromkeys(found, ""))


def sims(reader: Reader, number: int) -> list[str]:
    """The SIMs an erasure still waits for."""
    rows = reader.execute("SELECT sim FROM erasure_sim WHERE erasure = ? ORDER BY sim", (number,)).fetchall()
    return [row[0] for row in rows]


def waiting_for_sim(reader: Reader, sim: str) -> list[int]:
    """The erasures that wait for a SIM to be swept and whose rows are gone."""
    rows = reader.execute(
        "SELECT erasure FROM erasure_sim JOIN erasure ON id = erasure WHERE sim = ? AND step >= ?",
        (sim, int(Step.SWEEP)),
    ).fetchall()
    return [row[0] for row in rows]


def swept(tx: Transaction, sim: str, numbers: Sequence[int], but: str = "") -> None:
    """A SIM is done with, for these erasures; ``but`` is what their receipts have to say of it."""
    tx.executemany("DELETE FROM erasure_sim WHERE sim = ? AND erasure = ?", [(sim, number) for number in numbers])
    for number in numbers if but else ():
        _retain(tx, number, [but])


def searched(tx: Transaction, number: int, at: int, found: Sequence[str], unreadable: Sequence[str]) -> None:
    """Files were searched for it: those in which something was found, and those that could not be searched."""
    tx.execute("UPDATE erasure SET searched_at = ?, found = ? WHERE id = ?", (at, _text(found), number))
    _retain(tx, number, [f"not searched: {path}" for path in unreadable])


def found(reader: Reader, number: int) -> list[str]:
    """The files in which the search of an erasure has found something."""
    (text,) = reader.execute("SELECT found FROM erasure WHERE id = ?", (number,)).fetchone()
    return list(orjson.loads(text))


def waive(tx: Transaction, number: int, names: Mapping[str, str]) -> None:
    """Wait for nothing any more, and say in the receipt which SIMs were never swept and which files stay."""
    _retain(tx, number, [f"not swept, given up by the operator: {called(sim, names)}" for sim in sims(tx, number)])
    _retain(tx, number, [f"found by the search, given up by the operator: {path}" for path in found(tx, number)])
    tx.execute("DELETE FROM erasure_sim WHERE erasure = ?", (number,))
    tx.execute("UPDATE erasure SET found = '[]' WHERE id = ?", (number,))


def _retain(tx: Transaction, number: int, more: Sequence[str]) -> None:
    """Add to what the receipt says is kept, each once."""
    (text,) = tx.execute("SELECT retained FROM erasure WHERE id = ?", (number,)).fetchone()
    kept = list(dict.fromkeys([*orjson.loads(text), *more]))
    tx.execute("UPDATE erasure SET retained = ? WHERE id = ?", (_text(kept), number))


def called(sim: str, names: Mapping[str, str]) -> str:
    """What the operator knows a SIM by: its modem's name, or the end of what is printed on the card."""
    return names.get(sim) or (f"modem at {sim[5:]}" if sim.startswith("port:") else f"SIM …{sim[-_SHOWN_DIGITS:]}")


def document(erasure: Erasure) -> dict[str, Any]:
    """The receipt as it is shown to everybody (interface: HTTP API): no personal data."""
    return {
        "state": "complete" if erasure.completed_at else "pending",
        "requested_at": rfc3339(erasure.requested_at),
        "unreadable_at": rfc3339(erasure.unreadable_at),
        "searched_at": rfc3339(erasure.searched_at),
        "completed_at": rfc3339(erasure.completed_at),
        "removed": erasure.removed,
        "waiting_for": erasure.waiting_for,
        "retained": erasure.retained,
        "found": erasure.found,
    }


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def _erasure(number: int, erased: int, step: int, *rest: Any) -> Erasure:
    *moments, removed, waiting_for, retained, found = rest
    return Erasure(number, erased, Step(step), *moments, *map(orjson.loads, (removed, waiting_for, retained, found)))
