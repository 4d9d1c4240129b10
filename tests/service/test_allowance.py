"""What the operator allows, from the words of the configuration to the numbers that are counted with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from modemd import config
from modemd.clock import SECOND, ManualClock
from modemd.errors import InvalidField
from modemd.ids import encode
from modemd.pool.quota import Limits
from modemd.service.allowance import Allowance

FIRST, SECOND_SIM, STRANGE = "894801000000000001", "894801000000000002", "894801000000000003"
ACCOUNT = 1_800_000_000_000
ONE, FIVE = "short", "seven hundred and sixty-five characters take five segments, " * 12


def allowance(tmp_path: Path, text: str, clock: ManualClock | None = None) -> Allowance:
    (tmp_path / "modemd.toml").write_text(text)
    return Allowance(config.load(tmp_path), clock or ManualClock())


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


def test_a_sim_has_its_own_limits_and_where_it_has_none_those_of_all(tmp_path: Path) -> None:
    told = allowance(
        tmp_path,
        f'[limits]\nper_minute = 5\nper_day = 100\n[sim."{FIRST}"]\nper_day = 7\ngap = 1.5\n'
        f'[sim."{SECOND_SIM}"]\nper_minute = 0\nrecipients_per_month = 9\n',
    )
    assert told.of_sim(FIRST) == Limits(per_minute=5, per_day=7, gap=1.5)
    assert told.of_sim(SECOND_SIM) == Limits(per_minute=0, per_day=100, recipients_per_month=9)
    assert told.of_sim(STRANGE) == Limits(per_minute=5, per_day=100)


def test_without_limits_every_text_is_short_enough_and_no_account_spends(tmp_path: Path) -> None:
    told = allowance(tmp_path, "")
    assert (told.count(ONE), told.count(FIVE)) == (1, 5)
    assert told.spending(ACCOUNT, 1_000_000) is None


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("[limits]\nper_minute = 4", False),
        ("[limits]\nper_minute = 5", True),
        ("[limits]\nper_minute = 50\nper_month = 4", False),
        (f'[limits]\nper_hour = 4\n[sim."{FIRST}"]\nper_hour = 5', True),
        (f'[limits]\nper_hour = 4\n[sim."{FIRST}"]\nper_hour = 0', True),
        (f'[sim."{FIRST}"]\nper_hour = 4', True),
        ("[limits]\nrecipients_per_month = 1\ngap = 60", True),
    ],
)
def test_a_text_that_no_sim_may_send_at_once_is_refused(tmp_path: Path, text: str, fits: bool) -> None:
    told = allowance(tmp_path, text)
    if fits:
        assert told.count(FIVE) == 5
        return
    with pytest.raises(InvalidField) as refused:
        told.count(FIVE)
    assert (refused.value.field, refused.value.code) == ("text", "text_too_long")
    assert "5 segments" in refused.value.detail
    assert "more than 4" in refused.value.detail
    assert told.count(ONE) == 1


def test_an_accounts_day_and_month_are_those_of_the_operators_calendar(tmp_path: Path) -> None:
    clock = ManualClock(moment("2026-03-29T12:00:00+02:00"))  # the day on which it loses an hour
    own = encode("a", ACCOUNT)
    told = allowance(
        tmp_path, f'[limits]\naccount_per_day = 10\naccount_per_month = 20\n[limits."{own}"]\nper_day = 3\n', clock
    )
    mine = told.spending(ACCOUNT, 2)
    assert mine is not None
    assert (mine.segments, mine.per_day, mine.per_month) == (2, 3, 20)
    assert mine.day == (moment("2026-03-29T00:00:00+01:00"), moment("2026-03-30T00:00:00+02:00"))
    assert mine.month == (moment("2026-03-01T00:00:00+01:00"), moment("2026-04-01T00:00:00+02:00"))
    others = told.spending(ACCOUNT + 1, 2)
    assert others is not None
    assert others.per_day == 10


def test_in_another_zone_the_day_is_another(tmp_path: Path) -> None:
    clock = ManualClock(moment("2026-11-30T20:00:00+00:00"))
    told = allowance(tmp_path, '[limits]\ntime_zone = "Asia/Kathmandu"\naccount_per_day = 10\n', clock)
    mine = told.spending(ACCOUNT, 1)
    assert mine is not None
    assert mine.month[0] == mine.day[0] == moment("2026-12-01T00:00:00+05:45")
