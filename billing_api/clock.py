"""The only reader of time, so that a test can set it and no two parts disagree about now."""

import datetime as dt
import functools
from zoneinfo import ZoneInfo, available_timezones


def now() -> dt.datetime:
    """This instant, aware, in UTC, to the microsecond (PostgreSQL's own resolution)."""
    return dt.datetime.now(dt.UTC)


def quarter() -> int:
    """A number that is another in each quarter of an hour. No day begins or ends anywhere within one: clocks are set by
    whole quarters of an hour from UTC, in every zone of today."""
    return int(now().timestamp() // 900)


def today(time_zone: str) -> dt.date:
    """The date that a calendar on a wall in `time_zone` (an IANA name) shows now."""
    return now().astimezone(ZoneInfo(time_zone)).date()


def zones_by_day() -> dict[dt.date, list[str]]:
    """Which day it is where: the two or three dates that there are on earth now, the earliest first, each with the
    IANA names of the time zones that have it."""
    instant, found = now(), dict[dt.date, list[str]]()
    for zone in _zones():
        found.setdefault(instant.astimezone(zone).date(), []).append(zone.key)
    return dict(sorted(found.items()))


@functools.cache
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(available_timezones() - {"localtime", "Factory"}))
