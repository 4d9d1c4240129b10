"""Which lines prove that a modem has restarted: not each that a boot says, for the boot we met may still go on."""

from __future__ import annotations

from modemd.at.dialect import Dialect

BOOT_S = 60.0
"""How long after the first answer a boot may still go on talking: SIM800 15 s, sticks 30 s."""


class Restarts:
    """Judges the lines of one link."""

    __slots__ = ("_boot_line", "_boot_over")

    def __init__(self) -> None:
        self._boot_line = ""
        self._boot_over: float | None = None
        """None as long as nothing proves anything."""

    def watch(self, now: float) -> None:
        """From now on a restart is news. ``now`` in seconds, by a clock that never goes back."""
        self._boot_over = now + BOOT_S

    def proven_by(self, line: str, dialect: Dialect, now: float) -> bool:
        """Whether this line, which came unasked, proves a restart."""
        if line.startswith(dialect.repeated):
            before, self._boot_line = self._boot_line, line
            return self._boot_over is not None and before not in {"", line}
        if self._boot_over is None:
            return False
        return line.startswith(dialect.restarted) or (now > self._boot_over and line.startswith(dialect.booting))
