"""Allowances and charges of a whole document: how much they are, and upon which taxes they fall.

Rule 2: without a category the percentage is taken of the sum of the lines; with one, of the lines of its own group.
Rule 8: without a category the amount is computed once and split over the tax groups by the absolute sums of their
lines, and the parts are shown. Where a base of its own has the opposite sign of the subtotal, no split is meaningful,
and the client has to name a category. Taxes that stand together on the same lines (rule 10) share one part, because
each of them is charged on the same amount.

A tax named here without a name of its own joins the one group of the lines that has its category and rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.adjustments import Adjustment, resolve
from billing_api.domain.groups import Bundle
from billing_api.domain.money import Currency, WeightsSumToZero, split
from billing_api.domain.tax import Tax, TaxKey, faults_of, key, order
from billing_api.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The amount of a document's allowance or charge in minor units, and its parts per bundle of taxes."""

    amount: int
    parts: tuple[tuple[Bundle, int], ...]


def sum_lines(lines: Iterable[tuple[Bundle, int]]) -> dict[Bundle, int]:
    """What the lines come to per bundle of taxes, in the order of groups, so that no split depends on their order; of
    each line its taxes, and its amount in the price mode of the document."""
    sums: dict[Bundle, int] = {}
    for bundle, amount in lines:
        sums[bundle] = sums.get(bundle, 0) + amount
    return dict(sorted(sums.items(), key=lambda item: [order(tax_key) for tax_key in item[0]]))


def place(
    adjustments: Sequence[Adjustment],
    sums: Mapping[Bundle, int] | None,
    unit: Currency,
    pointer: str,
    faults: list[Fault],
) -> list[Placed]:
    """Every allowance, or every charge, of a document with its parts; those with a fault are left out.

    `sums` is None when a line is wrong, so that only what does not depend on the lines is examined. Codes:
    `allowance-needs-category`, `weights-sum-to-zero`, `tax-name-required`, and those of taxes and of `resolve`.
    """
    placed = []
    for index, adjustment in enumerate(adjustments):
        one = _place(adjustment, sums, unit, f"{pointer}/{index}", faults)
        if one is not None:
            placed.append(one)
    return placed


def _place(
    adjustment: Adjustment, sums: Mapping[Bundle, int] | None, unit: Currency, pointer: str, faults: list[Fault]
) -> Placed | None:
    tax_key = None
    if adjustment.tax is not None:
        tax_key = _join(adjustment.tax, sums or {}, pointer, faults)
    amount = resolve(adjustment, _default_base(tax_key, sums), unit, pointer, faults)
    if amount is None or sums is None:
        return None
    if tax_key is not None:
        return Placed(amount=amount, parts=(((tax_key,), amount),))
    if adjustment.tax is not None:
        return None
    return _spread(adjustment, amount, sums, pointer, faults)


def _default_base(tax_key: TaxKey | None, sums: Mapping[Bundle, int] | None) -> int | None:
    if sums is None:
        return None
    return sum(amount for bundle, amount in sums.items() if tax_key is None or tax_key in bundle)


def _spread(
    adjustment: Adjustment, amount: int, sums: Mapping[Bundle, int], pointer: str, faults: list[Fault]
) -> Placed | None:
    if not sums:
        # A draft without lines has no groups yet; the amount counts in its sums like a line without a tax.
        return Placed(amount=amount, parts=(((), amount),))
    subtotal = sum(sums.values())
    base = adjustment.base_amount if adjustment.percent is not None else None
    if amount and base and _sign(base) != _sign(subtotal):
        detail = "The base amount and the sum of the lines differ in sign: name a tax category."
        faults.append(Fault("allowance-needs-category", detail, pointer))
        return None
    try:
        parts = split(amount, list(sums.values()))
    except WeightsSumToZero:
        detail = "The lines come to nothing, so the amount cannot be split over them: name a tax category."
        faults.append(Fault("weights-sum-to-zero", detail, pointer))
        return None
    return Placed(amount=amount, parts=tuple(zip(sums, parts, strict=True)))


def _join(tax: Tax, sums: Mapping[Bundle, int], pointer: str, faults: list[Fault]) -> TaxKey | None:
    wrong = faults_of(tax, f"{pointer}/tax_category", f"{pointer}/tax_rate")
    if wrong:
        faults.extend(wrong)
        return None
    own = key(tax)
    known = {tax_key for bundle in sums for tax_key in bundle}
    alike = [tax_key for tax_key in known if (tax_key.category, tax_key.rate) == (own.category, own.rate)]
    if own.name is not None or own in known or not alike:
        return own
    if len(alike) == 1:
        return alike[0]
    names = ", ".join(sorted(tax_key.name or "" for tax_key in alike))
    detail = f"Several taxes of the lines have this category and rate: name one of {names}."
    faults.append(Fault("tax-name-required", detail, f"{pointer}/tax_category"))
    return None


def _sign(value: int | Decimal) -> int:
    return (value > 0) - (value < 0)
