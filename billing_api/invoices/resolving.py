"""What the lines of an invoice come to say: the lines themselves first, then the catalogue, then the defaults.

A line says what it wants to; what it leaves out it takes from its product. Its tax is the one that it names, by itself
or as one of the organization's rates; else that of the customer's treatment or of a seller who charges none; else its
product's. What is found is written into the draft and stands there: the catalogue may change behind it.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing_api.catalog.lookup import Catalogue, fault_of_product, fault_of_rate, look_up
from billing_api.catalog.models import Product
from billing_api.domain.tax import Exemption, Tax
from billing_api.errors import Fault

TAX_MEMBERS = ("taxes", "tax_category", "tax_rate", "tax_rate_id")
"""By which a line says itself how it is taxed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTax:
    """A tax of a line, with the reason that comes with it, and the organization's rate that it is, if it is one."""

    tax: Tax
    exemption: Exemption = field(default_factory=Exemption)
    tax_rate_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedLine:
    """A line with nothing left open that could be known: `given` is its body with what came from its product."""

    given: Mapping[str, Any]
    taxes: tuple[LineTax, ...]
    tax_from_product: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What holds for all lines: the document's currency and price mode, the tax of lines that name none, with its
    reason, the seller's own reason for E where a line names none, and what may be archived."""

    currency: str
    prices_include_tax: bool
    default: tuple[Tax, Exemption] | None
    exempt: Exemption
    excused: Collection[uuid.UUID] = ()


def resolve(
    lines: Sequence[Mapping[str, Any]], setting: Setting, faults: list[Fault], *, keep: bool
) -> list[ResolvedLine]:
    """The lines with what they take from elsewhere; what is not there, or does not fit, is added to the faults. With
    `keep` nobody deletes or changes before the commit what they refer to.

    Codes: `product-not-found`, `product-archived`, `product-currency-mismatch`, `product-price-mode-mismatch`,
    `tax-rate-not-found`, `tax-rate-archived`.
    """
    product_ids = {line["product_id"] for line in lines if line["product_id"] is not None}
    rate_ids = {one["tax_rate_id"] for line in lines for one in (line, *line.get("taxes", ())) if "tax_rate_id" in one}
    catalogue = look_up(product_ids=product_ids, rate_ids=rate_ids, excused=setting.excused, keep=keep)
    return [_resolve(line, setting, catalogue, f"/lines/{index}", faults) for index, line in enumerate(lines)]


def _resolve(
    line: Mapping[str, Any], setting: Setting, catalogue: Catalogue, pointer: str, faults: list[Fault]
) -> ResolvedLine:
    product = None
    if line["product_id"] is not None:
        product = catalogue.products.get(line["product_id"])
        faults += _faults_of_product(line, product, setting, f"{pointer}/product_id")
    base = line["base_quantity"]
    given = {
        **line,
        **(_prices(line, product) if product else {}),
        "description": line["description"] or (product and (product.description or product.name)),
        "unit": line["unit"] or (product.unit if product else "C62"),
        "base_quantity": base if base is not None else product.base_quantity if product else Decimal(1),
        "sku": line["sku"] or (product and product.sku),
    }
    own = Exemption(reason=line["exemption_reason"], code=line["exemption_reason_code"])
    found, is_of_product = _taxes(line, product, setting, catalogue, pointer, faults)
    taxes = tuple(_with_reason(one, own, setting.exempt) for one in found)
    if len(taxes) == 1 and taxes[0].tax_rate_id:
        reason = taxes[0].exemption
        given |= {"exemption_reason": reason.reason, "exemption_reason_code": reason.code}
    return ResolvedLine(given=given, taxes=taxes, tax_from_product=is_of_product)


def _faults_of_product(
    line: Mapping[str, Any], product: Product | None, setting: Setting, pointer: str
) -> Iterator[Fault]:
    if fault := fault_of_product(product, pointer, setting.excused):
        yield fault
    if product is None or _has_price(line):
        return
    if product.currency != setting.currency:
        detail = f"Its price is in {product.currency}, the document in {setting.currency}: give the line a price."
        yield Fault("product-currency-mismatch", detail, pointer)
    if product.prices_include_tax != setting.prices_include_tax:
        its, others = ("includes", "are without") if product.prices_include_tax else ("is without", "include")
        detail = f"The product's price {its} tax, and the document's prices {others} it: give the line a price."
        yield Fault("product-price-mode-mismatch", detail, pointer)


def _has_price(line: Mapping[str, Any]) -> bool:
    return "unit_price" in line or "gross_price" in line


def _prices(line: Mapping[str, Any], product: Product) -> dict[str, Decimal]:
    """The product's price, where the line has none; a discount on the line is taken off it."""
    if _has_price(line):
        return {}
    return {"gross_price" if "price_discount" in line else "unit_price": product.unit_price}


def _taxes(
    line: Mapping[str, Any],
    product: Product | None,
    setting: Setting,
    catalogue: Catalogue,
    pointer: str,
    faults: list[Fault],
) -> tuple[list[LineTax], bool]:
    """The taxes of a line, and whether they are its product's."""
    if any(name in line for name in TAX_MEMBERS):
        return list(_named(line, catalogue, pointer, faults)), False
    if setting.default:
        tax, reason = setting.default
        return [LineTax(tax=tax, exemption=reason)], False
    if product is None:
        return [], False
    if product.tax_rate_id is not None:
        found = _of_rate(product.tax_rate_id, catalogue, f"{pointer}/product_id", faults)
    else:
        tax_of = product.tax_category and Tax(category=product.tax_category, rate=product.tax_rate)
        found = [LineTax(tax=tax_of)] if tax_of else []
    return found, bool(found)


def _named(line: Mapping[str, Any], catalogue: Catalogue, pointer: str, faults: list[Fault]) -> Iterator[LineTax]:
    """What the line says itself."""
    if "tax_rate_id" in line:
        yield from _of_rate(line["tax_rate_id"], catalogue, f"{pointer}/tax_rate_id", faults)
    elif "taxes" not in line:
        yield LineTax(tax=Tax(category=line.get("tax_category", "S"), rate=line.get("tax_rate")))
    for index, one in enumerate(line.get("taxes", ())):
        if "tax_rate_id" in one:
            yield from _of_rate(one["tax_rate_id"], catalogue, f"{pointer}/taxes/{index}/tax_rate_id", faults)
        else:
            yield LineTax(tax=Tax(category=one.get("category", "S"), rate=one.get("rate"), name=one.get("name")))


def _of_rate(id: uuid.UUID, catalogue: Catalogue, pointer: str, faults: list[Fault]) -> list[LineTax]:
    rate = catalogue.tax_rates.get(id)
    if fault := fault_of_rate(rate, pointer, catalogue.excused):
        faults.append(fault)
    return [LineTax(tax=rate.tax, exemption=rate.exemption, tax_rate_id=rate.id)] if rate else []


def _with_reason(one: LineTax, own: Exemption, exempt: Exemption) -> LineTax:
    """The line's own reason comes first, then that of its rate or treatment, and for E the seller's."""
    stated = own if own.reason or own.code else one.exemption
    if not (stated.reason or stated.code) and one.tax.category == "E":
        stated = exempt
    return LineTax(tax=one.tax, exemption=stated, tax_rate_id=one.tax_rate_id)
