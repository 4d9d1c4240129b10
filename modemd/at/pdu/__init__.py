"""The SMS TPDU: what goes into AT+CMGS, and what comes out of +CMGR, +CMT and +CDS (TS 23.040, TS 23.038).

To send: ``count`` tells what a text costs, ``plain`` makes it cheaper, ``segments`` gives what AT+CMGS takes.
To receive: ``read`` gives a ``Deliver`` or a ``StatusReport``; ``chain_key`` and ``join`` make one message of segments.
"""

from modemd.at.pdu.address import Address
from modemd.at.pdu.alphabet import Language
from modemd.at.pdu.dcs import Alphabet, DataCoding, MessageClass, Waiting
from modemd.at.pdu.deliver import Deliver
from modemd.at.pdu.header import Concat, Header, Ports
from modemd.at.pdu.outgoing import Options, data_segments, segments
from modemd.at.pdu.plain import plain
from modemd.at.pdu.reading import Tpdu, is_empty, read, write
from modemd.at.pdu.reassembly import ChainKey, chain_key, join
from modemd.at.pdu.segmentation import Count, count
from modemd.at.pdu.status import Delivery, Status
from modemd.at.pdu.status import meaning as status_meaning
from modemd.at.pdu.status_report import StatusReport
from modemd.at.pdu.submit import Submit
from modemd.at.pdu.timestamp import Stamp
from modemd.at.pdu.userdata import UserData
from modemd.at.pdu.validity import Enhanced

__all__ = [
    "Address",
    "Alphabet",
    "ChainKey",
    "Concat",
    "Count",
    "DataCoding",
    "Deliver",
    "Delivery",
    "Enhanced",
    "Header",
    "Language",
    "MessageClass",
    "Options",
    "Ports",
    "Stamp",
    "Status",
    "StatusReport",
    "Submit",
    "Tpdu",
    "UserData",
    "Waiting",
    "chain_key",
    "count",
    "data_segments",
    "is_empty",
    "join",
    "plain",
    "read",
    "segments",
    "status_meaning",
    "write",
]
