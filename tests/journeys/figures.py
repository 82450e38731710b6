"""What an invoice comes to, computed from its body a second time, in fractions."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

DECIMALS = {"EUR": 2, "JPY": 0, "KWD": 3}


@dataclass(frozen=True)
class Figures:
    """The sums of a document, in minor units."""

    tax: int
    total: int
    payable: int


def nearest(value: Fraction) -> int:
    """The nearest whole number; halves go away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value > 0 else -whole


def minor(text: str, currency: str) -> int:
    """An amount in minor units."""
    return int(Fraction(text) * 10 ** DECIMALS[currency])


def major(amount: int, currency: str) -> str:
    """An amount as the service writes it."""
    places = DECIMALS[currency]
    digits = str(abs(amount)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if amount < 0 else text


def figures(body: dict[str, Any]) -> Figures:
    """Lines, allowances, one tax for each rate, and what was paid before."""
    currency = body["currency"]
    groups = Counter[Fraction]()
    for line in body["lines"]:
        amount = nearest(Fraction(line["quantity"]) * Fraction(line["unit_price"]) * 10 ** DECIMALS[currency])
        off = sum(_off(one, amount, currency) for one in line["allowances"])
        groups[Fraction(line.get("tax_rate", 0))] += amount - off
    for one in body["allowances"]:
        groups[Fraction(one.get("tax_rate", 0))] -= minor(one["amount"], currency)
    if body["prices_include_tax"]:
        tax = sum(nearest(sum_ * rate / (100 + rate)) for rate, sum_ in groups.items())
        total = groups.total()
    else:
        tax = sum(nearest(sum_ * rate / 100) for rate, sum_ in groups.items())
        total = groups.total() + tax
    return Figures(tax, total, total - minor(body["prepaid_amount"] or "0", currency))


def _off(allowance: dict[str, str], amount: int, currency: str) -> int:
    if "percent" in allowance:
        return nearest(amount * Fraction(allowance["percent"]) / 100)
    return minor(allowance["amount"], currency)
