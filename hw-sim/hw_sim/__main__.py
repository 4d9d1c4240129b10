"""``python -m hw_sim`` is the command ``hw-sim``."""

from __future__ import annotations

from hw_sim.cli import main

if __name__ == "__main__":
    main()
