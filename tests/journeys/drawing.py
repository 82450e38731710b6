"""What a history may draw: bodies of invoices, amounts beside what is due, days around today."""

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from tests.journeys.figures import DECIMALS, major
from tests.journeys.things import today

RATES = ("19", "19", "7", "8.1", None)
CURRENCIES = ("EUR",) * 6 + ("JPY", "KWD")
SIGNS = (1,) * 8 + (-1, 0)
"""Of a line; and of the whole, but for 0."""
DAYS = (None,) * 6 + (0, -1, -2, 1)
"""Days from today; None leaves the date out."""
SHARES = (1, 7, 50, 99, 100, 100, 100, 100, 101, 150)
"""Percent of what is due, or there."""


def taxed(rate: str | None) -> dict[str, str]:
    return {"tax_category": "Z"} if rate is None else {"tax_category": "S", "tax_rate": rate}


@st.composite
def lines(draw: st.DrawFn, currency: str, of_all: int) -> dict[str, Any]:
    """A line of up to a few hundred, with or without an allowance."""
    sign = of_all * draw(st.sampled_from(SIGNS))
    off: list[dict[str, str]] = draw(
        st.sampled_from([[], [], [{"percent": "12.5"}], [{"amount": major(draw(st.integers(1, 99)), currency)}]])
    )
    return {
        "description": "Work",
        "quantity": f"{'-' * (sign < 0)}{_decimal(draw, 9, 2)}" if draw(st.booleans()) else str(sign),
        "unit_price": _decimal(draw, 300, draw(st.sampled_from([DECIMALS[currency], 4]))),
        "allowances": [{**one, "reason": "Loyalty"} for one in off],
        **taxed(draw(st.sampled_from(RATES))),
    }


def _decimal(draw: st.DrawFn, most: int, places: int) -> str:
    whole = str(draw(st.integers(1, most)))
    return f"{whole}.{draw(st.integers(0, 10**places - 1)):0{places}}" if places else whole


@st.composite
def bodies(draw: st.DrawFn, customers: list[str]) -> dict[str, Any]:
    """Whatever an invoice may say that changes its figures or its day."""
    currency = draw(st.sampled_from(CURRENCIES))
    sign = draw(st.sampled_from([1] * 6 + [-1]))
    items = draw(st.lists(lines(currency, sign), min_size=draw(st.sampled_from([0, 1, 1, 1, 1, 1, 1])), max_size=3))
    days = draw(st.sampled_from(DAYS))
    off = [
        {
            "amount": major(draw(st.integers(1, 500)), currency),
            "reason": "Loyalty",
            **taxed(draw(st.sampled_from(RATES))),
        }
    ]
    return {
        "customer_id": draw(st.sampled_from(customers)),
        "currency": currency,
        "issue_date": None if days is None else (today() + dt.timedelta(days)).isoformat(),
        "prices_include_tax": draw(st.booleans()),
        "lines": items,
        "allowances": off if items and draw(st.integers(0, 4)) == 4 else [],
        "prepaid_amount": major(draw(st.sampled_from([0, 0, 0, 0, 250])), currency),
    }


def days() -> st.SearchStrategy[dt.date | None]:
    """A date of payment or of issue."""
    return st.sampled_from(DAYS).map(lambda days: None if days is None else today() + dt.timedelta(days))


def amounts(of: int) -> st.SearchStrategy[int]:
    """An amount above zero: some, all, or more than there is."""
    return st.sampled_from(SHARES).map(lambda percent: max(1, of * percent // 100 + (percent > 100)))
