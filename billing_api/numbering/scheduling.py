"""Changing how a series numbers: at once where that breaks nothing, else from its next period on."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.database import db, find
from billing_api.domain.numbering import NumberTooLong, Reset, collides, parse
from billing_api.errors import Conflict, Fault, Invalid, PreconditionFailed
from billing_api.events.service import record
from billing_api.numbering.models import NumberSeries
from billing_api.numbering.queries import Shown, shown, version_of
from billing_api.numbering.register import NumberTaken
from billing_api.numbering.service import SeriesInUse
from billing_api.numbering.terms import Counters, Place, counters_of, has_begun, is_taken, last_date, place, wished
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import unit


class PatternOfOtherSeries(Conflict):
    """Another series of the organization writes its numbers in the same way, so that they would come twice. Give this
    one a prefix of its own, such as `CN-` for credit notes."""

    code = "pattern-of-other-series"
    title = "The pattern is that of another series"


def edit(
    id: uuid.UUID, change: Callable[[Mapping[str, Any]], Mapping[str, Any]], expected: Collection[int] | None = None
) -> Shown:
    """Change a series to what `change` makes of it.

    Pattern and reset hold at once while the series has given no number, where it never starts anew (its count goes on),
    and where its next number is taken or too long; else from the first day of the first year after its last number.

    Raises:
        NotFound, PreconditionFailed, PatternOfOtherSeries
        Invalid: faults of the pattern, or two start values that differ.
        SeriesInUse: a start value for a period that has numbers, or below imported ones.
        NumberTaken, NumberTooLong: of the number that would be next.
    """
    series = find(NumberSeries, id, lock=True)
    counters = counters_of([series])[series.id]
    if expected is not None and version_of(series, counters) not in expected:
        raise PreconditionFailed()
    before = _wishes(series)
    asked = {**before, **change(before)}
    on = _next_date(counters)
    changed = _set_terms(series, counters, (asked["pattern"], Reset(asked["reset"])), on)
    changed += _set_start(series, counters, asked, on)
    if changed:
        # A change that waits leaves the next number what it was, though it be one that cannot be given.
        if series.upcoming_from is None or series.upcoming_from <= on:
            _refuse_taken(place(series, counters, on).text())
        record("number_series.updated", series, changed=changed)
        db.session.flush()
    return shown([series])[0]


def _wishes(series: NumberSeries) -> dict[str, Any]:
    pattern, reset = wished(series)
    return {"pattern": pattern, "reset": reset.value, "start_value": series.start_value, "next_value": None}


def _next_date(counters: Counters) -> dt.date:
    today = clock.today(organizations.current().time_zone)
    return max(today, last_date(counters) or today)


def _set_terms(series: NumberSeries, counters: Counters, asked: tuple[str, Reset], on: dt.date) -> list[str]:
    if asked == wished(series):
        return []
    pattern, reset = asked
    _refuse_collision(series, pattern, reset)
    changed = [name for name, old, new in zip(("pattern", "reset"), wished(series), asked, strict=True) if old != new]
    last = last_date(counters)
    is_free = last is None or _may_hold_at_once(series, counters, reset, on)
    series.upcoming_pattern = series.upcoming_reset = series.upcoming_from = None
    if is_free or last is None:
        series.pattern, series.reset = pattern, reset.value
    elif asked != (series.pattern, Reset(series.reset)):
        series.upcoming_pattern, series.upcoming_reset = pattern, reset.value
        series.upcoming_from = dt.date(last.year + 1, 1, 1)
    return changed


def _may_hold_at_once(series: NumberSeries, counters: Counters, reset: Reset, on: dt.date) -> bool:
    if not has_begun(counters.values()):
        return True
    if reset is not Reset(series.reset):
        return False
    # Who never starts anew has no next period; and a series whose next number cannot be given could not go on at all.
    return reset is Reset.NEVER or _is_stuck(place(series, counters, on))


def _is_stuck(spot: Place) -> bool:
    try:
        return is_taken(spot.text())
    except NumberTooLong:
        return True


def _refuse_taken(number: str) -> None:
    if is_taken(number):
        raise NumberTaken(number)


def _set_start(series: NumberSeries, counters: Counters, asked: Mapping[str, Any], on: dt.date) -> list[str]:
    spot, start, following = place(series, counters, on), asked["start_value"], asked["next_value"]
    if start != series.start_value:
        if following not in (None, start):
            fault = Fault("mutually-exclusive", "It contradicts start_value: give one of them.", "/next_value")
            raise Invalid(faults=[fault])
        if has_begun(counters.values()):
            raise SeriesInUse(spot.value)
        following = start
    elif following in (None, spot.value):
        return []
    counter = counters.get(spot.period)
    # A number that was given leaves no choice; imported ones leave what lies above them.
    if counter and (counter.first_value is not None or following <= counter.last_value):
        raise SeriesInUse(spot.value)
    series.start_value = following
    series.start_period = spot.period if has_begun(counters.values()) else None
    return ["start_value"]


def _refuse_collision(series: NumberSeries, pattern: str, reset: Reset) -> None:
    mine = parse(pattern, reset)
    query = sa.select(NumberSeries).where(NumberSeries.organization_id == unit().tenant, NumberSeries.id != series.id)
    for other in db.session.scalars(query):
        for theirs in {other.pattern, other.upcoming_pattern or other.pattern}:
            if collides(mine, parse(theirs)):
                raise PatternOfOtherSeries(f"The series of type {other.document_type} has {theirs}.")
