"""Giving numbers: gapless in each series and period, chronological in each series, and each of them only once."""

import datetime as dt
import uuid

import sqlalchemy as sa

from billing_api import clock
from billing_api.database import db, touch
from billing_api.domain.numbering import Reset, parse, period, value_of
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.numbering.models import NumberCounter, NumberSeries
from billing_api.numbering.register import Count, Number, count, enter, is_occupied
from billing_api.numbering.terms import (
    Counters,
    Place,
    counters_of,
    last_date,
    locked_with_counters,
    place,
    terms_on,
    wished,
)
from billing_api.organizations.models import Organization
from billing_api.organizations.service import on_founded
from billing_api.unit_of_work import unit


class IssueDateBeforeLastNumber(Conflict):
    """Numbers are chronological: a document cannot be issued on an earlier date than the last one of its series, in
    whichever year that was. `last_issue_date` says which date that is; leave `issue_date` out to take the earliest that
    is possible."""

    code = "issue-date-before-last-number"
    title = "The issue date lies before the last number's"


class SeriesInUse(Conflict):
    """Numbers of this period were given or imported already, and none may be left out after them, nor come twice.
    `next_value` says where the series stands: leave it there. Set start values before the first number of a period,
    above the imported ones; import numbers from elsewhere that do not come after those given here."""

    code = "series-in-use"
    title = "The series is in use"

    def __init__(self, next_value: int, *, pointer: str | None = None) -> None:
        detail = f"The next value is {next_value}."
        told = f"It comes behind the numbers that were given here. {detail}"
        faults = [] if pointer is None else [Fault(self.code, told, pointer)]
        super().__init__(detail, faults=faults, members={"next_value": next_value})


DEFAULTS = {"invoice": "INV-{YYYY}-{####}", "credit_note": "CN-{YYYY}-{####}"}
LONGEST_IMPORTED = 64
"""The most characters of a number that was given elsewhere."""


@on_founded
def make_series(organization: Organization) -> None:
    """Give a new organization its series: one for invoices, one for credit notes, both starting anew each year."""
    for document_type, pattern in DEFAULTS.items():
        db.session.add(NumberSeries(document_type=document_type, pattern=pattern, reset=Reset.YEARLY.value))
    db.session.flush()


def take(
    document_type: str,
    issue_date: dt.date | None,
    time_zone: str,
    document_id: uuid.UUID,
    *,
    not_before: dt.date | None = None,
) -> Number:
    """The next number, entered in the register for this document. The series stays locked to the end of the
    transaction, so take it as the last thing.

    The date defaults to today in the organization's zone, read after the lock was had: while one waits for it, midnight
    may pass. It is never earlier than that of any number before, whichever year that was, nor than `not_before`, the
    date of the document that this one speaks of.

    Raises:
        IssueDateBeforeLastNumber: an explicit date lies before it.
        Invalid: an explicit date lies in the future.
        NumberTaken: an imported document, or one of the other series, has it.
        NumberTooLong: the counter has outgrown the pattern.
    """
    series, counters = locked_with_counters(document_type)
    on = _date(issue_date, clock.today(time_zone), _latest(last_date(counters), not_before))
    if series.upcoming_from is not None and on >= series.upcoming_from:
        _let_upcoming_hold(_locked(document_type))
    spot = place(series, counters, on)
    number = Number(spot.text(), series.id, spot.period, spot.value, on)
    enter(number, document_type, document_id, _counted(spot, counters))
    return number


def foresee(
    document_type: str, issue_date: dt.date | None, time_zone: str, *, not_before: dt.date | None = None
) -> dt.date:
    """The date that `take` would give as things stand, which without a lock is no promise. Raises what it would."""
    query = sa.select(sa.func.max(NumberCounter.last_issue_date)).join(
        NumberSeries,
        sa.and_(
            NumberSeries.organization_id == NumberCounter.organization_id, NumberSeries.id == NumberCounter.series_id
        ),
    )
    last = db.session.scalar(query.where(*_of(document_type)))
    return _date(issue_date, clock.today(time_zone), _latest(last, not_before))


def adopt(document_type: str, number: str, issue_date: dt.date, time_zone: str, document_id: uuid.UUID) -> Number:
    """Enter the number that an imported document has had elsewhere, as it is. Where the series would have given it on
    that date, it takes its place there and the series goes on behind it; where not, it stands beside the series.
    Set the pattern first, then import.

    Raises:
        Invalid: the number is blank or longer than 64 characters, or the date lies in the future.
        NumberTaken: another document has it.
        SeriesInUse: it would come after numbers that were given here, in the same period.
    """
    _refuse_unfit(number, issue_date, clock.today(time_zone))
    series = _locked(document_type)
    counters = counters_of([series])[series.id]
    pattern, reset = terms_on(series, issue_date)
    value, named = value_of(parse(pattern, reset), number, issue_date), period(reset, issue_date)
    counter = counters.get(named)
    last = counter.last_value if counter else 0
    if value is not None and value <= last and is_occupied(series, named, value):
        value = None
    counted = None if value is None or value <= last else _go_on_behind(series, counter, named, value, issue_date)
    found = Number(number, series.id, None if value is None else named, value, issue_date)
    enter(found, document_type, document_id, counted, is_imported=True)
    return found


def _locked(document_type: str) -> NumberSeries:
    return db.session.scalars(
        sa.select(NumberSeries)
        .where(*_of(document_type))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _of(document_type: str) -> tuple[sa.ColumnElement[bool], ...]:
    return NumberSeries.organization_id == unit().tenant, NumberSeries.document_type == document_type


def _let_upcoming_hold(series: NumberSeries) -> None:
    """From here on no earlier date comes back, so what was in force before is of no more use."""
    pattern, reset = wished(series)
    series.pattern, series.reset = pattern, reset.value
    series.upcoming_pattern = series.upcoming_reset = series.upcoming_from = None
    db.session.flush()


def _go_on_behind(
    series: NumberSeries, counter: NumberCounter | None, named: str, value: int, issue_date: dt.date
) -> Count:
    """Let a locked series go on behind an imported number. Raises SeriesInUse where it gave numbers in that period
    already: those between its last one and this would be missing."""
    if counter and counter.first_value is not None:
        raise SeriesInUse(counter.last_value + 1, pointer="/number")
    latest = max(issue_date, (counter and counter.last_issue_date) or issue_date)
    # What comes next changes, and is a part of what the version of a series stands for.
    touch(series)
    db.session.flush()
    return count(named, value, latest, None)


def _counted(spot: Place, counters: Counters) -> Count:
    counter = counters.get(spot.period)
    first = counter.first_value if counter else None
    return count(spot.period, spot.value, spot.on, spot.value if first is None else first)


def _refuse_unfit(number: str, issue_date: dt.date, today: dt.date) -> None:
    faults = []
    if not number.strip() or len(number) > LONGEST_IMPORTED:
        faults.append(Fault("wrong-length", f"A number has 1 to {LONGEST_IMPORTED} characters.", "/number"))
    if issue_date > today:
        faults.append(
            Fault("issue-date-in-future", f"Today is {today} in the organization's time zone.", "/issue_date")
        )
    if faults:
        raise Invalid(faults=faults)


def _latest(*dates: dt.date | None) -> dt.date | None:
    return max((date for date in dates if date is not None), default=None)


def _date(asked: dt.date | None, today: dt.date, last: dt.date | None) -> dt.date:
    # Where the organization has moved westward, the last number may have been given on what is tomorrow there.
    latest = max(today, last or today)
    if asked is None:
        return latest
    if asked > latest:
        fault = Fault("issue-date-in-future", f"Today is {today} in the organization's time zone.", "/issue_date")
        raise Invalid("A document cannot be issued in the future.", faults=[fault])
    if last is not None and asked < last:
        detail = f"The last number was given on {last}."
        faults = [Fault("issue-date-before-last-number", detail, "/issue_date")]
        raise IssueDateBeforeLastNumber(detail, faults=faults, members={"last_issue_date": last.isoformat()})
    return asked
