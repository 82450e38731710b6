"""Giving numbers: gapless and chronological in each series and period."""

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from billing_api import clock
from billing_api.database import db
from billing_api.domain.numbering import Reset, parse, period, render
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.numbering.models import NumberCounter, NumberSeries
from billing_api.organizations.models import Organization
from billing_api.organizations.service import on_founded
from billing_api.unit_of_work import unit


class IssueDateBeforeLastNumber(Conflict):
    """Numbers are chronological: a document cannot be issued on an earlier date than the last one of its series and
    period. `last_issue_date` says which date that is; leave `issue_date` out to take the earliest that is possible."""

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
    """The next number. The counter stays locked to the end of the transaction, so take it as the last thing.

    The date defaults to today in the organization's zone, read after the lock was had: while one waits for it, midnight
    may pass. It is never earlier than that of the number before.

    Raises:
        IssueDateBeforeLastNumber: an explicit date lies before it.
        Invalid: an explicit date lies in the future.
    """
    series = db.session.scalars(
        sa.select(NumberSeries).where(
            NumberSeries.organization_id == unit().tenant, NumberSeries.document_type == document_type
        )
    ).one()
    reset = Reset(series.reset)
    on = issue_date or clock.today(time_zone)
    while True:
        counter = _locked(series, period(reset, on))
        today = clock.today(time_zone)
        on = _date(issue_date, today, counter.last_issue_date)
        if period(reset, on) == counter.period:
            break
    counter.last_value += 1
    counter.last_issue_date = on
    db.session.flush()
    text = render(parse(series.pattern, reset), counter.last_value, on)
    return Number(text, series.id, counter.period, counter.last_value, on)


def _locked(series: NumberSeries, named: str) -> NumberCounter:
    """The counter of a period, made when it is the period's first, and locked."""
    key = {"organization_id": unit().tenant, "series_id": series.id, "period": named}
    where = [getattr(NumberCounter, name) == value for name, value in key.items()]
    query = sa.select(NumberCounter).where(*where).with_for_update().execution_options(populate_existing=True)
    counter = db.session.scalars(query).one_or_none()
    if counter is None:
        fresh = {**key, "last_value": series.start_value - 1}
        db.session.execute(postgresql.insert(NumberCounter).values(fresh).on_conflict_do_nothing())
        counter = db.session.scalars(query).one()
    return counter


def _date(asked: dt.date | None, today: dt.date, last: dt.date | None) -> dt.date:
    if asked is None:
        return max(today, last or today)
    if asked > today:
        fault = Fault("issue-date-in-future", f"Today is {today} in the organization's time zone.", "/issue_date")
        raise Invalid("An invoice cannot be issued in the future.", faults=[fault])
    if last is not None and asked < last:
        raise IssueDateBeforeLastNumber(
            f"The last number was given on {last}.", members={"last_issue_date": last.isoformat()}
        )
    return asked
