"""The story of a message in plain words, for `modemd why`: what happened to it, and why it is not further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modemd.clock import SECOND, rfc3339
from modemd.ids import encode
from modemd.queue import IfUncertain, Message, State, Story
from modemd.queue.rows import Happening, SentSegment
from modemd.values import Verdict

HoldUp = Callable[[str | None], str]
"""Why a message that could go does not, of which that SIM has sent the first segments."""


def tell(story: Story, now: int, holdup: HoldUp) -> dict[str, Any]:
    """The story as lines with their times, and a sentence that answers "why"."""
    message = story.message
    lines = [(message.created, _accepted(message))]
    lines += [(happening.at, _happening(happening, message)) for happening in story.happenings]
    lines += [(segment.sent_at, _segment(segment, message)) for segment in story.segments]
    if message.sent_at is not None:
        lines.append((message.sent_at, f"accepted by the network through the SIM {_sim(message.sim)}"))
    if message.delivered_at is not None:
        lines.append((message.delivered_at, "delivered to the phone"))
    lines.sort(key=lambda line: line[0])
    return {
        "id": encode("m", message.id),
        "state": message.state.label,
        "attempts": message.attempts,
        "lines": [{"at": rfc3339(at), "text": text} for at, text in lines],
        "summary": summary(message, now, holdup),
    }


def summary(message: Message, now: int, holdup: HoldUp) -> str:
    """Why the message is where it is, in a sentence or two."""
    reason = message.error_detail or message.error_code or "no reason is known"
    match message.state:
        case State.SCHEDULED:
            return f"It waits for its time, {rfc3339(message.due)}."
        case State.QUEUED if message.due > now:
            wait = (message.due - now) / SECOND
            return f"It was refused ({reason}) and is tried again in {wait:.0f} s, on another modem if there is one."
        case State.QUEUED:
            begun = f"{message.sent_parts} of its {message.parts} segments are sent. " if message.sent_parts else ""
            return begun + holdup(message.sim if message.sent_parts else None)
        case State.SENDING:
            return f"It is being sent through the SIM {_sim(message.sim)}; the network has not answered yet."
        case State.UNCERTAIN:
            return _uncertain(message)
        case State.SENT if message.report:
            return "The network has accepted it; its status report has not come yet."
        case State.SENT:
            return "The network has accepted it; nobody asked for a status report."
        case State.DELIVERED:
            return "The recipient's phone has it."
        case State.CANCELLED:
            return "It was cancelled before it was sent."
        case State.EXPIRED:
            return f"Its time was over before the network had it; last: {reason}."
        case State.FAILED if message.error_code == "partial":
            return f"{message.sent_parts} of its {message.parts} segments were sent, the rest could not be: {reason}."
        case _:
            return f"It will not be tried again: {reason}."


def _uncertain(message: Message) -> str:
    wish = {
        IfUncertain.HOLD: "it is held: settle it with modemd queue resolve",
        IfUncertain.RESEND: "its sender wants it sent again, which happens after a minute without news",
        IfUncertain.FAIL: "its sender wants it failed, which happens after a minute without news",
    }[message.if_uncertain]
    reason = message.error_detail or message.error_code or "the modem did not answer"
    return f"Nobody can tell whether it was sent ({reason}); {wish}."


def _accepted(message: Message) -> str:
    segments = "1 segment" if message.parts == 1 else f"{message.parts} segments"
    return f"accepted and on disk: {segments}, lane {message.lane.name.lower()}"


def _happening(happening: Happening, message: Message) -> str:
    part = f"segment {happening.part} of {message.parts}: " if message.parts > 1 and happening.part else ""
    through = f" through the SIM {_sim(happening.sim)}" if happening.sim else ""
    why = ": ".join(word for word in (happening.code, happening.detail) if word)
    words = {
        Verdict.UNSENT.value: f"could not be handed to the modem{through}, nothing was sent",
        Verdict.REFUSED.value: f"refused{through}",
        Verdict.UNCERTAIN.value: f"handed over{through}, and nothing tells what became of it",
        "report": f"the network reports{through}",
    }.get(happening.what, happening.what)
    return f"{part}{words}" + (f" ({why})" if why else "")


def _segment(segment: SentSegment, message: Message) -> str:
    report = "" if segment.status is None else f", TP-Status {segment.status:#04x}"
    reference = f"has the reference {segment.reference}" if segment.reference >= 0 else "has a reference nobody knows"
    return f"segment {segment.number} of {message.parts} {reference}{report}"


def _sim(sim: str | None) -> str:
    """The end of a SIM's identity: enough to tell an operator's SIMs apart, useless to anybody else."""
    return "…" + sim[-4:] if sim else "?"
