"""What is done with an issued invoice as a whole: sent, declared void, given up, expected again."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection
from functools import partial

from billing_api import clock
from billing_api.database import find
from billing_api.domain import bookkeeping
from billing_api.events.service import record
from billing_api.invoices.actions import demand
from billing_api.invoices.models import Invoice
from billing_api.invoices.queries import parts
from billing_api.invoices.settlement import opening_of, post
from billing_api.ledger import service as ledger
from billing_api.numbering import register
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization

Deed = Callable[[Invoice, Organization], None]


def mark_sent(id: uuid.UUID, expected: Collection[int] | None = None) -> Invoice:
    """Note that the buyer has it. Raises NotFound, PreconditionFailed, InvalidTransition."""
    return _do("mark-sent", id, expected, lambda invoice: invoice.sent_at is not None, _send)


def void(id: uuid.UUID, reason: str, expected: Collection[int] | None = None) -> Invoice:
    """Declare that an issued invoice was never owed. It keeps its number; the books take back, dated today, all that
    it posted.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, PeriodLocked
        InvoiceHasAllocations, InvoiceHasCreditNotes, VoidNotPermitted
    """
    return _do("void", id, expected, lambda invoice: invoice.status == "void", partial(_void, reason=reason))


def mark_uncollectible(id: uuid.UUID, expected: Collection[int] | None = None) -> Invoice:
    """Give up what is due on an open invoice: a bad debt. Raises NotFound, PreconditionFailed, InvalidTransition,
    PeriodLocked."""
    return _do("mark-uncollectible", id, expected, lambda invoice: invoice.status == "uncollectible", _write_off)


def mark_collectible(id: uuid.UUID, expected: Collection[int] | None = None) -> Invoice:
    """Expect the money again that was given up by mistake. Raises NotFound, PreconditionFailed, InvalidTransition,
    PeriodLocked."""
    return _do("mark-collectible", id, expected, lambda invoice: invoice.status == "open", _expect_again)


def _do(
    action: str, id: uuid.UUID, expected: Collection[int] | None, is_done: Callable[[Invoice], bool], deed: Deed
) -> Invoice:
    """An action whose effect holds already leaves the invoice as it stands."""
    invoice = find(Invoice, id, lock=True, expected=expected, options=parts())
    if is_done(invoice):
        return invoice
    organization = organizations.current(keep=True)
    demand(action, invoice, organization)
    deed(invoice, organization)
    return invoice


def _date(invoice: Invoice, organization: Organization) -> dt.date:
    """Today; where the organization has moved westward, the invoice may have been issued on what is tomorrow there."""
    on = ledger.posting_date(organization)
    return max(on, invoice.issue_date or on)


def _send(invoice: Invoice, _: Organization) -> None:
    invoice.sent_at = clock.now()
    record("invoice.sent", invoice, number=invoice.number)


def _void(invoice: Invoice, organization: Organization, reason: str) -> None:
    today = _date(invoice, organization)
    if invoice.status == "uncollectible":
        post(invoice, "write_off_reversed", today, bookkeeping.written_off(-invoice.amount_due, invoice.id))
    post(invoice, "invoice_voided", today, bookkeeping.reversed_postings(opening_of(invoice)))
    invoice.status, invoice.voided_at, invoice.void_reason = "void", clock.now(), reason
    register.mark_voided(invoice.id, invoice.voided_at)
    record("invoice.voided", invoice, number=invoice.number)


def _write_off(invoice: Invoice, organization: Organization) -> None:
    today = _date(invoice, organization)
    post(invoice, "invoice_written_off", today, bookkeeping.written_off(invoice.amount_due, invoice.id))
    invoice.status, invoice.marked_uncollectible_at = "uncollectible", clock.now()
    record("invoice.marked_uncollectible", invoice, number=invoice.number)


def _expect_again(invoice: Invoice, organization: Organization) -> None:
    today = _date(invoice, organization)
    post(invoice, "write_off_reversed", today, bookkeeping.written_off(-invoice.amount_due, invoice.id))
    invoice.status, invoice.marked_uncollectible_at, invoice.marked_collectible_at = "open", None, clock.now()
    record("invoice.marked_collectible", invoice, number=invoice.number)
