"""How much a SIM may send: the calendar of any time zone, and a meter that no order of events gets past its limits."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.clock import SECOND, ManualClock
from modemd.pool.quota import Calendar, Limits, Meter, Recipients, Unit, Used, Window

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
WARSAW = ZoneInfo("Europe/Warsaw")
KEY = b"k" * 32

STRANGE = [
    "Europe/Warsaw",
    "UTC",
    "Asia/Kathmandu",  # 5:45
    "Australia/Lord_Howe",  # changes by half an hour
    "America/Havana",  # midnight comes twice
    "Africa/Cairo",  # no midnight on the day of the change
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Pacific/Apia",  # left out 30 December 2011
    "America/St_Johns",  # used to change at one minute past midnight
    "Antarctica/Troll",  # changes by two hours
    "Africa/Casablanca",  # changes around Ramadan
]


def at(text: str, zone: ZoneInfo = WARSAW, *, second: bool = False) -> int:
    """The moment at which a clock of this zone shows a time; ``second``: the second time it does."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(second)).timestamp()) * SECOND


def shown(moment: int, zone: ZoneInfo = WARSAW) -> str:
    return datetime.fromtimestamp(moment // SECOND, zone).isoformat(" ", "minutes")


# The calendar


@pytest.mark.parametrize(
    ("unit", "now", "start", "end"),
    [
        (Unit.MINUTE, "2026-05-04 12:34:56", "2026-05-04 12:34+02:00", "2026-05-04 12:35+02:00"),
        (Unit.HOUR, "2026-05-04 12:34", "2026-05-04 12:00+02:00", "2026-05-04 13:00+02:00"),
        (Unit.DAY, "2026-05-04 00:00", "2026-05-04 00:00+02:00", "2026-05-05 00:00+02:00"),
        (Unit.DAY, "2026-05-04 23:59:59", "2026-05-04 00:00+02:00", "2026-05-05 00:00+02:00"),
        (Unit.MONTH, "2026-01-31 23:59", "2026-01-01 00:00+01:00", "2026-02-01 00:00+01:00"),
        (Unit.MONTH, "2028-02-29 12:00", "2028-02-01 00:00+01:00", "2028-03-01 00:00+01:00"),
        (Unit.MONTH, "2026-12-31 23:59", "2026-12-01 00:00+01:00", "2027-01-01 00:00+01:00"),
        # the clocks go forward on 29 March 2026 at 2:00, back on 25 October at 3:00
        (Unit.DAY, "2026-03-29 12:00", "2026-03-29 00:00+01:00", "2026-03-30 00:00+02:00"),
        (Unit.HOUR, "2026-03-29 01:30", "2026-03-29 01:00+01:00", "2026-03-29 03:00+02:00"),
        (Unit.DAY, "2026-10-25 12:00", "2026-10-25 00:00+02:00", "2026-10-26 00:00+01:00"),
        (Unit.MONTH, "2026-03-31 12:00", "2026-03-01 00:00+01:00", "2026-04-01 00:00+02:00"),
    ],
)
def test_units_begin_when_the_operators_clock_shows_them(unit: Unit, now: str, start: str, end: str) -> None:
    window = Calendar(WARSAW).window(unit, at(now))
    assert (shown(window.start), shown(window.end)) == (start, end)


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    calendar = Calendar(WARSAW)
    first = calendar.window(Unit.HOUR, at("2026-10-25 02:30"))
    second = calendar.window(Unit.HOUR, at("2026-10-25 02:30", second=True))
    assert first.end == second.start
    assert second.end - first.start == 2 * HOUR


def test_days_last_23_and_25_hours_when_the_clocks_change() -> None:
    calendar = Calendar(WARSAW)
    lengths = [calendar.window(Unit.DAY, at(f"{day} 12:00")) for day in ("2026-03-29", "2026-10-25", "2026-10-26")]
    assert [(window.end - window.start) // HOUR for window in lengths] == [23, 25, 24]


@given(
    st.sampled_from(STRANGE), st.sampled_from(Unit), st.integers(946_684_800, 2_145_916_800), st.floats(0, 1, width=32)
)
def test_in_every_zone_each_moment_is_in_one_window_and_the_next_begins_where_it_ends(
    name: str, unit: Unit, second: int, share: float
) -> None:
    zone = ZoneInfo(name)
    moment = second * SECOND
    window = Calendar(zone).window(unit, moment)
    assert window.start <= moment < window.end
    other = window.start + round((window.end - 1 - window.start) * share)
    if unit >= Unit.DAY:
        assert Calendar(zone).window(unit, other) == window
        assert Calendar(zone).window(unit, window.end).start == window.end
        assert Calendar(zone).window(unit, window.start - 1).end == window.start
    assert Calendar(zone).window(unit, window.end) != window


@given(st.sampled_from(STRANGE), st.integers(946_684_800, 2_145_916_800), st.sampled_from([Unit.DAY, Unit.MONTH]))
def test_a_day_is_a_date_and_a_month_is_its_dates(name: str, second: int, unit: Unit) -> None:
    zone = ZoneInfo(name)
    window = Calendar(zone).window(unit, second * SECOND)
    length = 10 if unit is Unit.DAY else 7
    dates = {shown(moment, zone)[:length] for moment in (window.start, second * SECOND, window.end - 1)}
    assert len(dates) == 1
    assert shown(window.end, zone)[:length] not in dates


# The meter


def meter(now: int = 0, used: Used | None = None, /, **limits: float) -> Meter:
    calendar = Calendar(WARSAW)
    of = Limits(**limits)  # type: ignore[arg-type]  # one of them is a float
    month = calendar.window(Unit.MONTH, now)
    return Meter(of, calendar, used, Recipients(month, KEY) if of.recipients_per_month else None)


def send(meter: Meter, clock: ManualClock, segments: int, number: str = "+48600100200") -> int:
    """Send single segments for as long as the meter lets us; how many went."""
    for count in range(segments):
        if not meter.takes(clock.now(), 1, number):
            return count
        meter.count(clock.now(), number)
    return segments


NOON = at("2026-05-04 12:00:20")


@pytest.mark.parametrize(
    ("limits", "until"),
    [
        ({"per_minute": 3}, "2026-05-04 12:01+02:00"),
        ({"per_hour": 3}, "2026-05-04 13:00+02:00"),
        ({"per_day": 3}, "2026-05-05 00:00+02:00"),
        ({"per_month": 3}, "2026-06-01 00:00+02:00"),
        ({"per_minute": 3, "per_day": 3}, "2026-05-05 00:00+02:00"),
        ({"per_minute": 2, "per_day": 3}, "2026-05-04 12:01+02:00"),
    ],
)
def test_a_sim_at_its_limit_waits_for_the_calendar(limits: dict[str, float], until: str) -> None:
    clock = ManualClock(NOON)
    of = meter(**limits)
    assert of.limited_until(clock.now()) is None
    assert send(of, clock, 10) == min(limits.values())
    moment = of.limited_until(clock.now())
    assert moment is not None
    assert shown(moment) == until
    clock.moment = moment - 1
    assert not of.takes(clock.now(), 1, "+48600100200")
    clock.moment = moment
    assert of.takes(clock.now(), 1, "+48600100200")
    assert of.limited_until(moment) is None


def test_a_message_begins_only_where_all_its_segments_fit() -> None:
    of = meter(per_minute=5)
    for _ in range(3):
        of.count(NOON, "+48600100200")
    assert [of.takes(NOON, segments, "+48600100200") for segments in (1, 2, 3, 5)] == [True, True, False, False]
    assert shown(of.until(NOON, 3)) == "2026-05-04 12:01+02:00"
    assert of.relief(NOON) == of.until(NOON, 3)


def test_what_is_longer_than_a_window_never_begins() -> None:
    of = meter(per_minute=5, per_day=3)
    assert of.limits.longest == 3
    assert not of.takes(NOON, 4, "+48600100200")


def test_a_gap_lies_between_messages_and_not_within_one() -> None:
    clock = ManualClock(NOON)
    of = meter(gap=2.5)
    for _ in range(3):  # the segments of one message follow each other; only its beginning asks
        of.count(clock.now(), "+48600100200")
        clock.advance(1)
    assert of.limited_until(clock.now()) == clock.now() + 1.5 * SECOND == of.relief(clock.now())
    clock.advance(1.5)
    assert of.takes(clock.now(), 1, "+48600100200")
    assert of.relief(clock.now()) is None


def test_different_recipients_are_counted_and_those_counted_may_have_more() -> None:
    clock = ManualClock(NOON)
    of = meter(NOON, recipients_per_month=2)
    assert send(of, clock, 3, "+48600100200") == 3
    assert send(of, clock, 3, "+48600100201") == 3
    assert send(of, clock, 3, "+48600100202") == 0
    assert send(of, clock, 1, "+48600100200") == 1
    moment = of.limited_until(clock.now())
    assert moment is not None
    assert shown(moment) == "2026-06-01 00:00+02:00"
    assert not of.stale(moment - 1)
    assert of.stale(moment)


def test_a_recipients_tag_is_given_once_and_does_not_hold_the_number() -> None:
    of = meter(NOON, recipients_per_month=2)
    tag = of.count(NOON, "+48600100200")
    assert tag is not None
    assert of.count(NOON, "+48600100200") is None
    again = Meter(of.limits, Calendar(WARSAW), of.used, Recipients(Window(0, 2 * NOON), KEY, [tag]))
    assert again.recipients is not None
    assert "+48600100200" in again.recipients
    assert "+48600100201" not in again.recipients
    other = Recipients(Window(0, 2 * NOON), b"another month's key".ljust(32), [tag])
    assert "+48600100200" not in other


def test_a_segment_that_did_not_go_out_is_given_back_within_its_windows_only() -> None:
    clock = ManualClock(NOON)
    of = meter(per_minute=1)
    of.count(clock.now(), "+48600100200")
    of.give_back()
    assert send(of, clock, 5) == 1
    clock.advance(60)
    assert of.takes(clock.now(), 1, "+48600100200")
    of.give_back()  # the minute it was counted in is over, the hour is not
    assert (of.used.minute, of.used.hour) == (0, 0)


@pytest.mark.parametrize("seconds", [1, 90, 5400, 40 * 86_400])
def test_a_clock_that_is_set_back_gives_nothing_free_and_blocks_nothing_for_long(seconds: int) -> None:
    clock = ManualClock(NOON)
    of = meter(per_day=3)
    assert send(of, clock, 9) == 3
    clock.advance(-seconds)
    assert send(of, clock, 9) == 0
    moment = of.limited_until(clock.now())
    assert moment is not None
    assert moment - clock.now() <= DAY + HOUR


def test_a_restart_within_the_window_changes_nothing_and_one_after_it_begins_anew() -> None:
    of = meter(per_day=3)
    send(of, ManualClock(NOON), 2)
    within = meter(0, of.used, per_day=3)
    assert send(within, ManualClock(NOON + HOUR), 9) == 1
    after = meter(0, of.used, per_day=3)
    assert send(after, ManualClock(NOON + DAY), 9) == 3


steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 2 * 86_400)),
        st.tuples(st.just("pass"), st.integers(0, 90)),
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=60,
)


@given(
    st.sampled_from(STRANGE),
    st.sampled_from(
        ["2026-03-28 20:00", "2026-10-24 20:00", "2026-02-28 20:00", "2026-12-31 20:00", "2026-04-23 20:00"]
    ),
    st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(3, 8), st.integers(5, 20)),
    steps,
)
def test_no_order_of_sending_waiting_and_restarting_exceeds_a_limit_in_any_calendar_unit(
    name: str, begin: str, limits: tuple[int, int, int, int], history: list[tuple[str, int]]
) -> None:
    zone = ZoneInfo(name)
    calendar, clock = Calendar(zone), ManualClock(at(begin, zone))
    of = Limits(*limits)
    meter = Meter(of, calendar)
    sent: list[int] = []
    for what, amount in history:
        if what == "pass":
            clock.advance(amount)
        elif what == "restart":
            meter = Meter(of, Calendar(zone), meter.used)
        elif meter.takes(clock.now(), amount, "+48600100200"):
            for _ in range(amount):
                meter.count(clock.now(), "+48600100200")
                sent.append(clock.now())
        elif amount <= of.longest:
            moment = meter.until(clock.now(), amount)
            assert moment > clock.now()
            clock.moment = moment
            assert meter.takes(clock.now(), amount, "+48600100200"), "it may be sent at the moment that was given"
    for unit, limit in zip(Unit, limits, strict=True):
        windows = [calendar.window(unit, moment) for moment in sent]
        assert all(windows.count(window) <= limit for window in windows)


def test_without_limits_there_is_no_meter_to_ask() -> None:
    assert not Limits()
    assert all(Limits(**{name: 1}) for name in Limits.__dataclass_fields__)


def test_moments_are_whole_seconds_of_utc() -> None:
    """A guard of the tests themselves: ``at`` and ``shown`` undo each other."""
    assert shown(at("2026-05-04 12:00", ZoneInfo("UTC")), ZoneInfo("UTC")) == "2026-05-04 12:00+00:00"
    assert datetime.fromtimestamp(NOON // SECOND, UTC).hour == 10
