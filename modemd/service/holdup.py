"""Why a message that could go does not: what the pool says of it at this moment, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from modemd.clock import rfc3339


def holdup(ready: Mapping[str, int | None], begun_on: str | None) -> str:
    """``ready`` are the SIMs that may send, each with the moment its limits end, None if they do not keep it.

    ``begun_on`` is the SIM that has sent the first segments of the message.
    """
    if begun_on is not None and begun_on not in ready:
        return f"The rest can follow only through the SIM …{begun_on[-4:]}, which is in no modem that is ready."
    if not ready:
        return "No modem is ready to send (see modemd status)."
    ends = [ready[begun_on]] if begun_on is not None else list(ready.values())
    limits = [end for end in ends if end is not None]
    if len(limits) == len(ends):
        which = "Its SIM is at its limit" if begun_on is not None else "Every SIM that is ready is at its limit"
        return f"{which} until {rfc3339(min(limits))}."
    return "It waits for its turn: others are before it, and every modem that may send is busy."
