"""A credit note as rows: over an invoice, from the credit that was computed, or by itself, from lines of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from uuid_utils.compat import uuid7

from billing_api.credit_notes.credits import alone
from billing_api.credit_notes.models import CreditNote
from billing_api.credit_notes.parts import CreditNoteAdjustment, CreditNoteLine, CreditNoteTaxGroup
from billing_api.domain import money
from billing_api.domain.creditable import Creditable
from billing_api.domain.credits import Credit, CreditedLine
from billing_api.domain.exchange import convert_credited
from billing_api.domain.groups import Group
from billing_api.domain.lines import extended
from billing_api.invoices.breakdown import InvoiceTaxGroup, shares_of
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine

_REFERENCES = (
    "purchase_order_reference", "buyer_reference", "contract_reference", "project_reference", "locale",
    "prices_include_tax", "tax_currency", "exchange_rate", "exchange_rate_date", "exchange_rate_source", "seller",
    "buyer",
)  # fmt: skip
"""What a credit note takes over from its invoice as it stands."""
_WORDS = ("description", "details", "sku", "order_line_reference", "unit", "base_quantity", "exemption_reason",
          "exemption_reason_code", "billing_period_start", "billing_period_end")  # fmt: skip
_FIGURES = ("subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "rounding_amount",
            "tax_total_in_tax_currency")  # fmt: skip


def over(invoice: Invoice, made: Credit, after: Creditable, body: Mapping[str, Any]) -> CreditNote:
    """The credit note of a credit of an issued invoice, which leaves it at `after`; without its number. Amounts in
    minor units."""
    note = _note(invoice, body, made.payable_amount)
    note.invoice_id = invoice.id
    named = {"number": invoice.number, "issue_date": str(invoice.issue_date), "invoice_id": str(invoice.id)}
    note.preceding_invoices = [named]
    note.lines = list(_credited_lines(invoice, made))
    note.adjustments = list(_credited_adjustments(invoice, made))
    note.subtotal = sum(line.net for line in made.lines)
    note.allowance_total = sum(one.net for one in note.allowances)
    note.charge_total = sum(one.net for one in note.charges)
    for name in ("total_without_tax", "tax_total", "total", "rounding_amount"):
        setattr(note, name, getattr(made, name))
    places = {(row.category, row.name, row.rate): at for at, row in enumerate(invoice.tax_breakdown)}
    note.tax_breakdown = []
    for position, group in enumerate(made.groups):
        at = places[group.category, group.name, group.rate]
        row = invoice.tax_breakdown[at]
        share = _converted(row, group.tax_amount, after.groups[at].tax_credited)
        note.tax_breakdown.append(_group(position, group, share, row))
    if invoice.tax_total_in_tax_currency is not None:
        note.tax_total_in_tax_currency = sum(row.tax_amount_in_tax_currency or 0 for row in note.tax_breakdown)
    return note


def by_itself(draft: Invoice, body: Mapping[str, Any]) -> CreditNote:
    """The credit note of lines of its own, computed as an invoice's are; without its number."""
    note = _note(draft, body, draft.payable_amount)
    note.preceding_invoices = body["preceding_invoices"]
    for name in _FIGURES:
        setattr(note, name, getattr(draft, name))
    note.lines = [_free_line(line) for line in draft.lines]
    note.adjustments = []
    note.tax_breakdown = [
        _group(group.position, group, group.tax_amount_in_tax_currency, group) for group in draft.tax_breakdown
    ]
    return note


def _note(invoice: Invoice, body: Mapping[str, Any], payable: int) -> CreditNote:
    allocated = max(0, min(payable, invoice.amount_due)) if invoice.id else 0
    return CreditNote(
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        amount=payable,
        amount_allocated=allocated,
        amount_refunded=0,
        amount_reversed=0,
        amount_available=payable - allocated,
        reason=body["reason"],
        settlement=body["settlement"],
        notes=body["notes"],
        metadata_=body["metadata_"],
        allocations=[],
        **{name: getattr(invoice, name) for name in _REFERENCES},
    )


def _credited_lines(invoice: Invoice, made: Credit) -> Iterator[CreditNoteLine]:
    unit = money.currency(invoice.currency)
    for position, taken in enumerate(made.lines, start=1):
        line = invoice.lines[taken.line]
        yield CreditNoteLine(
            id=uuid7(),
            position=position,
            invoice_line_id=line.id,
            quantity=taken.quantity,
            unit_price=None if taken.quantity is None else line.unit_price,
            taxes=_taxes(line),
            metadata_=line.metadata_,
            net=taken.net,
            gross=taken.amount if invoice.prices_include_tax else None,
            **_figures(line, taken, unit),
            **{name: getattr(line, name) for name in _WORDS},
        )


def _figures(line: InvoiceLine, taken: CreditedLine, unit: money.Currency) -> dict[str, int]:
    """What quantity and price come to, and what is credited less, or more, than that."""
    amount = taken.amount
    if taken.quantity is not None:
        amount = extended(taken.quantity, line.unit_price, line.base_quantity, unit)
    less = amount - taken.amount
    return {"amount": amount, "allowance_total": max(less, 0), "charge_total": max(-less, 0)}


def _credited_adjustments(invoice: Invoice, made: Credit) -> Iterator[CreditNoteAdjustment]:
    adjustments = alone(invoice)
    for position, taken in enumerate(made.charges):
        one = adjustments[taken.charge]
        sign = 1 if one.is_charge else -1
        yield CreditNoteAdjustment(
            id=uuid7(),
            position=position,
            adjustment_id=one.id,
            is_charge=one.is_charge,
            amount=sign * taken.amount,
            net=sign * taken.net,
            reason=one.reason,
            reason_code=one.reason_code,
            tax_category=one.tax_category,
            tax_rate=one.tax_rate,
        )


def _free_line(line: InvoiceLine) -> CreditNoteLine:
    names = ("position", "quantity", "unit_price", "amount", "allowance_total", "charge_total", "net", "gross")
    return CreditNoteLine(
        id=uuid7(),
        invoice_line_id=None,
        taxes=_taxes(line),
        metadata_=line.metadata_,
        **{name: getattr(line, name) for name in (*names, *_WORDS)},
    )


def _taxes(line: InvoiceLine) -> list[dict[str, Any]]:
    return [
        {
            "category": tax.category,
            "rate": None if tax.rate is None else f"{tax.rate:f}",
            "name": tax.name,
            "tax_rate_id": None if tax.tax_rate_id is None else str(tax.tax_rate_id),
            "components": tax.components,
        }
        for tax in line.taxes
    ]


def _converted(row: InvoiceTaxGroup, step: int, credited: int) -> int | None:
    """The tax of a credit in the currency of the seller's tax, where the invoice states it (rule 13)."""
    if row.tax_amount_in_tax_currency is None:
        return None
    return convert_credited(row.tax_amount_in_tax_currency, row.tax_amount, credited - step, step)


def _group(
    position: int, group: Group | InvoiceTaxGroup, converted: int | None, reasons: InvoiceTaxGroup
) -> CreditNoteTaxGroup:
    return CreditNoteTaxGroup(
        id=uuid7(),
        position=position,
        category=group.category,
        rate=group.rate,
        name=group.name,
        taxable_amount=group.taxable_amount,
        tax_amount=group.tax_amount,
        tax_amount_in_tax_currency=converted,
        components_=group.components_ if isinstance(group, InvoiceTaxGroup) else shares_of(group),
        exemption_reason=reasons.exemption_reason,
        exemption_reason_code=reasons.exemption_reason_code,
    )
