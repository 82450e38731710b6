"""Due dates are civil arithmetic: days of a calendar on a wall, in whichever time zone it hangs, and no instants."""

import datetime as dt
import functools
import itertools
import os
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from billing_api import clock
from billing_api.domain.terms import LAST_DAY, due_date
from billing_api.errors import Invalid
from billing_api.web.lists import TIME_ZONES

STRESS = bool(os.environ.get("STRESS"))
ZONES = sorted(TIME_ZONES)
LATE = dt.time(23, 30)
MINUTES = (dt.time(0, 0), dt.time(0, 30), dt.time(2, 30), dt.time(12, 0), LATE, dt.time(23, 59, 59, 999_999))


def day_number(day: dt.date) -> int:
    """The Julian day number of a date, by whole numbers alone, so that nothing of `datetime` is its own witness."""
    back = (14 - day.month) // 12
    year, month = day.year + 4800 - back, day.month + 12 * back - 3
    return day.day + (153 * month + 2) // 5 + 365 * year + year // 4 - year // 100 + year // 400 - 32045


@functools.cache
def turning_days(zone: str, year: int) -> tuple[dt.date, ...]:
    """The days of a year on which the clocks of a zone are changed."""
    noons = [dt.datetime(year, 1, 1, 12, tzinfo=ZoneInfo(zone)) + dt.timedelta(days=n) for n in range(-1, 366)]
    return tuple(
        after.date()
        for before, after in itertools.pairwise(noons)
        if before.utcoffset() != after.utcoffset() and after.year == year
    )


@st.composite
def walls(draw: st.DrawFn) -> tuple[str, dt.date]:
    """A time zone and a day there: any, one of a change of clocks, the last of a month, 29 February, or New Year."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(1971, 2037))
    turning = turning_days(zone, year)
    if turning and draw(st.booleans()):
        return zone, draw(st.sampled_from(turning)) + dt.timedelta(days=draw(st.integers(-1, 1)))
    if draw(st.booleans()):
        ends = [dt.date(year, month, 1) - dt.timedelta(days=1) for month in range(1, 13)]
        leap = dt.date(year - year % 4, 2, 29)
        return zone, draw(st.sampled_from([*ends, leap, dt.date(year, 1, 1), dt.date(year, 12, 31)]))
    return zone, draw(st.dates(dt.date(year, 1, 1), dt.date(year, 12, 31)))


def instants(zone: str, day: dt.date, time: dt.time) -> list[dt.datetime]:
    """When the clocks of a zone show this: twice where they are set back, never where they are set forward."""
    wall = dt.datetime.combine(day, time)
    found = [wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
    return [one for one in dict.fromkeys(found) if one.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall]


def keeps_the_calendar(wall: tuple[str, dt.date], time: dt.time, terms: int) -> None:
    """At this time of day it is this day there, and payment is due so many days of the calendar later."""
    zone, day = wall
    moments = instants(zone, day, time)
    assume(moments)
    for moment in moments:
        with time_machine.travel(moment, tick=False):
            assert clock.today(zone) == day
        due = due_date(day, terms)
        assert day_number(due) == day_number(day) + terms
        late = instants(zone, due, LATE)
        for after in late:
            with time_machine.travel(after, tick=False):
                assert not due < clock.today(zone), "overdue on the day itself"


WALLS = {"wall": walls(), "time": st.sampled_from(MINUTES), "terms": st.integers(0, 400)}


@settings(max_examples=200, deadline=None)
@given(**WALLS)
@example(wall=("Pacific/Kiritimati", dt.date(2024, 2, 29)), time=LATE, terms=366)
@example(wall=("Etc/GMT+12", dt.date(2023, 12, 31)), time=LATE, terms=0)
@example(wall=("Etc/GMT-14", dt.date(2023, 12, 31)), time=LATE, terms=1)
@example(wall=("Africa/Cairo", dt.date(2026, 4, 24)), time=dt.time(1, 0), terms=30)
@example(wall=("America/Havana", dt.date(2026, 11, 1)), time=dt.time(0, 30), terms=30)
@example(wall=("Australia/Lord_Howe", dt.date(2026, 4, 5)), time=dt.time(1, 45), terms=31)
def test_a_due_date_is_counted_on_the_calendar_of_the_seller(
    wall: tuple[str, dt.date], time: dt.time, terms: int
) -> None:
    keeps_the_calendar(wall, time, terms)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=20_000 if STRESS else 2_000, deadline=None)
@given(**WALLS)
def test_very_many_due_dates_are_counted_on_the_calendar_of_the_seller(
    wall: tuple[str, dt.date], time: dt.time, terms: int
) -> None:
    keeps_the_calendar(wall, time, terms)


def test_in_no_time_zone_does_half_past_eleven_in_the_evening_slip_a_day() -> None:
    for zone in ZONES:
        for day in (dt.date(2028, 2, 29), dt.date(2026, 12, 31), *turning_days(zone, 2026)):
            for moment in instants(zone, day, LATE):
                with time_machine.travel(moment, tick=False):
                    assert clock.today(zone) == day, zone


@pytest.mark.parametrize(
    ("issued", "terms", "due"),
    [
        ("2024-02-28", 1, "2024-02-29"),
        ("2024-02-29", 365, "2025-02-28"),
        ("2024-02-29", 366, "2025-03-01"),
        ("2023-02-28", 1, "2023-03-01"),
        ("2000-02-28", 2, "2000-03-01"),
        ("2100-02-28", 1, "2100-03-01"),
        ("2026-01-31", 30, "2026-03-02"),
        ("2024-01-31", 30, "2024-03-01"),
        ("2026-12-31", 0, "2026-12-31"),
        ("2026-12-31", 1, "2027-01-01"),
        ("2026-03-28", 1, "2026-03-29"),
        ("2026-10-24", 2, "2026-10-26"),
        ("2989-01-03", 3650, "2999-01-01"),
        ("2999-12-31", 0, "2999-12-31"),
    ],
)
def test_ends_of_months_and_years_and_days_of_changing_clocks(issued: str, terms: int, due: str) -> None:
    assert str(due_date(dt.date.fromisoformat(issued), terms)) == due


@settings(deadline=None)
@given(st.dates(dt.date(1900, 1, 1), LAST_DAY), st.integers(0, 3650), st.integers(0, 3650))
def test_terms_add_up_and_longer_ones_are_never_due_earlier(day: dt.date, first: int, second: int) -> None:
    assume(day_number(day) + first + second <= day_number(LAST_DAY))
    whole = due_date(day, first + second)
    assert due_date(due_date(day, first), second) == whole
    assert day <= due_date(day, first) <= whole


@pytest.mark.parametrize(("terms", "code"), [(-1, "out-of-range"), (1, "net-terms-too-long")])
def test_terms_that_lead_nowhere_are_refused(terms: int, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        due_date(LAST_DAY, terms)
    assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [(code, "/net_terms_days")]


@settings(max_examples=50, deadline=None)
@given(st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2037, 12, 31), timezones=st.just(dt.UTC)))
def test_every_time_zone_has_one_day_and_there_are_at_most_three_on_earth(moment: dt.datetime) -> None:
    with time_machine.travel(moment, tick=False):
        days = clock.zones_by_day()
        assert sorted(zone for zones in days.values() for zone in zones) == ZONES
        assert list(days) == sorted(days)
        assert 1 <= len(days) <= 3
        assert all(clock.today(zone) == day for day, zones in days.items() for zone in zones[:3])


@given(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2037, 12, 31), timezones=st.just(dt.UTC)), st.floats(0, 900))
def test_within_a_quarter_of_an_hour_no_day_ends_anywhere(moment: dt.datetime, later: float) -> None:
    with time_machine.travel(moment, tick=False):
        quarter, days = clock.quarter(), clock.zones_by_day()
    with time_machine.travel(moment + dt.timedelta(seconds=later), tick=False):
        assert clock.quarter() != quarter or clock.zones_by_day() == days
