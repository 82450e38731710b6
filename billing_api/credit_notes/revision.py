"""Revising an issued invoice: it is cancelled as a whole, and a draft of the same content takes its place."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from billing_api import clock
from billing_api.credit_notes.service import credit
from billing_api.database import db, find
from billing_api.domain.money import trimmed
from billing_api.domain.tax import CATEGORIES, Exemption
from billing_api.events.service import record
from billing_api.invoices import issued
from billing_api.invoices import service as invoices
from billing_api.invoices.actions import demand, permits
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine, InvoiceLineTax
from billing_api.invoices.queries import parts
from billing_api.invoices.resolving import TAX_MEMBERS
from billing_api.organizations import service as organizations

_MOST_PRECEDING = 100
_PRICES = ("unit_price", "gross_price")


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
    kept["lines"] = [_written_out(*one, invoice) for one in zip(kept["lines"], invoice.lines, strict=True)]
    if not is_void:
        # A credit note of the whole has turned it into the customer's credit, which would count twice.
        kept.pop("prepaid_amount", None)
    if invoice.billing_period is None:
        kept["supply_date"] = str(invoice.supply_date)
    named = {"number": invoice.number, "issue_date": str(invoice.issue_date), "invoice_id": str(invoice.id)}
    kept["preceding_invoices"] = [named, *(kept.get("preceding_invoices") or ())][:_MOST_PRECEDING]
    return kept


def _written_out(asked: Mapping[str, Any], line: InvoiceLine, invoice: Invoice) -> dict[str, Any]:
    """The line with what it took from elsewhere when it was written, which may have changed since. A tax rate in use
    stands still, and is named, as its components cannot be written."""
    found: dict[str, Any] = {name: getattr(line, name) for name in ("description", "unit", "sku")}
    found["base_quantity"] = _text(line.base_quantity)
    if all(asked.get(name) is None for name in _PRICES):
        name = "unit_price" if line.gross_price is None else "gross_price"
        found[name] = _text(getattr(line, name))
    if len(line.taxes) == 1:
        (tax,) = line.taxes
        if all(asked.get(name) is None for name in TAX_MEMBERS):
            own = {"tax_category": tax.category, "tax_rate": None if tax.rate is None else _text(tax.rate)}
            found |= {"tax_rate_id": str(tax.tax_rate_id)} if tax.tax_rate_id else own
        reason = _reason(line, tax, invoice)
        found |= {"exemption_reason": reason.reason, "exemption_reason_code": reason.code}
    return {**asked, **{name: value for name, value in found.items() if value is not None}}


def _reason(line: InvoiceLine, tax: InvoiceLineTax, invoice: Invoice) -> Exemption:
    """Why the line is not taxed, as it stands on the invoice: what the group says and no other line of it brought."""
    if line.exemption_reason or line.exemption_reason_code:
        return Exemption(reason=line.exemption_reason, code=line.exemption_reason_code)
    key = tax.category, tax.name, tax.rate
    group = next(one for one in invoice.tax_breakdown if (one.category, one.name, one.rate) == key)
    shown = Exemption(reason=group.exemption_reason, code=group.exemption_reason_code)
    # The standard text comes by itself, but for E, of which the seller may have said something else since.
    if tax.category != "E" and shown == CATEGORIES[tax.category].exemption:
        return Exemption()
    others = {one.exemption_reason for one in invoice.lines}
    own = [text for text in (shown.reason or "").split("; ") if text not in others]
    code = None if shown.code in {one.exemption_reason_code for one in invoice.lines} else shown.code
    return Exemption(reason="; ".join(own) or None, code=code)


def _text(value: Decimal) -> str:
    return f"{trimmed(value):f}"


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
