"""python -m bench [NAME [OPTIONS…]]: one benchmark, or all one after the other; each prints a table and a JSON line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"rig", "trivial_client"}


def main() -> int:
    """Run what was named, or everything."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem not in HELPERS)
    chosen, options = (sys.argv[1:2], sys.argv[2:]) if len(sys.argv) > 1 else (names, [])
    if unknown := set(chosen) - set(names):
        print(f"no benchmark {unknown.pop()}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    worst = 0
    for name in chosen:
        print(f"\n{name}", flush=True)
        worst = max(worst, subprocess.call([sys.executable, "-m", f"bench.{name}", *options]))
    return worst


if __name__ == "__main__":
    sys.exit(main())
