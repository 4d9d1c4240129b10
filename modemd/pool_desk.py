"""The operator's desk at the pool: what the command line may ask about modems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from modemd.pool import Modem, Pool
from modemd.status import modem_entry

Arguments = Mapping[str, Any]


class PoolDesk:
    """The verbs on modems."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @property
    def verbs(self) -> dict[str, Callable[[Arguments], Awaitable[dict[str, Any]]]]:
        """Every verb by its name on the control socket."""
        return {"modems": self.modems, "modems.drain": self.drain, "modems.resume": self.resume}

    async def modems(self, _: Arguments) -> dict[str, Any]:
        """Every modem as in the status document, and how fast it goes from one message to the next."""
        return {"modems": [{**modem_entry(modem), "gap_ms": _gaps(modem)} for modem in self._pool.modems]}

    async def drain(self, args: Arguments) -> dict[str, Any]:
        """Give a modem no further message."""
        name = str(args.get("name", ""))
        self._pool.drain(name)
        return modem_entry(self._pool.modem(name))

    async def resume(self, args: Arguments) -> dict[str, Any]:
        """Use a modem again."""
        name = str(args.get("name", ""))
        self._pool.resume(name)
        return modem_entry(self._pool.modem(name))


def _gaps(modem: Modem) -> dict[str, float] | None:
    """Milliseconds from a final result to the next AT+CMGS; None before there were any."""
    if not modem.gaps_s:
        return None
    gaps = sorted(modem.gaps_s)
    return {f"p{share}": round(1000 * gaps[len(gaps) * share // 100], 3) for share in (50, 99)}
