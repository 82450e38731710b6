"""The only reader of time, so that a test can set it and no two parts disagree about now."""

import datetime as dt
from zoneinfo import ZoneInfo


def now() -> dt.datetime:
    """This instant, aware, in UTC, to the microsecond (PostgreSQL's own resolution)."""
    return dt.datetime.now(dt.UTC)


def today(time_zone: str) -> dt.date:
    """The date that a calendar on a wall in `time_zone` (an IANA name) shows now."""
    return now().astimezone(ZoneInfo(time_zone)).date()
