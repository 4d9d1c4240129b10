"""Forgetting a large account while another one sends: how long it takes, and what the other notices.

    python -m bench erasure [--messages 1000,100000] [--modems 4] [--air 0.5] [--before 15]

The erased account has so many messages that wait; the other has enough to keep every modem busy. The pool's share is
its rate on the air from the request of the erasure on, over its rate in the seconds before; sweeping the storages,
which comes last, takes each modem away from sending once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.rig import Bank, Daemon, bank, daemon, report, until

CALL = 10_000
"""Recipients in one call at most."""
LATER = "2027-09-01T08:00:00Z"
LEAST_S = 10.0
"""An erasure may be over in less than a message takes: the rate until completion is taken over this at least."""


def fill(gateway: Daemon, messages: int) -> str:
    """A new account with messages that wait; its phone."""
    phone = "+48600300400"
    key = gateway.open_account("large", phone)
    for start in range(0, messages, CALL):
        numbers = [f"+48602{number:06d}" for number in range(start, min(start + CALL, messages))]
        gateway.post({"to": numbers, "text": "Hello from the bench", "send_at": LATER}, key)
    return phone


def rate(modems: Bank, start: float, end: float) -> float:
    """Messages a second on the air in a span of unix time; of one at its edge, the share that lies within."""
    spans = [(float(message["started"]), float(message["ended"])) for message in modems.messages()]
    within = (max(0.0, min(end, last) - max(start, first)) / (last - first) for first, last in spans)
    return sum(within) / (end - start)


def swept_from(log: Path) -> float:
    """The unix time at which the rows were gone and the modems' storages came next."""
    line = next(line for line in log.read_text().splitlines() if "erasure.step" in line and "step=sweep" in line)
    return datetime.fromisoformat(line.split()[0]).timestamp()


def seconds(receipt: dict[str, Any], what: str) -> float:
    """From the request to a moment of the receipt."""
    asked, moment = (datetime.fromisoformat(receipt[name]) for name in ("requested_at", what))
    return (moment - asked).total_seconds()


def erase(gateway: Daemon, modems: Bank, messages: int, before_s: float) -> dict[str, Any]:
    """One erasure beside a busy pool, measured."""
    phone = fill(gateway, messages)
    since = time.time()
    until(lambda: time.time() - since > before_s or None, 2 * before_s)
    asked = time.time()
    erasure = gateway.ask("accounts.delete", who=phone)["id"]

    def complete() -> dict[str, Any] | None:
        found = gateway.request("GET", f"/v1/erasures/{erasure}")
        return found if found["state"] == "complete" else None

    receipt = until(complete, 900)
    done = max(time.time(), asked + LEAST_S)
    until(lambda: time.time() >= done or None, LEAST_S + 1)
    without = rate(modems, since + 1, asked)
    rows_gone = swept_from(gateway.state.parent / "daemon.log")
    return {
        "messages": receipt["removed"]["message"],
        "unreadable_s": seconds(receipt, "unreadable_at"),
        "completed_s": seconds(receipt, "completed_at"),
        "rows_gone_s": rows_gone - asked,
        "sent_per_s_without": without,
        "pool_share_until_rows_gone": rate(modems, asked, rows_gone) / without,
        "pool_share_until_completed": rate(modems, asked, done) / without,
        "database_mib": sum(path.stat().st_size for path in gateway.state.glob("modemd.db*")) / (1 << 20),
    }


def sizes(text: str) -> Sequence[int]:
    """Numbers of messages, separated by commas."""
    return [int(each) for each in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=sizes, default=(1000, 100_000))
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--air", type=float, default=0.5)
    parser.add_argument("--before", type=float, default=15.0)
    options = parser.parse_args()
    for messages in options.messages:
        with (
            tempfile.TemporaryDirectory(prefix="modemd-bench-") as name,
            bank(Path(name), options.modems, options.air) as modems,
            daemon(Path(name), modems.ports) as gateway,
        ):
            gateway.post({"to": [f"+48601{number:06d}" for number in range(CALL)], "text": "Meanwhile"})
            report("erasure", {"modems": options.modems, **erase(gateway, modems, messages, options.before)})


if __name__ == "__main__":
    main()
