"""Faults of the dialogue: silence, lateness, prompts and lines that should not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hw_sim.fault_kinds.actions import delay, do_twice, hang_now
from hw_sim.faults import Fault, Point, Proceed, fault
from hw_sim.results import CmsError

if TYPE_CHECKING:
    from hw_sim.modem import Modem


@fault("hang", Point.TIME, seconds=0.0)
def hang(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The modem is deaf and dumb for `seconds`, or for ever; `on` says at which point."""
    hang_now(modem, fault)


@fault("hang_before_prompt", Point.PROMPT, seconds=0.0)
def hang_before_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """+CMGS is read and nothing comes any more."""
    hang_now(modem, fault)


@fault("hang_after_prompt", Point.PROMPT, seconds=0.0)
def hang_after_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The prompt comes, and then nothing, whatever is entered."""
    proceed()
    hang_now(modem, fault)


@fault("hang_after_ctrl_z", Point.SUBMIT, seconds=0.0)
def hang_after_ctrl_z(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """After Ctrl-Z nothing comes, and the message is not on the air."""
    hang_now(modem, fault)


@fault("answer_lost", Point.ANSWER)
def answer_lost(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The service centre has the message, but neither +CMGS nor OK comes; the modem goes on as if they had."""
    del proceed
    modem.transmitter.lose_answer(fault.name)
    modem.dialogue.end_silently()


@fault("silent", Point.COMMAND)
def silent(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A command is read and never answered, the next one is; choose it by `command`."""
    del fault, proceed
    modem.dialogue.end_silently()


@fault("slow_command", Point.COMMAND, seconds=2.0)
def slow_command(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A command is answered only after `seconds`."""
    delay(modem, fault, proceed)


@fault("late_prompt", Point.PROMPT, seconds=3.0)
def late_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The prompt comes after `seconds`."""
    delay(modem, fault, proceed)


@fault("no_prompt", Point.PROMPT)
def no_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The modem waits for data without saying so; ESC ends it."""
    del modem, fault, proceed


@fault("double_prompt", Point.PROMPT)
def double_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The prompt comes twice."""
    do_twice(proceed)


@fault("bare_prompt", Point.PROMPT, text=">")
def bare_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The prompt is `text` and nothing around it."""
    del proceed
    modem.dialogue.send(fault.settings["text"].encode("latin-1"))


@fault("open_prompt", Point.TIME)
def open_prompt(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The modem waits for data that a host which died has promised; until ESC it takes every command for them."""
    del fault
    modem.dialogue.wait_for_entry(lambda _: modem.dialogue.refuse(CmsError(304)))
    proceed()


@fault("slow_answer", Point.ANSWER, seconds=60.0)
def slow_answer(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """The host is told the network's answer only after `seconds` more."""
    delay(modem, fault, proceed)


@fault("echo_on", Point.TIME)
def echo_on(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """Echo comes back on by itself."""
    del fault
    modem.settings.echo = True
    proceed()


@fault("text_mode_on", Point.TIME)
def text_mode_on(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """Text mode comes on by itself."""
    del fault
    modem.settings.cmgf = 1
    proceed()


@fault("unsolicited", Point.COMMAND, text="^RSSI: 18")
def unsolicited(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A line comes unasked; `on` = input before the echo, command before the answer, prompt after the prompt."""
    if fault.point is Point.PROMPT:
        proceed()
        modem.dialogue.say(fault.settings["text"])
    else:
        modem.dialogue.say(fault.settings["text"])
        proceed()


@fault("interjected", Point.COMMAND, text="^RSSI: 18")
def interjected(modem: Modem, fault: Fault, proceed: Proceed) -> None:
    """A line comes between all lines of the answer; on = report or inbound: between +CDS or +CMT and its PDU."""
    modem.dialogue.interjection = f"\r\n{fault.settings['text']}\r\n".encode("latin-1")
    proceed()
