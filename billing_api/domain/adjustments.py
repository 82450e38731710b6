"""Allowances and charges: what they are given as, and the amount they come to.

Rule 2: a percentage gives round(base * percent / 100), on a base of its own or on the one its place implies: the
rounded line amount on a line, the sum of the lines on a document, the sum of the lines of its own tax group where it
names one. Percentages never compound. An amount counts alone, and a percentage or a base beside it is a note; with
all three they must agree. Negative amounts and percentages are legal.
"""

from dataclasses import dataclass
from decimal import Decimal

from billing_api.domain.money import AMOUNT_LIMIT, Currency, TooManyDecimals, percent_of, to_minor, to_text
from billing_api.domain.tax import Tax
from billing_api.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An allowance or a charge, of a line or of a document; amounts in major units, the percentage out of 100.

    `tax` has a meaning at document level only; without it the amount is split over the tax groups (rule 8).
    """

    amount: Decimal | None = None
    percent: Decimal | None = None
    base_amount: Decimal | None = None
    tax: Tax | None = None


def resolve(
    adjustment: Adjustment, default_base: int | None, unit: Currency, pointer: str, faults: list[Fault]
) -> int | None:
    """The amount of an adjustment in minor units (rule 2); None with a fault added, or where the base is not known.

    Codes: `amount-missing`, `amount-mismatch`, `too-many-decimals`, `amount-too-large`.
    """
    before = len(faults)
    amount = stated(adjustment.amount, unit, f"{pointer}/amount", faults)
    base = stated(adjustment.base_amount, unit, f"{pointer}/base_amount", faults)
    if len(faults) > before:
        return None
    percent = adjustment.percent
    if amount is None:
        if percent is None:
            faults.append(Fault("amount-missing", "Give an amount or a percentage.", f"{pointer}/amount"))
            return None
        base = default_base if base is None else base
        return None if base is None else limited(percent_of(base, percent), f"{pointer}/percent", faults)
    if percent is not None and base is not None and percent_of(base, percent) != amount:
        right = to_text(percent_of(base, percent), unit.decimals)
        detail = f"The percentage of the base amount comes to {right}; leave one of the three out, or mend it."
        faults.append(Fault("amount-mismatch", detail, f"{pointer}/amount"))
        return None
    return amount


def stated(value: Decimal | None, unit: Currency, pointer: str, faults: list[Fault]) -> int | None:
    """An amount as the client gave it, in minor units; None if there is none, or with a fault added.

    Codes: `too-many-decimals`, `amount-too-large`.
    """
    if value is None:
        return None
    try:
        return limited(to_minor(value, unit), pointer, faults)
    except TooManyDecimals:
        faults.append(Fault("too-many-decimals", f"{unit.code} has {unit.decimals} decimals.", pointer))
        return None


def limited(amount: int, pointer: str, faults: list[Fault]) -> int | None:
    """The amount itself, or None and the fault `amount-too-large` if it lies too far from zero."""
    if abs(amount) <= AMOUNT_LIMIT:
        return amount
    faults.append(Fault("amount-too-large", "An amount would pass 10^15 minor units.", pointer))
    return None
