"""USSD: a code such as ``*100#`` is asked and a line of text answered (TS 27.007 7.15, TS 23.038 5, 6.1.2.3)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from modemd.at import commands
from modemd.at.grammar import after, fields, is_hex
from modemd.at.link import Link
from modemd.at.pdu.alphabet import DEFAULT
from modemd.at.pdu.primitives import pack, unpack
from modemd.errors import AtError, CommandFailed, InvalidField

ANSWER_S = 120.0
"""The network may take so long after the OK."""
_CODE = re.compile(r"[0-9*#+]{1,160}")
_AMOUNT = re.compile(r"(?P<minus>[-−])?\s*(?P<whole>\d[\d\s.,']*?)(?:[.,](?P<fraction>\d{1,2}))?\s*$")
_CR = 0x0D


class Style(StrEnum):
    """How a family carries the text between us and it."""

    TEXT = "text"
    PACKED = "packed"
    """GSM 7 bit packed, in hex, whatever +CSCS says: Huawei."""
    UCS2 = "ucs2"


class End(StrEnum):
    """What ``+CUSD: <m>`` says."""

    DONE = "done"
    MORE_WANTED = "more wanted"
    ENDED_BY_NETWORK = "ended by the network"
    OTHER_CLIENT = "another client answered"
    NOT_SUPPORTED = "not supported"
    TIMED_OUT = "the network did not answer"


_ENDS = tuple(End)


@dataclass(frozen=True)
class Reply:
    """What the network answered."""

    end: End
    text: str


def encode(code: str, style: Style) -> str:
    """The code as this family wants it; raises InvalidField for what is no code (it goes into a command line)."""
    if not _CODE.fullmatch(code):
        raise InvalidField("code", "a USSD code is digits, * and #", cure="write it like *100#")
    septets = DEFAULT.encode(code) or b""
    if style is Style.UCS2:
        return code.encode("utf-16-be").hex().upper()
    if style is Style.PACKED:  # seven spare bits would read as @: CR fills them
        return pack(septets + bytes([_CR]) * (len(septets) % 8 == 7)).hex().upper()
    return code


def decode(line: str) -> Reply:
    """Read ``+CUSD: <m>[,<str>,<dcs>]``: by its coding scheme, and by whether it is all hex."""
    values = fields(after("+CUSD:", line))
    end = _ENDS[int(values[0])] if values[0].isdecimal() and int(values[0]) < len(_ENDS) else End.DONE
    text = values[1] if len(values) > 1 else ""
    scheme = int(values[2]) if len(values) > 2 and values[2].isdecimal() else 15
    return Reply(end, _text(text, scheme))


def _text(text: str, scheme: int) -> str:
    if not is_hex(text) or len(text) < 4:
        return text
    octets = bytes.fromhex(text)
    if _is_ucs2(scheme) or (len(octets) % 2 == 0 and set(octets[::2]) <= {0, 1, 4}):
        return octets.decode("utf-16-be", "replace")
    if scheme >> 4 == 4 and scheme >> 2 & 3 == 1:
        return octets.decode("latin-1")
    return DEFAULT.decode(unpack(octets, len(octets) * 8 // 7)).rstrip("\r@")


def _is_ucs2(scheme: int) -> bool:
    """TS 23.038 5: the general data coding group says its alphabet in bits 3 and 2; 0001 0001 is UCS2 as well."""
    return (scheme >> 6 == 1 and scheme >> 2 & 3 == 2) or scheme == 0x11


def balance(text: str, pattern: str) -> Decimal | None:
    """The amount in an answer: the first group of ``pattern``; None where it does not fit.

    A comma or a point with one or two digits after it parts the fraction; any other parts thousands, as blanks do.
    """
    found = re.search(pattern, text)
    amount = _AMOUNT.search(found[1] or "") if found and found.re.groups else None
    if amount is None:
        return None
    whole = "".join(filter(str.isdecimal, amount["whole"]))
    return Decimal(f"{'-' if amount['minus'] else ''}{whole}.{amount['fraction'] or 0}")


class Session:
    """One question; ``hear`` gets what the modem says unasked while it runs."""

    def __init__(self, link: Link, style: Style) -> None:
        self._link = link
        self._style = style
        self._reply: asyncio.Future[Reply] = link.loop.create_future()

    def hear(self, line: str) -> bool:
        """Take a ``+CUSD``; whether it was one."""
        if not line.startswith("+CUSD:"):
            return False
        if not self._reply.done():
            self._reply.set_result(decode(line))
        return True

    async def ask(self, code: str, at_most_s: float = ANSWER_S) -> Reply:
        """Send the code and return the answer. Raises CommandFailed, or what the link was lost by."""
        command = commands.ussd(encode(code, self._style))
        try:
            await self._link.ask(command)
        except CommandFailed:
            if not self._link.dialect.ussd_setup:
                raise
            await self._link.ask(commands.Command(self._link.dialect.ussd_setup))
            await self._link.ask(command)
        await asyncio.wait((self._reply, self._link.lost), timeout=at_most_s, return_when=asyncio.FIRST_COMPLETED)
        if self._link.failure is not None:
            raise self._link.failure
        reply = self._reply.result() if self._reply.done() else Reply(End.TIMED_OUT, "")
        if reply.end in {End.MORE_WANTED, End.TIMED_OUT}:
            await self._close()
        return reply

    async def _close(self) -> None:
        """An open session keeps some modems from sending."""
        try:
            await self._link.ask(commands.USSD_END)
        except AtError:
            return
