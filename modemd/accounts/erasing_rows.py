"""The rows of an account, wherever they are: found by walking the schema, deleted in slices.

Any table with a column ``account`` belongs to accounts. What hangs on messages goes with them, by their ids; counters
follow each message that leaves the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modemd.db import Reader, Transaction
from modemd.queue import ledger
from modemd.queue.states import State
from modemd.values import Lane

SLICE = 100
"""Messages in one transaction: a few milliseconds, and sending goes first between two of them."""

ROW_SLICE = 500
"""Rows of other tables in one transaction."""

WITH_SIM = ("message", "inbound", "inbound_part")
"""Tables that say through which SIM something went or came."""

_OF_MESSAGES = ("event", "segment", "early_report", "charge", "callback")
_TABLES = {
    "sqlite": "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
    " WHERE m.type = 'table' AND c.name = 'account' ORDER BY m.name",
    "postgresql": "SELECT table_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND column_name = 'account' ORDER BY table_name",
}
_ADDRESS = {"sqlite": "rowid", "postgresql": "ctid"}
"""What leads to one row of any table."""


def tables(reader: Reader) -> list[str]:
    """Every table whose rows belong to accounts, and the table of accounts, which comes last."""
    found = [row[0] for row in reader.execute(_TABLES[reader.engine]).fetchall()]
    return [*found, "account"]


def count(reader: Reader, account: int) -> dict[str, int]:
    """How many rows of an account there are, by table."""
    found = {}
    for table in tables(reader):
        column = "id" if table == "account" else "account"
        (rows,) = reader.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (account,)).fetchone()
        if rows:
            found[table] = rows
    return found


def delete_waiting(tx: Transaction, account: int) -> int:
    """Delete a slice of what waits to be sent, counted as cancelled; how many messages that were."""
    return delete_some(tx, "account = ? AND state IN (0, 1)", (account,))


def delete_messages(tx: Transaction, account: int) -> int:
    """Delete a slice of the messages, in whatever state."""
    return delete_some(tx, "account = ?", (account,))


def delete_rows(tx: Transaction, account: int, table: str) -> int:
    """Delete a slice of another table's rows."""
    column = "id" if table == "account" else "account"
    address = _ADDRESS[tx.engine] if table != "account" else "id"
    return int(
        tx.execute(
            f"DELETE FROM {table} WHERE {address} IN (SELECT {address} FROM {table} WHERE {column} = ? LIMIT ?)",
            (account, ROW_SLICE),
        ).rowcount
    )


def sims(reader: Reader, account: int, table: str) -> list[str]:
    """The SIMs that are named in the slice of messages that is deleted next, or in a whole other table."""
    slice_ = f" ORDER BY id LIMIT {SLICE}" if table == "message" else ""
    rows = reader.execute(
        f"SELECT DISTINCT sim FROM (SELECT sim FROM {table} WHERE account = ?{slice_}) AS part WHERE sim IS NOT NULL",
        (account,),
    ).fetchall()
    return [row[0] for row in rows]


def sending(reader: Reader, account: int) -> set[int]:
    """The messages of the account that are on the air."""
    rows = reader.execute("SELECT id FROM message WHERE state = 2 AND account = ?", (account,)).fetchall()
    return {row[0] for row in rows}


def delete_some(tx: Transaction, where: str, params: Sequence[int]) -> int:
    """Delete a slice of the messages for which a condition holds, oldest first; how many."""
    rows = tx.execute(
        f"SELECT id, lane, state FROM message WHERE {where} ORDER BY id LIMIT ?", (*params, SLICE)
    ).fetchall()
    numbers = [row[0] for row in rows]
    marks = ", ".join("?" * len(numbers))
    if numbers:
        for table, column in (*((name, "message") for name in _OF_MESSAGES), ("message", "id")):
            tx.execute(f"DELETE FROM {table} WHERE {column} IN ({marks})", numbers)
    for (lane, state), gone in Counter((Lane(row[1]), State(row[2])) for row in rows).items():
        if state in (State.SCHEDULED, State.QUEUED):
            ledger.shifted(tx, lane, state, State.CANCELLED, gone)
        else:
            ledger.removed(tx, lane, state, gone)
    return len(numbers)


def delete_older(tx: Transaction, table: str, before: int) -> int:
    """Delete a slice of a table's rows that were created before a moment; how many."""
    address = _ADDRESS[tx.engine]
    return int(
        tx.execute(
            f"DELETE FROM {table} WHERE {address} IN (SELECT {address} FROM {table} WHERE created < ? LIMIT ?)",
            (before, ROW_SLICE),
        ).rowcount
    )
