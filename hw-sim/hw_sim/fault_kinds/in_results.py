"""Faults of the final result: errors, true and false."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hw_sim.faults import Fault, Point, Proceed, fault
from hw_sim.results import CmeError, CmsError

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@fault("cms_error", Point.SUBMIT, code=500, seconds=-1.0)
def cms_error(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The network refuses the message with `code`, after `seconds` or its usual air time."""
    sent = modem.transmitter.sent
    if sent is not None:
        sent.cause = fault.settings["code"]
        sent.seconds = None if fault.settings["seconds"] < 0 else fault.settings["seconds"]
    proceed()


@fault("cms_error_at_once", Point.SUBMIT, code=500)
def cms_error_at_once(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The modem refuses the message with `code`; it is never on the air."""
    del proceed
    modem.transmitter.sent = None
    modem.dialogue.refuse(CmsError(fault.settings["code"]))


@fault("false_error", Point.ANSWER, code=350, seconds=0.0)
def false_error(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The service centre has the message, but the host is told an error, after `seconds` more."""
    del proceed
    modem.transmitter.lose_answer(fault.name)
    modem.later(fault.settings["seconds"], partial(modem.dialogue.refuse, CmsError(fault.settings["code"])))


@fault("cms_error_before_prompt", Point.PROMPT, code=500)
def cms_error_before_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """+CMGS is refused with `code` before there is a prompt."""
    del proceed
    modem.dialogue.refuse(CmsError(fault.settings["code"]))


@fault("cme_error", Point.COMMAND, code=100)
def cme_error(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A command is refused with +CME ERROR: `code`; choose it by `command`."""
    del proceed
    modem.dialogue.refuse(CmeError(fault.settings["code"]))
