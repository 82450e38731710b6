"""Whether a series is what the law wants it to be: without gaps, in the order of time, with all that was voided.

The sums are taken in the database; what is listed has a limit, and its count says how many there are. A sound series
is read once, whatever its length.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from billing_api.database import db, find
from billing_api.numbering.models import DocumentNumber, NumberCounter, NumberSeries
from billing_api.unit_of_work import unit

MOST_LISTED = 1000
"""The most gaps, voided numbers, and numbers out of order that an answer lists, of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period of a series, summed up. `is_*` holds for the period by itself."""

    period: str
    start: int | None
    """The first value that was given here; None while all numbers are imported."""
    end: int
    """The value at which the counter stands."""
    count: int
    given: int
    """How many numbers stand at `start` or above."""
    imported: int
    voided: int
    falls: int
    """How many have an earlier date than the number before."""
    highest: int
    earliest: dt.date | None
    latest: dt.date | None
    first: str | None
    last: str | None

    @property
    def missing(self) -> int:
        """How many numbers are lacking among those that were given."""
        return 0 if self.start is None else self.end - self.start + 1 - self.given

    @property
    def missing_below(self) -> int:
        """How many values below the start have no number; numbers given elsewhere may have had them."""
        return (self.end if self.start is None else self.start - 1) - (self.count - self.given)

    @property
    def is_complete(self) -> bool:
        """Whether no number is lacking among those that were given."""
        return self.missing == 0

    @property
    def is_chronological(self) -> bool:
        """Whether no number has an earlier date than the one before."""
        return self.falls == 0


def audit(id: uuid.UUID) -> dict[str, Any]:
    """The findings about a series. Raises NotFound."""
    series = find(NumberSeries, id)
    periods = _periods(series.id)
    voided, below = sum(one.voided for one in periods), sum(one.missing_below for one in periods)
    is_complete = all(one.is_complete for one in periods)
    falls = sum(one.falls for one in periods)
    return {
        "id": series.id,
        "document_type": series.document_type,
        "complete": is_complete,
        "chronological": falls == 0 and _follow_each_other(periods),
        "first": periods[0].first if periods else None,
        "last": periods[-1].last if periods else None,
        "count": sum(one.count for one in periods),
        "imported_count": sum(one.imported for one in periods),
        "outside_count": _count_outside(series.id),
        "gap_count": sum(one.missing for one in periods),
        "gaps": [] if is_complete else _gaps(series.id, periods),
        "imported_gap_count": below,
        "imported_gaps": _imported_gaps(series.id, periods) if below else [],
        "voided_count": voided,
        "voided": _voided(series.id) if voided else [],
        "out_of_order_count": falls,
        "out_of_order": _out_of_order(series.id) if falls else [],
        "periods": periods,
    }


def _follow_each_other(periods: Sequence[Period]) -> bool:
    """Whether no year begins before the one before it ends; a count that never starts anew may run beside years."""
    years = sorted((one for one in periods if one.period and one.count), key=lambda one: one.period)
    return all(one.latest <= other.earliest for one, other in pairwise(years) if one.latest and other.earliest)


def _placed(series_id: uuid.UUID) -> sa.Subquery:
    """The numbers of a series, each with what stands before it in its period; the index has them in this order."""
    value, date = DocumentNumber.sequence_value, DocumentNumber.issue_date
    return (
        sa.select(
            DocumentNumber.period,
            value.label("value"),
            DocumentNumber.number,
            date,
            DocumentNumber.is_imported,
            DocumentNumber.voided_at,
            sa.func.lag(value, 1, 0).over(partition_by=DocumentNumber.period, order_by=value).label("value_before"),
            sa.func.lag(date).over(partition_by=DocumentNumber.period, order_by=value).label("date_before"),
        )
        .where(
            DocumentNumber.organization_id == unit().tenant,
            DocumentNumber.series_id == series_id,
            value.is_not(None),
        )
        .subquery("placed")
    )


def _periods(series_id: uuid.UUID) -> list[Period]:
    """The periods in the order of time."""
    rows = [dict(row._mapping) for row in db.session.execute(_sums(series_id))]
    ends = _numbers_at(series_id, [(row["period"], row[end]) for row in rows for end in ("lowest", "highest")])
    found = [
        Period(
            **{name: value for name, value in row.items() if name != "lowest"},
            first=ends.get((row["period"], row["lowest"])),
            last=ends.get((row["period"], row["highest"])),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.earliest or dt.date.max, one.period))


def _sums(series_id: uuid.UUID) -> sa.Select[Any]:
    placed, counter = _placed(series_id), NumberCounter
    one, count = placed.c, sa.func.count
    return (
        sa.select(
            counter.period,
            counter.first_value.label("start"),
            counter.last_value.label("end"),
            count(one.value).label("count"),
            count(one.value).filter(one.value >= counter.first_value).label("given"),
            count(one.value).filter(one.is_imported).label("imported"),
            count(one.voided_at).label("voided"),
            count(one.value).filter(one.issue_date < one.date_before).label("falls"),
            sa.func.min(one.value).label("lowest"),
            sa.func.coalesce(sa.func.max(one.value), 0).label("highest"),
            sa.func.min(one.issue_date).label("earliest"),
            sa.func.max(one.issue_date).label("latest"),
        )
        .outerjoin(placed, counter.period == one.period)
        .where(counter.organization_id == unit().tenant, counter.series_id == series_id)
        .group_by(counter.organization_id, counter.series_id, counter.period)
    )


def _numbers_at(series_id: uuid.UUID, places: list[tuple[Any, Any]]) -> dict[tuple[Any, Any], str]:
    query = sa.select(DocumentNumber.period, DocumentNumber.sequence_value, DocumentNumber.number).where(
        DocumentNumber.organization_id == unit().tenant,
        DocumentNumber.series_id == series_id,
        sa.tuple_(DocumentNumber.period, DocumentNumber.sequence_value).in_(places),
    )
    return {(named, value): number for named, value, number in db.session.execute(query)} if places else {}


def _gaps(series_id: uuid.UUID, periods: Sequence[Period]) -> list[dict[str, Any]]:
    """Ranges that are lacking among numbers that were given; also at the end, where the counter has gone on."""
    one, counter = _placed(series_id).c, NumberCounter
    start = sa.func.greatest(one.value_before + 1, counter.first_value)
    inner = _holes(series_id, one, start, one.value - 1)
    tails = [
        (each.period, max(each.highest + 1, each.start), each.end)
        for each in periods
        if each.start is not None and each.highest < each.end
    ]
    return _listed(inner, tails)


def _imported_gaps(series_id: uuid.UUID, periods: Sequence[Period]) -> list[dict[str, Any]]:
    """Ranges below the start that have no number: between imported ones, and up to the first that was given."""
    one, counter = _placed(series_id).c, NumberCounter
    # Where nothing was given there is no end of it: `least` leaves NULL out.
    inner = _holes(series_id, one, one.value_before + 1, sa.func.least(one.value - 1, counter.first_value - 1))
    tails = [
        (each.period, each.highest + 1, each.end if each.start is None else each.start - 1)
        for each in periods
        if each.highest < (each.end if each.start is None else each.start - 1)
    ]
    return _listed(inner, tails)


Range = tuple[str, int, int]


def _holes(series_id: uuid.UUID, one: Any, start: Any, end: Any) -> list[Range]:
    """Where two numbers of a period that follow each other leave something out between these values."""
    counter = NumberCounter
    query = (
        sa.select(one.period, start, end)
        .join_from(one.value.table, counter, counter.period == one.period)
        .where(counter.organization_id == unit().tenant, counter.series_id == series_id, start <= end)
        .order_by(one.period, one.value)
        .limit(MOST_LISTED)
    )
    return [(named, first, last) for named, first, last in db.session.execute(query)]


def _listed(inner: list[Range], tails: list[Range]) -> list[dict[str, Any]]:
    ranges = sorted([*inner, *tails])[:MOST_LISTED]
    return [{"period": named, "from": first, "to": last} for named, first, last in ranges]


def _voided(series_id: uuid.UUID) -> list[dict[str, Any]]:
    query = (
        sa.select(
            DocumentNumber.number, DocumentNumber.issue_date, DocumentNumber.voided_at, DocumentNumber.document_id
        )
        .where(
            DocumentNumber.organization_id == unit().tenant,
            DocumentNumber.series_id == series_id,
            DocumentNumber.sequence_value.is_not(None),
            DocumentNumber.voided_at.is_not(None),
        )
        .order_by(DocumentNumber.period, DocumentNumber.sequence_value)
        .limit(MOST_LISTED)
    )
    return [dict(row._mapping) for row in db.session.execute(query)]


def _out_of_order(series_id: uuid.UUID) -> list[dict[str, Any]]:
    one = _placed(series_id).c
    query = (
        sa.select(one.number, one.issue_date, one.date_before.label("previous_issue_date"))
        .where(one.issue_date < one.date_before)
        .order_by(one.period, one.value)
        .limit(MOST_LISTED)
    )
    return [dict(row._mapping) for row in db.session.execute(query)]


def _count_outside(series_id: uuid.UUID) -> int:
    query = sa.select(sa.func.count()).where(
        DocumentNumber.organization_id == unit().tenant,
        DocumentNumber.series_id == series_id,
        DocumentNumber.period.is_(None),
    )
    return db.session.scalar(query) or 0
