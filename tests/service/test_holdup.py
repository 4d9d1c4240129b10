"""Why a message that could go does not, in a sentence that names the pool's own reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from modemd.clock import ManualClock, rfc3339
from modemd.pool.rotation import Rules, Wish
from modemd.service.holdup import Place, holdup

SOON, LATER = ManualClock().now(), ManualClock().now() + 60_000_000
A, B, C = "894801000000000001", "894801000000000002", "894801000000000003"
TO = "+48601000001"
NO_CREDIT = "low credit: 0.10, held below 0.50"


def place(sim: str, **changes: Any) -> Place:
    """A modem that is ready and busy with another message, unless the changes say otherwise."""
    usual: dict[str, Any] = {"condition": "sending", "busy": True}
    return Place(f"modem{sim[-1]}", sim, **(usual | changes))


def away(sim: str, condition: str = "absent", reason: str | None = None) -> Place:
    return place(sim, condition=condition, reason=reason, ready=False, busy=False)


def wish(**changes: Any) -> Wish:
    return replace(Wish(1, TO), **changes)


@pytest.mark.parametrize(
    ("of", "places", "rules", "keeper", "said"),
    [
        (wish(), [], Rules(), None, "There is no modem (see modemd modems)."),
        (
            wish(),
            [away(A), away(B, "draining", NO_CREDIT)],
            Rules(),
            None,
            f"No modem is ready to send: modem1 is absent, modem2 is draining ({NO_CREDIT}).",
        ),
        (wish(), [place(A), away(B)], Rules(), None, "It waits for its turn: every modem that may send it is busy"),
        (wish(), [place(A, busy=False)], Rules(), None, "It is about to be handed to a modem."),
        (
            wish(),
            [place(A, until=LATER), place(B, until=SOON)],
            Rules(),
            None,
            f"Every SIM that is ready is at its limit until {rfc3339(SOON)}.",
        ),
        (
            wish(),
            [place(A, until=LATER, new=True)],
            Rules(),
            None,
            f"Every SIM that is ready is at its limit for different recipients this month until {rfc3339(LATER)}.",
        ),
        (
            wish(segments=5),
            [place(A, longest=3), place(B, longest=2)],
            Rules(),
            None,
            "It has 5 segments, and the limits of every SIM that is ready let through 3 at once: it can go when a",
        ),
        (
            wish(tried=frozenset({A})),
            [place(A), place(B, until=LATER)],
            Rules(),
            None,
            "It waits for a SIM that has not failed with it before; each of these is busy, or at its limit.",
        ),
        (
            wish(tried=frozenset({A})),
            [place(A, busy=False), place(B)],
            Rules(),
            None,
            "It waits for a SIM that has not failed with it before; each of these is busy, or at its limit.",
        ),
        (wish(tried=frozenset({A, B})), [place(A), place(B)], Rules(), None, "It waits for its turn"),
        (
            wish(),
            [place(A), place(B, until=SOON)],
            Rules({1: frozenset({B})}),
            None,
            f"Every SIM that it may use is at its limit until {rfc3339(SOON)}.",
        ),
        (
            wish(),
            [place(A), away(B, "quarantined", "the SIM failed")],
            Rules({1: frozenset({B})}),
            None,
            "Its account may use only the SIM …0002, which cannot send: modem2 is quarantined (the SIM failed).",
        ),
        (
            wish(),
            [place(A)],
            Rules({1: frozenset({B, C})}),
            None,
            "Its account may use only the SIM …0002 or …0003, which is in no modem.",
        ),
        (wish(), [place(A)], Rules({2: frozenset({A})}), None, "Every SIM that is ready is kept for other accounts"),
        (wish(system=True), [place(A)], Rules({2: frozenset({A})}), None, "It waits for its turn"),
        (
            wish(),
            [place(A), away(B, "starting", "bring-up: network")],
            Rules(sticky=True),
            B,
            "Its recipient's messages go through the SIM …0002, which cannot send: modem2 is starting "
            "(bring-up: network); it is awaited for a minute at most.",
        ),
        (
            wish(),
            [place(A)],
            Rules(sticky=True),
            B,
            "Its recipient's messages go through the SIM …0002, which is in no",
        ),
        (wish(), [place(A)], Rules(sticky=True), A, "It waits for its turn"),
        (
            wish(begun_on=A),
            [place(A, until=LATER), place(B)],
            Rules(),
            None,
            f"Its SIM is at its limit until {rfc3339(LATER)}.",
        ),
        (wish(begun_on=A), [place(A), place(B)], Rules(), None, "It waits for its turn"),
        (wish(begun_on=A), [place(B)], Rules(), None, "The rest can follow only through the SIM …0001, which is in no"),
        (
            wish(begun_on=A),
            [away(A, "draining"), place(B)],
            Rules(),
            None,
            "The rest can follow only through the SIM …0001, which cannot send: modem1 is draining.",
        ),
    ],
)
def test_what_holds_a_message_up(
    of: Wish, places: Sequence[Place], rules: Rules, keeper: str | None, said: str
) -> None:
    sentence = holdup(of, places, rules, keeper)
    assert sentence.startswith(said)
    assert sentence.endswith(".")
    assert A not in sentence, "of a SIM's identity only the end is shown"
    assert TO not in sentence


def test_of_many_modems_a_few_are_named() -> None:
    places = [away(f"8948010000000000{number:02}") for number in range(30)]
    assert holdup(wish(), places, Rules()).endswith("and 25 more are not ready.")
