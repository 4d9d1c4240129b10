"""Which record is whose: a modem is known by its IMEI, a SIM by its ICCID, whatever port they come back at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from modemd import log
from modemd.clock import Clock
from modemd.pool.modem import Condition, Modem

_NUMBERED_BY_KERNEL = re.compile(r"tty(?:USB|ACM|S|AMA)?\d+|\d+")
"""Names that another device may have after the next plug-in; no name for a person to remember."""


class Roster:
    """All records of modems, and their names."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: list[Modem] = []
        self._unnamed: set[Modem] = set()

    @property
    def modems(self) -> Sequence[Modem]:
        """Every modem that was ever seen or is configured, in the order they came."""
        return [modem for modem in self._records if not modem.superseded]

    def enrol(self, port: str, *, provisional: bool) -> Modem:
        """A record for what may be at this port; ``provisional`` until it is known who it is."""
        own = port.partition("://")[2] or PurePath(port).name
        numbered = _NUMBERED_BY_KERNEL.fullmatch(own) is not None
        modem = Modem(self._free(f"modem{len(self._records)}" if numbered else own), port, self._clock)
        modem.superseded = provisional
        if provisional and numbered:
            self._unnamed.add(modem)
        self._records.append(modem)
        return modem

    def identified(self, modem: Modem) -> None:
        """A bring-up has learnt who this is: it takes over the record of a modem that is missing elsewhere."""
        former = self._missing(modem)
        if former is not None:
            modem.succeeds(former)
            log.event("modem.came_back", modem=modem.name, port=modem.port, before=former.port)
        elif modem.superseded:
            modem.superseded = False
            if modem in self._unnamed:
                modem.name = self._free(_stem(modem))
        self._unnamed.discard(modem)
        self._warn_of_twins(modem)

    def _missing(self, modem: Modem) -> Modem | None:
        """The record of the same device that is not there now; with several of one IMEI, the one with the same SIM."""
        absent = [
            other
            for other in self._records
            if other is not modem and not other.superseded and other.condition is Condition.ABSENT and other.known
        ]
        same_device = [other for other in absent if modem.imei is not None and other.imei == modem.imei]
        same_sim = [
            other for other in same_device or absent if other.sim == modem.sim and not modem.sim.startswith("port:")
        ]
        if same_sim:
            return same_sim[0] if modem.imei is None or same_device else None
        return same_device[0] if len(same_device) == 1 and not self._shared(modem) else None

    def _shared(self, modem: Modem) -> bool:
        """Whether several modems go by this IMEI: banks are sold with one for all sixteen."""
        return sum(other.imei == modem.imei for other in self._records if other.known and not other.superseded) > 1

    def _warn_of_twins(self, modem: Modem) -> None:
        for other in self.modems:
            if other is not modem and modem.imei is not None and other.imei == modem.imei and other.link is not None:
                log.event("modem.same_imei", level="WARNING", modem=modem.name, port=modem.port, other=other.port)

    def _free(self, stem: str) -> str:
        taken = {modem.name for modem in self._records}
        return next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if name not in taken)


def _stem(modem: Modem) -> str:
    """A name for people: model and the end of the IMEI, such as ``e173-7518``."""
    model = re.sub(r"[^a-z0-9]+", "-", (modem.model or "modem").lower()).strip("-")
    return f"{model}-{modem.imei[-4:]}" if modem.imei else model
