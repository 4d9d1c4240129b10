"""What modemd itself costs: messages per second and CPU at zero air time, beside the trivial client.

python -m bench overhead [--messages 2000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.rig import bank, daemon, report, span_s

BULK = 1000
"""Recipients in one call."""


def measure(folder: Path, modems: int, messages: int) -> dict[str, Any]:
    """Both on the same bank, one after the other."""
    folder.mkdir()
    with bank(folder, modems, 0.0) as bench_bank:
        command = [sys.executable, "-m", "bench.trivial_client", str(messages), *bench_bank.ports]
        trivial_s = float(subprocess.run(command, check=True, capture_output=True).stdout)
        bench_bank.wait_for(messages, 30)
        with daemon(folder, bench_bank.ports) as gateway:
            before = gateway.cpu_s()
            for start in range(0, messages, BULK):
                numbers = [f"+48601{number:06d}" for number in range(start, min(start + BULK, messages))]
                gateway.post({"to": numbers, "text": "Hello from the bench"})
            ours = bench_bank.wait_for(2 * messages, 300)[messages:]
            cpu_s = gateway.cpu_s() - before
    return {
        f"msg_per_s_{modems}": messages / span_s(ours),
        f"trivial_msg_per_s_{modems}": messages / trivial_s,
        f"share_of_trivial_{modems}": trivial_s / span_s(ours),
        f"cpu_s_per_1000_{modems}": 1000 * cpu_s / messages,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modemd-bench-") as name:
        rows: dict[str, Any] = {"messages": options.messages}
        for modems in (1, 4):
            rows |= measure(Path(name) / str(modems), modems, options.messages)
    report("overhead", rows)


if __name__ == "__main__":
    main()
