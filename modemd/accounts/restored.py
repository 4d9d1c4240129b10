"""What a database has to go through that was brought back from a backup, so that it resurrects and resends nothing.

Accounts without a key are removed: they were erased since. What waited to be sent is held. Sessions end, requests of
strangers are dropped. From the database that it replaces, if that can be read, comes what must not be forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from modemd.accounts import erasing_rows
from modemd.accounts.directory import OPERATOR
from modemd.accounts.keychain import KeyStore
from modemd.accounts.vault import Vault
from modemd.db import Database, Reader, Transaction
from modemd.errors import Conflict, Unreadable
from modemd.queue import restored as messages
from modemd.queue.submit import discard_all_staged

AS_LAST = (
    *("credential", "api_key", "webhook", "webhook_event", "callback"),
    *("account_usage", "balance", "booking", "charge", "billing_data", "invoice"),
)
"""What the accounts of both databases have as they had it last: nobody comes in with what was changed or revoked,
nobody is told what he wants to hear no more, or has been told since, and money that was paid or spent stays so."""

ADDED = ("opt_out", "suppression", "erasure_sim", "sim_recipient", "pin_trial")
"""Rows that are added where they are missing: who wants no more messages, which PINs a SIM has refused."""

NEWEST = {"erasure": "id", "sim_usage": "sim", "sim_hold": "sim", "invoice_series": "year"}
"""Rows that replace those with the same key: receipts, what SIMs have sent already, the last number of an invoice."""

_COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info(?) ORDER BY cid",
    "postgresql": "SELECT column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position",
}

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was done."""

    accounts_removed: int
    """Accounts of the backup that were erased since."""
    accounts_missing: int
    """Accounts that were opened since, and are gone with the database that was replaced."""
    messages_held: int
    sessions_ended: int
    opt_outs_merged: int


@dataclass(slots=True)
class Last:
    """What the replaced database knew last; empty where there was none."""

    accounts: set[int] = field(default_factory=set)
    columns: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)

    def of(self, table: str, accounts: set[int]) -> Rows:
        """The rows of a table, of these accounts alone where rows belong to accounts."""
        columns, rows = self.columns[table], self.rows[table]
        if "account" not in columns:
            return rows
        place = columns.index("account")
        return [row for row in rows if row[place] in accounts]


async def settle(database: Database, keys: KeyStore, now: int, last: Last | None = None) -> Report:
    """Make a restored database fit to be used, whole or not at all; it may be repeated.

    Raises Conflict if it was sealed under other keys than these, StorageError, KeyStoreError.
    """
    if not await ours(database, keys):
        raise Conflict(
            "the backup is of another modemd: it cannot be opened with the keys that are here",
            cure="bring its key store back first: modemd keys restore DIR",
            code="other_keys",
        )
    await discard_all_staged(database)
    last = last or Last()
    _destroy_erased(keys, last)
    return await database.write(lambda tx: _settle(tx, frozenset(keys.accounts()), last, now))


async def ours(database: Database, keys: KeyStore) -> bool:
    """Whether a database was sealed under these keys: what the operator's own account has sealed tells."""
    row = await database.read(
        lambda reader: reader.execute("SELECT salt FROM credential WHERE account = ?", (OPERATOR,)).fetchone()
    )
    try:
        if row is not None:
            Vault(keys).open(OPERATOR, "credential.salt", OPERATOR, bytes(row[0]))
    except Unreadable:
        return False
    return row is not None


async def remembered(database: Database) -> Last:
    """What a database that is about to be replaced knows, and must not be forgotten."""
    last = Last(set(await database.read(_accounts)))
    for table in (*AS_LAST, *ADDED, *NEWEST):
        last.columns[table], last.rows[table] = await database.read(partial(_table, table=table))
    return last


def _destroy_erased(keys: KeyStore, last: Last) -> None:
    """Keys that an old mirror of the key store has brought back of accounts whose erasure was through."""
    for row in last.rows.get("erasure", ()):
        one = dict(zip(last.columns["erasure"], row, strict=True))
        if one["unreadable_at"] is not None and one["erased"] in keys.accounts():
            keys.destroy(one["erased"])


def _settle(tx: Transaction, with_key: frozenset[int], last: Last, now: int) -> Report:
    here = _accounts(tx)
    removed = [account for account in _all_accounts(tx) if account not in with_key]
    for account in removed:
        _remove(tx, account)
    held = messages.hold(tx, now)
    sessions = tx.execute("DELETE FROM session").rowcount
    tx.execute("DELETE FROM errand")
    kept = set(here) - set(removed)
    merged = _merge(tx, last, kept & last.accounts)
    tx.execute("UPDATE account SET state = 1 WHERE id IN (SELECT erased FROM erasure WHERE completed_at IS NULL)")
    gone = len(set(removed) & set(here))
    return Report(gone, len((last.accounts & with_key) - kept), held, sessions, merged)


def _merge(tx: Transaction, last: Last, both: set[int]) -> int:
    """What the replaced database knew, of the accounts that are in both; how many opt-outs were new."""
    added = 0
    for table in last.rows:
        columns, rows = last.columns[table], last.of(table, both)
        if table in AS_LAST:
            tx.executemany(f"DELETE FROM {table} WHERE account = ?", [(account,) for account in sorted(both)])
        if table in NEWEST:
            place = columns.index(NEWEST[table])
            tx.executemany(f"DELETE FROM {table} WHERE {NEWEST[table]} = ?", [(row[place],) for row in rows])
        new = _insert(tx, table, columns, rows)
        added += new if table == "opt_out" else 0
    return added


def _insert(tx: Transaction, table: str, columns: list[str], rows: Rows) -> int:
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    return sum(tx.execute(sql, row).rowcount for row in rows)


def _remove(tx: Transaction, account: int) -> None:
    """Every row of an account, its messages counted as they are elsewhere."""
    while erasing_rows.delete_messages(tx, account):
        pass
    for table in erasing_rows.tables(tx):
        while table != "message" and erasing_rows.delete_rows(tx, account, table):
            pass


def _all_accounts(tx: Transaction) -> set[int]:
    """Every account that has a row anywhere."""
    found = set(_accounts(tx))
    for table in erasing_rows.tables(tx):
        if table != "account":
            found |= {row[0] for row in tx.execute(f"SELECT DISTINCT account FROM {table}").fetchall()}
    return found


def _accounts(reader: Reader) -> list[int]:
    return [row[0] for row in reader.execute("SELECT id FROM account").fetchall()]


def _table(reader: Reader, table: str) -> tuple[list[str], Rows]:
    columns = [row[0] for row in reader.execute(_COLUMNS[reader.engine], (table,)).fetchall()]
    return columns, [tuple(row) for row in reader.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()]
