"""The parts of an invoice as rows: lines, allowances, charges and the tax breakdown, asked for and computed."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from uuid_utils.compat import uuid7

from billing_api.domain import money
from billing_api.domain.creditable import creditable
from billing_api.domain.groups import Group
from billing_api.domain.tax import Exemption, Tax, TaxKey, exemption, key
from billing_api.domain.totals import AdjustmentTotals, Document, LineTotals, Totals
from billing_api.invoices.breakdown import InvoiceTaxGroup, shares_of
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceAdjustment, InvoiceLine, InvoiceLineTax
from billing_api.invoices.resolving import LineTax, ResolvedLine
from billing_api.invoices.shapes import ADJUSTMENT, LINE, LINE_TAX, TAX_GROUP, WHOLE
from billing_api.reading import Shape

_LINE_PLAIN = (
    "product_id", "description", "details", "sku", "order_line_reference", "quantity", "unit", "base_quantity",
    "exemption_reason", "exemption_reason_code", "metadata_",
)  # fmt: skip

_LINE_COMPUTED = (
    "unit_price", "gross_price", "price_discount", "amount", "allowance_total", "charge_total", "net", "gross",
)  # fmt: skip

OWN = frozenset({
    "organization_id", "id", "invoice_id", "line_id", "status", "request", "issued_on", "version", "created_at",
    "updated_at", "made_in", "total_credited", "taxes_credited", "credited_quantity", "credited_amount",
})  # fmt: skip
"""What tells two rows apart that say the same."""


def set_parts(
    invoice: Invoice,
    body: Mapping[str, Any],
    given_lines: Sequence[ResolvedLine],
    document: Document,
    totals: Totals,
    exempt: Exemption,
) -> None:
    """Give the invoice its parts in place of those that it had; `exempt` is the seller's own reason for E, where no
    line says one."""
    state = creditable(document, totals)
    invoice.lines, invoice.adjustments = [], []
    for position, (given, computed) in enumerate(zip(given_lines, totals.lines, strict=True), start=1):
        line = _line_row(invoice, position, given, computed)
        line.shared_amount = state.lines[position - 1].amount - line.stated
        invoice.lines.append(line)
        invoice.adjustments += _adjustment_rows_of(line, given, computed, document.currency)
    alone = {(charge.kind == "charge", charge.position) for charge in state.charges}
    for is_charge, name, resolved in ((False, "allowances", totals.allowances), (True, "charges", totals.charges)):
        for index, (one, entry) in enumerate(zip(body[name], resolved, strict=True)):
            row = _adjustment_row(invoice, index, one, entry.amount, document.currency, is_charge=is_charge)
            row.parts = [] if row.tax_category else _parts(entry, document.currency)
            row.stands_alone = (is_charge, index) in alone
            invoice.adjustments.append(row)
    invoice.tax_breakdown = _breakdown(invoice, given_lines, totals.groups, exempt)


def _adjustment_rows_of(
    line: InvoiceLine, given: ResolvedLine, computed: LineTotals, unit: money.Currency
) -> Iterator[InvoiceAdjustment]:
    for is_charge, name, amounts in (
        (False, "allowances", computed.allowance_amounts),
        (True, "charges", computed.charge_amounts),
    ):
        for index, (one, amount) in enumerate(zip(given.given[name], amounts, strict=True)):
            yield _adjustment_row(line.invoice, index, one, amount, unit, is_charge=is_charge, line_id=line.id)


def period(given: Mapping[str, dt.date] | None) -> tuple[dt.date | None, dt.date | None]:
    """The two days of a period, or none."""
    return (given["start_date"], given["end_date"]) if given else (None, None)


def content(invoice: Invoice) -> list[Any]:
    """All that an invoice says and what it comes to, to be compared: without ids and what only its life adds."""
    lines = (
        [*_said(LINE, [line]), *_said(LINE_TAX, line.taxes), *_said(ADJUSTMENT, [*line.allowances, *line.charges])]
        for line in invoice.lines
    )
    whole = [*_said(WHOLE, [invoice]), *_said(ADJUSTMENT, [*invoice.allowances, *invoice.charges])]
    return [whole, *lines, _said(TAX_GROUP, invoice.tax_breakdown)]


def _said(shape: Shape, rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in shape.names if name not in OWN} for row in rows]


def _line_row(invoice: Invoice, position: int, line: ResolvedLine, computed: LineTotals) -> InvoiceLine:
    given, taxes, id = line.given, {key(one.tax): one for one in line.taxes}, uuid7()
    start, end = period(given["billing_period"])
    made: InvoiceLine = LINE.new(
        id=id,
        invoice=invoice,
        invoice_id=invoice.id,
        position=position,
        billing_period_start=start,
        billing_period_end=end,
        tax_from_product=line.tax_from_product,
        taxes=[_line_tax_row(invoice, id, index, tax, taxes[tax]) for index, tax in enumerate(computed.taxes)],
        **{name: given[name] for name in _LINE_PLAIN},
        **{name: getattr(computed, name) for name in _LINE_COMPUTED},
    )
    return made


def _line_tax_row(invoice: Invoice, line_id: uuid.UUID, position: int, tax: TaxKey, given: LineTax) -> InvoiceLineTax:
    made: InvoiceLineTax = LINE_TAX.new(
        invoice_id=invoice.id,
        line_id=line_id,
        position=position,
        category=tax.category,
        rate=tax.rate,
        name=tax.name,
        tax_rate_id=given.tax_rate_id,
        components=[{"name": one.name, "rate": money.plain(one.rate)} for one in given.tax.components],
    )
    return made


def _adjustment_row(
    invoice: Invoice,
    position: int,
    given: Mapping[str, Any],
    amount: int,
    currency: money.Currency,
    *,
    is_charge: bool,
    line_id: uuid.UUID | None = None,
) -> InvoiceAdjustment:
    base, category = given.get("base_amount"), given.get("tax_category")
    tax = key(Tax(category=category, rate=given.get("tax_rate"))) if category else None
    made: InvoiceAdjustment = ADJUSTMENT.new(
        invoice=invoice,
        invoice_id=invoice.id,
        line_id=line_id,
        is_charge=is_charge,
        position=position,
        amount=amount,
        percent=given.get("percent"),
        base_amount=None if base is None else money.to_minor(base, currency),
        reason=given.get("reason"),
        reason_code=given.get("reason_code"),
        tax_category=category,
        tax_rate=tax.rate if tax else None,
        parts=[],
    )
    return made


def _parts(entry: AdjustmentTotals, currency: money.Currency) -> list[dict[str, Any]]:
    """How an allowance or charge without a category was split, as it is shown."""
    return [
        {
            "category": tax.category,
            "rate": None if tax.rate is None else f"{tax.rate:f}",
            "name": tax.name,
            "amount": money.to_text(part.amount, currency.decimals),
        }
        for part in entry.parts
        for tax in part.taxes
    ]


def _breakdown(
    invoice: Invoice, lines: Sequence[ResolvedLine], groups: Sequence[Group], exempt: Exemption
) -> list[InvoiceTaxGroup]:
    reasons: dict[TaxKey, list[Exemption]] = {}
    for line in lines:
        for one in line.taxes:
            reasons.setdefault(key(one.tax), []).append(one.exemption)
    rows = []
    for position, group in enumerate(groups):
        same = TaxKey(category=group.category, name=group.name, rate=group.rate)
        # A group of which no line speaks, but an allowance or a charge.
        unsaid = [exempt] if group.category == "E" else []
        rows.append(_group_row(invoice, position, group, exemption(group.category, reasons.get(same, unsaid))))
    return rows


def _group_row(invoice: Invoice, position: int, group: Group, reason: Exemption | None) -> InvoiceTaxGroup:
    made: InvoiceTaxGroup = TAX_GROUP.new(
        invoice=invoice,
        invoice_id=invoice.id,
        position=position,
        category=group.category,
        rate=group.rate,
        name=group.name,
        taxable_amount=group.taxable_amount,
        tax_amount=group.tax_amount,
        exemption_reason=reason.reason if reason else None,
        exemption_reason_code=reason.code if reason else None,
        components_=shares_of(group),
    )
    return made
