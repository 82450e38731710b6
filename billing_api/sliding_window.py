"""So many of something within a time: the moments of the last ones stand in an array column, the oldest first, and are
counted by the statement that looks at them, so that of many at once each sees what the others have counted."""

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class SlidingWindow:
    """At most `most` of something in any span as long as `within`."""

    most: int
    within: dt.timedelta

    def has_room(self, moments: Any, now: dt.datetime) -> sa.ColumnElement[bool]:
        """Whether one more may be counted: the oldest of so many that are looked at does not count any more."""
        return sa.or_(sa.func.cardinality(moments) < self.most, moments[1] <= now - self.within)

    def with_one_more(self, moments: Any, now: dt.datetime) -> sa.ColumnElement[Any]:
        """The moments and this one; where they were as many as are looked at, without the oldest."""
        kept = sa.case((sa.func.cardinality(moments) < self.most, moments), else_=moments[2 : self.most])
        return sa.func.array_append(kept, now)

    def seconds_to_wait(self, oldest: dt.datetime, now: dt.datetime) -> int:
        """How long there is no room, rounded up; at least one second."""
        return max(1, math.ceil((oldest + self.within - now).total_seconds()))
