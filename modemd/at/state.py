"""The dialogue's states as a literal table; what is not in it may not happen.

A command or a message is one walk from IDLE back to IDLE. After Ctrl-Z (SUBMITTED) nothing is written until the final
result is there, so there is no way from SUBMITTED but by FINAL or into LOST. LOST is the end of this dialogue: the port
is opened anew or the modem brought up again.
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where the dialogue stands."""

    IDLE = auto()
    """Nothing is asked; the next command may be written."""
    ASKED = auto()
    """A command is written, its final result is awaited."""
    PROMPTING = auto()
    """``AT+CMGS=<length>`` is written, the prompt is awaited."""
    PROMPTED = auto()
    """The prompt is there; nothing of the message has left."""
    SUBMITTED = auto()
    """PDU and Ctrl-Z are written; only the modem can say what became of them."""
    ESCAPING = auto()
    """ESC is written at the prompt; its answer, if there is one, is awaited."""
    LOST = auto()
    """Modem and we no longer agree, or the port is gone."""


class Move(Enum):
    """What makes the dialogue go on."""

    ASK = auto()
    SEND = auto()
    PROMPT = auto()
    SUBMIT = auto()
    ESCAPE = auto()
    FINAL = auto()
    QUIET = auto()
    """Nothing more has come: ESC got no answer."""
    LOSE = auto()
    """A time-out, a sign of a restart, a prompt out of place, a lost port."""


TABLE: dict[tuple[State, Move], State] = {
    (State.IDLE, Move.ASK): State.ASKED,
    (State.IDLE, Move.SEND): State.PROMPTING,
    (State.ASKED, Move.FINAL): State.IDLE,
    (State.ASKED, Move.QUIET): State.IDLE,  # an answer known to have no final result: Wavecom's +CPIN?
    (State.PROMPTING, Move.PROMPT): State.PROMPTED,
    (State.PROMPTING, Move.FINAL): State.IDLE,
    (State.PROMPTED, Move.SUBMIT): State.SUBMITTED,
    (State.PROMPTED, Move.ESCAPE): State.ESCAPING,
    (State.PROMPTED, Move.FINAL): State.IDLE,  # the modem left the prompt by itself: it waited too long
    (State.SUBMITTED, Move.FINAL): State.IDLE,
    (State.ESCAPING, Move.FINAL): State.IDLE,
    (State.ESCAPING, Move.QUIET): State.IDLE,
    **{(state, Move.LOSE): State.LOST for state in State},
}


class IllegalMove(RuntimeError):
    """The caller, not the modem, did something that the table does not know."""


def step(state: State, move: Move) -> State:
    """The state after ``move``; raises IllegalMove where the table has none."""
    try:
        return TABLE[state, move]
    except KeyError:
        raise IllegalMove(f"{move.name} while {state.name}") from None
