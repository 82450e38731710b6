"""What a series looks like to its reader: where it stands, and what comes next."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from billing_api import clock
from billing_api.database import db, find
from billing_api.domain.numbering import NumberTooLong
from billing_api.numbering.models import DocumentNumber, NumberSeries
from billing_api.numbering.terms import Counters, counters_of, last_date, place, terms_on, wished
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A series as it stands today."""

    id: uuid.UUID
    document_type: str
    pattern: str
    reset: str
    upcoming: dict[str, Any] | None
    start_value: int
    next_value: int
    next_number: str | None
    """None where it would be too long."""
    last_number: str | None
    last_issue_date: dt.date | None
    created_at: dt.datetime
    updated_at: dt.datetime
    version: int


def search(filters: Mapping[str, Any]) -> sa.Select[NumberSeries]:
    """The query for the series of these documents, or for all."""
    query = sa.select(NumberSeries).where(NumberSeries.organization_id == unit().tenant)
    if (document_type := filters.get("document_type")) is not None:
        query = query.where(NumberSeries.document_type == document_type)
    return query


def read(id: uuid.UUID) -> Shown:
    """A series. Raises NotFound."""
    return shown([find(NumberSeries, id)])[0]


def shown(series: Sequence[NumberSeries]) -> list[Shown]:
    """Each of these series as it stands today in the organization's time zone."""
    if not series:
        return []
    counters = counters_of(series)
    numbers = _last_numbers(counters)
    today = clock.today(organizations.current().time_zone)
    return [_shown(one, counters[one.id], numbers.get(one.id), today) for one in series]


def version_of(series: NumberSeries, counters: Counters) -> int:
    """The version of a series as it is shown: each number that is given changes it, though the row stays as it is."""
    return series.version + sum(
        counter.last_value - counter.first_value + 1 for counter in counters.values() if counter.first_value is not None
    )


def _shown(series: NumberSeries, counters: Counters, last_number: str | None, today: dt.date) -> Shown:
    last = last_date(counters)
    on = max(today, last or today)
    spot = place(series, counters, on)
    pattern, reset = terms_on(series, on)
    upcoming = None
    if series.upcoming_from is not None and series.upcoming_from > on:
        later, then = wished(series)
        upcoming = {"pattern": later, "reset": then.value, "from": series.upcoming_from}
    try:
        following = spot.text()
    except NumberTooLong:
        following = None
    return Shown(
        id=series.id,
        document_type=series.document_type,
        pattern=pattern,
        reset=reset.value,
        upcoming=upcoming,
        start_value=series.start_value,
        next_value=spot.value,
        next_number=following,
        last_number=last_number,
        last_issue_date=last,
        created_at=series.created_at,
        updated_at=series.updated_at,
        version=version_of(series, counters),
    )


def _last_numbers(counters: Mapping[uuid.UUID, Counters]) -> dict[uuid.UUID, str]:
    """The last number of each series, which its latest counter names: one look into an index for each."""
    latest = [
        max(some.values(), key=lambda counter: (counter.last_issue_date or dt.date.min, counter.period))
        for some in counters.values()
        if some
    ]
    query = sa.select(DocumentNumber.series_id, DocumentNumber.number).where(
        DocumentNumber.organization_id == unit().tenant,
        sa.tuple_(DocumentNumber.series_id, DocumentNumber.period, DocumentNumber.sequence_value).in_(
            [(one.series_id, one.period, one.last_value) for one in latest]
        ),
    )
    rows = db.session.execute(query) if latest else ()
    return {row.series_id: row.number for row in rows}
