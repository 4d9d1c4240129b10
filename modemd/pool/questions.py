"""Asks a modem what it may refuse without harm, and with patience what it cannot answer yet."""

from __future__ import annotations

import asyncio

from modemd.at import grammar
from modemd.at.commands import Command
from modemd.at.link import Link
from modemd.errors import AtError, CommandFailed

SIM_BUSY_S = 30.0
"""A SIM reads itself in for seconds after power-on or PIN (``+CME ERROR: 14``): Huawei and ZTE up to 30."""
SIM_BUSY_RETRY_S = 2.0
"""ModemManager's interval for ZTE and Huawei; asked at once, some firmwares restart."""


class Questions:
    """Over one link; everything here raises what the link is lost by."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def attempt(self, command: Command) -> list[str]:
        """Ask; an error is no harm and no answer."""
        try:
            return await self._link.ask(command)
        except CommandFailed:
            return []

    async def first(self, command: Command) -> str:
        """The first line of the answer; empty where there is none."""
        return next(iter(await self.attempt(command)), "")

    async def text(self, command: Command) -> str | None:
        """All lines in one, without prefix and quotation marks; None where there are none."""
        lines = await self.attempt(command)
        return " ".join(grammar.after(command.prefix, line).strip('"') for line in lines) or None

    async def accepts(self, command: Command) -> bool:
        """Whether it is carried out."""
        try:
            await self._link.ask(command)
        except CommandFailed:
            return False
        return True

    async def patiently(self, command: Command) -> list[str]:
        """Ask again while the SIM is busy or the modem still starting; raises CommandFailed for another error."""
        deadline = self._link.loop.time() + SIM_BUSY_S
        while True:
            try:
                return await self._link.ask(command)
            except CommandFailed as refusal:
                if not is_busy(refusal) or self._link.loop.time() > deadline:
                    raise
            await asyncio.sleep(SIM_BUSY_RETRY_S)


def is_busy(refusal: AtError) -> bool:
    """Whether an error says "not yet": SIM busy, start-up going on."""
    return refusal.code in {"cme-14", "cms-314", "cme-515", "cms-515", "cms-512", "cms-302", "cme-3"}
