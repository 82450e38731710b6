"""Short ways to write documents and to read figures, so that a table of examples stays a table."""

from decimal import Decimal
from typing import Any

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.lines import Line
from billing_api.domain.money import currency, to_text
from billing_api.domain.tax import Component, Tax
from billing_api.domain.totals import Document, Totals


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def tax(rate: str | None, category: str = "S", name: str | None = None, components: str = "") -> Tax:
    parts = tuple(Component(name=f"part {at}", rate=Decimal(part)) for at, part in enumerate(components.split()))
    return Tax(category=category, rate=number(rate), name=name, components=parts)


def adjust(
    amount: str | None = None, percent: str | None = None, base: str | None = None, rate: str | None = None
) -> Adjustment:
    return Adjustment(
        amount=number(amount),
        percent=number(percent),
        base_amount=number(base),
        tax=None if rate is None else tax(rate),
    )


def line(quantity: str, price: str | None, *rates: str | Tax, **members: Any) -> Line:
    taxes = tuple(one if isinstance(one, Tax) else tax(one) for one in rates)
    return Line(quantity=Decimal(quantity), unit_price=number(price), taxes=taxes, **members)


def document(*lines: Line, code: str = "EUR", **members: Any) -> Document:
    return Document(currency=currency(code), lines=lines, **members)


def text(totals: Totals, of: Document, member: str) -> str:
    return to_text(getattr(totals, member), of.currency.decimals)


def groups(totals: Totals, of: Document) -> list[str]:
    """Each group as "rate: taxable + tax"."""
    decimals = of.currency.decimals
    return [
        f"{group.rate}: {to_text(group.taxable_amount, decimals)} + {to_text(group.tax_amount, decimals)}"
        for group in totals.groups
    ]
