"""Finding credit notes: each with its parts, in a constant number of statements."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload
from sqlalchemy.sql.base import ExecutableOption

from billing_api.credit_notes.models import CREDIT_NOTE_TRAITS, CreditNote
from billing_api.customers.models import CUSTOMER_TRAITS
from billing_api.invoices.queries import within
from billing_api.ledger.models import Source
from billing_api.traits import Search, Way, look_for
from billing_api.unit_of_work import unit


def whole() -> tuple[ExecutableOption, ...]:
    """What brings a credit note whole, in a constant number of statements."""
    return (
        selectinload(CreditNote.lines),
        selectinload(CreditNote.adjustments),
        selectinload(CreditNote.tax_breakdown),
        selectinload(CreditNote.allocations),
    )


def search(filters: Mapping[str, Any]) -> sa.Select[CreditNote]:
    """The query for the credit notes that match, each with its parts."""
    query = (
        sa.select(CreditNote)
        .where(CreditNote.organization_id == unit().tenant, CreditNote.type == "credit_note")
        .options(*whole())
    )
    for name in ("customer_id", "currency", "invoice_id"):
        if name in filters:
            query = query.where(getattr(CreditNote, name) == filters[name])
    if "number" in filters:
        query = query.where(CreditNote.number_key == filters["number"].casefold())
    if (start := filters.get("issue_date_from")) is not None:
        query = query.where(CreditNote.dated_on >= start)
    if (end := filters.get("issue_date_to")) is not None:
        query = query.where(CreditNote.dated_on <= end)
    if (since := filters.get("updated_since")) is not None:
        query = query.where(CreditNote.updated_at >= since)
    # Both together leave nothing out.
    if (statuses := set(filters.get("status", "").split(","))) == {"available"}:
        query = query.where(CreditNote.amount_available > 0)
    elif statuses == {"used"}:
        query = query.where(CreditNote.amount_available == 0)
    return query.where(*within(CreditNote.total, filters))


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of numbers and of the names and addresses of customers, and metadata."""
    of_customer = Way(CUSTOMER_TRAITS, Source.customer_id, (Source.type == "credit_note",))
    return look_for(filters, Way(CREDIT_NOTE_TRAITS), of_customer)
