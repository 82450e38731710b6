"""The earlier invoices that a document speaks of, where it names them by their ids, and the one that it replaces."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from billing_api.database import db
from billing_api.errors import Fault, Invalid
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine, InvoiceLineTax
from billing_api.unit_of_work import unit


class InvoiceNotFound(Invalid):
    """The organization has no invoice with this id. Mend the id, or leave it out and name the earlier document by its
    number alone."""

    code = "invoice-not-found"
    title = "There is no such invoice"


def excused(invoice: Invoice) -> frozenset[uuid.UUID]:
    """What a document may name as the invoice that it replaces did: its customer, products and tax rates although they
    are archived, itself and the invoices that it speaks of although they are another customer's. Two statements, and
    none where it replaces none."""
    if invoice.revision_of_id is None:
        return frozenset()
    query = sa.select(Invoice.customer_id, Invoice.preceding_invoices).where(
        Invoice.organization_id == unit().tenant, Invoice.id == invoice.revision_of_id
    )
    customer_id, named = db.session.execute(query).one()
    parts = (
        sa.select(column).where(
            model.organization_id == unit().tenant, model.invoice_id == invoice.revision_of_id, column.is_not(None)
        )
        for model, column in ((InvoiceLine, InvoiceLine.product_id), (InvoiceLineTax, InvoiceLineTax.tax_rate_id))
    )
    ids = {uuid.UUID(id) for one in named if (id := one.get("invoice_id"))}
    return frozenset({customer_id, invoice.revision_of_id, *ids, *db.session.scalars(sa.union(*parts))})


def faults_of(
    body: Mapping[str, Any], customer_id: uuid.UUID | None, excused: Collection[uuid.UUID] = ()
) -> list[Fault]:
    """What is wrong with the ids in `preceding_invoices`: each names an issued invoice of the customer, as far as there
    is one; those that are `excused` may be another's. One statement, and none where no id is given."""
    named = [
        (f"/preceding_invoices/{index}/invoice_id", uuid.UUID(id))
        for index, one in enumerate(body["preceding_invoices"])
        if (id := one.get("invoice_id"))
    ]
    if not named:
        return []
    query = sa.select(Invoice.id, Invoice.status, Invoice.customer_id).where(
        Invoice.organization_id == unit().tenant, Invoice.id.in_({id for _, id in named})
    )
    known = {id: (status, owner) for id, status, owner in db.session.execute(query)}
    return [
        fault for place, id in named for fault in _judge(known.get(id), None if id in excused else customer_id, place)
    ]


def _judge(found: tuple[str | None, uuid.UUID] | None, customer_id: uuid.UUID | None, place: str) -> list[Fault]:
    if found is None:
        return [Fault("invoice-not-found", "There is no such invoice.", place)]
    status, owner = found
    if customer_id is not None and owner != customer_id:
        return [Fault("customer-mismatch", "The invoice is another customer's.", place)]
    if status == "draft":
        return [Fault("invoice-not-issued", "It is a draft, and has no number yet.", place)]
    return []
