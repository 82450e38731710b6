"""Currencies, text, exact conversion and splitting, by example."""

import ast
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

import billing_api.domain.money
from billing_api.domain.money import (
    CURRENCY_CODES,
    Currency,
    TooManyDecimals,
    UnknownCurrency,
    WeightsSumToZero,
    add,
    amount_text,
    currency,
    percent_of,
    rounded,
    split,
    to_minor,
    to_text,
    trimmed,
)

DOMAIN = Path(billing_api.domain.money.__file__).parent


@pytest.mark.parametrize(("code", "decimals"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("HUF", 2), ("ISK", 0)])
def test_decimals_come_from_iso_4217(code: str, decimals: int) -> None:
    assert currency(code) == Currency(code=code, decimals=decimals)
    assert code in CURRENCY_CODES


@pytest.mark.parametrize("code", ["XAU", "XXX", "XTS", "XDR", "DEM", "eur", "", "EURO"])
def test_what_has_no_minor_unit_is_no_currency(code: str) -> None:
    assert code not in CURRENCY_CODES
    with pytest.raises(UnknownCurrency):
        currency(code)


@pytest.mark.parametrize(
    ("minor", "decimals", "expected"),
    [
        (119000, 2, "1190.00"),
        (-5, 2, "-0.05"),
        (1190, 0, "1190"),
        (1190, 3, "1.190"),
        (0, 2, "0.00"),
        (-7, 0, "-7"),
        (-119000, 2, "-1190.00"),
        (10**15, 2, "10000000000000.00"),
    ],
)
def test_amounts_are_written_with_exactly_the_decimals_of_the_currency(
    minor: int, decimals: int, expected: str
) -> None:
    assert to_text(minor, decimals) == expected
    assert to_minor(Decimal(expected), Currency(code="TST", decimals=decimals)) == minor


@pytest.mark.parametrize("amount", [1190.0, Decimal(1190), Decimal("1.19E+3")])
@pytest.mark.parametrize("code", ["EUR", "JPY"])
def test_nothing_but_a_whole_number_is_an_amount(amount: Any, code: str) -> None:
    """Also where the same whole number was asked for before, and is known."""
    assert amount_text(1190, code)
    with pytest.raises((TypeError, ValueError)):
        amount_text(amount, code)


def test_an_amount_is_never_rounded_on_the_way_in() -> None:
    assert to_minor(Decimal("1.500"), currency("EUR")) == 150
    assert to_minor(Decimal("1E+3"), currency("EUR")) == 100000
    for value, code in (("0.001", "EUR"), ("-0.5", "JPY"), ("1.0000000000000000000000000000000001", "EUR")):
        with pytest.raises(TooManyDecimals):
            to_minor(Decimal(value), currency(code))


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(1, 2, 1), (-1, 2, -1), (1, -2, -1), (3, 2, 2), (5, 2, 3), (-5, 2, -3), (49, 100, 0), (51, 100, 1), (0, 7, 0)],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, expected: int) -> None:
    assert rounded(numerator, denominator) == expected


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (736, [19999, 4550], (600, 136)),
        (500, [2997, 900], (385, 115)),
        (100, [1, 1, 1], (34, 33, 33)),
        (-100, [1, 1, 1], (-34, -33, -33)),
        (100, [-1, 1, -1], (34, 33, 33)),
        (87, [Decimal("6.25"), 1, Decimal("1.0")], (66, 11, 10)),
        (87, [Decimal("-6.25"), -1, 1], (66, 11, 10)),
        (2000, [8999, 5000], (1286, 714)),
        (5, [0, 1, 0], (0, 5, 0)),
        (0, [0, 0], (0, 0)),
        (0, [], ()),
    ],
)
def test_splitting_gives_spare_units_to_the_largest_fractions(
    amount: int, weights: list[int | Decimal], parts: tuple[int, ...]
) -> None:
    assert split(amount, weights) == parts


@pytest.mark.parametrize("weights", [[], [0], [0, Decimal(0)]])
def test_nothing_can_be_split_by_weights_of_zero(weights: list[int | Decimal]) -> None:
    with pytest.raises(WeightsSumToZero):
        split(1, weights)


def test_no_context_of_decimals_changes_a_figure() -> None:
    with localcontext() as context:
        context.prec = 1
        assert add(Decimal("123.45"), Decimal("0.006")) == Decimal("123.456")
        assert str(trimmed(Decimal("19.500"))) == "19.5"
        assert str(trimmed(Decimal("-0.00"))) == "0"
        assert str(trimmed(Decimal("1E+2"))) == "100"
        assert percent_of(123456789, Decimal("12.3456")) == 15241481
        assert to_minor(Decimal("123.45"), currency("EUR")) == 12345


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        add(Decimal("NaN"), Decimal(1))


def float_in(tree: ast.AST) -> list[str]:
    """Whatever could make a binary float: its name, a literal, true division, or a method that rounds by context."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: a division")
        elif isinstance(node, ast.Name) and node.id in {"float", "round", "complex"}:
            found.append(f"line {node.lineno}: {node.id}")
        elif isinstance(node, ast.Attribute) and node.attr in {"quantize", "normalize", "scaleb"}:
            if ast.unparse(node) == "unicodedata.normalize":
                # The one namesake: it normalizes text, and knows nothing of decimals.
                continue
            found.append(f"line {node.lineno}: {node.attr}")
    return found


@pytest.mark.parametrize("path", sorted(DOMAIN.glob("*.py")), ids=lambda path: path.name)
def test_no_float_is_anywhere_in_the_domain(path: Path) -> None:
    assert float_in(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "source", ["1.5", "a / b", "a /= b", "float(a)", "round(a)", "a.quantize(b)", "a.normalize()", "1e3"]
)
def test_a_float_would_be_found(source: str) -> None:
    assert float_in(ast.parse(source))
