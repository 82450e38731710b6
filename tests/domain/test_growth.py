"""What the size of a document costs: as much for each of its lines as for the one before, also where every line has
taxes, allowances and charges of its own."""

from collections.abc import Callable
from functools import partial

import pytest

from billing_api.domain.creditable import creditable
from billing_api.domain.credits import credit_rest
from billing_api.domain.explanation import explain
from billing_api.domain.totals import Document, Totals, calculate
from tests.domain.build import adjust, document, line, tax
from tests.work import steps

CALLS: dict[str, Callable[[Document, Totals], Callable[[], object]]] = {
    "calculate": lambda given, _: partial(calculate, given),
    "creditable": lambda given, totals: partial(creditable, given, totals),
    "credit": lambda given, totals: partial(credit_rest, creditable(given, totals)),
    "explain": lambda given, totals: lambda: list(explain(given, totals)),
}


def of_own_taxes(lines: int, includes_tax: bool) -> Document:
    """Every line has three taxes that no other line has; allowances and charges fall upon all of them."""
    rows = [line("1", "100", *(tax(f"1.{3 * at + one:04}") for one in range(3))) for at in range(lines)]
    return document(*rows, prices_include_tax=includes_tax, allowances=(adjust("9"),) * 3, charges=(adjust("8"),) * 3)


@pytest.mark.parametrize("includes_tax", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_twice_the_taxes_are_twice_the_work(name: str, includes_tax: bool) -> None:
    def work(lines: int) -> int:
        given = of_own_taxes(lines, includes_tax)
        return steps(CALLS[name](given, calculate(given)))

    once, twice = work(100), work(200)
    assert 1.8 * once < twice < 2.2 * once
