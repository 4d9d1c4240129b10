"""What is sealed of a message: recipient, text, the caller's tag and how to send it, as compact octets.

format  1   options  flash 1, report 2, valid_for present 4, tag present 8, password 16, plain 32
to      length octet and ASCII
[valid_for  4 octets, seconds]
[tag    length octet and UTF-8]
text    UTF-8 to the end
"""

from __future__ import annotations

from typing import NamedTuple

from modemd.accounts.vault import Box
from modemd.errors import Unreadable
from modemd.queue import Message
from modemd.values import Sms

BODY = "message.body"
"""Where it lies: the table and the column to which its seal is bound."""
BLANK = "\0"
"""Stands in the text of a password letter for the password, which is made when the message is sent."""

_FORMAT = 1
_FLASH, _REPORT, _VALID_FOR, _TAG, _PASSWORD, _PLAIN = 1, 2, 4, 8, 16, 32


class Letter(NamedTuple):
    """One message as it was sealed."""

    sms: Sms
    tag: str | None = None
    password: bool = False
    """A password is to be put where BLANK stands."""
    plain: bool = False
    """Diacritics were stripped from the text."""


def encode(letter: Letter) -> bytes:
    """The octets to seal. The tag takes at most 255 octets of UTF-8."""
    sms, tag, password, plain = letter
    to = sms.to.encode("ascii")
    options = _FLASH * sms.flash | _REPORT * sms.report | _PASSWORD * password + _PLAIN * plain
    extra = b""
    if sms.valid_for is not None:
        options |= _VALID_FOR
        extra = sms.valid_for.to_bytes(4, "big")
    if tag is not None:
        options |= _TAG
        raw = tag.encode()
        extra += len(raw).to_bytes(1, "big") + raw
    return b"%c%c%c%b%b%b" % (_FORMAT, options, len(to), to, extra, sms.text.encode())


def decode(octets: bytes) -> Letter:
    """The message. Raises Unreadable if these are no such octets."""
    try:
        return _decode(octets)
    except (IndexError, UnicodeDecodeError):
        raise Unreadable("the sealed message is not in a form this version of modemd knows") from None


def opened(message: Message, box: Box) -> Letter:
    """What was sealed of a message. Raises Unreadable."""
    return decode(box.open(BODY, message.id, message.body))


def _decode(octets: bytes) -> Letter:
    if octets[0] != _FORMAT:
        raise IndexError
    options, place = octets[1], 3 + octets[2]
    to = octets[3:place].decode("ascii")
    valid_for = tag = None
    if options & _VALID_FOR:
        valid_for = int.from_bytes(octets[place : place + 4], "big")
        place += 4
    if options & _TAG:
        end = place + 1 + octets[place]
        tag = octets[place + 1 : end].decode()
        place = end
    sms = Sms(to, octets[place:].decode(), bool(options & _FLASH), bool(options & _REPORT), valid_for)
    return Letter(sms, tag, bool(options & _PASSWORD), bool(options & _PLAIN))
