"""Finding payments: each with its allocations, in a constant number of statements."""

import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from billing_api.customers.models import CUSTOMER_TRAITS
from billing_api.filtering import either, equal, filtered, since, until
from billing_api.ledger.models import Allocation, Source
from billing_api.payments.models import PAYMENT_TRAITS, Payment
from billing_api.searching import Search, Way, look_for
from billing_api.unit_of_work import unit

_FILTERS = {
    "customer_id": equal(Payment.customer_id),
    "currency": equal(Payment.currency),
    "payment_date_from": since(Payment.dated_on),
    "payment_date_to": until(Payment.dated_on),
    "updated_since": since(Payment.updated_at),
    "status": either(received=Payment.reversed_at.is_(None), reversed=Payment.reversed_at.is_not(None)),
    "invoice_id": lambda id: Payment.id.in_(_applied_to(id)),
}
_WAYS = (
    Way(PAYMENT_TRAITS),
    Way(CUSTOMER_TRAITS, Source.customer_id, (Source.type == "payment",)),
)


def search(filters: Mapping[str, Any]) -> sa.Select[Payment]:
    """The query for the payments that match, each with its allocations."""
    query = (
        sa.select(Payment)
        .where(Payment.organization_id == unit().tenant, Payment.type == "payment")
        .options(selectinload(Payment.allocations))
    )
    return filtered(query, filters, _FILTERS)


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of references and of the names and addresses of customers, and metadata."""
    return look_for(filters, _WAYS)


def _applied_to(invoice_id: uuid.UUID) -> sa.Select[uuid.UUID]:
    """The ids of what was ever applied to an invoice."""
    of_invoice = (Allocation.organization_id == unit().tenant, Allocation.invoice_id == invoice_id)
    return sa.select(Allocation.source_id).where(*of_invoice)
