"""What holds for a series on a date, as it stands or locked: its pattern, its period, and the value that comes next."""

import datetime as dt
import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from billing_api.database import ask, compiled, db
from billing_api.domain.numbering import Reset, parse, period, render
from billing_api.numbering.models import DocumentNumber, NumberCounter, NumberSeries
from billing_api.reading import Shape, is_among
from billing_api.statement import Statement
from billing_api.unit_of_work import unit

_SERIES, _COUNTER = Shape(NumberSeries), Shape(NumberCounter)
Counters = Mapping[str, NumberCounter]
"""The counters of a series by their periods."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next number of a series stands, if it is given on a date."""

    pattern: str
    reset: Reset
    period: str
    value: int
    on: dt.date

    def text(self) -> str:
        """The number itself. Raises NumberTooLong."""
        return render(parse(self.pattern, self.reset), self.value, self.on)


def counters_of(series: Sequence[NumberSeries]) -> dict[uuid.UUID, dict[str, NumberCounter]]:
    """The counters of each series, a row a year: a statement of its own, because one that waits for the lock of a
    series sees other rows as they were before."""
    asked = {"organization_id": unit().tenant, "ids": [one.id for one in series]}
    found: dict[uuid.UUID, dict[str, NumberCounter]] = {one.id: {} for one in series}
    for counter in _COUNTER.objects(ask(_counting(), asked)):
        found[counter.series_id][counter.period] = counter
    return found


def locked_with_counters(document_type: str) -> tuple[NumberSeries, Counters]:
    """The series of documents of a kind, locked to the end of the transaction, with its counters. They are read by a
    second statement of the same message, because one that waits for a lock sees other rows as they were before."""
    asked = {"organization_id": unit().tenant, "document_type": document_type}
    rows = ask(_standing(), asked, ahead=[_locking()])
    (series, *_), width = _SERIES.objects(rows), len(_SERIES.columns)
    counters: list[NumberCounter] = _COUNTER.objects(row[width:] for row in rows if row[width] is not None)
    return series, {counter.period: counter for counter in counters}


@functools.cache
def _locking() -> Statement:
    return compiled(_of_documents().with_only_columns(NumberSeries.id).with_for_update(key_share=True))


@functools.cache
def _standing() -> Statement:
    """Each counter beside its series; one that has none yet stands alone."""
    is_of = sa.and_(
        NumberCounter.organization_id == NumberSeries.organization_id, NumberCounter.series_id == NumberSeries.id
    )
    return compiled(_of_documents().add_columns(*_COUNTER.columns).outerjoin(NumberCounter, is_of))


def _of_documents() -> sa.Select[Any]:
    return _SERIES.rows_that(NumberSeries.document_type == sa.bindparam("document_type"))


@functools.cache
def _counting() -> Statement:
    return compiled(_COUNTER.rows_that(is_among(NumberCounter.series_id)))


def last_date(counters: Counters) -> dt.date | None:
    """The date of the last number of a series, whichever period that was."""
    return max((day for counter in counters.values() if (day := counter.last_issue_date)), default=None)


def terms_on(series: NumberSeries, on: dt.date) -> tuple[str, Reset]:
    """Pattern and reset for a date of issue."""
    if series.upcoming_from is not None and on >= series.upcoming_from:
        return wished(series)
    return series.pattern, Reset(series.reset)


def wished(series: NumberSeries) -> tuple[str, Reset]:
    """Pattern and reset as they were last asked for, whether they hold already or not."""
    return series.upcoming_pattern or series.pattern, Reset(series.upcoming_reset or series.reset)


def place(series: NumberSeries, counters: Counters, on: dt.date) -> Place:
    """What the next number would be on this date."""
    pattern, reset = terms_on(series, on)
    named = period(reset, on)
    counter = counters.get(named)
    value = counter.last_value + 1 if counter else 1
    if counter is None or counter.first_value is None:
        value = max(value, _start(series, counters, named))
    return Place(pattern, reset, named, value, on)


def has_begun(counters: Iterable[NumberCounter]) -> bool:
    """Whether a number was given here; imported ones do not count."""
    return any(counter.first_value is not None for counter in counters)


def is_taken(number: str) -> bool:
    """Whether a document of the organization has this number; capitals do not count."""
    query = sa.select(sa.literal(True)).where(
        DocumentNumber.organization_id == unit().tenant, DocumentNumber.number_key == number.casefold()
    )
    return bool(db.session.scalar(query))


def _start(series: NumberSeries, counters: Counters, named: str) -> int:
    """With which value a period begins in which no number was given."""
    if series.start_period is not None:
        return series.start_value if series.start_period == named else 1
    return 1 if has_begun(counters.values()) else series.start_value
