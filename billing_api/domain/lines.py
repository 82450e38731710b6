"""A line of a document: its effective price, its amount, its own allowances and charges.

Rule 1: line amount = round(quantity * unit price / base quantity); what the line comes to = line amount - its
allowances + its charges. The unit price itself is never rounded (EN 16931 BT-131, BT-146, BT-149).
Rule 3: of gross price, price discount and unit price any two are enough, and all three must agree exactly;
0 ≤ unit price ≤ gross price. A unit price that stands alone may be negative. The base quantity is above 0.
"""

from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.adjustments import Adjustment, limited, resolve
from billing_api.domain.money import Currency, add, rounded, subtract
from billing_api.domain.tax import Tax, TaxKey, faults_of, key, order
from billing_api.errors import Fault

PRICE_LIMIT = Decimal(10**15)
"""A price lies below this, in major units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line as it was given; prices are per base quantity, in major units, with as many decimals as they need.

    No tax at all is legal while a draft is not finished. `has_tax_list` says that the taxes came as a list, so that
    a fault points into it, and not to the two members that name a single tax.
    """

    quantity: Decimal
    unit_price: Decimal | None = None
    gross_price: Decimal | None = None
    price_discount: Decimal | None = None
    base_quantity: Decimal = Decimal(1)
    allowances: tuple[Adjustment, ...] = ()
    charges: tuple[Adjustment, ...] = ()
    taxes: tuple[Tax, ...] = ()
    has_tax_list: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The effective prices of a line, exact, in major units per base quantity."""

    unit_price: Decimal
    gross_price: Decimal | None = None
    price_discount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """A line in minor units before any tax is taken out of it; `stated` is amount - allowances + charges.

    `bundle` holds the groups of all taxes of the line, in the order of groups.
    """

    price: Price
    amount: int
    allowance_amounts: tuple[int, ...]
    charge_amounts: tuple[int, ...]
    stated: int
    bundle: tuple[TaxKey, ...]


def price_line(line: Line, unit: Currency, pointer: str, faults: list[Fault]) -> PricedLine | None:
    """Everything about a line that needs no other line (rules 1 to 3); None with faults added where it is wrong.

    Codes: `price-missing`, `price-mismatch`, `base-quantity-not-positive`, `tax-duplicate`, and those of taxes,
    allowances and charges.
    """
    before = len(faults)
    bundle = _bundle(line, pointer, faults)
    price = _price(line, pointer, faults)
    amount = None if price is None else _amount(line, price.unit_price, unit, pointer, faults)
    allowances, charges = (
        [resolve(entry, amount, unit, f"{pointer}/{name}/{index}", faults) for index, entry in enumerate(entries)]
        for name, entries in (("allowances", line.allowances), ("charges", line.charges))
    )
    if amount is None or len(faults) > before:
        return None
    allowed, charged = tuple(entry or 0 for entry in allowances), tuple(entry or 0 for entry in charges)
    result = limited(amount - sum(allowed) + sum(charged), pointer, faults)
    if price is None or result is None:
        return None
    return PricedLine(
        price=price,
        amount=amount,
        allowance_amounts=allowed,
        charge_amounts=charged,
        stated=result,
        bundle=bundle,
    )


def extended(quantity: Decimal, price: Decimal, base_quantity: Decimal, unit: Currency) -> int:
    """Quantity * price / base quantity in minor units, rounded once; the price in major units, the base not 0."""
    (many, many_of), (each, each_of), (per, per_of) = (
        value.as_integer_ratio() for value in (quantity, price, base_quantity)
    )
    return rounded(many * each * per_of * 10**unit.decimals, many_of * each_of * per)


def _price(line: Line, pointer: str, faults: list[Fault]) -> Price | None:
    unit, gross, discount = line.unit_price, line.gross_price, line.price_discount
    if unit is None and gross is None:
        detail = "Give a unit price, or a gross price with or without a price discount."
        faults.append(Fault("price-missing", detail, f"{pointer}/unit_price"))
        return None
    if gross is None and discount is None and unit is not None:
        return Price(unit_price=unit)
    if gross is None:
        gross = add(unit or Decimal(0), discount or Decimal(0))
        if gross >= PRICE_LIMIT:
            detail = "The unit price and the price discount would pass 10^15 together."
            faults.append(Fault("amount-too-large", detail, f"{pointer}/price_discount"))
            return None
    if discount is None:
        discount = Decimal(0) if unit is None else subtract(gross, unit)
    member = "price_discount" if unit is None and line.price_discount is not None else "unit_price"
    effective = subtract(gross, discount)
    if unit is not None and unit != effective:
        detail = f"The gross price less the price discount is {effective:f}."
        faults.append(Fault("price-mismatch", detail, f"{pointer}/{member}"))
        return None
    if not 0 <= effective <= gross:
        member = "gross_price" if line.gross_price is not None and gross < 0 else member
        detail = "The unit price must lie between 0 and the gross price."
        faults.append(Fault("price-mismatch", detail, f"{pointer}/{member}"))
        return None
    return Price(unit_price=effective if unit is None else unit, gross_price=gross, price_discount=discount)


def _amount(line: Line, price: Decimal, unit: Currency, pointer: str, faults: list[Fault]) -> int | None:
    if line.base_quantity <= 0:
        detail = "The base quantity of a price must be above 0."
        faults.append(Fault("base-quantity-not-positive", detail, f"{pointer}/base_quantity"))
        return None
    return limited(extended(line.quantity, price, line.base_quantity, unit), pointer, faults)


def _bundle(line: Line, pointer: str, faults: list[Fault]) -> tuple[TaxKey, ...]:
    keys: list[TaxKey] = []
    for index, tax in enumerate(line.taxes):
        listed = line.has_tax_list or len(line.taxes) > 1
        category = f"{pointer}/taxes/{index}/category" if listed else f"{pointer}/tax_category"
        rate = f"{pointer}/taxes/{index}/rate" if listed else f"{pointer}/tax_rate"
        wrong = faults_of(tax, category, rate)
        faults.extend(wrong)
        if wrong:
            continue
        if key(tax) in keys:
            detail = "The line names this tax twice; taxes of one category and rate are told apart by their names."
            faults.append(Fault("tax-duplicate", detail, f"{pointer}/taxes/{index}"))
        keys.append(key(tax))
    return tuple(sorted(keys, key=order))
