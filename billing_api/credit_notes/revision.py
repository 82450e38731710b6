"""Revising an issued invoice: it is cancelled as a whole, and a draft of the same content takes its place."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from billing_api import clock
from billing_api.credit_notes.service import credit
from billing_api.database import db, find
from billing_api.events.service import record
from billing_api.invoices import issued
from billing_api.invoices import service as invoices
from billing_api.invoices.actions import demand, permits
from billing_api.invoices.copying import written_out
from billing_api.invoices.models import Invoice
from billing_api.invoices.queries import parts
from billing_api.organizations import service as organizations

_MOST_PRECEDING = 100


def revise(
    id: uuid.UUID,
    reason: str,
    load: Callable[[Mapping[str, Any]], dict[str, Any]],
    expected: Collection[int] | None = None,
) -> Invoice:
    """A new draft in place of an issued invoice, which is declared void where that is permitted, and credited with all
    that remains of it otherwise. `load` makes a body of what was asked for.

    Raises:
        NotFound, PreconditionFailed, InvalidTransition, InvoiceNotCreditable, PeriodLocked
        Invalid: where the same could not be asked for today.
    """
    invoice = find(Invoice, id, lock=True, expected=expected, options=parts())
    organization = organizations.current(keep=True)
    demand("revise", invoice, organization)
    is_void = permits("void", invoice, organization)
    body = load(_again(invoice, clock.today(organization.time_zone), is_void=is_void))
    draft = invoices.create({**body, "finalize": False}, revision_of=invoice.id)
    if is_void:
        issued.void(invoice.id, reason)
    else:
        credit(invoice, organization, _all_of_it(reason))
    invoice.revised_by_id = draft.id
    record("invoice.revised", invoice, number=invoice.number, revised_by=str(draft.id))
    db.session.flush()
    return invoices.with_actions(draft)


def _again(invoice: Invoice, today: dt.date, *, is_void: bool) -> dict[str, Any]:
    """What was asked for, of the same supply, with the lines written out, and naming the invoice that it replaces."""
    kept = {name: value for name, value in invoice.request.items() if name != "issue_date"}
    if invoice.due_date is not None and invoice.due_date < today:
        kept.pop("due_date", None)
    kept["lines"] = [written_out(*one, invoice) for one in zip(kept["lines"], invoice.lines, strict=True)]
    if not is_void:
        # A credit note of the whole has turned it into the customer's credit, which would count twice.
        kept.pop("prepaid_amount", None)
    if invoice.billing_period is None:
        kept["supply_date"] = str(invoice.supply_date)
    named = {"number": invoice.number, "issue_date": str(invoice.issue_date), "invoice_id": str(invoice.id)}
    kept["preceding_invoices"] = [named, *(kept.get("preceding_invoices") or ())][:_MOST_PRECEDING]
    return kept


def _all_of_it(reason: str) -> dict[str, Any]:
    return {
        "reason": reason,
        "lines": None,
        "charges": None,
        "settlement": "balance",
        "refund": None,
        "issue_date": None,
        "notes": None,
        "metadata_": {},
    }
