"""What tells the time, when somebody sets it."""

from __future__ import annotations

import time

import pytest

from modemd.clock import SECOND, ManualClock, Settings, SystemClock


def test_a_clock_that_is_corrected_a_little_stands_still_and_one_that_is_set_back_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[int] = []
    clock = SystemClock()
    for moment_ns in (5_000_000_000, 4_990_000_000, 4_999_999_000, 5_000_001_000, 3_000_000_000, 3_000_002_000):
        monkeypatch.setattr(time, "time_ns", lambda moment_ns=moment_ns: moment_ns)
        shown.append(clock.now())
    assert shown == [5_000_000, 5_000_000, 5_000_000, 5_000_001, 3_000_000, 3_000_002]


def test_it_is_noticed_once_that_the_clock_was_set_and_by_how_much() -> None:
    clock = ManualClock()
    settings = Settings(clock)
    clock.advance(1_000_000)
    assert settings.noticed() == 0
    clock.set_by(0.5)
    assert settings.noticed() == 0, "a correction"
    clock.advance(10)
    clock.set_by(-3600)
    assert settings.noticed() == -3600 * SECOND
    assert settings.noticed() == 0
    clock.set_by(7200)
    assert settings.noticed() == 7200 * SECOND
