"""The SMS TPDU: what goes into AT+CMGS, and what comes out of +CMGR, +CMT and +CDS (TS 23.040, TS 23.038).

To send: ``count`` tells what a text costs, ``segments`` gives what AT+CMGS takes.
"""

from modemd.at.pdu.alphabet import Language
from modemd.at.pdu.dcs import Alphabet, DataCoding, MessageClass
from modemd.at.pdu.header import Concat, Header, Ports
from modemd.at.pdu.segmentation import Count, count
from modemd.at.pdu.submit import Options, data_segments, segments

__all__ = [
    "Alphabet",
    "Concat",
    "Count",
    "DataCoding",
    "Header",
    "Language",
    "MessageClass",
    "Options",
    "Ports",
    "count",
    "data_segments",
    "segments",
]
