"""The document of `modemd status --json` and GET /v1/status (interface, section 4)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from modemd import __version__
from modemd.clock import SECOND, rfc3339
from modemd.pool.modem import Modem
from modemd.queue import Counts, State
from modemd.values import Lane

OPEN = (State.SCHEDULED, State.QUEUED, State.SENDING, State.UNCERTAIN)
TOTALS = ("accepted", "sent", "delivered", "undelivered", "failed", "expired", "cancelled")

LimitedUntil = Callable[[str], int | None]
"""Until when the limits of a SIM keep it from sending; None if they do not."""


def _unlimited(_sim: str) -> None:
    return None


def node_name() -> str:
    """This machine's name."""
    return socket.gethostname()


def document(
    counts: Counts,
    now: int,
    *,
    running: bool,
    uptime_s: float = 0.0,
    sent_per_min: float = 0.0,
    utilisation: float = 0.0,
    modems: Iterable[Modem] = (),
    limited_until: LimitedUntil = _unlimited,
    alarms: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole document; ``alarms``, sentences for the operator, are in it only when there are some."""
    alarms = [*doubts(counts), *alarms]
    oldest = max(0, now - counts.oldest_due) / SECOND if counts.oldest_due is not None else 0.0
    return {
        "running": running,
        "version": __version__,
        "node": node_name(),
        "uptime_s": round(uptime_s, 1),
        "queue": {
            **{state.label: counts.states[state] for state in OPEN},
            "oldest_queued_s": round(oldest, 1),
            "lanes": {lane.name.lower(): counts.lanes[lane] for lane in Lane},
        },
        "totals": {name: counts.totals.get(name, 0) for name in TOTALS},
        "rate": {"sent_per_min": round(sent_per_min, 1), "pool_utilisation": round(utilisation, 3)},
        "modems": [modem_entry(modem, limited_until) for modem in modems],
        **({"alarms": alarms} if alarms else {}),
    }


def doubts(counts: Counts) -> list[str]:
    """The alarm of messages that rest as uncertain, if there are any."""
    count = counts.states[State.UNCERTAIN]
    if not count:
        return []
    who, them = ("1 message is", "it") if count == 1 else (f"{count:,} messages are", "them")
    return [f"{who} uncertain: nobody can tell whether the network has {them} (modemd queue list --state uncertain)"]


def modem_entry(modem: Modem, limited_until: LimitedUntil) -> dict[str, Any]:
    """One modem of the document."""
    return {
        "name": modem.name,
        "port": modem.port,
        "imei": modem.imei,
        "model": modem.model,
        "operator": modem.operator,
        "signal_dbm": modem.signal_dbm,
        "state": modem.condition.value,
        "reason": modem.reason,
        "registration": modem.registration.value,
        "last_success": rfc3339(modem.last_success),
        "limited_until": rfc3339(limited_until(modem.sim)),
        "storage": {"used": modem.storage_used, "total": modem.storage_total},
        "sent": modem.sent,
        "failed": modem.failed,
        "uncertain": modem.uncertain,
    }
