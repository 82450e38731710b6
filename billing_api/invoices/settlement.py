"""What money does to an issued invoice: applied, taken back, given up and expected again."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from billing_api import clock
from billing_api.database import db
from billing_api.domain import bookkeeping, lifecycle
from billing_api.domain.bookkeeping import Figures, Posting, TaxAmount
from billing_api.domain.money import amount_text
from billing_api.events.service import record
from billing_api.invoices.models import Invoice
from billing_api.ledger import service as ledger
from billing_api.ledger.models import Allocation, Source
from billing_api.unit_of_work import unit


def figures_of(invoice: Invoice) -> Figures:
    """What the books take from an invoice."""
    return Figures(
        without_tax=invoice.total_without_tax,
        taxes=[
            TaxAmount(category=group.category, rate=group.rate, name=group.name, amount=group.tax_amount)
            for group in invoice.tax_breakdown
        ],
        prepaid=invoice.prepaid_amount,
        rounding=invoice.rounding_amount,
        payable=invoice.payable_amount,
    )


def post(invoice: Invoice, type: str, on: dt.date, postings: Sequence[Posting]) -> None:
    """Enter a deed of the invoice's own."""
    ledger.post(
        type,
        on,
        postings,
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        object=("invoice", invoice.id),
    )


def opening_of(invoice: Invoice) -> list[Posting]:
    """What an invoice posted when it was issued here, or when it came in."""
    if invoice.imported_at is None:
        return bookkeeping.invoiced(figures_of(invoice), invoice.id)
    return bookkeeping.carried_over(invoice.payable_amount - invoice.amount_settled_before, invoice.id)


def open_account(invoice: Invoice) -> None:
    """Enter an invoice that was just issued or imported; one below zero becomes a source of the buyer's, as far as it
    was not settled before."""
    on = invoice.opening_date or invoice.issue_date
    if on is None:
        raise LookupError("an issued invoice has its date")
    # Of one that is new there is none yet.
    amount = (invoice.amount_settled_before or 0) - invoice.payable_amount
    if amount > 0:
        source = Source(
            id=invoice.id,
            type="invoice",
            customer_id=invoice.customer_id,
            currency=invoice.currency,
            dated_on=on,
            amount=amount,
            amount_available=amount,
        )
        db.session.add(source)
        db.session.flush()
    post(invoice, "invoice_carried_over" if invoice.imported_at else "invoice_issued", on, opening_of(invoice))


def lock(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Invoice]:
    """These invoices, those that there are, locked in the order of their ids, so that no two deeds wait for each other
    in a ring."""
    query = (
        sa.select(Invoice)
        .where(Invoice.organization_id == unit().tenant, Invoice.id.in_(set(ids)))
        .order_by(Invoice.id)
        .with_for_update(key_share=True, of=Invoice)
        .execution_options(populate_existing=True)
    )
    return {invoice.id: invoice for invoice in db.session.scalars(query)}


def days(invoices: Collection[Invoice], on: dt.date) -> dict[uuid.UUID, dt.date]:
    """The day on which a deed of that day settles each of these locked invoices: a receivable that is issued, given up
    or owed again on a later day is not settled before that."""
    moved = ledger.last_moved([invoice.id for invoice in invoices])
    return {invoice.id: max(on, moved.get(invoice.id, on)) for invoice in invoices}


def allocate(source: Source, invoice: Invoice, amount: int, on: dt.date) -> None:
    """Let a source settle an invoice with an amount that is due, and that was counted as used of the source; both are
    locked, and the day is one of `days`. What had been given up of it is expected again first."""
    db.session.add(Allocation(source=source, invoice_id=invoice.id, amount=amount, allocated_on=on))
    if invoice.status == "uncollectible":
        post(invoice, "write_off_reversed", on, bookkeeping.written_off(-amount, invoice.id))
    _settle(invoice, source, amount)
    _post_allocation("credit_applied", source, invoice, amount, on)
    _record("invoice.amount_applied", invoice, source, amount)
    _follow(invoice)


def release(source: Source, invoice: Invoice, allocations: Collection[Allocation], on: dt.date) -> None:
    """Take a source's allocations back from an invoice; all are locked. One that had been given up is so again."""
    amount = sum(allocation.amount for allocation in allocations)
    on = max(on, *(allocation.allocated_on for allocation in allocations))
    for allocation in allocations:
        allocation.released_on, allocation.released_at = on, clock.now()
    source.use(allocated=-amount)
    _settle(invoice, source, -amount)
    _post_allocation("credit_released", source, invoice, -amount, on)
    if invoice.marked_uncollectible_at is not None:
        post(invoice, "invoice_written_off", on, bookkeeping.written_off(amount, invoice.id))
    _record("invoice.amount_released", invoice, source, amount)
    _follow(invoice)


def _settle(invoice: Invoice, source: Source, amount: int) -> None:
    if source.type == "payment":
        invoice.amount_paid += amount
    else:
        invoice.amount_credited += amount


def _post_allocation(type: str, source: Source, invoice: Invoice, amount: int, on: dt.date) -> None:
    ledger.post(
        type,
        on,
        bookkeeping.allocated(amount, source.id, invoice.id),
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        object=("invoice", invoice.id),
    )


def _follow(invoice: Invoice) -> None:
    """Let the status follow what is due."""
    is_written_off = invoice.marked_uncollectible_at is not None
    status = lifecycle.status_when_settled(invoice.amount_due, is_written_off=is_written_off)
    if status == invoice.status:
        return
    was, invoice.status = invoice.status, status
    if status == "paid":
        invoice.paid_at = clock.now()
    elif was == "paid":
        invoice.paid_at, invoice.reopened_at = None, clock.now()
    record("invoice.paid" if status == "paid" else "invoice.reopened", invoice, number=invoice.number, was=was)


def _record(type: str, invoice: Invoice, source: Source, amount: int) -> None:
    """A fact of money that a source brought to an invoice, or took back."""
    code = invoice.currency
    amounts = {"amount": amount_text(amount, code), "amount_due": amount_text(invoice.amount_due, code)}
    origin = {"type": source.type, "id": str(source.id)}
    record(type, invoice, currency=code, source=origin, **amounts)
