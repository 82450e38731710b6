"""Finding payments: each with its allocations, in a constant number of statements."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from billing_api.customers.models import CUSTOMER_TRAITS
from billing_api.ledger.models import Allocation, Source
from billing_api.payments.models import PAYMENT_TRAITS, Payment
from billing_api.traits import Search, Way, look_for
from billing_api.unit_of_work import unit


def search(filters: Mapping[str, Any]) -> sa.Select[Payment]:
    """The query for the payments that match, each with its allocations."""
    query = (
        sa.select(Payment)
        .where(Payment.organization_id == unit().tenant, Payment.type == "payment")
        .options(selectinload(Payment.allocations))
    )
    for name in ("customer_id", "currency"):
        if name in filters:
            query = query.where(getattr(Payment, name) == filters[name])
    if (start := filters.get("payment_date_from")) is not None:
        query = query.where(Payment.dated_on >= start)
    if (end := filters.get("payment_date_to")) is not None:
        query = query.where(Payment.dated_on <= end)
    if (since := filters.get("updated_since")) is not None:
        query = query.where(Payment.updated_at >= since)
    # Both together leave nothing out.
    if (statuses := set(filters.get("status", "").split(","))) == {"received"}:
        query = query.where(Payment.reversed_at.is_(None))
    elif statuses == {"reversed"}:
        query = query.where(Payment.reversed_at.is_not(None))
    if (invoice_id := filters.get("invoice_id")) is not None:
        applied = sa.select(Allocation.source_id).where(
            Allocation.organization_id == unit().tenant, Allocation.invoice_id == invoice_id
        )
        query = query.where(Payment.id.in_(applied))
    return query


def sought(filters: Mapping[str, Any]) -> Search | None:
    """What they search for: words of references and of the names and addresses of customers, and metadata."""
    of_customer = Way(CUSTOMER_TRAITS, Source.customer_id, (Source.type == "payment",))
    return look_for(filters, Way(PAYMENT_TRAITS), of_customer)
