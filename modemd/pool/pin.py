"""The PIN guard: each PIN is tried at most once on a SIM, and never on the last try that is left.

Three wrong PINs block a SIM, ten wrong PUKs destroy it, and the counters survive power-off (TS 51.011 9.3, TS 31.101).
So the tries left are read first; where no way of reading them works, a PIN is entered only into a SIM that has never
refused one of ours. That it is about to be tried is remembered on disk before it is tried. A PUK is never entered.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from modemd.at import commands
from modemd.at.commands import Command
from modemd.at.grammar import after
from modemd.at.link import Link
from modemd.errors import BringUpError, CommandFailed

STEP = "sim"
BUSY_S = 30.0
BUSY_RETRY_S = 2.0
"""``+CME ERROR: 14``, asked every 2 s for half a minute: ModemManager's way with Huawei and ZTE."""
TRIES_NEEDED = 2
"""Tries that must be left before one is spent; the last one is a person's."""

_GENERIC_COUNTERS = (
    ('AT+CPINR="SIM PIN"', r'SIM PIN"?, ?(\d+)'),  # TS 27.007 8.65
    ('AT+CSIM=10,"0020000100"', r'"?63C([0-9A-Fa-f])"?$'),  # VERIFY without a PIN: TS 31.101 11.1.9
)


class PinMemory(Protocol):
    """Which PINs a SIM has been given, across restarts; keeps no PIN in the clear."""

    async def tried(self, sim: str, pin: str) -> bool:
        """Whether this PIN was tried on this SIM without success."""

    async def tried_any(self, sim: str) -> bool:
        """Whether any PIN was tried on this SIM without success."""

    async def will_try(self, sim: str, pin: str) -> None:
        """This PIN is about to be tried; durable when this returns."""

    async def worked(self, sim: str, pin: str) -> None:
        """The SIM took it."""


class PinGuard:
    """Unlocks SIMs with the configured PINs; ``pin_for`` gives one SIM's by its ICCID (None: unknown)."""

    def __init__(self, pin_for: Callable[[str | None], str | None], memory: PinMemory) -> None:
        self._pin_for = pin_for
        self._memory = memory

    async def unlock(self, link: Link, iccid: str | None, otherwise: str) -> None:
        """Return when the SIM is ready.

        ``otherwise`` identifies the SIM where it has no readable ICCID. Raises BringUpError with code ``sim_missing``,
        ``sim_failure``, ``sim_pin_needed``, ``sim_pin_refused``, ``sim_pin_last_try``, ``sim_puk`` or ``sim_locked``.
        """
        state = await self._state(link)
        if state == "SIM PIN":
            await self._enter(link, iccid, iccid or otherwise)
            await asyncio.sleep(link.dialect.pin_rest_s)  # firmwares restart or lock up when asked sooner
            state = await self._state(link)
        if state.endswith(("PIN2", "PUK2")) or state == "READY":  # some phones say so though they are ready
            return
        if state == "SIM PUK":
            raise _stop("the SIM is blocked and wants its PUK", "enter the PUK in a phone", "sim_puk")
        raise _stop(f"the modem is locked ({state})", "use a SIM of its operator, or unlock it", "sim_locked")

    async def _state(self, link: Link) -> str:
        deadline = link.loop.time() + BUSY_S
        while True:
            try:
                lines = await link.ask(replace(commands.PIN_STATE, lenient_s=link.dialect.lenient_s))
                return after("+CPIN:", lines[0]).strip('"') if lines else "READY"
            except CommandFailed as refusal:
                if refusal.code not in {"cme-14", "cme-515", "cms-314"} or link.loop.time() > deadline:
                    raise _translated(refusal) from None
            await asyncio.sleep(BUSY_RETRY_S)

    async def _enter(self, link: Link, iccid: str | None, sim: str) -> None:
        pin = self._pin_for(iccid)
        if pin is None:
            raise _stop("the SIM wants its PIN", 'set [sim] pin = "…" or [sim."<ICCID>"] pin', "sim_pin_needed")
        if await self._memory.tried(sim, pin):
            raise _stop("the SIM refused the configured PIN before", "correct the PIN", "sim_pin_refused")
        left = await _tries_left(link)
        if left is not None and left < TRIES_NEEDED:
            raise _stop(f"{left} PIN tries are left; the last is yours", "enter it in a phone", "sim_pin_last_try")
        if left is None and await self._memory.tried_any(sim):
            raise _stop("how many PIN tries are left cannot be read", "enter it in a phone", "sim_pin_refused")
        await self._memory.will_try(sim, pin)
        try:
            await link.ask(commands.enter_pin(pin))
        except CommandFailed:
            raise _stop(
                "the SIM refused the configured PIN", "correct it; it is not tried again", "sim_pin_refused"
            ) from None
        await self._memory.worked(sim, pin)


async def _tries_left(link: Link) -> int | None:
    ways: Iterable[tuple[str, str]] = (*link.dialect.pin_tries, *_GENERIC_COUNTERS)
    for text, form in ways:
        prefix = "+CSIM:" if "+CSIM" in text else re.sub(r"^AT([+^#*$]\w+).*", r"\1:", text)
        try:
            lines = await link.ask(Command(text, prefix=prefix))
        except CommandFailed:
            continue
        for line in lines:
            if found := re.search(form, line):
                return int(found[1], 16)
    return None


def _translated(refusal: CommandFailed) -> BringUpError:
    if refusal.code in {"cme-10", "cms-310"}:
        return _stop(
            "there is no SIM, or it lost contact", "put it in; after a dip in power replug the modem", "sim_missing"
        )
    if refusal.code in {"cme-13", "cms-313"}:
        return _stop("the SIM failed", "take it out and in, or replug the modem", "sim_failure")
    return _stop(refusal.detail, "look at the SIM", refusal.code)


def _stop(detail: str, cure: str, code: str) -> BringUpError:
    return BringUpError(STEP, detail, cure=cure, code=code)
