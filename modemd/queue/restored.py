"""Messages of a restored backup: what waited then may have been sent since, so nothing of it goes out by itself."""

from __future__ import annotations

from modemd.db import Transaction
from modemd.queue import ledger
from modemd.queue.states import State
from modemd.values import Lane

CODE = "restored"
DETAIL = "a backup was restored that is older than what may have been sent since"

_WAITED = "state IN (0, 1, 2)"


def hold(tx: Transaction, now: int) -> int:
    """Make everything uncertain that was scheduled, queued or being sent, whatever its sender wished; how many."""
    rows = tx.execute(f"SELECT lane, state, count(*) FROM message WHERE {_WAITED} GROUP BY lane, state").fetchall()
    tx.execute(
        "INSERT INTO event (message, account, at, part, what, sim, code, detail)"
        f" SELECT id, account, ?, sent_parts + 1, 'uncertain', sim, ?, ? FROM message WHERE {_WAITED}",
        (now, CODE, DETAIL),
    )
    tx.execute(
        f"UPDATE message SET state = 3, due = ?, error_code = ?, error_detail = ? WHERE {_WAITED}", (now, CODE, DETAIL)
    )
    tx.execute("UPDATE message SET if_uncertain = 0 WHERE state = 3")
    for lane, state, count in rows:
        ledger.shifted(tx, Lane(lane), State(state), State.UNCERTAIN, count)
    return sum(count for _, _, count in rows)
