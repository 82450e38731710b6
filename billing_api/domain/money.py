"""Exact money: currencies, the one rounding function, and splitting without losing a minor unit.

Amounts are whole numbers of minor units (cents of EUR, yen of JPY, fils of KWD), as many decimals as ISO 4217 gives
the currency. Prices, quantities and rates are `Decimal`, used as containers of an exact value only: nothing here
computes under a decimal context, whose precision could run out unseen, and nothing is ever a binary float.

Rounding: to minor units, halves away from zero, below zero as above it.
Splitting (rule 8): exact shares are floored and the spare units go to the largest fractions, ties to the lower
position; a negative amount splits as the mirror of the positive one; weights count by their absolute value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from math import lcm

import iso4217

AMOUNT_LIMIT = 10**15
"""No amount, computed ones included, may lie further from zero than this many minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """A currency of ISO 4217: its code, and how many decimals its minor unit has."""

    code: str
    decimals: int


class UnknownCurrency(ValueError):
    """The code is no current one of ISO 4217, or names something without a minor unit, such as gold (XAU)."""


class TooManyDecimals(ValueError):
    """The value is no whole number of the currency's minor units."""


class WeightsSumToZero(ValueError):
    """An amount cannot be split by weights that are all zero."""


_CURRENCIES = {
    entry.code: Currency(code=entry.code, decimals=entry.exponent)
    for entry in iso4217.Currency
    if entry.exponent is not None
}

CURRENCY_CODES = tuple(sorted(_CURRENCIES))
"""Every code that `currency` accepts, in alphabetical order."""


def currency(code: str) -> Currency:
    """The currency of an ISO 4217 code in capitals. Raises `UnknownCurrency`."""
    try:
        return _CURRENCIES[code]
    except KeyError:
        raise UnknownCurrency(f"{code!r} is not a currency of ISO 4217 with a minor unit.") from None


def rounded(numerator: int, denominator: int = 1) -> int:
    """The whole number nearest to `numerator / denominator`, halves away from zero; the denominator is not 0."""
    quotient, rest = divmod(abs(numerator), abs(denominator))
    if 2 * rest >= abs(denominator):
        quotient += 1
    return -quotient if (numerator < 0) != (denominator < 0) else quotient


def percent_of(amount: int, percent: Decimal) -> int:
    """`amount * percent / 100`, rounded to minor units."""
    numerator, denominator = percent.as_integer_ratio()
    return rounded(amount * numerator, denominator * 100)


def to_minor(value: Decimal, unit: Currency) -> int:
    """A finite amount in major units as minor units of the currency. Raises `TooManyDecimals`; never rounds."""
    numerator, denominator = value.as_integer_ratio()
    scale: int = 10**unit.decimals
    minor, rest = divmod(numerator * scale, denominator)
    if rest:
        raise TooManyDecimals(f"{unit.code} has {unit.decimals} decimals, but {value} has more.")
    return minor


def to_text(minor: int, decimals: int) -> str:
    """Minor units as text in major units, with exactly `decimals` decimals: `"1190.00"`, `"-0.05"`, `"1190"`."""
    sign, digits = "-" if minor < 0 else "", f"{abs(minor):d}".rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


@lru_cache(maxsize=4096, typed=True)
def amount_text(minor: int, code: str) -> str:
    """An amount in the minor units of the currency with this code as text, with exactly the currency's decimals. Kept,
    because most amounts of a list are a few: nothing above all."""
    return to_text(minor, currency(code).decimals)


@lru_cache(maxsize=4096)
def plain(value: Decimal, at_least: int = 0) -> str:
    """The number without trailing zeros, but with at least so many decimals; zero has no sign. Kept, because most
    quantities, prices and rates are a few."""
    whole, _, fraction = f"{value or Decimal(0):f}".partition(".")
    fraction = fraction.rstrip("0").ljust(at_least, "0")
    return f"{whole}.{fraction}" if fraction else whole


def split(amount: int, weights: Sequence[int | Decimal]) -> tuple[int, ...]:
    """`amount` in parts that sum to it, in proportion to the absolute weights (rule 8).

    Nothing splits into nothings, whatever the weights; anything else raises `WeightsSumToZero` when all are 0.
    """
    whole = _whole(weights)
    total = sum(whole)
    if amount == 0:
        return (0,) * len(whole)
    if total == 0:
        raise WeightsSumToZero("The weights are all zero, so there is no proportion to split by.")
    parts = apportion(abs(amount), [abs(amount) * weight for weight in whole], total)
    return tuple(-part for part in parts) if amount < 0 else parts


def apportion(total: int, numerators: Sequence[int], denominator: int) -> tuple[int, ...]:
    """Whole parts that sum to `total`, each next to its exact share `numerator / denominator`.

    Shares are floored towards minus infinity; what then lacks goes one by one to the largest fractions, ties to the
    lower position. The denominator is positive, and there is at least one share unless the total is 0.
    """
    if not numerators:
        return ()
    floors = [numerator // denominator for numerator in numerators]
    each, spare = divmod(total - sum(floors), len(floors))
    favoured = sorted(range(len(floors)), key=lambda position: -(numerators[position] % denominator))[:spare]
    for position in favoured:
        floors[position] += 1
    return tuple(part + each for part in floors)


def add(left: Decimal, right: Decimal) -> Decimal:
    """The exact sum of two finite decimals, where `+` would round it to the precision of the context."""
    exponent = min(_exponent(left), _exponent(right), 0)
    scale = 10**-exponent
    units = _units(left, scale) + _units(right, scale)
    return Decimal(f"{units}E{exponent}")


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference of two finite decimals."""
    return add(left, right.copy_negate())


@lru_cache(maxsize=4096)
def trimmed(value: Decimal) -> Decimal:
    """The same finite value without trailing zeros behind the point, so that 19 and 19.00 read alike. Kept, as above:
    values that are equal, and so have one place here, read alike."""
    exponent = min(_exponent(value), 0)
    units = _units(value, 10**-exponent)
    while exponent < 0 and units % 10 == 0:
        units //= 10
        exponent += 1
    return Decimal(f"{units}E{exponent}")


def _whole(weights: Sequence[int | Decimal]) -> list[int]:
    """The absolute weights as whole numbers in the same proportion."""
    ratios = [abs(weight).as_integer_ratio() if isinstance(weight, int) else _absolute(weight) for weight in weights]
    common = lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _absolute(weight: Decimal) -> tuple[int, int]:
    numerator, denominator = weight.as_integer_ratio()
    return abs(numerator), denominator


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number.")
    return exponent


def _units(value: Decimal, scale: int) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator * scale // denominator
