"""Where a modem can be made to misbehave."""

from __future__ import annotations

from enum import Enum


class Point(Enum):
    """A place in the dialogue where a fault may take over from what would happen next."""

    COMMAND = "command"
    """A command line has come; next: it is run."""
    PROMPT = "prompt"
    """A command wants data; next: the prompt is given."""
    SUBMIT = "submit"
    """Ctrl-Z has come and the PDU is good; next: it goes on the air."""
    ANSWER = "answer"
    """The network has answered; next: the host is told."""
