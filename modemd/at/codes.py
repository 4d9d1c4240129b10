"""The result codes that come instead of OK: what each means, and whose fault it is.

Tables: ``+CMS ERROR`` (TS 27.005 3.2.5; 1-127 are RP causes of TS 24.011 8.2.5.4, 128-255 TP-Failure-Cause of TS 23.040
9.2.3.22), ``+CME ERROR`` (TS 27.007 9.2), and where makers disagree ``VENDORS``. A code in no table is taken as
``UNKNOWN``: nobody's fault in particular, tried again later on another modem. Whether a message got through in spite of
its code is another question (judgement.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from modemd.values import Fault

_MESSAGE, _NETWORK, _SIM, _MODEM, _DRIVER = Fault.MESSAGE, Fault.NETWORK, Fault.SIM, Fault.MODEM, Fault.DRIVER


class Code(NamedTuple):
    """One result code."""

    name: str
    """As the standard, or its maker, writes it; also what AT+CMEE=2 gives instead of the number."""
    fault: Fault
    words: str
    """For the operator: what it means, and where it helps what to do."""
    streak: Fault | None = None
    """Whose fault it is when one SIM gives it to three different recipients in a row, where that is another's."""
    rest_s: int = 0
    """Seconds this modem should be left alone before its next message."""


UNKNOWN = Code("unknown error", _NETWORK, "The modem gave an error that says nothing.", _MODEM, 5)
"""The default for every code in no table: later, on another modem; three in a row, and this modem is looked at."""

CMS: dict[int, Code] = {
    1: Code("unassigned number", _MESSAGE, "This number is not in use. If every number gets this, the SMSC number of "
            "the SIM is wrong.", _SIM),
    8: Code("operator determined barring", _SIM, "The operator bars this SIM from sending: unpaid or blocked."),
    10: Code("call barred", _SIM, "Sending is barred on this SIM, at least to this kind of number."),
    17: Code("network failure", _NETWORK, "The network failed."),
    21: Code("short message transfer rejected", _MESSAGE, "The SMSC refuses this message: a content filter, or no "
             "credit if it goes on with others.", _SIM),
    22: Code("memory capacity exceeded", _NETWORK, "The network is congested, or the recipient's memory is full."),
    27: Code("destination out of order", _NETWORK, "The recipient's phone or network cannot be reached."),
    28: Code("unidentified subscriber", _MESSAGE, "The recipient's network does not know this number. If every number "
             "gets this, the network does not know our SIM.", _SIM),
    29: Code("facility rejected", _SIM, "The network does not give this SIM the SMS service."),
    30: Code("unknown subscriber", _SIM, "The home network does not know this SIM, or it has no credit."),
    38: Code("network out of order", _NETWORK, "The network is out of order. If it goes on: no credit, or the SMSC "
             "number of the SIM is wrong.", _SIM),
    41: Code("temporary failure", _NETWORK, "The network failed for a moment."),
    42: Code("congestion", _NETWORK, "The network is congested; this modem should go slower.", None, 10),
    47: Code("resources unavailable, unspecified", _NETWORK, "The network has no resources at the moment."),
    50: Code("requested facility not subscribed", _SIM, "SMS is not part of this SIM's contract."),
    69: Code("requested facility not implemented", _SIM, "The network cannot do what this message asks for."),
    81: Code("invalid short message transfer reference value", _NETWORK, "The protocol slipped; once more."),
    95: Code("invalid message, unspecified", _DRIVER, "The network finds the message malformed; some give this for "
             "no credit.", _SIM),
    96: Code("invalid mandatory information", _DRIVER, "The network finds the message malformed; some give this for "
             "no credit.", _SIM),
    97: Code("message type non-existent or not implemented", _DRIVER, "The network does not know this message type."),
    98: Code("message not compatible with short message protocol state", _NETWORK, "Two messages collided; once more."),
    99: Code("information element non-existent or not implemented", _DRIVER, "The network misses or does not know an "
             "element of the message."),
    111: Code("protocol error, unspecified", _NETWORK, "A protocol error; some operators' filters answer like this."),
    127: Code("interworking, unspecified", _NETWORK, "The recipient's network did not take it over."),
    128: Code("telematic interworking not supported", _MESSAGE, "The SMSC knows no such protocol identifier."),
    129: Code("short message type 0 not supported", _MESSAGE, "The SMSC carries no silent messages."),
    130: Code("cannot replace short message", _MESSAGE, "The message to be replaced is not there."),
    143: Code("unspecified TP-PID error", _DRIVER, "The SMSC objects to the protocol identifier."),
    144: Code("data coding scheme (alphabet) not supported", _MESSAGE, "The SMSC does not carry this alphabet."),
    145: Code("message class not supported", _MESSAGE, "The SMSC does not carry this class of message, such as flash."),
    159: Code("unspecified TP-DCS error", _DRIVER, "The SMSC objects to the data coding scheme."),
    160: Code("command cannot be actioned", _MESSAGE, "The SMSC cannot carry out this command."),
    161: Code("command unsupported", _MESSAGE, "The SMSC does not know this command."),
    175: Code("unspecified TP-command error", _MESSAGE, "The SMSC objects to this command."),
    176: Code("TPDU not supported", _DRIVER, "The SMSC does not know this kind of message."),
    192: Code("SC busy", _NETWORK, "The SMSC is busy."),
    193: Code("no SC subscription", _SIM, "This SIM is not known at the SMSC: check the SMSC number."),
    194: Code("SC system failure", _NETWORK, "The SMSC failed."),
    195: Code("invalid SME address", _MESSAGE, "The SMSC finds this number invalid."),
    196: Code("destination SME barred", _MESSAGE, "The SMSC bars this recipient."),
    197: Code("SM rejected, duplicate SM", _MESSAGE, "The SMSC has this message already."),
    198: Code("TP-VPF not supported", _DRIVER, "The SMSC does not take this form of validity period."),
    199: Code("TP-VP not supported", _DRIVER, "The SMSC does not take a validity period."),
    208: Code("D0 SIM SMS storage full", _SIM, "The SIM's message memory is full; it is being emptied."),
    209: Code("no SMS storage capability in SIM", _SIM, "The SIM cannot store messages."),
    210: Code("error in MS", _MODEM, "The modem reports an error of its own."),
    211: Code("memory capacity exceeded", _SIM, "The message memory is full; it is being emptied."),
    212: Code("SIM application toolkit busy", _SIM, "The SIM is busy with its own application.", None, 5),
    213: Code("SIM data download error", _SIM, "The SIM failed to load data."),
    255: Code("unspecified error cause", _NETWORK, "The SMSC refuses without a reason."),
    300: Code("ME failure", _MODEM, "The modem failed."),
    301: Code("SMS service of ME reserved", _MODEM, "Another program or port is using the modem for SMS.", None, 5),
    302: Code("operation not allowed", _MODEM, "Not allowed now: just started, not registered, or SIM not ready.",
              None, 5),
    303: Code("operation not supported", _DRIVER, "The modem does not know this operation or setting."),
    304: Code("invalid PDU mode parameter", _DRIVER, "The modem finds the PDU or its length wrong."),
    305: Code("invalid text mode parameter", _MODEM, "The modem is in text mode where PDU mode was meant."),
    310: Code("SIM not inserted", _SIM, "There is no SIM, or it lost contact."),
    311: Code("SIM PIN required", _SIM, "The SIM wants its PIN."),
    312: Code("PH-SIM PIN required", _SIM, "The modem is locked to another SIM."),
    313: Code("SIM failure", _SIM, "The SIM failed, often after a dip in power: reset, or take it out and in."),
    314: Code("SIM busy", _SIM, "The SIM is busy.", None, 5),
    315: Code("SIM wrong", _SIM, "The modem does not take this SIM."),
    316: Code("SIM PUK required", _SIM, "The SIM is blocked and wants its PUK; only a person may enter it."),
    317: Code("SIM PIN2 required", _SIM, "The SIM wants its PIN2."),
    318: Code("SIM PUK2 required", _SIM, "The SIM wants its PUK2."),
    320: Code("memory failure", _MODEM, "The modem's message memory failed; it needs a reset."),
    321: Code("invalid memory index", _DRIVER, "There is no message at this place of the memory."),
    322: Code("memory full", _SIM, "The message memory is full; it is being emptied."),
    330: Code("SMSC address unknown", _SIM, "The SIM holds no SMSC number: set it."),
    331: Code("no network service", _MODEM, "The modem has no network.", None, 10),
    332: Code("network timeout", _NETWORK, "The network did not answer in time; the SMSC may have the message."),
    340: Code("no +CNMA acknowledgement expected", _DRIVER, "There was nothing to acknowledge."),
    341: Code("NV failure", _MODEM, "The modem's permanent memory failed."),
    350: Code("undocumented: delivery failed in the end", _NETWORK, "The modem gave up after a long time; the SMSC may "
              "have the message."),
    500: UNKNOWN._replace(words="The modem gives no reason: no credit, a wrong SMSC number, bad radio or weak power."),
    512: Code("not possible now", _MODEM, "The modem was not ready: starting, receiving, or bad radio.", None, 15),
    513: Code("lower layer failure, or wrong length", _NETWORK, "Bad radio, or the modem dislikes the PDU.", _MODEM),
    514: Code("protocol error, or bad parameter", _NETWORK, "Bad radio, or the modem dislikes the PDU.", _MODEM),
    515: Code("initialisation in progress", _MODEM, "The modem is still starting.", None, 5),
    529: Code("SMS not allowed", _SIM, "The SIM may not send messages."),
    538: Code("invalid parameter", _DRIVER, "The modem dislikes a parameter."),
    615: Code("network failure", _NETWORK, "The network failed."),
    616: Code("network is down", _NETWORK, "The network is down."),
    770: Code("SIM invalid, network reject", _SIM, "The network rejects this SIM."),
    772: Code("SIM powered down", _SIM, "The SIM is switched off."),
    2051: Code("illegal MS", _SIM, "The network refuses this SIM or this device."),
}  # fmt: skip
"""``+CMS ERROR`` by number."""

_APPLICATION = Code("application error", _NETWORK, "The SMSC's or the SIM's application refuses.")  # 224-254

CME: dict[int, Code] = {
    0: Code("phone failure", _MODEM, "The modem failed."),
    1: Code("no connection to phone", _MODEM, "The modem lost its inner connection."),
    2: Code("phone-adaptor link reserved", _MODEM, "Another program or port is using the modem."),
    3: Code("operation not allowed", _MODEM, "Not allowed now: just started, or SIM not ready.", None, 5),
    4: Code("operation not supported", _DRIVER, "The modem does not know this operation."),
    5: Code("PH-SIM PIN required", _SIM, "The modem is locked to another SIM."),
    6: Code("PH-FSIM PIN required", _SIM, "The modem is locked to its first SIM."),
    7: Code("PH-FSIM PUK required", _SIM, "The modem is locked to its first SIM, and blocked."),
    10: Code("SIM not inserted", _SIM, "There is no SIM, or it lost contact."),
    11: Code("SIM PIN required", _SIM, "The SIM wants its PIN."),
    12: Code("SIM PUK required", _SIM, "The SIM is blocked and wants its PUK; only a person may enter it."),
    13: Code("SIM failure", _SIM, "The SIM failed, often after a dip in power: reset, or take it out and in."),
    14: Code("SIM busy", _SIM, "The SIM is busy.", None, 2),
    15: Code("SIM wrong", _SIM, "The modem does not take this SIM."),
    16: Code("incorrect password", _SIM, "The PIN is wrong; it is not tried again."),
    17: Code("SIM PIN2 required", _SIM, "The SIM wants its PIN2."),
    18: Code("SIM PUK2 required", _SIM, "The SIM wants its PUK2."),
    20: Code("memory full", _SIM, "The memory is full; it is being emptied."),
    21: Code("invalid index", _DRIVER, "There is nothing at this place of the memory."),
    22: Code("not found", _DRIVER, "What was asked for is not there."),
    23: Code("memory failure", _MODEM, "The modem's memory failed; it needs a reset."),
    24: Code("text string too long", _DRIVER, "The modem finds a text too long."),
    25: Code("invalid characters in text string", _DRIVER, "The modem dislikes a character."),
    26: Code("dial string too long", _MESSAGE, "The modem finds the number too long."),
    27: Code("invalid characters in dial string", _MESSAGE, "The modem dislikes the number."),
    30: Code("no network service", _MODEM, "The modem has no network.", None, 10),
    31: Code("network timeout", _NETWORK, "The network did not answer in time; the SMSC may have the message."),
    32: Code("network not allowed - emergency calls only", _SIM, "The network refuses this SIM."),
    40: Code("network personalization PIN required", _SIM, "The modem is locked to another operator."),
    41: Code("network personalization PUK required", _SIM, "The modem is locked to another operator, and blocked."),
    42: Code("network subset personalization PIN required", _SIM, "The modem is locked to other SIMs."),
    43: Code("network subset personalization PUK required", _SIM, "The modem is locked to other SIMs, and blocked."),
    44: Code("service provider personalization PIN required", _SIM, "The modem is locked to another provider."),
    45: Code("service provider personalization PUK required", _SIM, "The modem is locked to another provider, and "
             "blocked."),
    46: Code("corporate personalization PIN required", _SIM, "The modem is locked to a company's SIMs."),
    47: Code("corporate personalization PUK required", _SIM, "The modem is locked to a company's SIMs, and blocked."),
    48: Code("hidden key required", _SIM, "The SIM wants its hidden key."),
    49: Code("EAP method not supported", _SIM, "The SIM does not know this way to identify itself."),
    50: Code("incorrect parameters", _DRIVER, "The modem dislikes a parameter."),
    51: Code("command implemented but currently disabled", _MODEM, "The modem does not allow this now.", None, 5),
    52: Code("command aborted by user", _MODEM, "The command was broken off."),
    53: Code("not attached to network due to MT functionality restrictions", _MODEM, "The modem's radio is switched "
             "off or restricted."),
    54: Code("modem not allowed - MT restricted to emergency calls only", _SIM, "The network refuses this SIM."),
    55: Code("operation not allowed because of MT functionality restrictions", _MODEM, "The modem's radio is switched "
             "off or restricted."),
    56: Code("fixed dial number only allowed - called number is not a fixed dial number", _SIM, "The SIM allows only "
             "its own list of numbers."),
    57: Code("temporarily out of service due to other MT usage", _MODEM, "The modem is busy otherwise.", None, 5),
    58: Code("language/alphabet not supported", _DRIVER, "The modem does not know this alphabet."),
    59: Code("unexpected data value", _DRIVER, "The modem dislikes a value."),
    60: Code("system failure", _MODEM, "The modem failed."),
    61: Code("data missing", _DRIVER, "The modem misses a value."),
    62: Code("call barred", _SIM, "Sending is barred on this SIM."),
    100: UNKNOWN,
    103: Code("illegal MS", _SIM, "The network refuses this SIM."),
    106: Code("illegal ME", _MODEM, "The network refuses this device."),
    107: Code("GPRS services not allowed", _SIM, "The network gives this SIM no packet service."),
    108: Code("GPRS services and non-GPRS services not allowed", _SIM, "The network refuses this SIM."),
    111: Code("PLMN not allowed", _SIM, "This SIM may not use this network."),
    112: Code("location area not allowed", _SIM, "This SIM may not be used in this area."),
    113: Code("roaming not allowed in this location area", _SIM, "This SIM may not roam here."),
    114: Code("GPRS services not allowed in this PLMN", _SIM, "This network gives this SIM no packet service."),
    115: Code("no suitable cells in location area", _NETWORK, "No cell here takes this SIM."),
    122: Code("congestion", _NETWORK, "The network is congested.", None, 10),
    126: Code("insufficient resources", _NETWORK, "The network has no resources at the moment."),
    132: Code("service option not supported", _NETWORK, "The network does not offer this."),
    133: Code("requested service option not subscribed", _SIM, "This is not part of the SIM's contract."),
    134: Code("service option temporarily out of order", _NETWORK, "The network cannot do this for the moment."),
    148: Code("unspecified GPRS error", _NETWORK, "The packet service failed."),
    149: Code("PDP authentication failure", _SIM, "The network refuses this SIM's packet service."),
    150: Code("invalid mobile class", _MODEM, "The network refuses this device's class."),
    515: Code("please wait, init or command processing in progress", _MODEM, "The modem is still starting.", None, 5),
    536: Code("lock-up", _MODEM, "The modem is locked up and needs a reset."),
}  # fmt: skip
"""``+CME ERROR`` by number."""

VENDORS: dict[str, dict[tuple[str, int], Code]] = {
    "siemens": {
        ("cms", 256): Code("operation temporarily not allowed", _MODEM, "Not allowed for the moment.", None, 5),
        ("cms", 257): Code("call barred", _SIM, "Sending is barred on this SIM."),
        ("cms", 258): Code("phone is busy", _MODEM, "The modem is busy.", None, 5),
        ("cms", 259): Code("user abort", _MODEM, "The command was broken off."),
        ("cms", 260): Code("invalid dial string", _MESSAGE, "The modem dislikes the number."),
        ("cms", 261): Code("SS not executed", _NETWORK, "The network did not carry it out."),
        ("cms", 262): Code("SIM blocked", _SIM, "The SIM is blocked."),
        ("cms", 263): Code("invalid block", _SIM, "The SIM is blocked."),
        ("cms", 512): Code("user abort", _MODEM, "The command was broken off."),
        ("cms", 513): Code("unable to store", _SIM, "The message could not be stored."),
        ("cms", 514): Code("invalid status", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 515): Code("invalid character in address string", _MESSAGE, "The modem dislikes the number."),
        ("cms", 516): Code("invalid length", _DRIVER, "The modem finds the PDU's length wrong."),
        ("cms", 517): Code("invalid character in PDU", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 519): Code("invalid length or character", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 520): Code("invalid character in text", _DRIVER, "The modem dislikes a character."),
        ("cms", 521): Code("timer expired", _NETWORK, "The network did not answer in time."),
        ("cms", 522): Code("operation temporarily not allowed", _MODEM, "Not allowed for the moment.", None, 5),
        ("cms", 532): Code("SIM not ready", _SIM, "The SIM is not ready.", None, 5),
        ("cms", 549): Code("wrong PDU length", _DRIVER, "The modem finds the PDU's length wrong."),
        ("cms", 550): Code("wrong message type indicator", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 551): Code("wrong address", _MESSAGE, "The modem dislikes the number."),
        ("cms", 552): Code("wrong user data length", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 553): Code("wrong PDU length", _DRIVER, "The modem finds the PDU's length wrong."),
        ("cms", 554): Code("wrong SMSC address", _DRIVER, "The modem dislikes the SMSC address."),
    },
    "simcom": {
        ("cms", 512): Code("SIM not ready", _SIM, "The SIM is not ready; the modem has just started.", None, 15),
        ("cms", 513): Code("message length exceeds", _DRIVER, "The modem finds the PDU's length wrong."),
        ("cms", 514): Code("invalid request parameters", _DRIVER, "The modem dislikes the PDU."),
        ("cms", 515): Code("ME storage failure", _MODEM, "The modem's message memory failed; it needs a reset."),
        ("cms", 517): Code("invalid service mode", _DRIVER, "The modem is in a mode without SMS."),
        ("cms", 528): Code("more message to send state error", _MODEM, "The modem lost the kept link (CMMS).", None, 2),
        ("cms", 529): Code("MO SMS is not allowed", _SIM, "The SIM may not send messages."),
        ("cms", 530): Code("GPRS is suspended", _NETWORK, "The packet service is suspended."),
        ("cms", 531): Code("ME storage full", _SIM, "The message memory is full; it is being emptied."),
    },
    "wavecom": {
        ("cms", 512): Code("MM establishment failure", _NETWORK, "The network gave no channel.", _MODEM),
        ("cms", 513): Code("lower layer failure", _NETWORK, "Bad radio.", _MODEM),
        ("cms", 514): Code("CP error", _NETWORK, "The network answered with a protocol error."),
    },
}  # fmt: skip
"""Codes that makers use in their own way, by vendor, family and number."""

_DEFAULTS: Mapping[str, Mapping[int, Code]] = {"cms": CMS, "cme": CME}
_NO_REASON = {"cms": 500, "cme": 100}


def meaning(family: str, number: int | None, *, vendor: str = "") -> Code:
    """The entry for this code: the vendor's own if there is one, else the standard's, else ``UNKNOWN``."""
    if number is None:
        return UNKNOWN
    own = VENDORS.get(vendor, {}).get((family, number))
    if own is not None:
        return own
    if family == "cms" and 224 <= number <= 254:
        return _APPLICATION
    return _DEFAULTS.get(family, {}).get(number, UNKNOWN)


def number_of(family: str, text: str) -> int | None:
    """The number of a code that was given in words (CMEE=2); words nobody knows count as "unknown error"."""
    if text.strip().isdecimal():
        return int(text)
    return _NUMBERS.get((family, _key(text)), _NO_REASON.get(family))


def _key(words: str) -> str:
    """Words without what modems write differently: case, blanks, punctuation, and the U of (U)SIM."""
    return re.sub(r"[^a-z0-9]", "", words.lower().replace("(u)", "").replace("usim", "sim"))


_OTHER_WORDS = {
    ("cms", "SIM PUK2 needed"): 318, ("cms", "invalid index"): 321, ("cms", "SMSC unknown"): 330,
    ("cms", "no network"): 331, ("cms", "network time-out"): 332, ("cms", "SMS service reserved"): 301,
    ("cms", "not allowed"): 302, ("cms", "not supported"): 303, ("cms", "unknown"): 500,
    ("cms", "short message rejected"): 21, ("cms", "network out of service"): 38, ("cms", "unspecified error"): 255,
    ("cms", "no CNMA expected"): 340, ("cms", "SIM not ready"): 314, ("cms", "SIM memory full"): 322,
    ("cme", "invalid memory index"): 21, ("cme", "unknown"): 100, ("cme", "not allowed"): 3, ("cme", "no network"): 30,
    ("cme", "not supported"): 4, ("cme", "invalid parameters"): 50, ("cme", "emergency calls only"): 32,
    ("cme", "network not allowed, emergency calls only"): 32, ("cme", "SIM not ready"): 14,
}  # fmt: skip
"""Words in use besides the standard's."""

# of two numbers with one name the lower is the one that words are meant for
_NUMBERS: dict[tuple[str, str], int] = {
    (family, _key(code.name)): number
    for family, codes in _DEFAULTS.items()
    for number, code in sorted(codes.items(), reverse=True)
} | {(family, _key(words)): number for (family, words), number in _OTHER_WORDS.items()}
