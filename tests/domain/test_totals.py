"""Examples of the arithmetic, each beside the rule it shows; rules are numbered as in `billing_api.domain.totals`."""

from decimal import Decimal

import pytest

from billing_api.domain.exchange import convert_taxes
from billing_api.domain.money import currency, to_text
from billing_api.domain.totals import Document, calculate
from tests.domain.build import adjust, document, groups, line, tax, text

CASH = Decimal("0.05")
GST, QST = tax("5", name="GST"), tax("9.975", name="QST")

FIGURES = [
    # rule, document, expected figures
    (5, document(*[line("1", "241.67", "20")] * 50), {"tax_total": "2416.70"}),
    (5, document(line("1", "138.66", "19")), {"total": "165.01"}),
    (10, document(line("1", "300", GST, QST)), {"total": "344.93"}),
    (10, document(line("1", "140", GST, QST)), {"total": "160.97"}),
    (15, document(line("1", "8500", "19"), line("1", "-7500", "19")), {"total": "1190.00"}),
    (
        2,
        document(line("2.25", "64.22", "19", allowances=(adjust(percent="100"),))),
        {"subtotal": "0.00", "total": "0.00"},
    ),
    (4, document(line("3", "45", "21"), allowances=(adjust("60", rate="21"),)), {"total": "90.75"}),
    (8, document(line("3", "45", "21"), allowances=(adjust("60"),)), {"total": "90.75"}),
    (5, document(*[line("1", price, "20") for price in ("68.33", "68.33", "57.50", "85.00")]), {"total": "334.99"}),
    (1, document(line("1.5", "2.23", "19", allowances=(adjust(percent="10"),))), {"subtotal": "3.01"}),
    (
        8,
        document(line("1", "199.99", "19"), line("1", "45.50", "7"), allowances=(adjust(percent="3"),)),
        {"allowance_total": "7.36", "total": "278.08"},
    ),
    (
        9,
        document(line("1", "9.99", "19"), prices_include_tax=True),
        {"subtotal": "8.39", "tax_total": "1.60", "total": "9.99"},
    ),
    (
        9,
        document(
            *[line("1", "9.99", "19")] * 3,
            line("1", "9.00", "7"),
            prices_include_tax=True,
            allowances=(adjust("5.00"),),
        ),
        {"total": "33.97"},
    ),
    (
        9,
        document(line("1", "99.99", GST, QST), prices_include_tax=True),
        {"tax_total": "13.02", "subtotal": "86.97", "total": "99.99"},
    ),
    (
        11,
        document(line("3", "33.27", "8.1"), code="CHF", cash_rounding_increment=CASH),
        {
            "subtotal": "99.81",
            "tax_total": "8.08",
            "total": "107.89",
            "rounding_amount": "0.01",
            "payable_amount": "107.90",
        },
    ),
    (
        5,
        document(line("1.5", "333", "10"), line("2", "148", "8"), code="JPY"),
        {"subtotal": "796", "tax_total": "74", "total": "870"},
    ),
    (
        1,
        document(line("7", "0.1435", "5"), code="KWD"),
        {"subtotal": "1.005", "tax_total": "0.050", "total": "1.055"},
    ),
    (5, document(line("1", "-2.50", "7")), {"tax_total": "-0.18"}),
    (
        8,
        document(
            line("3", "33.33", "19", allowances=(adjust(percent="10"),)),
            line("1", "50.00", "19"),
            allowances=(adjust("20.00"),),
        ),
        {"total_without_tax": "119.99", "tax_total": "22.80", "total": "142.79"},
    ),
    (5, document(line("100", "0.03", "19")), {"subtotal": "3.00", "tax_total": "0.57"}),
    (
        6,
        document(line("1", "100", "19"), prepaid_amount=Decimal("19.00"), rounding_amount=Decimal("-0.02")),
        {"total": "119.00", "prepaid_amount": "19.00", "rounding_amount": "-0.02", "payable_amount": "99.98"},
    ),
    (
        11,
        document(line("-1", "1.025", "19"), cash_rounding_increment=CASH),
        {"total": "-1.23", "rounding_amount": "-0.02"},
    ),
    (1, document(), {"subtotal": "0.00", "total": "0.00", "payable_amount": "0.00"}),
    (1, document(line("2", "5")), {"subtotal": "10.00", "tax_total": "0.00", "total": "10.00"}),
    (1, document(line("1000", "12.345", "19", base_quantity=Decimal(300))), {"subtotal": "41.15"}),
]


@pytest.mark.parametrize(("rule", "given", "expected"), FIGURES)
def test_the_figures_of_a_document(rule: int, given: Document, expected: dict[str, str]) -> None:
    totals = calculate(given)
    assert {member: text(totals, given, member) for member in expected} == expected, f"rule {rule}"


GROUPS = [
    (
        8,
        document(line("1", "199.99", "19"), line("1", "45.50", "7"), allowances=(adjust(percent="3"),)),
        ["19: 193.99 + 36.86", "7: 44.14 + 3.09"],
    ),
    # Groups of both signs share by their absolute sums: 3 % of 950.00 is 28.50, of which 27.14 and 1.36.
    (
        8,
        document(line("1", "1000", "19"), line("1", "-50", "7"), allowances=(adjust(percent="3"),)),
        ["19: 972.86 + 184.84", "7: -51.36 + -3.60"],
    ),
    (
        9,
        document(
            *[line("1", "9.99", "19")] * 3,
            line("1", "9.00", "7"),
            prices_include_tax=True,
            allowances=(adjust("5.00"),),
        ),
        ["19: 21.95 + 4.17", "7: 7.34 + 0.51"],
    ),
    (
        9,
        document(line("1", "99.99", QST, GST), prices_include_tax=True),
        ["5: 86.97 + 4.35", "9.975: 86.97 + 8.67"],
    ),
    (
        10,
        document(line("1", "10.50", tax("6.25", name="a"), tax("1", name="b"), tax("1", name="c"))),
        ["6.25: 10.50 + 0.66", "1: 10.50 + 0.11", "1: 10.50 + 0.11"],
    ),
    (10, document(line("1", "10.50", tax("8.25", components="6.25 1 1"))), ["8.25: 10.50 + 0.87"]),
    (
        5,
        document(line("1", "1", "19"), line("1", "1", "19.00"), line("1", "1", "7")),
        ["19: 2.00 + 0.38", "7: 1.00 + 0.07"],
    ),
    (
        7,
        document(line("1", "1", tax(None, "O")), line("1", "2", tax(None, "E"))),
        ["0: 2.00 + 0.00", "None: 1.00 + 0.00"],
    ),
    (4, document(line("1", "1", "19"), charges=(adjust("5", rate="7"),)), ["19: 1.00 + 0.19", "7: 5.00 + 0.35"]),
    (
        2,
        document(line("1", "50", "19"), line("1", "10", "7"), charges=(adjust(percent="10", rate="7"),)),
        ["19: 50.00 + 9.50", "7: 11.00 + 0.77"],
    ),
    # Taxes that stand on the same lines share one part of a discount without a category: both are charged on 90.00.
    (10, document(line("1", "100", GST, QST), allowances=(adjust("10"),)), ["5: 90.00 + 4.50", "9.975: 90.00 + 8.98"]),
]


@pytest.mark.parametrize(("rule", "given", "expected"), GROUPS)
def test_the_tax_groups_of_a_document(rule: int, given: Document, expected: list[str]) -> None:
    assert groups(calculate(given), given) == expected, f"rule {rule}"


def test_an_amount_without_category_shows_its_parts() -> None:
    given = document(line("1", "199.99", "19"), line("1", "45.50", "7"), allowances=(adjust(percent="3"),))
    allowance = calculate(given).allowances[0]
    assert allowance.amount == 736
    assert [part.amount for part in allowance.parts] == [600, 136]


def test_an_amount_that_includes_tax_shows_its_parts_with_and_without_it() -> None:
    lines = [line("1", "9.99", "19")] * 3 + [line("1", "9.00", "7")]
    totals = calculate(document(*lines, prices_include_tax=True, allowances=(adjust("5.00"),)))
    allowance = totals.allowances[0]
    assert [part.amount for part in allowance.parts] == [385, 115]
    assert [part.net for part in allowance.parts] == [324, 107]
    assert allowance.net == totals.allowance_total == 431
    assert [one.gross for one in totals.lines] == [999, 999, 999, 900]
    assert sum(one.net for one in totals.lines) - 431 == totals.total_without_tax


def test_a_combined_rate_is_rounded_once_and_shown_split() -> None:
    group = calculate(document(line("1", "10.50", tax("8.25", components="6.25 1 1")))).groups[0]
    assert [component.tax_amount for component in group.components] == [66, 11, 10]


def test_the_steps_of_a_line_are_shown() -> None:
    one = calculate(document(line("1.5", "2.23", "19", allowances=(adjust(percent="10"),)))).lines[0]
    assert (one.amount, one.allowance_amounts, one.allowance_total, one.net) == (335, (34,), 34, 301)
    assert one.gross is None


@pytest.mark.parametrize(
    ("unit", "gross", "discount", "expected"),
    [
        ("9.5", None, None, "9.5"),
        (None, "10", None, "10"),
        (None, "10", "0.5", "9.5"),
        ("9.5", "10", None, "9.5"),
        ("9.5", None, "0.5", "9.5"),
        ("9.50", "10", "0.5", "9.50"),
        ("-3", None, None, "-3"),
        (None, "0.12345678", "0.00000001", "0.12345677"),
        (None, "1" + "0" * 40, "0.00000001", "9" * 40 + ".99999999"),
    ],
)
def test_any_two_of_the_three_prices_give_the_third(
    unit: str | None, gross: str | None, discount: str | None, expected: str
) -> None:
    prices = {
        "gross_price": None if gross is None else Decimal(gross),
        "price_discount": None if discount is None else Decimal(discount),
    }
    one = calculate(document(line("0", unit, "19", **prices))).lines[0]
    assert str(one.unit_price) == expected


def test_a_tax_without_a_name_joins_the_only_group_of_its_rate() -> None:
    given = document(line("1", "100", tax("19", name="MwSt")), allowances=(adjust("10", rate="19"),))
    (group,) = calculate(given).groups
    assert (group.name, group.taxable_amount) == ("MwSt", 9000)


def test_tax_in_a_second_currency_is_rounded_once_on_the_total() -> None:
    totals = calculate(document(line("1", "1234.56", "20"), code="USD"))
    assert totals.tax_total == 24691
    taxes = [group.tax_amount for group in totals.groups]
    converted = convert_taxes(taxes, Decimal("0.7912"), currency("USD"), currency("GBP"))
    assert (to_text(converted.tax_total, 2), converted.group_taxes) == ("195.36", (19536,))


@pytest.mark.parametrize(
    ("taxes", "rate", "source", "target", "expected"),
    [
        ([100, 100, 100], "0.5", "EUR", "EUR", (50, 50, 50)),
        ([1, 1, 1], "0.5", "EUR", "EUR", (1, 1, 0)),
        ([-1, -1, -1], "0.5", "EUR", "EUR", (-1, -1, 0)),
        ([100, -50], "2", "EUR", "EUR", (200, -100)),
        ([50, -100], "2", "EUR", "EUR", (100, -200)),
        ([100], "150.25", "EUR", "JPY", (150,)),
        ([150], "0.002", "JPY", "KWD", (300,)),
        ([], "2", "EUR", "USD", ()),
    ],
)
def test_groups_share_the_converted_tax(
    taxes: list[int], rate: str, source: str, target: str, expected: tuple[int, ...]
) -> None:
    converted = convert_taxes(taxes, Decimal(rate), currency(source), currency(target))
    assert converted.group_taxes == expected
    assert sum(expected) == converted.tax_total
