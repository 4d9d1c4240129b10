"""The story of a message in plain words, for `modemd why`: what happened to it, and why it is not further."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from modemd.clock import SECOND, rfc3339
from modemd.ids import encode
from modemd.queue import IfUncertain, Message, State, Story
from modemd.queue.rows import Happening
from modemd.values import Verdict

HoldUp = Callable[[Message], Awaitable[str]]
"""Why a message that could go does not."""

_TRYING = range(0x20, 0x40)
"""TP-Status of a service centre that goes on trying (TS 23.040 9.2.3.15)."""


def could_go(message: Message, now: int) -> bool:
    """Whether only the pool keeps it waiting."""
    return message.state is State.QUEUED and message.due <= now


def tell(story: Story, now: int, holdup: str) -> dict[str, Any]:
    """The story as lines with their times, and a sentence that answers "why"; ``holdup`` is for one that could go."""
    message = story.message
    lines = sorted(_lines(story), key=lambda line: line[0])
    return {
        "id": encode("m", message.id),
        "state": message.state.label,
        "attempts": message.attempts,
        "lines": [{"at": rfc3339(at), "text": text} for at, text in lines],
        "summary": summary(story, now, holdup),
    }


def summary(story: Story, now: int, holdup: str) -> str:
    """Why the message is where it is, in a sentence or two."""
    message = story.message
    match message.state:
        case State.SCHEDULED:
            return f"It waits for its time, {rfc3339(message.due)}."
        case State.QUEUED:
            return _queued(message, now, holdup)
        case State.SENDING:
            since = "" if message.handed_at is None else f", for {max(0, now - message.handed_at) / SECOND:.0f} s"
            return f"It is being sent through the SIM {_sim(message.sim)}; the network has not answered yet{since}."
        case State.UNCERTAIN:
            return _uncertain(message)
        case State.SENT:
            return _sent(story)
        case State.DELIVERED:
            return "The recipient's phone has it."
        case _:
            return _ended(story)


def _queued(message: Message, now: int, holdup: str) -> str:
    begun = f"{message.sent_parts} of its {message.parts} segments are sent. " if message.sent_parts else ""
    ends = "" if message.expires is None else f" It is given up at {rfc3339(message.expires)}."
    if could_go(message, now):
        return begun + holdup + ends
    where = "on the same SIM" if begun else "on another modem if there is one"
    wait = f"tried again in {(message.due - now) / SECOND:.0f} s, {where}"
    return f"{begun}It was refused ({_reason(message)}) and is {wait}.{ends}"


def _uncertain(message: Message) -> str:
    by = (
        "a status report or modemd queue resolve settles it"
        if message.report
        else "settle it with modemd queue resolve"
    )
    when = f"which happens at {rfc3339(message.due)} if nothing settles it before"
    wish = {
        IfUncertain.HOLD: f"it is held: {by}",
        IfUncertain.RESEND: f"its sender wants it sent again, {when}",
        IfUncertain.FAIL: f"its sender wants it failed rather than sent twice, {when}",
    }[message.if_uncertain]
    return f"Nobody can tell whether it was sent ({_reason(message)}); {wish}."


def _sent(story: Story) -> str:
    message, settled = story.message, _settled(story)
    known = f"It counts as sent: {settled.detail}" if settled is not None else "The network has accepted it"
    if not message.report:
        return f"{known}; nobody asked for a status report."
    final = [segment for segment in story.segments if segment.final_at is not None]
    if len(final) == message.parts:
        return f"{known}; the service centre cannot say whether it was delivered, and reports no more."
    if any(segment.status in _TRYING for segment in story.segments if segment.status is not None):
        return f"{known}; the service centre has not reached the phone yet and goes on trying."
    if final:
        return f"{known}; {len(final)} of its {message.parts} segments are reported, the others not yet."
    return f"{known}; its status report has not come yet."


def _ended(story: Story) -> str:
    """Where nothing more is done about it, and it is not sent."""
    message, reason = story.message, _reason(story.message)
    some = f"{message.sent_parts} of its {message.parts} segments were sent"
    match message.state:
        case State.CANCELLED:
            why = next((each.detail for each in reversed(story.happenings) if each.what == "cancelled"), "")
            before = f"when {some.replace('were', 'had been')}" if message.sent_parts else "before it was sent"
            return f"It was cancelled {before}" + (f": {why}." if why else ".")
        case State.EXPIRED if message.attempts == 0:
            return "Its time was over before any modem could take it."
        case State.EXPIRED:
            return f"Its time was over before the network had it; last: {reason}."
        case State.UNDELIVERED:
            return f"The network had it, and has given up delivering it: {reason}."
        case _ if (settled := _settled(story)) is not None:
            return f"Nobody could tell whether it was sent ({reason}); {settled.detail}."
        case _ if message.sent_parts:
            return f"{some}, the rest could not be: {reason}."
        case _:
            return f"It will not be tried again: {reason}."


def _settled(story: Story) -> Happening | None:
    """How an uncertain segment came to be what it is, if nothing was done about the message since."""
    decided = [each for each in story.happenings if each.what != "report"]
    last = decided[-1] if decided else None
    if (
        last is None
        or last.what != "settled"
        or (story.message.state is State.SENT and last.part < story.message.parts)
    ):
        return None
    return last


def _reason(message: Message) -> str:
    return message.error_detail or message.error_code or "no reason is known"


def _lines(story: Story) -> list[tuple[int, str]]:
    message = story.message
    segments = "1 segment" if message.parts == 1 else f"{message.parts} segments"
    lines = [(message.created, f"accepted and on disk: {segments}, lane {message.lane.name.lower()}")]
    lines += [(happening.at, _happening(happening, message)) for happening in story.happenings]
    for segment in story.segments:
        which = f"segment {segment.number} of {message.parts}"
        known = f"has the reference {segment.reference}" if segment.reference >= 0 else "has a reference nobody knows"
        lines.append((segment.sent_at, f"{which} {known}"))
        if segment.final_at is not None and segment.status is not None:
            lines.append((segment.final_at, f"{which}: the last status report, TP-Status {segment.status:#04x}"))
    if message.sent_at is not None and (message.state is not State.SENT or _settled(story) is None):
        lines.append((message.sent_at, f"accepted by the network through the SIM {_sim(message.sim)}"))
    if message.delivered_at is not None:
        lines.append((message.delivered_at, "delivered to the phone"))
    return lines


def _happening(happening: Happening, message: Message) -> str:
    part = f"segment {happening.part} of {message.parts}: " if message.parts > 1 and happening.part else ""
    through = f" through the SIM {_sim(happening.sim)}" if happening.sim else ""
    why = ": ".join(word for word in (happening.code, happening.detail) if word)
    match happening.what:
        case "settled":
            return f"{part}settled: {happening.detail}"
        case "retried":
            return happening.detail
        case "uncertain" if happening.code == "restored":
            return f"held: {happening.detail}"
        case "expired" | "failed" if happening.code == "expired":
            return f"given up: {happening.detail}"
    words = {
        Verdict.UNSENT.value: f"could not be handed over{through}, nothing was sent",
        Verdict.REFUSED.value: f"refused{through}",
        Verdict.UNCERTAIN.value: f"handed over{through}, and nothing tells what became of it",
        "report": f"the network reports{through}",
    }.get(happening.what, happening.what)
    return f"{part}{words}" + (f" ({why})" if why else "")


def _sim(sim: str | None) -> str:
    """The end of a SIM's identity: enough to tell an operator's SIMs apart, useless to anybody else."""
    return "…" + sim[-4:] if sim else "?"
