"""The life of an invoice up to its issue: previewed, drafted, changed, deleted, finalized, found."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.customers.models import Customer
from billing_api.database import db, find, touch
from billing_api.domain import lifecycle, money
from billing_api.errors import Conflict, Fault, Invalid, Malformed
from billing_api.events.service import record
from billing_api.invoices.drafting import Parties, write
from billing_api.invoices.finalization import blockers, issue
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import unit


class InvalidTransition(Conflict):
    """The invoice's status does not allow this. `current_status` names it and `allowed` lists what can be done."""

    code = "invalid-transition"
    title = "The status does not allow this"


class CustomerNotFound(Invalid):
    """The organization has no customer with this id. Create the customer first, or mend the id."""

    code = "customer-not-found"
    title = "There is no such customer"


class CustomerArchived(Invalid):
    """The customer is archived, and gets no new invoices. Take it back with PATCH `{"archived": false}`, or name
    another."""

    code = "customer-archived"
    title = "The customer is archived"


PARTS = (
    selectinload(Invoice.lines).selectinload(InvoiceLine.taxes),
    selectinload(Invoice.adjustments),
    selectinload(Invoice.tax_breakdown),
)
"""An invoice comes whole, in a constant number of statements whatever its size and however many there are."""


def preview(body: Mapping[str, Any]) -> Invoice:
    """The invoice that this body would make; nothing is kept."""
    invoice = Invoice()
    write(invoice, body, _parties(body["customer_id"]))
    return invoice


def create(body: Mapping[str, Any]) -> Invoice:
    """A draft, or, when the body says `finalize`, an issued invoice."""
    invoice = Invoice(id=uuid7())
    parties = _parties(body["customer_id"], keep=True)
    write(invoice, body, parties)
    db.session.add(invoice)
    db.session.flush()
    record("invoice.created", invoice, customer_id=str(invoice.customer_id))
    if body["finalize"]:
        issue(invoice, parties, None, None)
    return invoice


def read(id: uuid.UUID) -> Invoice:
    """An invoice with all its parts. Raises NotFound."""
    return find(Invoice, id, options=PARTS)


def edit(
    id: uuid.UUID, change: Callable[[Mapping[str, Any]], dict[str, Any]], expected: Collection[int] | None = None
) -> Invoice:
    """Make a draft what `change` makes of its body.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, Invalid
    """
    invoice = find(Invoice, id, lock=True, expected=expected, options=PARTS)
    _demand("update", invoice)
    before = invoice.request
    body = change(before)
    # The old parts leave before the new ones come, whose positions would meet theirs.
    invoice.lines, invoice.adjustments, invoice.tax_breakdown = [], [], []
    db.session.flush()
    write(invoice, body, _parties(body["customer_id"], keep=True))
    touch(invoice)
    db.session.flush()
    names = before.keys() | invoice.request.keys()
    changed = sorted(name for name in names if before.get(name) != invoice.request.get(name))
    record("invoice.updated", invoice, changed=changed)
    return invoice


def delete(id: uuid.UUID, expected: Collection[int] | None = None) -> None:
    """Delete a draft. Raises NotFound, PreconditionFailed, InvalidTransition."""
    invoice = find(Invoice, id, lock=True, expected=expected)
    _demand("delete", invoice)
    db.session.delete(invoice)
    record("invoice.deleted", invoice)
    db.session.flush()


def finalize(
    id: uuid.UUID, issue_date: dt.date | None, expected_total: Decimal | None, expected: Collection[int] | None = None
) -> Invoice:
    """Issue a draft; an invoice that has been issued already is returned as it stands.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, and what `finalization.issue` raises.
    """
    invoice = find(Invoice, id, lock=True, expected=expected, options=PARTS)
    if invoice.status in {"open", "paid"}:
        return invoice
    _demand("finalize", invoice)
    issue(invoice, _parties(invoice.customer_id), issue_date, expected_total)
    return invoice


def actions(invoice: Invoice) -> list[dict[str, Any]]:
    """What can be done with an invoice, and why not, so that a screen can draw its buttons from it."""
    offered = []
    for action in lifecycle.ACTIONS:
        is_open = invoice.status in action.sources
        entry: dict[str, Any] = {
            "name": action.name,
            "allowed": is_open,
            "method": action.method,
            "href": f"/v1/invoices/{invoice.id}{action.path}",
            "reason": None if is_open else f"The invoice is {invoice.status}.",
        }
        if action.name == "finalize" and is_open:
            lacking = blockers(invoice, _parties(invoice.customer_id))
            entry["blockers"] = [{"pointer": one.pointer, "code": one.code, "detail": one.detail} for one in lacking]
            if lacking:
                entry |= {"allowed": False, "reason": "Something stands in the way: see blockers."}
        offered.append(entry)
    return offered


def customers_of(invoices: Sequence[Invoice]) -> dict[uuid.UUID, Customer]:
    """The customers of these invoices, in one statement."""
    ids = {invoice.customer_id for invoice in invoices}
    query = sa.select(Customer).where(Customer.organization_id == unit().tenant, Customer.id.in_(ids))
    return {customer.id: customer for customer in db.session.scalars(query)}


def search(filters: Mapping[str, Any]) -> sa.Select[Invoice]:
    """The query for the invoices that match, each with its parts. Plain columns only, for the sake of the indexes."""
    query = sa.select(Invoice).where(Invoice.organization_id == unit().tenant).options(*PARTS)
    if status := filters.get("status"):
        query = query.where(Invoice.status.in_(status.split(",")))
    for name in ("customer_id", "currency"):
        if name in filters:
            query = query.where(getattr(Invoice, name) == filters[name])
    if "number" in filters:
        query = query.where(Invoice.number_key == filters["number"].casefold())
    for name, column in (("issue_date", Invoice.issued_on), ("due_date", Invoice.due_date)):
        if (start := filters.get(f"{name}_from")) is not None:
            query = query.where(column >= start, getattr(Invoice, name).is_not(None))
        if (end := filters.get(f"{name}_to")) is not None:
            query = query.where(column <= end)
    if (since := filters.get("updated_since")) is not None:
        query = query.where(Invoice.updated_at >= since)
    return query.where(*_amounts(filters), *_overdue(filters))


def _amounts(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    terms = []
    for name in ("total_min", "total_max"):
        if name in filters:
            try:
                amount = money.to_minor(filters[name], money.currency(filters["currency"]))
            except money.TooManyDecimals:
                fault = Fault("too-many-decimals", "More decimals than the currency has.", parameter=name)
                raise Malformed("A query parameter is wrong.", faults=[fault]) from None
            terms.append(Invoice.total >= amount if name == "total_min" else Invoice.total <= amount)
    return terms


def _overdue(filters: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    if "overdue" not in filters:
        return []
    today = clock.today(organizations.current().time_zone)
    due = Invoice.payable_amount - Invoice.amount_paid - Invoice.amount_credited > 0
    late = sa.and_(Invoice.status == "open", Invoice.due_date.is_not(None), Invoice.due_date < today, due)
    return [late if filters["overdue"] else sa.not_(sa.func.coalesce(late, sa.false()))]


def _parties(customer_id: uuid.UUID | None, *, keep: bool = False) -> Parties:
    """The seller, and the buyer by the id that a body names; `keep` lets nobody delete the buyer before the commit."""
    query = sa.select(Customer).where(Customer.organization_id == unit().tenant, Customer.id == customer_id)
    if keep:
        # FOR KEY SHARE, which the foreign key takes anyway, but too late for a clear refusal.
        query = query.with_for_update(read=True, key_share=True)
    customer = db.session.scalars(query).one_or_none() if customer_id else None
    if customer_id and customer is None:
        fault = Fault("customer-not-found", "There is no such customer.", "/customer_id")
        raise CustomerNotFound(faults=[fault])
    if keep and customer is not None and customer.archived:
        fault = Fault("customer-archived", "This customer is archived.", "/customer_id")
        raise CustomerArchived(faults=[fault])
    return Parties(organizations.current(), customer)


def _demand(action: str, invoice: Invoice) -> None:
    status = invoice.status or "draft"
    if not lifecycle.is_open(action, status):
        raise InvalidTransition(
            f"The invoice is {status}; {action} is not possible.",
            members={"current_status": status, "allowed": lifecycle.open_in(status)},
        )
