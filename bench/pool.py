"""How close the pool comes to the trivial client, on the same bank in the same run, CMMS in both.

python -m bench pool [--messages 400] [--modems 4] [--air 0.5]
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig import bank, busy_share, daemon, gaps_ms, percentile, report, run_json, span_s

BULK = 10_000
"""Recipients in one call at most."""

CMMS_SHARE = 0.45
"""What a message takes on a link that is kept up, of what it takes otherwise: hw-sim's default."""


def ideal_s(messages: int, modems: int, air_s: float, kept_s: float) -> float:
    """Seconds if no modem ever waited: the first message of each opens the link, CMMS keeps it for the others."""
    return air_s + (math.ceil(messages / modems) - 1) * kept_s


class Run(NamedTuple):
    """The same messages, sent by each on the same bank."""

    trivial: list[dict[str, Any]]
    ours: list[dict[str, Any]]
    gaps: list[dict[str, float]]
    """What each of our modems says of its gaps, in milliseconds."""
    cpu_s: float


def run(folder: Path, options: argparse.Namespace, kept_s: float) -> Run:
    """First the trivial client, then modemd."""
    with bank(folder, options.modems, options.air, "--cmms-air", str(kept_s)) as modems:
        command = [sys.executable, "-m", "bench.trivial_client", str(options.messages), *modems.ports]
        subprocess.run(command, check=True, capture_output=True)
        trivial = modems.wait_for(options.messages, 30)
        with daemon(folder, modems.ports) as gateway:
            before = gateway.cpu_s()
            for start in range(0, options.messages, BULK):
                last = min(start + BULK, options.messages)
                numbers = [f"+48601{number:06d}" for number in range(start, last)]
                gateway.post({"to": numbers, "text": "Hello from the bench"})
            ours = modems.wait_for(2 * options.messages, 600)[options.messages :]
            cpu_s = gateway.cpu_s() - before
            gaps = [modem["gap_ms"] for modem in run_json("modems", state=gateway.state)["modems"]]
            return Run(trivial, ours, gaps, cpu_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=400)
    parser.add_argument("--modems", type=int, default=4)
    parser.add_argument("--air", type=float, default=0.5)
    parser.add_argument("--cmms-air", type=float, help="seconds on a link that is kept up (default: 0.45 of --air)")
    options = parser.parse_args()
    kept_s = CMMS_SHARE * options.air if options.cmms_air is None else options.cmms_air
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        trivial, ours, own, cpu = run(Path(name), options, kept_s)
    gaps, theirs = gaps_ms(ours), gaps_ms(trivial)
    report(
        "pool",
        {
            "modems": options.modems,
            "air_s": options.air,
            "messages": options.messages,
            "trivial_s": span_s(trivial),
            "modemd_s": span_s(ours),
            "share_of_trivial": span_s(trivial) / span_s(ours),
            "share_of_ideal": ideal_s(options.messages, options.modems, options.air, kept_s) / span_s(ours),
            "busy_share": busy_share(ours),
            "trivial_busy_share": busy_share(trivial),
            "result_to_cmgs_p50_ms": max(gap["p50"] for gap in own),
            "result_to_cmgs_p99_ms": max(gap["p99"] for gap in own),
            "air_gap_p50_ms": percentile(gaps, 0.5),
            "air_gap_p99_ms": percentile(gaps, 0.99),
            "trivial_air_gap_p50_ms": percentile(theirs, 0.5),
            "trivial_air_gap_p99_ms": percentile(theirs, 0.99),
            "cpu_s_per_1000": 1000 * cpu / options.messages,
        },
    )


if __name__ == "__main__":
    main()
