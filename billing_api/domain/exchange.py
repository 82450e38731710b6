"""The tax of a document in a second currency, which the law of the seller's country asks for (EN 16931 BT-6, BT-111).

Rule 13: tax total * rate of exchange, rounded once on the total; the groups share it by rule 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.money import AMOUNT_LIMIT, Currency, apportion, rounded, split
from billing_api.errors import Fault, Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxInCurrency:
    """The tax total and the tax of each group, in minor units of `currency`."""

    currency: Currency
    tax_total: int
    group_taxes: tuple[int, ...]


def convert_taxes(group_taxes: Sequence[int], rate: Decimal, source: Currency, target: Currency) -> TaxInCurrency:
    """The taxes of the groups, minor units of `source`, in `target`; `rate` is what one unit of `source` is worth.

    Raises `Invalid` with `exchange-rate-not-positive` or `amount-too-large`, both at `/exchange_rate/rate`.
    """
    pointer = "/exchange_rate/rate"
    if rate <= 0:
        raise Invalid(faults=[Fault("exchange-rate-not-positive", "A rate of exchange must be above 0.", pointer)])
    numerator, denominator = rate.as_integer_ratio()
    numerator, denominator = numerator * 10**target.decimals, denominator * 10**source.decimals
    total = rounded(sum(group_taxes) * numerator, denominator)
    shares = _share(total, group_taxes, numerator, denominator)
    # Groups of both signs may each be large where their sum is small.
    if any(abs(tax) > AMOUNT_LIMIT for tax in (total, *shares)):
        raise Invalid(faults=[Fault("amount-too-large", "The tax would pass 10^15 minor units.", pointer)])
    return TaxInCurrency(currency=target, tax_total=total, group_taxes=shares)


def convert_credited(converted: int, tax: int, before: int, step: int) -> int:
    """What a credit of `step` takes back of a tax group that the invoice states as `converted`, where credits took
    `before` of its `tax` earlier. Cumulative as in rule 12: all credits together take back what was stated, no more."""
    if tax == 0:
        return 0
    return rounded(converted * (before + step), tax) - rounded(converted * before, tax)


def have_one_sign(group_taxes: Sequence[int]) -> bool:
    """Whether no two groups have taxes of opposite signs, so that the tax is split by rule 8."""
    return all(tax >= 0 for tax in group_taxes) or all(tax <= 0 for tax in group_taxes)


def _share(total: int, group_taxes: Sequence[int], numerator: int, denominator: int) -> tuple[int, ...]:
    if have_one_sign(group_taxes):
        return split(total, group_taxes)
    # Absolute weights would turn the tax of a negative group positive, so groups of both signs keep their own
    # converted amounts, as near as a sum that is rounded once allows.
    sign = -1 if total < 0 else 1
    parts = apportion(sign * total, [sign * tax * numerator for tax in group_taxes], denominator)
    return tuple(sign * part for part in parts)
