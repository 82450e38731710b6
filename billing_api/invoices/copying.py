"""Asking for the lines of an invoice once more, although the catalogue that they came from has changed since."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing_api.catalog.lookup import Catalogue, look_up
from billing_api.domain.money import plain
from billing_api.domain.tax import CATEGORIES, Exemption
from billing_api.invoices.models import Invoice
from billing_api.invoices.parts import InvoiceLine, InvoiceLineTax
from billing_api.invoices.resolving import TAX_MEMBERS

_PRICES = ("unit_price", "gross_price")


def catalogue_of(invoice: Invoice) -> Catalogue:
    """What its lines name of the catalogue, as it is today."""
    lines = invoice.request.get("lines") or ()
    products, rates = (
        {uuid.UUID(line[name]) for line in lines if line.get(name)} for name in ("product_id", "tax_rate_id")
    )
    return look_up(product_ids=products, rate_ids=rates, keep=False)


def copied(
    asked: Mapping[str, Any], line: InvoiceLine, catalogue: Catalogue, *, is_taxed_by_default: bool
) -> Mapping[str, Any]:
    """The line as it was asked for; what it would take from an archived product or tax rate stands in it as it came to
    be, and nothing else: all other things are as they are today. A rate with components, and one of several taxes,
    cannot be written out, and stay named."""
    product = catalogue.products.get(line.product_id) if line.product_id else None
    kept = dict(asked)
    if product is not None and product.archived:
        kept = {**asked, **_words_and_price(asked, line)}
        del kept["product_id"]
    if len(line.taxes) == 1 and _is_taxed_by_the_archive(asked, line, catalogue, is_taxed_by_default):
        (tax,) = line.taxes
        if not tax.components:
            kept = {name: value for name, value in kept.items() if name not in TAX_MEMBERS}
            kept |= {"taxes": [_tax(tax)], "exemption_reason": line.exemption_reason}
            kept["exemption_reason_code"] = line.exemption_reason_code
    return kept


def _is_taxed_by_the_archive(
    asked: Mapping[str, Any], line: InvoiceLine, catalogue: Catalogue, is_taxed_by_default: bool
) -> bool:
    """Whether its tax would be that of an archived rate, or would be gone with its product."""
    if any(asked.get(name) is not None for name in TAX_MEMBERS):
        named = asked.get("tax_rate_id")
        return named is not None and catalogue.tax_rates[uuid.UUID(named)].archived
    product = catalogue.products.get(line.product_id) if line.product_id else None
    if product is None or is_taxed_by_default:
        return False
    rate = catalogue.tax_rates.get(product.tax_rate_id) if product.tax_rate_id else None
    return line.tax_from_product and (product.archived or (rate is not None and rate.archived))


def _words_and_price(asked: Mapping[str, Any], line: InvoiceLine) -> dict[str, Any]:
    """What a line says that its product may have said for it."""
    found: dict[str, Any] = {name: getattr(line, name) for name in ("description", "unit", "sku")}
    found["base_quantity"] = _text(line.base_quantity)
    if all(asked.get(name) is None for name in _PRICES):
        name = "unit_price" if line.gross_price is None else "gross_price"
        found[name] = _text(getattr(line, name))
    return {name: value for name, value in found.items() if value is not None}


def _tax(tax: InvoiceLineTax) -> dict[str, Any]:
    said = {"category": tax.category, "rate": _text(tax.rate), "name": tax.name}
    return {name: value for name, value in said.items() if value is not None}


def written_out(asked: Mapping[str, Any], line: InvoiceLine, invoice: Invoice) -> dict[str, Any]:
    """The line with what it took from elsewhere when it was written, which may have changed since. A tax rate in use
    stands still, and is named, as its components cannot be written."""
    found = _words_and_price(asked, line)
    if len(line.taxes) == 1:
        (tax,) = line.taxes
        if all(asked.get(name) is None for name in TAX_MEMBERS):
            own = {"tax_category": tax.category, "tax_rate": _text(tax.rate)}
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


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
