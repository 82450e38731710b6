"""Asking for the lines of an invoice once more, although the catalogue that they came from has changed since."""

import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any

from billing_api.domain.money import trimmed
from billing_api.domain.tax import CATEGORIES, Exemption
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine, InvoiceLineTax
from billing_api.invoices.resolving import TAX_MEMBERS

_PRICES = ("unit_price", "gross_price")


def named_by(invoice: Invoice) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """The products and the tax rates that its lines come from."""
    products = {line.product_id for line in invoice.lines if line.product_id is not None}
    rates = {tax.tax_rate_id for line in invoice.lines for tax in line.taxes if tax.tax_rate_id is not None}
    return products, rates


def without(
    gone: AbstractSet[uuid.UUID], asked: Mapping[str, Any], line: InvoiceLine, invoice: Invoice
) -> Mapping[str, Any]:
    """The line as it was asked for; where its product or its tax rate is `gone` from the catalogue, as it came to be,
    without naming that. One of several taxes, and a rate with components, cannot be written out, and stay named."""
    if gone.isdisjoint({line.product_id, *(tax.tax_rate_id for tax in line.taxes)}):
        return asked
    kept = written_out(asked, line, invoice)
    if not line.tax_from_product:
        # What came from the buyer or the seller comes from them again, as they are today.
        kept = {name: value for name, value in kept.items() if name not in TAX_MEMBERS or name in asked}
    if line.product_id in gone:
        del kept["product_id"]
    if len(line.taxes) == 1 and line.taxes[0].tax_rate_id in gone and not line.taxes[0].components:
        (tax,) = line.taxes
        own = {"category": tax.category, "rate": None if tax.rate is None else _text(tax.rate), "name": tax.name}
        kept = {name: value for name, value in kept.items() if name not in TAX_MEMBERS}
        kept["taxes"] = [{name: value for name, value in own.items() if value is not None}]
    return kept


def written_out(asked: Mapping[str, Any], line: InvoiceLine, invoice: Invoice) -> dict[str, Any]:
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
