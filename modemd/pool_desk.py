"""The operator's desk at the pool: what the command line may ask about modems."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from modemd.errors import Conflict
from modemd.pool import Modem, Pool
from modemd.status import LimitedUntil, modem_entry

Arguments = Mapping[str, Any]

TAC_DIGITS = 8
"""Of an IMEI: the type allocation code, which says the model and no more (TS 23.003 6.2.1)."""
_IDENTIFYING = re.compile(r"\d{9,}")
"""As long as a number, an IMEI, an IMSI or an ICCID; no revision or list of values has so many digits in a row."""


class PoolDesk:
    """The verbs on modems."""

    def __init__(self, pool: Pool, limited_until: LimitedUntil) -> None:
        self._pool = pool
        self._limited_until = limited_until

    @property
    def verbs(self) -> dict[str, Callable[[Arguments], Awaitable[dict[str, Any]]]]:
        """Every verb by its name on the control socket."""
        return {
            "modems": self.modems,
            "modems.drain": self.drain,
            "modems.resume": self.resume,
            "modems.reset": self.reset,
            "modems.ussd": self.ussd,
            "modems.probe": self.probe,
        }

    async def modems(self, _: Arguments) -> dict[str, Any]:
        """Every modem as in the status document and more of it; and what is plugged in and cannot be used as it is."""
        return {
            "modems": [self._entry(modem) | _details(modem) for modem in self._pool.modems],
            "unusable": [asdict(finding) for finding in self._pool.findings],
        }

    async def drain(self, args: Arguments) -> dict[str, Any]:
        """Give a modem no further message."""
        name = str(args.get("name", ""))
        self._pool.drain(name)
        return self._entry(self._pool.modem(name))

    async def resume(self, args: Arguments) -> dict[str, Any]:
        """Use a modem again."""
        name = str(args.get("name", ""))
        self._pool.resume(name)
        return self._entry(self._pool.modem(name))

    async def reset(self, args: Arguments) -> dict[str, Any]:
        """Restart a modem: after the message in hand, if that is answered soon; what is not answered is uncertain."""
        name = str(args.get("name", ""))
        self._pool.reset(name)
        return self._entry(self._pool.modem(name))

    async def ussd(self, args: Arguments) -> dict[str, Any]:
        """Ask the network by USSD, between two messages; ``end`` says how the session ended."""
        name = str(args.get("name", ""))
        reply = await self._pool.ussd(name, str(args.get("code", "")))
        return {"name": name, "end": reply.end.value, "text": reply.text}

    async def probe(self, args: Arguments) -> dict[str, Any]:
        """What is at a port, safe to paste in public; of a modem of ours that cannot be asked now, what is known."""
        port = str(args.get("port", ""))
        modem = self._at(port)
        if modem is None:
            return _public(await self._pool.probe(port))
        try:
            report = await self._pool.probe(modem.name)
        except Conflict:
            report = {"port": modem.port, "answers": None, "maker": modem.maker, "model": modem.model}
            report |= {"revision": modem.revision, "dialect": modem.dialect}
        return _public({**report, **_as_driven(modem)})

    def _at(self, port: str) -> Modem | None:
        """The modem of this name or behind this path, by whatever link it is named."""
        for modem in self._pool.modems:
            if port == modem.name or os.path.realpath(port) == os.path.realpath(modem.port):
                return modem
        return None

    def _entry(self, modem: Modem) -> dict[str, Any]:
        return modem_entry(modem, self._limited_until)


def _details(modem: Modem) -> dict[str, Any]:
    """What is shown of a modem besides its part of the status document."""
    return {"gap_ms": _gaps(modem), "credit": None if modem.credit is None else str(modem.credit)}


def _gaps(modem: Modem) -> dict[str, float] | None:
    """Milliseconds from a final result to the next AT+CMGS; None before there were any."""
    if not modem.gaps_s:
        return None
    gaps = sorted(modem.gaps_s)
    return {f"p{share}": round(1000 * gaps[len(gaps) * share // 100], 3) for share in (50, 99)}


def _as_driven(modem: Modem) -> dict[str, Any]:
    """What the daemon knows of a modem of its own. Not its name: that may end as its IMEI does."""
    return {
        "tac": modem.imei[:TAC_DIGITS] if modem.imei else None,
        "state": modem.condition.value,
        "reason": modem.reason,
        "registration": modem.registration.value,
        "storage": {"used": modem.storage_used, "total": modem.storage_total},
    }


def _public(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what could tell a device or a person: a serial number in a port's name, long digits."""
    port = str(report["port"])
    shown = {**report, "port": os.path.realpath(port) if "/by-id/" in port else port}
    return {
        name: _IDENTIFYING.sub(lambda digits: f"<{len(digits[0])} digits>", value) if isinstance(value, str) else value
        for name, value in shown.items()
    }
