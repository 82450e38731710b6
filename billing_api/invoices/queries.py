"""Finding invoices: each whole, in a constant number of statements."""

import datetime as dt
import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, selectinload
from sqlalchemy.sql.base import ExecutableOption

from billing_api import clock
from billing_api.catalog import tax_rate_service as tax_rates
from billing_api.customers.models import CUSTOMER_TRAITS, Customer
from billing_api.database import ask, compiled, db, is_own
from billing_api.domain import money
from billing_api.errors import NotFound
from billing_api.filtering import Condition, equal, filtered, one_of, since, until
from billing_api.invoices.models import INVOICE_TRAITS, Invoice
from billing_api.invoices.parts import InvoiceLine, InvoiceLineTax
from billing_api.ledger.models import Source
from billing_api.organizations.models import Organization
from billing_api.searching import Search, Way, look_for
from billing_api.statement import Statement
from billing_api.unit_of_work import unit

DUE = Invoice.payable_amount - Invoice.amount_paid - Invoice.amount_credited
"""What is still to be paid of an issued invoice, in minor units."""
DUE_FACTS = (Invoice.due_date, Invoice.seller["time_zone"].astext)
"""What `is_past_due` asks of an invoice."""
_FILTERS: dict[str, Condition] = {
    "status": one_of(Invoice.status),
    "customer_id": equal(Invoice.customer_id),
    "currency": equal(Invoice.currency),
    "number": lambda number: Invoice.number_key == number.casefold(),
    "issue_date_from": lambda day: sa.and_(Invoice.issued_on >= day, Invoice.issue_date.is_not(None)),
    "issue_date_to": until(Invoice.issued_on),
    "due_date_from": since(Invoice.due_date),
    "due_date_to": until(Invoice.due_date),
    "updated_since": since(Invoice.updated_at),
    "overdue": lambda is_asked: _overdue(is_asked),
}
_WAYS = (Way(INVOICE_TRAITS), Way(CUSTOMER_TRAITS, Invoice.customer_id))


def parts() -> tuple[ExecutableOption, ...]:
    """What brings an invoice whole, in a constant number of statements whatever its size and however many there are."""
    return (
        # Joined: asked for line by line, their taxes would come in a statement for each five hundred of them.
        selectinload(Invoice.lines).joinedload(InvoiceLine.taxes),
        selectinload(Invoice.adjustments),
        selectinload(Invoice.tax_breakdown),
    )


def bring_parts(invoice: Invoice) -> None:
    """Load the parts of an invoice that was found without them; the invoice itself stays as it is in memory."""
    query = sa.select(Invoice).where(Invoice.organization_id == unit().tenant, Invoice.id == invoice.id)
    db.session.scalars(query.options(*parts())).one()


def revision_of(id: uuid.UUID) -> uuid.UUID | None:
    """The issued invoice in whose place this one came, or is to come."""
    query = sa.select(Invoice.revision_of_id).where(Invoice.organization_id == unit().tenant, Invoice.id == id)
    return db.session.scalar(query)


def drafts_of(customer_id: uuid.UUID, most: int) -> Sequence[uuid.UUID]:
    """The ids of the drafts that name this customer, the oldest first, and not more than so many."""
    of_customer = (Invoice.organization_id == unit().tenant, Invoice.customer_id == customer_id)
    query = sa.select(Invoice.id).where(*of_customer, Invoice.status == "draft").order_by(Invoice.id).limit(most)
    return db.session.scalars(query).all()


def search(filters: Mapping[str, Any]) -> sa.Select[Invoice]:
    """The query for the invoices that match. Plain columns only, for the sake of the indexes."""
    query = sa.select(Invoice).where(is_own(Invoice))
    return filtered(query, filters, _FILTERS).where(*within(Invoice.total, filters))


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of numbers and of the names and addresses of customers, and metadata."""
    return look_for(filters, _WAYS)


def within(total: sa.ColumnElement[int] | Mapped[int], filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    """What `total_min` and `total_max`, amounts of the `currency` beside them, ask of a total in its minor units."""
    bounds = {
        name: money.to_minor(filters[name], money.currency(filters["currency"]))
        for name in ("total_min", "total_max")
        if name in filters
    }
    return [total >= bound if name == "total_min" else total <= bound for name, bound in bounds.items()]


@tax_rates.on_use
def _is_taxed_by(tax_rate_id: uuid.UUID) -> bool:
    taxes = sa.select(InvoiceLineTax.id).where(
        InvoiceLineTax.organization_id == unit().tenant, InvoiceLineTax.tax_rate_id == tax_rate_id
    )
    return bool(db.session.scalar(sa.select(taxes.exists())))


def is_overdue() -> sa.ColumnElement[bool]:
    """What `Invoice.overdue` says of a row, by the day in the zone that its seller had at the issue; null is no."""
    days = clock.zones_by_day()
    zone = Invoice.seller["time_zone"].astext
    # The first term alone can search in the index; the others look at the rows that it leaves.
    is_past = sa.or_(
        Invoice.due_date < min(days),
        *(
            sa.and_(Invoice.due_date < day, zone == sa.any_(sa.literal(zones, ARRAY(sa.Text))))
            for day, zones in list(days.items())[1:]
        ),
    )
    return sa.and_(Invoice.status == "open", Invoice.due_date < max(days), is_past, DUE > 0)


class State(NamedTuple):
    """The version of an invoice, and what else tells what can be done with it."""

    version: int
    status: str
    asked_date: dt.date | None
    due_date: dt.date | None
    seller_zone: str | None
    zone: str
    locked_until: dt.date | None
    customer_id: uuid.UUID
    seller_version: int
    buyer_version: int
    is_credit_available: bool
    is_refund_available: bool
    updated_at: dt.datetime
    """In a database that was restored the same version may come again, but not at the same instant."""

    def is_of(self, invoice: Invoice, seller: Organization, buyer: Customer) -> bool:
        """Whether these three stand as they did when it was found."""
        found = (self.version, self.updated_at, self.seller_version, self.buyer_version)
        return found == (invoice.version, invoice.updated_at, seller.version, buyer.version)


def state_of(id: uuid.UUID, *, alone: bool) -> State:
    """How an invoice stands. Raises NotFound."""
    rows = ask(_state(), {"organization_id": unit().tenant, "id": id}, alone=alone)
    if not rows:
        raise NotFound()
    return State(*rows[0])


def state_shown(
    status: str,
    asked: dt.date | None,
    due_date: dt.date | None,
    seller_zone: str | None,
    zone: str,
    locked_until: dt.date | None,
    _customer_id: uuid.UUID,
    *facts: Any,
) -> tuple[Any, ...] | None:
    """All that an invoice shows with its actions of its `State`, beside its own version; None of a draft whose date of
    issue was asked for, or is not free: then the numbers that others were given tell whether it can be issued."""
    today = clock.today(zone)
    is_closed = locked_until is not None and today <= locked_until
    if status != "draft":
        return (is_past_due(due_date, seller_zone), is_closed, *facts)
    return None if asked is not None or is_closed else (today, *facts)


@functools.cache
def _state() -> Statement:
    """One statement for all of it: the seller and the buyer by their versions, and whether there is a credit to apply
    or something to refund."""
    source = sa.select(Source.id).where(Source.organization_id == Invoice.organization_id, Source.amount_available > 0)
    of_buyer = source.where(Source.customer_id == Invoice.customer_id, Source.currency == Invoice.currency)
    of_itself = source.where(Source.id == Invoice.id)
    seller = (Organization.time_zone, Organization.books_locked_until)
    versions = (Organization.version, Customer.version)
    is_buyer = sa.and_(Customer.organization_id == Invoice.organization_id, Customer.id == Invoice.customer_id)
    query = (
        sa.select(Invoice.version, Invoice.status, Invoice.issue_date, *DUE_FACTS, *seller, Invoice.customer_id)
        .add_columns(*versions, of_buyer.exists(), of_itself.exists(), Invoice.updated_at)
        .join(Organization, Organization.id == Invoice.organization_id)
        .join(Customer, is_buyer)
        .where(Invoice.organization_id == sa.bindparam("organization_id"), Invoice.id == sa.bindparam("id"))
    )
    return compiled(query)


def is_past_due(due_date: dt.date | None, time_zone: str | None) -> bool:
    """Whether the day on which it is due has gone by where its seller is: what `Invoice.overdue` takes from the
    clock."""
    return due_date is not None and time_zone is not None and due_date < clock.today(time_zone)


def _overdue(is_asked: bool) -> sa.ColumnElement[bool]:
    return is_overdue() if is_asked else sa.not_(sa.func.coalesce(is_overdue(), sa.false()))
