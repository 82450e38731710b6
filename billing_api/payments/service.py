"""Payments: received, applied to invoices, reversed."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.customers import service as customers
from billing_api.database import Overtaken, db, find
from billing_api.domain import bookkeeping
from billing_api.domain.adjustments import stated
from billing_api.domain.money import amount_text, currency
from billing_api.errors import Conflict, Fault, Invalid
from billing_api.events.service import record
from billing_api.invoices.actions import demand, demand_books
from billing_api.invoices.models import Invoice
from billing_api.invoices.settlement import allocate, days, lock, release
from billing_api.ledger import service as ledger
from billing_api.ledger.models import Allocation
from billing_api.organizations import service as organizations
from billing_api.payments.models import Payment
from billing_api.unit_of_work import unit


class PaymentIsRefunded(Conflict):
    """Some of the payment was refunded, so it did come in and cannot be reversed. Refund the rest of it instead: `POST
    /v1/payments/{id}/refunds`."""

    code = "payment-is-refunded"
    title = "The payment was refunded"


Share = tuple[Invoice, int]
"""An invoice, and what it gets of a payment, in minor units."""


def create(body: Mapping[str, Any]) -> Payment:
    """Take a customer's payment and apply it to the invoices that it names; what is left is to the customer's credit.

    Raises:
        Invalid: with every fault of the body.
        InvoiceNotPayable: nothing is due on an invoice that it names.
        PeriodLocked: its date lies in closed books.
    """
    invoices = lock(one["invoice_id"] for one in body["allocations"])
    organization, faults = organizations.current(keep=True), list[Fault]()
    on = ledger.date_of(body["payment_date"], organization, faults)
    if customers.look_up(body["customer_id"], keep=True) is None:
        faults.append(Fault("customer-not-found", "There is no such customer.", "/customer_id"))
    amount = positive(body["amount"], body["currency"], "/amount", faults)
    shares = list(_shares(body, invoices, faults))
    if amount and sum(part for _, part in shares) > amount:
        faults.append(Fault("allocations-exceed-amount", "They come to more than the payment.", "/allocations"))
    if faults:
        raise Invalid(faults=faults)
    for index, (invoice, _) in enumerate(shares):
        demand("pay", invoice, pointer=f"/allocations/{index}/invoice_id")
    ledger.refuse_closed(on, organization)
    places = [f"/allocations/{index}/amount" for index in range(len(shares))]
    return _receive(body, body["customer_id"], body["currency"], amount, on, _within_due(body, shares, places))


def pay(invoice_id: uuid.UUID, body: Mapping[str, Any], expected: Collection[int] | None = None) -> Payment:
    """Take a payment of one invoice.

    Raises:
        NotFound, PreconditionFailed, InvoiceNotPayable, PeriodLocked
        Invalid: with every fault of the body; more than is due is one, unless the rest is asked to the balance.
    """
    invoice = find(Invoice, invoice_id, lock=True, expected=expected)
    organization, faults = organizations.current(keep=True), list[Fault]()
    on = ledger.date_of(body["payment_date"], organization, faults)
    if body["currency"] not in {None, invoice.currency}:
        faults.append(Fault("currency-mismatch", f"The invoice is in {invoice.currency}.", "/currency"))
    amount = positive(body["amount"], invoice.currency, "/amount", faults)
    if faults:
        raise Invalid(faults=faults)
    demand("pay", invoice)
    demand_books(on, invoice, organization)
    shares = _within_due(body, [(invoice, amount)], ["/amount"])
    return _receive(body, invoice.customer_id, invoice.currency, amount, on, shares)


def read(id: uuid.UUID) -> Payment:
    """A payment with its allocations. Raises NotFound."""
    return find(Payment, id, options=(selectinload(Payment.allocations),))


def edit(
    id: uuid.UUID, change: Callable[[Payment], Mapping[str, Any]], expected: Collection[int] | None = None
) -> Payment:
    """Change what a payment says beside its money. Raises NotFound, PreconditionFailed."""
    payment = find(Payment, id, lock=True, expected=expected, options=(selectinload(Payment.allocations),))
    values = change(payment)
    changed = [name for name, value in values.items() if getattr(payment, name) != value]
    for name in changed:
        setattr(payment, name, values[name])
    if changed:
        record("payment.updated", payment, changed=[name.rstrip("_") for name in changed])
    db.session.flush()
    return payment


def reverse(id: uuid.UUID, reason: str, expected: Collection[int] | None = None) -> Payment:
    """Undo a payment that never came in, such as a direct debit sent back: the invoices that it settled owe again.

    Raises:
        NotFound, PreconditionFailed, PaymentIsRefunded, PeriodLocked
    """
    # Invoices stand before sources in the order of locks; which they are is known for certain only afterwards.
    invoices = lock(_settled_by(id))
    organization = organizations.current(keep=True)
    payment = find(Payment, id, lock=True, expected=expected, options=(selectinload(Payment.allocations),))
    if payment.reversed_at is not None:
        return payment
    if payment.amount_refunded:
        raise PaymentIsRefunded()
    on = ledger.posting_date(organization)
    live = _live(payment)
    if live.keys() - invoices.keys():
        raise Overtaken()
    # Where the organization has moved westward, it may have come in on what is tomorrow there.
    on = max(on, payment.dated_on)
    for invoice_id, allocations in live.items():
        release(payment, invoices[invoice_id], allocations, on)
    payment.use(reversed=payment.amount)
    payment.reversed_at, payment.reversal_reason = clock.now(), reason
    _post(payment, "payment_reversed", on, bookkeeping.refunded(payment.amount, payment.method, payment.id))
    _record("payment.reversed", payment)
    db.session.flush()
    return payment


def positive(value: Decimal, code: str, pointer: str, faults: list[Fault]) -> int:
    """An amount above zero in minor units; 0 with a fault added where it is none."""
    before = len(faults)
    amount = stated(value, currency(code), pointer, faults) or 0
    if amount <= 0 and len(faults) == before:
        faults.append(Fault("amount-not-positive", "An amount above 0 belongs here.", pointer))
    return max(amount, 0)


def exceeds_due(invoice: Invoice, pointer: str) -> Fault:
    """The fault of an amount above what is due on an invoice."""
    detail = f"On the invoice {amount_text(invoice.amount_due, invoice.currency)} is due."
    return Fault("amount-exceeds-due", detail, pointer)


def _settled_by(id: uuid.UUID) -> sa.ScalarResult[uuid.UUID]:
    """The invoices to which a payment is applied, as things stand; nothing is locked."""
    query = sa.select(Allocation.invoice_id).where(
        Allocation.organization_id == unit().tenant, Allocation.source_id == id, Allocation.released_at.is_(None)
    )
    return db.session.scalars(query)


def _live(payment: Payment) -> dict[uuid.UUID, list[Allocation]]:
    """The allocations of a payment that were not released, by their invoices."""
    live: dict[uuid.UUID, list[Allocation]] = {}
    for allocation in payment.allocations:
        if allocation.released_at is None:
            live.setdefault(allocation.invoice_id, []).append(allocation)
    return live


def _shares(body: Mapping[str, Any], invoices: Mapping[uuid.UUID, Invoice], faults: list[Fault]) -> Iterator[Share]:
    seen = set[uuid.UUID]()
    for index, one in enumerate(body["allocations"]):
        place, id = f"/allocations/{index}", one["invoice_id"]
        invoice, amount = invoices.get(id), positive(one["amount"], body["currency"], f"{place}/amount", faults)
        if invoice is None:
            faults.append(Fault("invoice-not-found", "There is no such invoice.", f"{place}/invoice_id"))
        elif invoice.customer_id != body["customer_id"]:
            faults.append(Fault("customer-mismatch", "The invoice is another customer's.", f"{place}/invoice_id"))
        elif invoice.currency != body["currency"]:
            detail = f"The invoice is in {invoice.currency}."
            faults.append(Fault("currency-mismatch", detail, f"{place}/invoice_id"))
        elif id in seen:
            faults.append(Fault("allocation-twice", "This invoice is named twice.", f"{place}/invoice_id"))
        else:
            yield invoice, amount
        seen.add(id)


def _within_due(body: Mapping[str, Any], shares: Sequence[Share], places: Sequence[str]) -> list[Share]:
    """The shares, none above what is due; what is more goes to the balance only where that was asked for by name."""
    faults = [
        exceeds_due(invoice, place)
        for (invoice, amount), place in zip(shares, places, strict=True)
        if amount > invoice.amount_due
    ]
    if faults and body["overpayment"] != "balance":
        raise Invalid('Pay what is due, or send overpayment: "balance".', faults=faults)
    return [(invoice, min(amount, invoice.amount_due)) for invoice, amount in shares]


def _receive(
    body: Mapping[str, Any], customer_id: uuid.UUID, code: str, amount: int, on: dt.date, shares: Sequence[Share]
) -> Payment:
    allocated = sum(part for _, part in shares)
    payment = Payment(
        id=uuid7(),
        organization_id=unit().tenant,
        customer_id=customer_id,
        currency=code,
        dated_on=on,
        amount=amount,
        amount_allocated=allocated,
        amount_refunded=0,
        amount_reversed=0,
        amount_available=amount - allocated,
        method=body["method"],
        reference=body["reference"],
        metadata_=body["metadata_"],
        allocations=[],
    )
    db.session.add(payment)
    db.session.flush()
    _post(payment, "payment_received", on, bookkeeping.received(amount, payment.method, payment.id))
    _record("payment.received", payment, customer_id=str(customer_id))
    settled_on = days([invoice for invoice, _ in shares], on)
    for invoice, part in shares:
        allocate(payment, invoice, part, settled_on[invoice.id])
    db.session.flush()
    return payment


def _post(payment: Payment, type: str, on: dt.date, postings: Sequence[bookkeeping.Posting]) -> None:
    ledger.post(
        type,
        on,
        postings,
        customer_id=payment.customer_id,
        currency=payment.currency,
        object=("payment", payment.id),
    )


def _record(type: str, payment: Payment, **more: Any) -> None:
    amount = amount_text(payment.amount, payment.currency)
    record(type, payment, currency=payment.currency, amount=amount, **more)
