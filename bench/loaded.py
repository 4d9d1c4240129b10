"""What the pool loses while submissions come as fast as they can: the same bank, quiet and under full load.

python -m bench loaded [--modems 4] [--air 0.5] [--seconds 15] [--clients 16]

Told beside it: the gap from one message's end on the air to the next one's start, which is what a share is lost by,
and how much of the processors other programs took meanwhile: from a tenth on, a share says more about them.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from bench.rig import Daemon, bank, daemon, gaps_ms, percentile, report, run_json
from bench.submit import apart

RAMP_S = 2.0
"""Seconds before the window: every modem has its first message by then."""


def window(messages: list[dict[str, Any]], start: float, end: float, modems: int) -> float:
    """The share of a span of time in which modems had a message on the air."""
    busy = sum(max(0.0, min(one["ended"], end) - max(one["started"], start)) for one in messages)
    return float(busy / (modems * (end - start)))


def processor_s() -> tuple[float, float]:
    """Seconds that all processors have worked for anybody, and for processes of ours that have ended."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK"), ours.ru_utime + ours.ru_stime


def phase(folder: Path, options: argparse.Namespace, *, loaded: bool) -> dict[str, float]:
    """Modems sending, and how much of the processors others took."""
    began, before = time.monotonic(), processor_s()
    measured = _sending(folder, options, loaded=loaded)
    after = processor_s()
    others = (after[0] - before[0]) - (after[1] - before[1])
    return measured | {"others_share": max(0.0, others) / ((time.monotonic() - began) * (os.cpu_count() or 1))}


def _sending(folder: Path, options: argparse.Namespace, *, loaded: bool) -> dict[str, float]:
    """Modems sending for so many seconds, with or without clients beside."""
    with bank(folder, options.modems, options.air) as modems, daemon(folder, modems.ports) as gateway:
        rates: list[float] = []
        beside = threading.Thread(target=lambda: rates.append(_load(gateway, options)))
        enough = int(options.modems * (options.seconds + 3 * RAMP_S) / (0.4 * options.air))
        for first in range(0, enough, 10_000):
            numbers = [f"+48601{number:06d}" for number in range(first, min(first + 10_000, enough))]
            gateway.post({"to": numbers, "text": "Hello from the bench"})
        if loaded:
            beside.start()
        time.sleep(RAMP_S)
        start = time.time()
        time.sleep(options.seconds)
        end = time.time()
        own = [modem["gap_ms"] for modem in run_json("modems", state=gateway.state)["modems"]]
        if loaded:
            beside.join()
        messages = modems.messages()
        gaps = gaps_ms([message for message in messages if start < message["started"] < end])
        return {
            "busy_share": window(messages, start, end, options.modems),
            "air_gap_p50_ms": percentile(gaps, 0.5),
            "air_gap_p99_ms": percentile(gaps, 0.99),
            "result_to_cmgs_p50_ms": max(gap["p50"] for gap in own),
            "result_to_cmgs_p99_ms": max(gap["p99"] for gap in own),
            "submitted_per_s": rates[0] if rates else 0.0,
        }


def _load(gateway: Daemon, options: argparse.Namespace) -> float:
    port = int(gateway.url.rpartition(":")[2])
    return apart(port, "/v1/messages", gateway.key, options.clients, options.seconds + RAMP_S, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--air", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        quiet = phase(Path(name) / "quiet", options, loaded=False)
        loaded = phase(Path(name) / "loaded", options, loaded=True)
    report(
        "loaded",
        {
            "modems": options.modems,
            "air_s": options.air,
            "quiet_busy_share": quiet["busy_share"],
            "loaded_busy_share": loaded["busy_share"],
            "share_of_quiet": loaded["busy_share"] / quiet["busy_share"],
            "quiet_p99_ms": quiet["result_to_cmgs_p99_ms"],
            "loaded_p50_ms": loaded["result_to_cmgs_p50_ms"],
            "loaded_p99_ms": loaded["result_to_cmgs_p99_ms"],
            "quiet_air_gap_p50_ms": quiet["air_gap_p50_ms"],
            "loaded_air_gap_p50_ms": loaded["air_gap_p50_ms"],
            "loaded_air_gap_p99_ms": loaded["air_gap_p99_ms"],
            "submitted_per_s": loaded["submitted_per_s"],
            "quiet_others_share": quiet["others_share"],
            "loaded_others_share": loaded["others_share"],
        },
    )


if __name__ == "__main__":
    main()
