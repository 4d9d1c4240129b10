"""Who waits for a campaign: messages of it that begin on the air between another's 202 and that other's own.

    python -m bench fairness [--messages 100000] [--modems 4] [--air 0.5] [--times 10]

A modem that has been handed a message sends it, so the bound is one a modem; the figures are the most of all tries.
Every try is also made in the bulk lane, for a password, and while the network refuses half of long messages.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from bench.rig import Bank, Daemon, bank, befall, daemon, report, until

CALL = 10_000
LONG = "seven hundred and sixty-five characters take five segments, " * 12
BULK_CLAIMS = 400
"""Messages over which the share of the bulk lane is counted."""
CONGESTION = {"name": "cms_error", "code": 38, "rate": 0.5}


class Contest:
    """One daemon, an account with a campaign and one without."""

    def __init__(self, each: Bank, gateway: Daemon) -> None:
        self.each, self.gateway = each, gateway
        self.single = gateway.open_account("single", "+48600100201")
        self._numbers: Iterator[int] = count()

    def campaign(self, messages: int, **more: Any) -> None:
        """The first account's."""
        for start in range(0, messages, CALL):
            numbers = [f"+48602{next(self._numbers):06d}" for _ in range(min(CALL, messages - start))]
            self.gateway.post({"to": numbers, "text": "campaign", **more})
        self.swing()

    def swing(self) -> None:
        """Wait until every modem has sent one more."""
        begun = len(self.each.messages())
        self.each.wait_for(begun + 2 * len(self.each.ports), 60)

    def ahead(self, **more: Any) -> int:
        """The second account sends one message; how many others begin before it."""
        to = f"+48603{next(self._numbers):06d}"
        self.gateway.post({"to": to, "text": "just one", **more}, key=self.single)
        return self.before(to, time.time())

    def password(self) -> int:
        """The second account wants a new password; how many messages begin before it."""
        known = len(self._of_system())
        self.gateway.request("POST", "/v1/account/password-reset", {"login": "single@example.org"})
        until(lambda: len(self._of_system()) > known)
        return self.before("+48600100201", datetime.fromisoformat(self._of_system()[0]["created_at"]).timestamp())

    def before(self, to: str, since: float) -> int:
        """Messages that begin after a moment and before the first one to this number from then on."""

        def begun() -> list[tuple[float, str]]:
            all_of_them = self.each.messages()
            return [(one["started"], one["to"]) for one in all_of_them if one["started"] > since and one["part"] == 1]

        mine = until(lambda: [started for started, number in begun() if number == to])
        self.swing()  # what was on the air then is written when it has ended
        return sum(started < mine[0] for started, _ in begun())

    def bulk_share(self) -> float:
        """The share of bulk among what begins while both lanes have work."""
        since = time.time()
        self.each.wait_for(len(self.each.messages()) + BULK_CLAIMS + 20, 600)
        begun = sorted((one["started"], one["text"]) for one in self.each.messages() if one["started"] > since)
        return float(sum(text == "campaign" for _, text in begun[:BULK_CLAIMS]) / BULK_CLAIMS)

    def _of_system(self) -> list[dict[str, Any]]:
        return [one for one in self.gateway.ask("queue.list", limit=500)["messages"] if one["lane"] == "system"]


def waits(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The most that anybody waited for."""
    most: dict[str, Any] = {}
    with bank(folder / "bank", options.modems, options.air) as each, daemon(folder, each.ports) as gateway:
        contest = Contest(each, gateway)
        contest.campaign(options.messages, lane="transactional")
        most["ahead_of_one"] = max(contest.ahead() for _ in range(options.times))
        most["ahead_of_a_password"] = max(contest.password() for _ in range(min(3, options.times)))
        befall(each, CONGESTION)
        contest.campaign(1000, text=LONG)
        most["ahead_of_one_with_refusals"] = max(contest.ahead() for _ in range(options.times))
    return most


def lanes(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The bulk lane: nobody waits in it, and it is not starved."""
    with bank(folder / "bank", options.modems, 0.1) as each, daemon(folder, each.ports) as gateway:
        contest = Contest(each, gateway)
        contest.campaign(5000, lane="bulk")
        ahead = max(contest.ahead(lane="bulk") for _ in range(options.times))
        numbers = [f"+48604{number:06d}" for number in range(BULK_CLAIMS * 2)]
        gateway.post({"to": numbers, "text": "press"}, key=contest.single)
        return {"ahead_of_one_in_bulk": ahead, "bulk_share_of_claims": contest.bulk_share()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--air", type=float, default=0.5)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        rows = waits(Path(name) / "waits", options) | lanes(Path(name) / "lanes", options)
    report("fairness", {"messages": options.messages, "bound": options.modems, **rows})


if __name__ == "__main__":
    main()
