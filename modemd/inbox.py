"""What comes back from the network: status reports go to the queue, inbound SMS to the account they belong to.

A modem's PDUs are handed in one by one; a modem deletes its copy only when `take` has returned, and then everything
is on disk. What cannot be read, and what is no text for a person (8-bit data, messages for an application, indications
without a message), is counted, logged without its content, and let go, so that no storage ever fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Protocol

from modemd import log
from modemd.accounts.inbound import Inbound
from modemd.accounts.whose import Piece
from modemd.at import pdu
from modemd.errors import PduError
from modemd.ids import encode
from modemd.queue import Queue
from modemd.queue.reports import Fate
from modemd.values import Report

SILENT = 0x40
"""TP-PID of a short message type 0: to be acknowledged and its contents discarded (TS 23.040 9.2.3.9)."""
GAP = "[…]"
"""Stands for segments that never came."""


class Modem(Protocol):
    """What is to be known of where a PDU comes from."""

    name: str
    sim: str


class Inbox:
    """Reads PDUs and hands on what they mean."""

    def __init__(self, queue: Queue, inbound: Inbound) -> None:
        self._queue = queue
        self._inbound = inbound

    async def take(self, modem: Modem, kind: str, hex_pdu: str) -> None:
        """Take one PDU: what it said is durable when this returns.

        ``kind`` is ``deliver``, ``report`` or ``broadcast``, as the modem says. Raises StorageError or Unreadable:
        then it has to be offered again.
        """
        if kind == "broadcast":
            await self._drop(modem, "broadcast")
            return
        try:
            tpdu = _read(kind, hex_pdu)
        except PduError as error:
            await self._drop(modem, "unreadable", error)
            return
        match tpdu:
            case pdu.StatusReport():
                await self._report(modem, tpdu)
            case pdu.Deliver():
                await self._deliver(modem, tpdu, bytes.fromhex(hex_pdu))
            case _:
                await self._drop(modem, "outgoing")

    async def _report(self, modem: Modem, tpdu: pdu.StatusReport) -> None:
        if tpdu.command:
            await self._drop(modem, "command_report")
            return
        meaning = tpdu.meaning
        report = Report(
            modem.sim,
            tpdu.reference,
            tpdu.recipient.value,
            tpdu.status,
            tpdu.accepted.moment if tpdu.accepted else None,
            tpdu.discharged.moment if tpdu.discharged else None,
        )
        taken = await self._queue.report(report, Fate(meaning.delivery.value), meaning.words)
        log.event(
            "report.taken",
            level="DEBUG",
            modem=modem.name,
            found=taken.found,
            status=f"{tpdu.status:#04x}",
            message=encode("m", taken.message.id) if taken.message else None,
        )

    async def _deliver(self, modem: Modem, tpdu: pdu.Deliver, octets: bytes) -> None:
        why = _no_text(tpdu)
        if why is not None:
            await self._drop(modem, why)
            return
        took = await self._inbound.take(_piece(modem.sim, tpdu, octets))
        log.event("inbound.taken", level="DEBUG", modem=modem.name, took=took)

    async def _drop(self, modem: Modem, why: str, error: PduError | None = None) -> None:
        await self._inbound.drop(why)
        log.event("inbound.dropped", modem=modem.name, why=why, field=error and error.field)


def joined(segments: Sequence[bytes | None]) -> str:
    """The text of PDUs that belong together, in their order; None stands for one or more that are missing."""
    texts = []
    for missing, run in groupby(segments, key=lambda segment: segment is None):
        if missing:
            texts.append(GAP)
        else:
            read = (pdu.read(segment.hex()) for segment in run if segment is not None)
            texts.append(pdu.join([tpdu for tpdu in read if isinstance(tpdu, pdu.Deliver)]))
    return "".join(texts)


def _read(kind: str, hex_pdu: str) -> pdu.Tpdu:
    """The TPDU of a PDU; some modems leave the service centre address out of a status report, and of nothing else."""
    if kind == "report":
        for length in (None, len(hex_pdu) // 2):
            with suppress(PduError):
                tpdu = pdu.read(hex_pdu, length)
                if isinstance(tpdu, pdu.StatusReport):
                    return tpdu
    return pdu.read(hex_pdu)


def _no_text(tpdu: pdu.Deliver) -> str | None:
    """Why this is no text for a person; None if it is one."""
    if tpdu.protocol == SILENT:
        return "silent"
    if tpdu.coding.waiting is not None and not tpdu.coding.store:
        return "indication"
    if tpdu.body.alphabet is pdu.Alphabet.DATA or tpdu.body.header.ports is not None:
        return "data"
    return None


def _piece(sim: str, tpdu: pdu.Deliver, octets: bytes) -> Piece:
    sender, sent_at = tpdu.sender.text, tpdu.sent.moment if tpdu.sent else None
    key, concat = pdu.chain_key(tpdu), tpdu.body.header.concat
    chain = _words(sim, sender, key.reference, key.total, key.wide) if key else b""
    number, total = (concat.number, concat.total) if key and concat else (1, 1)
    # what is the same in every copy: TP-MMS, the service centre's address and padding may differ
    identity = _words(sim, sender, sent_at, chain.hex(), number) + tpdu.body.units
    return Piece(sim, sender, sent_at, octets, identity, chain, number, total)


def _words(*values: object) -> bytes:
    return "\0".join([*map(str, values), ""]).encode()
