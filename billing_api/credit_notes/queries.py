"""Finding credit notes: each with its parts, in a constant number of statements."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload
from sqlalchemy.sql.base import ExecutableOption

from billing_api.credit_notes.models import CREDIT_NOTE_TRAITS, CreditNote
from billing_api.customers.models import CUSTOMER_TRAITS
from billing_api.filtering import either, equal, filtered, since, until
from billing_api.invoices.queries import within
from billing_api.ledger.models import Source
from billing_api.searching import Search, Way, look_for
from billing_api.unit_of_work import unit

_FILTERS = {
    "customer_id": equal(CreditNote.customer_id),
    "currency": equal(CreditNote.currency),
    "invoice_id": equal(CreditNote.invoice_id),
    "number": lambda number: CreditNote.number_key == number.casefold(),
    "issue_date_from": since(CreditNote.dated_on),
    "issue_date_to": until(CreditNote.dated_on),
    "updated_since": since(CreditNote.updated_at),
    "status": either(available=CreditNote.amount_available > 0, used=CreditNote.amount_available == 0),
}
_WAYS = (
    Way(CREDIT_NOTE_TRAITS),
    Way(CUSTOMER_TRAITS, Source.customer_id, (Source.type == "credit_note",)),
)


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
    return filtered(query, filters, _FILTERS).where(*within(CreditNote.total, filters))


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of numbers and of the names and addresses of customers, and metadata."""
    return look_for(filters, _WAYS)
