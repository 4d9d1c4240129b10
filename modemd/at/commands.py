"""Every command this daemon sends: what it is answered with, how long that may take, and who says so.

``TS 27.007`` and ``TS 27.005`` are 3GPP's; a vendor's limit is named with its manual. A time-out counts from the moment
the last octet was written. Commands stay under 40 characters, one to a line (V.250 5.2.1), but for those that must not
be parted: PDU mode and what relies on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern
from re import compile as pattern

from modemd.at import grammar

PLAIN_S = 5.0
"""Set-up and queries: SIM800 V1.09 gives 5 s for most; kannel waits 3, smstools 5, ModemManager 3–20."""
STORAGE_S = 20.0
"""A full SIM takes tens of seconds to list or empty; SIM800 V1.09 gives 5 s for a single index."""
PROMPT_S = 10.0
"""ModemManager waits 10 s for ``>``, kannel and chan_dongle 5; failing here is safe, so patience costs little."""
SUBMIT_S = 180.0
"""The longest honest answer known: u-blox SARA-R4 3 min (UBX-17003787), 135 s seen on Quectel EG06."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command line and how to know its answer from everything else."""

    text: str
    """Without the CR."""
    timeout_s: float = PLAIN_S
    prefix: str = ""
    """What its information text begins with, such as ``+CPMS:``."""
    bare: Pattern[str] | None = None
    """Its information text where no prefix marks it (``+CGMI``, ``+CIMI``): the whole line must fit."""
    fits: Callable[[str], bool] | None = None
    """A further test where an unsolicited code has the same prefix."""
    brings_pdu: bool = False
    """A line of information text may be followed by one that is a PDU (``+CMGR``, ``+CMGL``)."""
    repeatable: bool = False
    """No answer loses nothing: it may be asked again on the same link."""
    lenient_s: float | None = None
    """Seconds after its information text when a final result that never comes is no longer waited for."""

    def owns(self, line: str) -> bool:
        """Whether the line is information text of this command."""
        if self.prefix and line.startswith(self.prefix):
            return self.fits is None or self.fits(line)
        return self.bare is not None and line not in grammar.BARE_CODES and self.bare.fullmatch(line) is not None


_TEXT = pattern(r"[^+^*$%#].*")
_IMEI = pattern(r'(?:\+CGSN: ?)?"?(\d{14,17})"?')
_IMSI = pattern(r'(?:\+CIMI: ?)?"?(\d{6,15})"?')
_ICCID = pattern(r'(?:[+^#!*$]\w*(?:CCID|SCID): ?)?"?(\d{18,20}[0-9A-Fa-f]?F?)"?')


def _registration(line: str) -> bool:
    """``+CREG: <n>,<stat>…`` answers; ``+CREG: <stat>[,<lac>…]`` comes by itself (TS 27.007 7.2)."""
    values = grammar.fields(line.partition(":")[2])
    return len(values) >= 2 and values[0] in {"0", "1", "2", "3", "4", "5"} and _is_stat(line, values[1])


def _is_stat(line: str, value: str) -> bool:
    return f'"{value}"' not in line and value.isdecimal() and int(value) <= 10


ATTENTION = Command("AT", 1.0, repeatable=True)
"""Answers at once or not at all; the first one after a sleep is often lost (gammu atgen.c)."""
ECHO_OFF = Command("ATE0")
ECHO_ON = Command("ATE1")
ERRORS_BY_NUMBER = Command("AT+CMEE=1")
"""TS 27.007 9.1."""

MAKER = Command("AT+CGMI", bare=_TEXT, prefix="+CGMI:")
MODEL = Command("AT+CGMM", bare=_TEXT, prefix="+CGMM:")
REVISION = Command("AT+CGMR", bare=_TEXT, prefix="+CGMR:")
SERIAL_NUMBER = Command("AT+CGSN", bare=_IMEI, prefix="+CGSN:")
"""TS 27.007 5.1–5.4; some put the command's name before the text (SIM7600 ``+CGMR: …``)."""

PIN_STATE = Command("AT+CPIN?", prefix="+CPIN:", lenient_s=1.0)
"""TS 27.007 8.3. Wavecom gives no OK after it (G900 manual p. 11)."""
SUBSCRIBER = Command("AT+CIMI", bare=_IMSI, prefix="+CIMI:")
"""TS 27.007 5.6."""

SERVICE = Command("AT+CSMS=0", prefix="+CSMS:")
"""TS 27.005 3.2.1: the modem itself acknowledges what is routed to us, for no +CNMA may be sent during +CMGS."""
PDU_MODE = Command("AT+CMGF=0")
"""TS 27.005 3.2.3."""
MODE = Command("AT+CMGF?", prefix="+CMGF:")
MODE_SET_AND_READ = Command("AT+CMGF=0;+CMGF?", prefix="+CMGF:")
"""Does nothing that is not done already; its answer proves that a second command on a line is carried out."""
STORAGES = Command("AT+CPMS=?", prefix="+CPMS:")
STORAGE_USE = Command("AT+CPMS?", prefix="+CPMS:")
"""TS 27.005 3.2.2."""
NOTIFY_VALUES = Command("AT+CNMI=?", prefix="+CNMI:")
KEEP_LINK = Command("AT+CMMS=2")
"""TS 27.005 3.5.6: the radio link stays up between messages that follow within 1–5 s."""
SMSC = Command("AT+CSCA?", prefix="+CSCA:")
"""TS 27.005 3.3.1."""

CIRCUIT_REGISTRATION = Command("AT+CREG?", prefix="+CREG:", fits=_registration)
PACKET_REGISTRATION = Command("AT+CGREG?", prefix="+CGREG:", fits=_registration)
EPS_REGISTRATION = Command("AT+CEREG?", prefix="+CEREG:", fits=_registration)
"""TS 27.007 7.2, 10.1.20, 10.1.22: SMS works when any of the three is good."""
SIGNAL = Command("AT+CSQ", prefix="+CSQ:")
"""TS 27.007 8.5."""
OPERATOR = Command("AT+COPS?", 20.0, prefix="+COPS:")
"""TS 27.007 7.3; slow while the modem searches."""

LIST_ALL = Command("AT+CMGL=4", STORAGE_S, prefix="+CMGL:", brings_pdu=True)
"""TS 27.005 4.1; 4 = all."""
USSD_END = Command("AT+CUSD=2")
RESTART = Command("AT+CFUN=1,1", 15.0)
"""TS 27.007 8.2; 15 s by Quectel's manuals; the port may go before the OK."""


def iccid(text: str) -> Command:
    """Ask for the ICCID in a dialect's own words (27.007 has none): ``AT+CCID``, ``AT^ICCID?``, ``AT+QCCID``."""
    return Command(text, bare=_ICCID)


def enter_pin(pin: str) -> Command:
    """TS 27.007 8.3; SIM800 V1.09 and Telit GM862 give 5 s."""
    return Command(f'AT+CPIN="{pin}"', 10.0)


def characters(name: str) -> Command:
    """TS 27.007 5.5. Another program may have left UCS2 or HEX, which operator names, SMSC and USSD come in then.

    The first one after power-on is not answered for 10 s by an MC55i (gammu #565).
    """
    return Command(f'AT+CSCS="{name}"', 5.0, repeatable=True)


def use_storage(*names: str) -> Command:
    """TS 27.005 3.2.2: one to three of SM, ME, MT, SR."""
    return Command("AT+CPMS=" + ",".join(f'"{name}"' for name in names), prefix="+CPMS:")


def notify(mode: int, mt: int, bm: int, ds: int, bfr: int) -> Command:
    """TS 27.005 3.4.1."""
    return Command(f"AT+CNMI={mode},{mt},{bm},{ds},{bfr}")


def follow_registration(which: str) -> Command:
    """TS 27.007 7.2: tell every change of ``CREG``, ``CGREG`` or ``CEREG`` unasked."""
    return Command(f"AT+{which}=1")


def read(index: int) -> Command:
    """TS 27.005 4.2."""
    return Command(f"AT+CMGR={index}", prefix="+CMGR:", brings_pdu=True)


def delete(index: int) -> Command:
    """TS 27.005 3.5.4."""
    return Command(f"AT+CMGD={index}", STORAGE_S)


def ussd(code: str, coding: int = 15) -> Command:
    """TS 27.007 7.15: OK at once, ``+CUSD:`` up to two minutes later."""
    return Command(f'AT+CUSD=1,"{code}",{coding}', 20.0)


def submit(length: int) -> Command:
    """``AT+CMGS=<length>`` in PDU mode (TS 27.005 4.3): octets of the TPDU without the SCA."""
    return Command(f"AT+CMGS={length}", PROMPT_S, prefix="+CMGS:")


SUBMIT = [submit(length) for length in range(165)]
"""Ready-made for every length a TPDU can have (Telit permits 7…164): the send path builds nothing."""
SUBMIT_IN_PDU_MODE = [Command(f"AT+CMGF=0;+CMGS={length}", PROMPT_S, prefix="+CMGS:") for length in range(165)]
"""The same where the modem takes two commands on a line (V.250 5.2.1): whoever has set text mode meanwhile, the length
is no number and the PDU no text. Programs send so to modems of Quectel, SIMCom, Siemens and Intel."""
WRITE = [Command(f"AT+CMGW={length}", PROMPT_S, prefix="+CMGW:") for length in range(165)]
"""``AT+CMGW=<length>`` in PDU mode (TS 27.005 4.4)."""


def imei_of(line: str) -> str | None:
    """The IMEI (or IMEISV) in an answer to ``+CGSN``."""
    match = _IMEI.fullmatch(line)
    return match[1] if match else None


def imsi_of(line: str) -> str | None:
    """The IMSI in an answer to ``+CIMI``."""
    match = _IMSI.fullmatch(line)
    return match[1] if match else None


def iccid_of(line: str) -> str | None:
    """The ICCID in an answer, without the filler of an odd count."""
    match = _ICCID.fullmatch(line)
    return match[1].rstrip("Ff") if match else None
