"""Lines that come unasked: which of them prove that a modem has restarted."""

from __future__ import annotations

import pytest

from modemd.at.dialect import GENERIC
from modemd.at.restarts import BOOT_S, Restarts

CONNECTED = 100.0
STILL_BOOTING, BOOTED = CONNECTED + BOOT_S, CONNECTED + BOOT_S + 0.001


def watching() -> Restarts:
    restarts = Restarts()
    restarts.watch(CONNECTED)
    return restarts


@pytest.mark.parametrize("line", [*GENERIC.restarted, *GENERIC.booting])
def test_before_it_is_watched_for_nothing_proves_a_restart(line: str) -> None:
    assert not Restarts().proven_by(line, GENERIC, BOOTED)


@pytest.mark.parametrize("line", GENERIC.restarted)
def test_what_a_boot_says_first_proves_one_at_any_time(line: str) -> None:
    assert watching().proven_by(line, GENERIC, CONNECTED)


@pytest.mark.parametrize("line", GENERIC.booting)
def test_what_a_boot_says_late_proves_one_only_when_the_boot_that_was_met_is_over(line: str) -> None:
    assert not watching().proven_by(line, GENERIC, STILL_BOOTING)
    assert watching().proven_by(line, GENERIC, BOOTED)


def test_a_line_that_firmwares_repeat_proves_one_only_when_it_changes() -> None:
    restarts = watching()
    said = [restarts.proven_by(line, GENERIC, CONNECTED) for line in ("^BOOT:1", "^BOOT:1", "^BOOT:2", "^BOOT:2")]
    assert said == [False, False, True, False]


def test_other_lines_prove_nothing() -> None:
    assert not watching().proven_by("RING", GENERIC, BOOTED)
