"""Finding invoices: each whole, in a constant number of statements."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, selectinload
from sqlalchemy.sql.base import ExecutableOption

from billing_api import clock
from billing_api.catalog import tax_rate_service as tax_rates
from billing_api.customers.models import CUSTOMER_TRAITS
from billing_api.database import db
from billing_api.domain import money
from billing_api.filtering import Condition, equal, filtered, one_of, since, until
from billing_api.invoices.breakdown import InvoiceTaxGroup
from billing_api.invoices.models import INVOICE_TRAITS, Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine, InvoiceLineTax
from billing_api.reading import Shape
from billing_api.searching import Search, Way, look_for
from billing_api.unit_of_work import unit

DUE = Invoice.payable_amount - Invoice.amount_paid - Invoice.amount_credited
"""What is still to be paid of an issued invoice, in minor units."""
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
WHOLE = Shape(
    Invoice,
    "invoice_id",
    # As long as the body that it came in, and never shown.
    unread={"request", "taxes_credited"},
    lines=Shape(InvoiceLine, "invoice_id", taxes=Shape(InvoiceLineTax)),
    adjustments=Shape(InvoiceAdjustment),
    tax_breakdown=Shape(InvoiceTaxGroup),
)
"""An invoice to be shown, with all that `parts` brings."""


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
    query = sa.select(Invoice).where(Invoice.organization_id == unit().tenant)
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


def _overdue(is_asked: bool) -> sa.ColumnElement[bool]:
    return is_overdue() if is_asked else sa.not_(sa.func.coalesce(is_overdue(), sa.false()))
