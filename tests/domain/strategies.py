"""Documents of every kind for properties: several taxes, negative lines, allowances, charges, prices with tax."""

from decimal import Decimal

from hypothesis import strategies as st

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.lines import Line
from billing_api.domain.money import currency
from billing_api.domain.tax import Component, Tax
from billing_api.domain.totals import Document

SINGLE = [
    (Tax(category="S", rate=Decimal(19)),),
    (Tax(category="S", rate=Decimal(7)),),
    (Tax(category="S", rate=Decimal("8.1")),),
    (Tax(category="Z"),),
    (Tax(category="O"),),
]
COUNTY = Component(name="county", rate=Decimal(1))
COMBINED = Tax(
    category="S",
    rate=Decimal("8.25"),
    name="sales",
    components=(Component(name="state", rate=Decimal("6.25")), COUNTY, COUNTY),
)
GST, QST = Tax(category="S", rate=Decimal(5), name="GST"), Tax(category="S", rate=Decimal("9.975"), name="QST")
TAXES = st.sampled_from([*SINGLE, (COMBINED,), (GST, QST), (GST,)])
UNITS = st.sampled_from([currency(code) for code in ("EUR", "JPY", "KWD")])


def decimals(places: int, low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low * 10**places, high * 10**places).map(lambda units: Decimal(f"{units}E-{places}"))


@st.composite
def adjustments(draw: st.DrawFn, unit_decimals: int, taxes: st.SearchStrategy[Tax | None], low: int) -> Adjustment:
    tax = draw(taxes)
    if draw(st.booleans()):
        return Adjustment(amount=draw(decimals(unit_decimals, low, 9)), tax=tax)
    return Adjustment(percent=draw(decimals(2, low, 12)), tax=tax)


@st.composite
def lines(draw: st.DrawFn, unit_decimals: int, low: int, high: int) -> Line:
    own = st.lists(adjustments(unit_decimals, st.none(), low), max_size=2).map(tuple)
    return Line(
        quantity=draw(st.one_of(st.integers(low, 12).map(Decimal), decimals(3, low, 12))),
        unit_price=draw(st.one_of(decimals(2, 0, high), decimals(4, 0, high))),
        base_quantity=Decimal(draw(st.sampled_from([1, 1, 1, 3, 100]))),
        allowances=draw(own) if low else (),
        charges=draw(own),
        taxes=draw(TAXES),
    )


@st.composite
def documents(draw: st.DrawFn, low: int = -9, high: int = 300, most: int = 6) -> Document:
    """With `low` at 0 nothing is negative and at most a few percent are allowed off, as on an ordinary invoice."""
    unit = draw(UNITS)
    # A category-less adjustment on groups of both signs is refused, so mixed documents always name a category.
    named = st.sampled_from([taxes[0] for taxes in SINGLE] + [COMBINED])
    taxes = named if low else st.one_of(st.none(), named)
    adjusted = st.lists(adjustments(unit.decimals, taxes, low), max_size=2).map(tuple)
    positions = draw(st.lists(lines(unit.decimals, low, high), min_size=1, max_size=most))
    priced = any(line.quantity * (line.unit_price or 0) >= line.base_quantity for line in positions)
    charges = draw(adjusted)
    discount = (Adjustment(percent=draw(decimals(2, 0, 12))),) if priced else ()
    return Document(
        currency=unit,
        lines=tuple(positions),
        allowances=draw(adjusted) if low else discount,
        charges=charges if low or priced else (),
        prices_include_tax=draw(st.booleans()),
        prepaid_amount=draw(st.none() | decimals(unit.decimals, low, 9)),
        cash_rounding_increment=draw(st.sampled_from([None, Decimal(5)])),
    )
