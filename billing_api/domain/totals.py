"""From lines, allowances and charges to the totals of a document: one pure function for every kind of document.

The same function prices a draft, a preview, an invoice, a credit note, its PDF and its XML, so they cannot disagree.
It is the arithmetic of EN 16931, and holds wherever tax is charged per rate on the document. "Round" is to minor
units, halves away from zero. The rules, and where each is kept:

 1. line amount = round(quantity * unit price / base quantity); a line comes to its amount - its allowances + its
    charges. The unit price is never rounded. (`lines`)
 2. percentages: round(base * percent / 100), never compound; an amount that is given counts. (`adjustments`)
 3. gross price, price discount, unit price: any two, or all three if they agree exactly. (`lines`)
 4. subtotal = Σ line nets; total without tax = subtotal - Σ allowances + Σ charges (BR-CO-10 to BR-CO-13). (here)
 5. one tax group per tax name, category and rate; its tax is rounded once (BR-CO-17). (`groups`)
 6. tax total = Σ group taxes; total = total without tax + tax total; payable = total - prepaid + rounding
    (BR-CO-14 to BR-CO-16). (here)
 7. what each tax category demands. (`tax`)
 8. splitting without losing a unit (`money`), and allowances and charges without a category. (`placing`)
 9. prices that include tax: the gross wins. (`groups`)
10. several taxes on one line; combined rates with components. (`groups`)
11. prepaid money, and rounding of the payable amount: any amount, or to the nearest multiple of a cash increment,
    never on the tax. (here)
12. credits of an invoice are exact at the end in any order. (`credits`)
13. the tax in a second currency. (`exchange`)
14. withholding is a payment, never a negative tax; a currency without a minor unit is refused. (`money`)
15. negating all quantities, allowances and charges negates every figure; negative totals are legal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.adjustments import Adjustment, stated
from billing_api.domain.groups import Entry, Group, settle
from billing_api.domain.lines import Line, PricedLine, price_line
from billing_api.domain.money import AMOUNT_LIMIT, Currency, rounded
from billing_api.domain.placing import Placed, place, sum_lines
from billing_api.domain.tax import CATEGORIES, Component, Tax, TaxKey, key
from billing_api.errors import Fault, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is to be totalled; amounts in major units of the currency, every pointer as in the body of an invoice."""

    currency: Currency
    lines: tuple[Line, ...] = ()
    allowances: tuple[Adjustment, ...] = ()
    charges: tuple[Adjustment, ...] = ()
    prices_include_tax: bool = False
    prepaid_amount: Decimal | None = None
    rounding_amount: Decimal | None = None
    cash_rounding_increment: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTotals:
    """A line in minor units. Amounts are in the document's price mode; `net` is always without tax.

    `gross` is what the line comes to including tax, and is None where prices do not include it. Prices are exact, in
    major units. `taxes` holds the groups that the line counts in.
    """

    amount: int
    unit_price: Decimal
    gross_price: Decimal | None
    price_discount: Decimal | None
    allowance_amounts: tuple[int, ...]
    charge_amounts: tuple[int, ...]
    allowance_total: int
    charge_total: int
    net: int
    gross: int | None
    taxes: tuple[TaxKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of a document's allowance or charge that falls upon these taxes; amounts as in `AdjustmentTotals`."""

    taxes: tuple[TaxKey, ...]
    amount: int
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentTotals:
    """A document's allowance or charge in minor units: `amount` in the price mode, `net` without tax, and its parts.

    With a category there is one part; without one a part for every group that it was split over.
    """

    amount: int
    net: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Every figure of a document, in minor units; sums are without tax unless they say otherwise."""

    lines: tuple[LineTotals, ...]
    allowances: tuple[AdjustmentTotals, ...]
    charges: tuple[AdjustmentTotals, ...]
    subtotal: int
    allowance_total: int
    charge_total: int
    total_without_tax: int
    groups: tuple[Group, ...]
    tax_total: int
    total: int
    prepaid_amount: int
    rounding_amount: int
    payable_amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settlement:
    """What is given for the payable amount, in minor units (rule 11)."""

    prepaid: int
    rounding: int
    increment: int | None


def calculate(document: Document) -> Totals:
    """All figures of a document, drafts included (rules 1 to 11 and 15).

    Raises `Invalid` with every fault of the input at once, each with its pointer into the body of the invoice.
    """
    faults: list[Fault] = []
    unit = document.currency
    components = _components(document, faults)
    priced = [price_line(line, unit, f"/lines/{index}", faults) for index, line in enumerate(document.lines)]
    lines = [line for line in priced if line is not None]
    sums = sum_lines((line.bundle, line.stated) for line in lines) if len(lines) == len(priced) else None
    allowances = place(document.allowances, sums, unit, "/allowances", faults)
    charges = place(document.charges, sums, unit, "/charges", faults)
    settlement = _settlement(document, faults)
    if faults:
        raise Invalid(faults=faults)
    totals = _total(document, lines, allowances, charges, components, settlement)
    _refuse_too_large(totals)
    return totals


def taxes_of(document: Document) -> Iterator[tuple[str, Tax]]:
    """Every tax that a document names, with the pointer to the line, allowance or charge that names it."""
    for index, line in enumerate(document.lines):
        for tax in line.taxes:
            yield f"/lines/{index}", tax
    for name, entries in (("allowances", document.allowances), ("charges", document.charges)):
        for index, entry in enumerate(entries):
            if entry.tax is not None:
                yield f"/{name}/{index}", entry.tax


def _components(document: Document, faults: list[Fault]) -> dict[TaxKey, tuple[Component, ...]]:
    """The components of each combined rate; one group cannot be shown split in two ways (rule 10)."""
    known: dict[TaxKey, tuple[Component, ...]] = {}
    for pointer, tax in taxes_of(document):
        if not tax.components or tax.category not in CATEGORIES:
            continue
        if known.setdefault(key(tax), tax.components) != tax.components:
            detail = "A tax of this name and rate has other components elsewhere: give them different names."
            faults.append(Fault("components-mismatch", detail, pointer))
    return known


def _settlement(document: Document, faults: list[Fault]) -> _Settlement:
    unit = document.currency
    prepaid = stated(document.prepaid_amount, unit, "/prepaid_amount", faults)
    rounding = stated(document.rounding_amount, unit, "/rounding_amount", faults)
    pointer = "/cash_rounding_increment"
    increment = stated(document.cash_rounding_increment, unit, pointer, faults)
    if increment is not None and increment <= 0:
        faults.append(Fault("increment-not-positive", "The increment of cash rounding must be above 0.", pointer))
    if document.rounding_amount is not None and document.cash_rounding_increment is not None:
        detail = "Give either a rounding amount or an increment to round to, not both."
        faults.append(Fault("mutually-exclusive", detail, pointer))
    return _Settlement(prepaid=prepaid or 0, rounding=rounding or 0, increment=increment)


def _total(
    document: Document,
    lines: Sequence[PricedLine],
    allowances: Sequence[Placed],
    charges: Sequence[Placed],
    components: dict[TaxKey, tuple[Component, ...]],
    settlement: _Settlement,
) -> Totals:
    entries = _entries(lines, allowances, charges)
    nets, groups = settle(entries, components, includes_tax=document.prices_include_tax)
    remaining = iter(nets)
    # The nets come back in the order of the entries, so each list takes its own from the same iterator.
    line_totals = tuple(_line(line, next(remaining), document.prices_include_tax) for line in lines)
    allowance_totals = tuple(_adjustment(one, -1, remaining) for one in allowances)
    charge_totals = tuple(_adjustment(one, 1, remaining) for one in charges)
    return _summed(line_totals, allowance_totals, charge_totals, groups, settlement)


def _summed(
    lines: tuple[LineTotals, ...],
    allowances: tuple[AdjustmentTotals, ...],
    charges: tuple[AdjustmentTotals, ...],
    groups: tuple[Group, ...],
    settlement: _Settlement,
) -> Totals:
    """Rules 4, 6 and 11."""
    subtotal = sum(line.net for line in lines)
    allowed, charged = (sum(one.net for one in several) for several in (allowances, charges))
    tax_total = sum(group.tax_amount for group in groups)
    total = subtotal - allowed + charged + tax_total
    rounding = _rounding(total - settlement.prepaid, settlement)
    return Totals(
        lines=lines,
        allowances=allowances,
        charges=charges,
        subtotal=subtotal,
        allowance_total=allowed,
        charge_total=charged,
        total_without_tax=total - tax_total,
        groups=groups,
        tax_total=tax_total,
        total=total,
        prepaid_amount=settlement.prepaid,
        rounding_amount=rounding,
        payable_amount=total - settlement.prepaid + rounding,
    )


def _entries(lines: Sequence[PricedLine], allowances: Sequence[Placed], charges: Sequence[Placed]) -> list[Entry]:
    entries = [Entry(bundle=line.bundle, amount=line.stated) for line in lines]
    entries += [Entry(bundle=bundle, amount=-amount) for one in allowances for bundle, amount in one.parts]
    entries += [Entry(bundle=bundle, amount=amount) for one in charges for bundle, amount in one.parts]
    return entries


def _line(line: PricedLine, net: int, includes_tax: bool) -> LineTotals:
    return LineTotals(
        amount=line.amount,
        unit_price=line.price.unit_price,
        gross_price=line.price.gross_price,
        price_discount=line.price.price_discount,
        allowance_amounts=line.allowance_amounts,
        charge_amounts=line.charge_amounts,
        allowance_total=sum(line.allowance_amounts),
        charge_total=sum(line.charge_amounts),
        net=net,
        gross=line.stated if includes_tax else None,
        taxes=line.bundle,
    )


def _adjustment(placed: Placed, sign: int, nets: Iterator[int]) -> AdjustmentTotals:
    parts = tuple(Part(taxes=bundle, amount=amount, net=sign * next(nets)) for bundle, amount in placed.parts)
    return AdjustmentTotals(amount=placed.amount, net=sum(part.net for part in parts), parts=parts)


def _rounding(due: int, settlement: _Settlement) -> int:
    if settlement.increment is None:
        return settlement.rounding
    return rounded(due, settlement.increment) * settlement.increment - due


def _refuse_too_large(totals: Totals) -> None:
    sums = [totals.subtotal, totals.allowance_total, totals.charge_total, totals.total_without_tax]
    sums += [totals.tax_total, totals.total, totals.payable_amount]
    sums += [amount for group in totals.groups for amount in (group.taxable_amount, group.tax_amount)]
    sums += [one.net for several in (totals.lines, totals.allowances, totals.charges) for one in several]
    sums += [amount for line in totals.lines for amount in (line.allowance_total, line.charge_total)]
    if any(abs(amount) > AMOUNT_LIMIT for amount in sums):
        raise Invalid(faults=[Fault("amount-too-large", "A total would pass 10^15 minor units.", "/lines")])
