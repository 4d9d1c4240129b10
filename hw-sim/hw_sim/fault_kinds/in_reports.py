"""Faults of status reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.fault_kinds.actions import delay, do_twice
from hw_sim.faults import Fault, Point, Proceed, fault

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@fault("report_lost", Point.REPORT)
def report_lost(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A status report reaches the modem and never the host."""
    del modem, fault, proceed


@fault("report_late", Point.REPORT, seconds=30.0)
def report_late(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A status report reaches the host `seconds` later, others overtake it."""
    delay(modem, fault, proceed)


@fault("report_twice", Point.REPORT)
def report_twice(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A status report reaches the host twice."""
    do_twice(proceed)


@fault("report_early", Point.SUBMIT)
def report_early(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The status report reaches the host before the answer to its +CMGS."""
    del fault
    if modem.transmitter.sent is not None:
        modem.transmitter.sent.early_report = True
    proceed()


@fault("report_broken", Point.REPORT)
def report_broken(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The PDU of a status report is half there, as ZTE sends some."""
    del fault
    modem.receiver.break_next = True
    proceed()
