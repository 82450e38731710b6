"""What customers have to their credit: applied to invoices, and refunded."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from billing_api.database import db, find
from billing_api.domain import bookkeeping
from billing_api.domain.money import amount_text
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.events.service import record
from billing_api.filtering import equal, filtered, since, until
from billing_api.invoices.actions import demand, state
from billing_api.invoices.models import Invoice
from billing_api.invoices.queries import parts
from billing_api.invoices.service import with_actions
from billing_api.invoices.settlement import allocate, days
from billing_api.ledger import service as ledger
from billing_api.ledger.models import Source
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.payments.models import Payment, Refund
from billing_api.payments.service import exceeds_due, positive
from billing_api.unit_of_work import unit


class NothingAvailable(Conflict):
    """The customer has nothing to their credit in the invoice's currency. Record a payment or a credit note first; `GET
    /v1/customers/{id}/balance` shows what there is."""

    code = "nothing-available"
    title = "There is no credit to apply"


class PaymentIsApplied(Conflict):
    """What was to be refunded has been applied to invoices, was refunded before, or was reversed. Of a payment and of
    a credit note `amount_available` says what is left; credit the invoices to free more of it. An invoice has something
    to refund only where its total is below zero: give money of another one back by a credit note with `settlement:
    refund`."""

    code = "payment-is-applied"
    title = "The money is not available"


_FILTERS = {
    "customer_id": equal(Refund.customer_id),
    "currency": equal(Refund.currency),
    "source_id": equal(Refund.source_id),
    "payment_date_from": since(Refund.payment_date),
    "payment_date_to": until(Refund.payment_date),
}


def apply(invoice_id: uuid.UUID, amount: Decimal | None, expected: Collection[int] | None = None) -> Invoice:
    """Settle an invoice from its customer's credit, the oldest first, by not more than `ledger.MOST_SOURCES` payments
    and credits at once; without an amount, as far as they go.

    Raises:
        NotFound, PreconditionFailed, InvoiceNotPayable, NothingAvailable, PeriodLocked
        Invalid: the amount exceeds what is due, or what is available.
    """
    invoice = find(Invoice, invoice_id, lock=True, expected=expected, options=parts())
    organization, faults = organizations.current(keep=True), list[Fault]()
    wanted = None if amount is None else positive(amount, invoice.currency, "/amount", faults)
    if faults:
        raise Invalid(faults=faults)
    demand("apply-balance", invoice, organization)
    on = days([invoice], ledger.posting_date(organization))[invoice.id]
    sources = ledger.available(invoice.customer_id, invoice.currency)
    there = sum(source.amount_available for source in sources)
    if there == 0:
        raise NothingAvailable(members=state(invoice, organization))
    left = min(invoice.amount_due, there) if wanted is None else _within(wanted, invoice, there)
    for source in sources:
        part = min(left, source.amount_available)
        if part:
            source.use(allocated=part)
            allocate(source, invoice, part, on)
        left -= part
    db.session.flush()
    return with_actions(invoice)


def refund_payment(id: uuid.UUID, body: Mapping[str, Any], expected: Collection[int] | None = None) -> Refund:
    """Give money of a payment back. Raises NotFound, PreconditionFailed, and what `refund` raises."""
    organization = organizations.current(keep=True)
    return refund(find(Payment, id, lock=True, expected=expected), body, organization)


def refund_invoice(id: uuid.UUID, body: Mapping[str, Any], expected: Collection[int] | None = None) -> Refund:
    """Give the money back that an invoice below zero owes. Raises NotFound, PreconditionFailed, and what `refund`
    raises."""
    invoice = find(Invoice, id, lock=True, expected=expected)
    organization = organizations.current(keep=True)
    source = db.session.get(Source, (unit().tenant, id), with_for_update={"key_share": True}, populate_existing=True)
    if source is None:
        detail = "The invoice owes its buyer nothing. A credit note with `settlement: refund` gives money of it back."
        raise PaymentIsApplied(detail, members=state(invoice, organization))
    try:
        return refund(source, body, organization)
    except (PaymentIsApplied, ledger.PeriodLocked) as refusal:
        refusal.members |= state(invoice, organization)
        raise


def refund(source: Source, body: Mapping[str, Any], organization: Organization) -> Refund:
    """Give money of a locked source back; the organization is kept.

    Raises:
        PaymentIsApplied: it does not hold as much.
        PeriodLocked: the date lies in closed books.
        Invalid: with every fault of the body.
    """
    faults: list[Fault] = []
    on = _date(body["payment_date"], source, organization, faults)
    amount = positive(body["amount"], source.currency, "/amount", faults)
    if faults:
        raise Invalid(faults=faults)
    ledger.refuse_closed(on, organization)
    _refuse_more(amount, source)
    source.use(refunded=amount)
    given = Refund(
        source_id=source.id,
        source_type=source.type,
        customer_id=source.customer_id,
        currency=source.currency,
        amount=amount,
        payment_date=on,
        method=body["method"],
        reference=body["reference"],
    )
    db.session.add(given)
    db.session.flush()
    _enter(given)
    return given


def read_refund(id: uuid.UUID) -> Refund:
    """A refund. Raises NotFound."""
    return find(Refund, id)


def search_refunds(filters: Mapping[str, Any]) -> sa.Select[Refund]:
    """The query for the refunds that match."""
    return filtered(sa.select(Refund).where(Refund.organization_id == unit().tenant), filters, _FILTERS)


def _date(asked: dt.date | None, source: Source, organization: Organization, faults: list[Fault]) -> dt.date:
    """The date of a refund, never earlier than that of the money; a fault where an earlier one was asked for."""
    on = ledger.date_of(asked, organization, faults)
    if asked is not None and on < source.dated_on:
        detail = f"The money has been there since {source.dated_on}."
        faults.append(Fault("date-before-source", detail, "/payment_date"))
    return max(on, source.dated_on)


def _refuse_more(amount: int, source: Source) -> None:
    if amount > source.amount_available:
        available = amount_text(source.amount_available, source.currency)
        detail = f"Of it {available} is available."
        faults = [Fault("payment-is-applied", detail, "/amount")]
        raise PaymentIsApplied(detail, faults=faults, members={"amount_available": available})


def _enter(given: Refund) -> None:
    ledger.post(
        "refund_paid",
        given.payment_date,
        bookkeeping.refunded(given.amount, given.method, given.source_id),
        customer_id=given.customer_id,
        currency=given.currency,
        object=("refund", given.id),
    )
    origin = {"type": given.source_type, "id": str(given.source_id)}
    amount = amount_text(given.amount, given.currency)
    record("refund.created", given, currency=given.currency, amount=amount, source=origin)
    db.session.flush()


def _within(wanted: int, invoice: Invoice, there: int) -> int:
    if wanted > invoice.amount_due:
        raise Invalid(faults=[exceeds_due(invoice, "/amount")])
    if wanted > there:
        detail = f"The customer has {amount_text(there, invoice.currency)} to their credit that can be used at once."
        raise Invalid(faults=[Fault("amount-exceeds-available", detail, "/amount")])
    return wanted
