"""Giving numbers: gapless in each series and period, chronological in each series."""

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from billing_api import clock
from billing_api.database import db
from billing_api.domain.numbering import Reset, parse, period, render
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.numbering.models import NumberCounter, NumberSeries
from billing_api.organizations.models import Organization
from billing_api.organizations.service import on_founded
from billing_api.unit_of_work import unit


class IssueDateBeforeLastNumber(Conflict):
    """Numbers are chronological: a document cannot be issued on an earlier date than the last one of its series, in
    whichever year that was. `last_issue_date` says which date that is; leave `issue_date` out to take the earliest that
    is possible."""

    code = "issue-date-before-last-number"
    title = "The issue date lies before the last number's"


DEFAULTS = {"invoice": "INV-{YYYY}-{####}", "credit_note": "CN-{YYYY}-{####}"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number, where it stands in its series, and the date on which it is given."""

    text: str
    series_id: uuid.UUID
    period: str
    value: int
    issue_date: dt.date


@on_founded
def make_series(organization: Organization) -> None:
    """Give a new organization its series: one for invoices, one for credit notes, both starting anew each year."""
    for document_type, pattern in DEFAULTS.items():
        db.session.add(NumberSeries(document_type=document_type, pattern=pattern, reset=Reset.YEARLY.value))
    db.session.flush()


def take(document_type: str, issue_date: dt.date | None, time_zone: str) -> Number:
    """The next number. The series stays locked to the end of the transaction, so take it as the last thing.

    The date defaults to today in the organization's zone, read after the lock was had: while one waits for it, midnight
    may pass. It is never earlier than that of any number before, whichever year that was.

    Raises:
        IssueDateBeforeLastNumber: an explicit date lies before it.
        Invalid: an explicit date lies in the future.
    """
    series = db.session.scalars(
        sa.select(NumberSeries)
        .where(*_of(document_type))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    counters = _counters(series)
    last = max((day for counter in counters.values() if (day := counter.last_issue_date)), default=None)
    on = _date(issue_date, clock.today(time_zone), last)
    reset = Reset(series.reset)
    named = period(reset, on)
    counter = counters.get(named) or _first(series, named)
    counter.last_value += 1
    counter.last_issue_date = on
    db.session.flush()
    text = render(parse(series.pattern, reset), counter.last_value, on)
    return Number(text, series.id, named, counter.last_value, on)


def foresee(document_type: str, issue_date: dt.date | None, time_zone: str) -> dt.date:
    """The date that `take` would give as things stand, which without a lock is no promise. Raises what it would."""
    query = sa.select(sa.func.max(NumberCounter.last_issue_date)).join(
        NumberSeries,
        sa.and_(
            NumberSeries.organization_id == NumberCounter.organization_id, NumberSeries.id == NumberCounter.series_id
        ),
    )
    return _date(issue_date, clock.today(time_zone), db.session.scalar(query.where(*_of(document_type))))


def _of(document_type: str) -> tuple[sa.ColumnElement[bool], ...]:
    return NumberSeries.organization_id == unit().tenant, NumberSeries.document_type == document_type


def _counters(series: NumberSeries) -> dict[str, NumberCounter]:
    """The counters of a locked series by their periods, a row a year: a statement of its own, because one that waits
    for a lock sees its other rows as they were before."""
    query = sa.select(NumberCounter).where(
        NumberCounter.organization_id == unit().tenant, NumberCounter.series_id == series.id
    )
    found = db.session.scalars(query.execution_options(populate_existing=True))
    return {counter.period: counter for counter in found}


def _first(series: NumberSeries, named: str) -> NumberCounter:
    counter = NumberCounter(
        organization_id=unit().tenant, series_id=series.id, period=named, last_value=series.start_value - 1
    )
    db.session.add(counter)
    return counter


def _date(asked: dt.date | None, today: dt.date, last: dt.date | None) -> dt.date:
    # Where the organization has moved westward, the last number may have been given on what is tomorrow there.
    latest = max(today, last or today)
    if asked is None:
        return latest
    if asked > latest:
        fault = Fault("issue-date-in-future", f"Today is {today} in the organization's time zone.", "/issue_date")
        raise Invalid("An invoice cannot be issued in the future.", faults=[fault])
    if last is not None and asked < last:
        raise IssueDateBeforeLastNumber(
            f"The last number was given on {last}.", members={"last_issue_date": last.isoformat()}
        )
    return asked
