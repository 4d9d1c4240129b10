"""Why a message that could go does not, in a sentence that names the pool's own reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from modemd.clock import ManualClock, rfc3339
from modemd.service.holdup import holdup

SOON, LATER = ManualClock().now(), ManualClock().now() + 60_000_000
A, B = "894801000000000001", "894801000000000002"


@pytest.mark.parametrize(
    ("ready", "begun_on", "said"),
    [
        ({}, None, "No modem is ready to send"),
        ({A: None}, None, "It waits for its turn"),
        ({A: SOON, B: None}, None, "It waits for its turn"),
        ({A: LATER, B: SOON}, None, f"Every SIM that is ready is at its limit until {rfc3339(SOON)}"),
        ({A: LATER, B: None}, A, f"Its SIM is at its limit until {rfc3339(LATER)}"),
        ({A: None, B: SOON}, A, "It waits for its turn"),
        ({B: None}, A, "The rest can follow only through the SIM …0001"),
        ({}, A, "The rest can follow only through the SIM …0001"),
    ],
)
def test_what_holds_a_message_up(ready: Mapping[str, int | None], begun_on: str | None, said: str) -> None:
    assert holdup(ready, begun_on).startswith(said)
    assert A not in holdup(ready, begun_on), "of a SIM's identity only the end is shown"
