"""SIGKILL at named bytes and at random moments: lost, twice, uncertain, uncertain that were not on the air.

    python -m bench crash [--random 200] [--per-byte 20] [--seed 7]

The campaign of tests/journeys, at length: one bank that lives on, one daemon that does not. A kill takes three seconds;
pieces add up if each has a seed of its own (--random 0 or --per-byte 0 leaves that half out).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.rig import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "journeys"))

from crash import Judgement, Kill, campaign, plan
from journey import Private

LONGEST = 40
"""Kills of one campaign; the judgement reads every message that it ever sent."""


def judged(kills: list[Kill], lines: str, seed: int) -> list[Judgement]:
    """The campaigns that these kills are cut into."""
    found = []
    for start in range(0, len(kills), LONGEST):
        with (
            tempfile.TemporaryDirectory(prefix="modemd-crash-") as folder,
            campaign(Path(folder), Private(), lines=lines, seed=seed) as trial,
        ):
            found.append(trial.run(kills[start : start + LONGEST]))
        print(f"  {found[-1]}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-byte", type=int, default=20)
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    every = judged(plan(options.seed, options.per_byte, 0), "pty", options.seed)
    every += judged(plan(options.seed, 0, options.random), "plain", options.seed)
    kills = sum((one.kills for one in every), Counter[str]())
    uncertain = sum(one.uncertain_at.total() for one in every)
    not_on_air = sum(one.not_on_air.total() for one in every)
    report(
        "crash",
        {
            **{f"kills_{where.replace(' ', '_')}": count for where, count in sorted(kills.items())},
            "messages": sum(one.messages for one in every),
            "lost": sum(len(one.lost) for one in every),
            "twice": sum(len(one.twice) for one in every),
            "uncertain": uncertain,
            "uncertain_at_once_most": max((one.most_at_once for one in every), default=0),
            "settled_by_late_answers": sum(one.late for one in every),
            "uncertain_not_on_air": not_on_air,
            "uncertain_on_air_share": 1 - not_on_air / uncertain if uncertain else 1.0,
        },
    )


if __name__ == "__main__":
    main()
