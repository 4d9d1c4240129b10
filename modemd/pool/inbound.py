"""Inbound messages and status reports: handed on as PDUs, deleted from the modem only when they are safe elsewhere.

What is announced (``+CMTI``, ``+CDSI``) or was stored while nobody listened is read from storage and deleted after
``take`` has returned, that is, after it is durable. What is routed directly (``+CDS``, ``+CMT``, ``+CBM``) has been
acknowledged by the modem already; it is kept in memory until ``take`` has it. What comes before the modem is brought up
waits until it is known which SIM it came to.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from enum import StrEnum

from modemd import log
from modemd.at import commands, grammar
from modemd.at.events import Unsolicited
from modemd.at.link import Link
from modemd.at.sending import Writing
from modemd.errors import CommandFailed, CommandTimeout, ModemdError, Unsent
from modemd.pool import storage
from modemd.pool.modem import Modem
from modemd.pool.storage import Stored
from modemd.values import Verdict


class Kind(StrEnum):
    """What a PDU from a modem is, by its TP-MTI (TS 23.040 9.2.3.1) or by the code that brought it."""

    DELIVER = "deliver"
    REPORT = "report"
    BROADCAST = "broadcast"


Take = Callable[[Modem, Kind, str], Awaitable[None]]
"""``(modem, kind, PDU as hex)``; returns when it is durable. An exception means: not taken, try again later."""

RETRY_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
"""Waits before a direct PDU is offered again to a ``take`` that failed."""
LAST_OFFER_S = 0.5
"""A durable write takes milliseconds."""
LAG_S = 0.5
"""An E3531 announces a message half a second before it can be read (gammu at-sms.c)."""


class Inbound:
    """One modem's inbound side; ``wanted`` is called when there is something to fetch between two messages."""

    def __init__(self, modem: Modem, take: Take, wanted: Callable[[], None]) -> None:
        self._modem = modem
        self._take = take
        self._wanted = wanted
        self._announced: list[tuple[str, int]] = []
        self._everything = True
        self._unlistable: set[str] = set()
        self._offers: set[asyncio.Task[None]] = set()
        self._held: list[tuple[Kind, str]] = []
        self._brought_up = False
        self._handed = 0
        """Messages read from storages and deleted there."""
        self._clean = False
        """Nothing was stored on this SIM and in this modem since their last sweep."""

    @property
    def waiting(self) -> bool:
        """Whether there is something to fetch."""
        return self._everything or bool(self._announced)

    def begin(self) -> None:
        """The modem has been brought up: its SIM is known, and its storage is to be read."""
        self._brought_up, self._clean = True, False
        held, self._held = self._held, []
        for kind, pdu in held:
            self._offer(kind, pdu)
        self.look_at_all()

    def end(self) -> None:
        """The modem is lost: who knows what SIM it comes back with."""
        self._brought_up = False

    def look_at_all(self) -> None:
        """Read the whole storage at the next opportunity."""
        self._everything = True
        self._wanted()

    def hear(self, event: Unsolicited) -> bool:
        """Take what concerns inbound messages; whether it did."""
        if event.pdu is not None:
            if self._brought_up:
                self._offer(_routed(event), event.pdu)
            else:
                self._held.append((_routed(event), event.pdu))
            return True
        place = storage.announced(event.text)
        if place is not None:
            self._announced.append(place)
            self._wanted()
            return True
        if event.text.startswith(("^SMMEMFULL", "SMS FULL")):
            self.look_at_all()
            return True
        return False

    async def fetch(self, link: Link) -> None:
        """Read what was announced, or everything; delete what is safe. Raises what the link was lost by."""
        announced, self._announced = self._announced, []
        for name, index in announced:
            if not await self._fetch_one(link, name, index):
                self._everything = True
                await asyncio.sleep(LAG_S)
        if self._everything:
            self._everything = False
            for name in self._modem.storages_to_read:
                await self._fetch_all(link, name)
        await self._count(link)

    async def sweep(self, link: Link) -> bool:
        """Overwrite what deleted messages have left: a deleted record keeps its octets until its place is taken.

        Every free place is filled with zeros and deleted again; what comes in meanwhile is handed on. Where nothing was
        stored since the last sweep there is nothing to do. False if a storage does not let itself be written to. Raises
        what the link was lost by.
        """
        if self._clean:
            return True
        before = self._modem.storage_setting
        swept = [await self._sweep_one(link, name) for name in self._modem.storages_to_read if name in storage.WRITABLE]
        if before:
            await link.ask(commands.use_storage(*before))
            self._modem.storage_setting = before
        self._clean = all(blanks and untouched for blanks, untouched in swept)
        return all(blanks for blanks, _ in swept)

    async def _sweep_one(self, link: Link, name: str) -> tuple[int, bool]:
        """How many places of a storage were filled, and whether nothing came in meanwhile."""
        if not await self._select_both(link, name):
            return 0, False
        await self._fetch_all(link, name)
        handed, blanks = self._handed, 0
        while blanks < storage.MOST_RECORDS and await self._blank(link) is Verdict.ACCEPTED:
            blanks += 1
        await self._fetch_all(link, name)
        return blanks, handed == self._handed

    async def close(self) -> None:
        """Offer nothing any more; what is being taken may be finished."""
        if self._offers:
            await asyncio.wait(self._offers, timeout=LAST_OFFER_S)
        for offer in self._offers:
            offer.cancel()
        await asyncio.gather(*self._offers, return_exceptions=True)

    async def _fetch_one(self, link: Link, name: str, index: int) -> bool:
        """Read one announced message; False where it is not where the modem says (EC25: "SM",0 for one in SR)."""
        try:
            await self._select(link, name)
            lines = await link.ask(commands.read(index))
        except CommandFailed:
            return False
        if len(lines) < 2 or not grammar.is_hex(lines[1]):
            return False
        await self._hand_over(link, Stored(index, lines[1]))
        return True

    async def _fetch_all(self, link: Link, name: str) -> None:
        """List one storage; a modem whose ``+CMGL`` never ends (gammu #4) is not asked for it again."""
        if name in self._unlistable:
            return
        try:
            await self._select(link, name)
            lines = await link.ask(commands.LIST_ALL)
        except CommandTimeout:
            self._unlistable.add(name)
            raise
        except CommandFailed as refusal:
            log.event("modem.storage_unread", modem=self._modem.name, storage=name, code=refusal.code)
            return
        for message in storage.messages(lines):
            await self._hand_over(link, message)

    async def _hand_over(self, link: Link, message: Stored) -> None:
        kind = _kind(message.pdu)
        if not message.pdu.endswith(storage.FILLING):
            self._handed += 1
            self._clean = False
        if kind is not None:
            try:
                await self._take(self._modem, kind, message.pdu)
            except ModemdError as refusal:
                log.failed("modem.inbound_kept", refusal, level="WARNING", modem=self._modem.name)
                return  # it stays in the modem and is read again at the next look
        try:
            await link.ask(commands.delete(message.index))
        except CommandFailed as refusal:
            log.event("modem.not_deleted", level="WARNING", modem=self._modem.name, code=refusal.code)

    async def _select(self, link: Link, name: str) -> None:
        """Make ``name`` the storage that is read, and leave the other two as they were."""
        setting = (name, *self._modem.storage_setting[1:])
        if setting != self._modem.storage_setting:
            await link.ask(commands.use_storage(*setting))
            self._modem.storage_setting = setting

    async def _select_both(self, link: Link, name: str) -> bool:
        """Make ``name`` the storage that is read and written."""
        setting = (name, name, *self._modem.storage_setting[2:])
        try:
            await link.ask(commands.use_storage(*setting))
        except CommandFailed:
            return False
        self._modem.storage_setting = setting
        return True

    async def _blank(self, link: Link) -> Verdict:
        writing = Writing(link, storage.BLANK)
        try:
            await writing.prompt()
        except Unsent as full:
            if link.failure is not None:
                raise link.failure from None
            return full.outcome.verdict
        outcome = await writing.submit()
        if link.failure is not None:
            raise link.failure
        return outcome.verdict

    async def _count(self, link: Link) -> None:
        try:
            lines = await link.ask(commands.STORAGE_USE)
        except CommandFailed:
            return
        if lines:
            self._modem.storage_used, self._modem.storage_total = storage.use(lines[0])

    def _offer(self, kind: Kind, pdu: str) -> None:
        offer = asyncio.create_task(self._offer_until_taken(kind, pdu))
        self._offers.add(offer)
        offer.add_done_callback(self._offers.discard)

    async def _offer_until_taken(self, kind: Kind, pdu: str) -> None:
        for attempt in itertools.count():
            try:
                await self._take(self._modem, kind, pdu)
            except ModemdError as refusal:
                log.failed("modem.inbound_kept", refusal, level="WARNING", modem=self._modem.name)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            else:
                return


def _routed(event: Unsolicited) -> Kind:
    return {"+CDS": Kind.REPORT, "+CBM": Kind.BROADCAST}.get(event.text.partition(":")[0], Kind.DELIVER)


def _kind(pdu: str) -> Kind | None:
    """What a stored PDU is; None for a SUBMIT that somebody stored, or what is no PDU at all."""
    start = 2 + 2 * int(pdu[:2], 16) if pdu else 0
    if not pdu or len(pdu) < start + 2:
        return None
    return {0: Kind.DELIVER, 2: Kind.REPORT}.get(int(pdu[start : start + 2], 16) & 3)
