"""Keeping the books: an entry for each deed, in the transaction in which it comes true."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from billing_api import clock
from billing_api.database import ask, db
from billing_api.domain.bookkeeping import Posting
from billing_api.errors import Conflict, Fault
from billing_api.filtering import equal, filtered, since, until
from billing_api.ledger.models import LedgerEntry, LedgerPosting, Source
from billing_api.organizations.models import Organization
from billing_api.reading import Shape
from billing_api.statement import Statement
from billing_api.unit_of_work import unit


class PeriodLocked(Conflict):
    """The books are closed up to `books_locked_until` of the organization; nothing can be dated on or before it. Give a
    later date, or set `books_locked_until` back with `PATCH /v1/organization`."""

    code = "period-locked"
    title = "The books of this period are closed"


_FILTERS = {
    "customer_id": equal(LedgerEntry.customer_id),
    "currency": equal(LedgerEntry.currency),
    "object_id": equal(LedgerEntry.object_id),
    "entry_date_from": since(LedgerEntry.entry_date),
    "entry_date_to": until(LedgerEntry.entry_date),
}
_POSTING = Shape(LedgerPosting)
_ENTRY = Shape(LedgerEntry, "entry_id", postings=_POSTING)
_LEFT = Statement(
    "SELECT EXISTS (SELECT FROM sources WHERE organization_id = %(organization_id)s AND amount_available > 0 "
    "AND id = %(id)s)",
    {},
)
MOST_SOURCES = 1000
"""As many sources are used at once; a customer who has more uses the rest the next time."""


def refuse_closed(on: dt.date, organization: Organization) -> None:
    """Refuse a date whose books are closed. Raises PeriodLocked."""
    if is_closed(on, organization):
        raise PeriodLocked(f"The books are closed up to {organization.books_locked_until}.")


def is_closed(on: dt.date, organization: Organization) -> bool:
    """Whether the books of this date are closed."""
    return organization.books_locked_until is not None and on <= organization.books_locked_until


def date_of(asked: dt.date | None, organization: Organization, faults: list[Fault]) -> dt.date:
    """The date of a payment or refund: the one that was asked for, or today in the organization's time zone. One in the
    future adds a fault."""
    today = clock.today(organization.time_zone)
    if asked is not None and asked > today:
        detail = f"Today is {today} in the organization's time zone."
        faults.append(Fault("date-in-future", detail, "/payment_date"))
    return asked or today


def posting_date(organization: Organization) -> dt.date:
    """Today in the organization's time zone, as the date of a deed. Raises PeriodLocked."""
    on = clock.today(organization.time_zone)
    refuse_closed(on, organization)
    return on


def post(
    type: str,
    on: dt.date,
    postings: Sequence[Posting],
    *,
    customer_id: uuid.UUID,
    currency: str,
    object: tuple[str, uuid.UUID],
) -> None:
    """Enter a deed; one that moves nothing leaves no entry. `object` is the kind and the id of its document."""
    if not postings:
        return
    kind, id = object
    entry = _ENTRY.new(
        type=type, entry_date=on, customer_id=customer_id, currency=currency, object_type=kind, object_id=id
    )
    entry.postings = [_row(entry.id, position, one) for position, one in enumerate(postings)]
    _ENTRY.add(entry)


def _row(entry_id: uuid.UUID, position: int, posting: Posting) -> Any:
    return _POSTING.new(
        entry_id=entry_id,
        position=position,
        account=posting.account,
        amount=posting.amount,
        invoice_id=posting.invoice_id,
        source_id=posting.source_id,
        method=posting.method,
        tax_category=posting.tax_category,
        tax_rate=posting.tax_rate,
        tax_name=posting.tax_name,
    )


def last_moved(invoice_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dt.date]:
    """The latest date on which the receivable of each of these invoices, whose rows are locked, was posted to."""
    if not invoice_ids:
        return {}
    query = (
        sa.select(LedgerPosting.invoice_id, sa.func.max(LedgerEntry.entry_date))
        .join(LedgerEntry.postings)
        .where(
            LedgerPosting.organization_id == unit().tenant,
            LedgerPosting.invoice_id.in_(invoice_ids),
            LedgerPosting.account == "accounts_receivable",
        )
        .group_by(LedgerPosting.invoice_id)
    )
    # What is being changed of the invoices goes in one statement for each, at the end of the deed.
    with db.session.no_autoflush:
        return {id: on for id, on in db.session.execute(query) if id is not None}


def available(customer_id: uuid.UUID, currency: str) -> Sequence[Source]:
    """The sources of a customer that hold anything, the oldest first and not more than are used at once, each locked to
    the end of the transaction."""
    query = (
        sa.select(Source)
        .where(
            Source.organization_id == unit().tenant,
            Source.customer_id == customer_id,
            Source.currency == currency,
            Source.amount_available > 0,
        )
        .order_by(Source.dated_on, Source.id)
        .limit(MOST_SOURCES)
        .with_for_update(key_share=True, of=Source)
        .execution_options(populate_existing=True)
    )
    return db.session.scalars(query).all()


@cache
def currencies_left() -> sa.Select[Any]:
    """The query for the currencies in which a customer, `customer_id`, has something left, as things stand: from one to
    the next in the index, however many sources each of them has."""
    first = sa.select(_least_currency().label("currency")).cte("currencies", recursive=True)
    following = _least_currency(Source.currency > first.c.currency)
    each = first.union_all(sa.select(following).where(first.c.currency.is_not(None)))
    return sa.select(each.c.currency).where(each.c.currency.is_not(None))


def _least_currency(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    own = (
        Source.organization_id == sa.bindparam("organization_id"),
        Source.customer_id == sa.bindparam("customer_id"),
        Source.amount_available > 0,
    )
    return sa.select(sa.func.min(Source.currency)).where(*own, *conditions).scalar_subquery()


def is_available(source_id: uuid.UUID) -> bool:
    """Whether a source holds anything, as things stand; nothing is locked."""
    return bool(ask(_LEFT, {"organization_id": unit().tenant, "id": source_id})[0][0])


def search(filters: Mapping[str, Any]) -> sa.Select[LedgerEntry]:
    """The query for the entries that match, each with its postings."""
    query = (
        sa.select(LedgerEntry)
        .where(LedgerEntry.organization_id == unit().tenant)
        .options(selectinload(LedgerEntry.postings))
    )
    return filtered(query, filters, _FILTERS)
