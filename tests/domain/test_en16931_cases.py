"""Invoices that others published come out to the last digit."""

from decimal import Decimal
from typing import Any

import pytest

from billing_api.domain.money import to_minor
from billing_api.domain.tax import CATEGORIES
from billing_api.domain.totals import calculate
from billing_api.errors import Invalid
from tests.domain.en16931 import CASES_FILE, document_of, load

CASES = load()
pytestmark = pytest.mark.skipif(not CASES, reason=f"The published cases are not here: {CASES_FILE} is absent.")

OUTSIDE = {"SR", "ZR", "SE", "SA", "T", "LVG", "HVG", "NG", "AA", "TX", "NT"}
"""Tax codes of Singapore, Malaysia and Japan: no categories of EN 16931, and refused as such."""


def foreign_categories(case: dict[str, Any]) -> set[str]:
    entries = [*case["lines"], *case["document_allowances"], *case["document_charges"]]
    return {entry["tax_category"] for entry in entries} - set(CATEGORIES)


RIGHT = [case for case in CASES if case["core"] or not foreign_categories(case)]
REFUSED = [case for case in CASES if not case["core"] and foreign_categories(case)]


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case["id"])
def test_a_published_invoice_comes_out_as_published(case: dict[str, Any]) -> None:
    document = document_of(case)
    totals = calculate(document)

    def minor(text: str) -> int:
        return to_minor(Decimal(text), document.currency)

    expected = case["expected"]
    assert [line.net for line in totals.lines] == [minor(line["expected_line_net"]) for line in case["lines"]]
    assert totals.subtotal == minor(expected["sum_of_lines"])
    assert totals.allowance_total == minor(expected["allowances"])
    assert totals.charge_total == minor(expected["charges"])
    assert totals.total_without_tax == minor(expected["total_without_tax"])
    names = [f"{group.category}:{'' if group.rate is None else format(group.rate, 'f')}" for group in totals.groups]
    taxable = dict(zip(names, (group.taxable_amount for group in totals.groups), strict=True))
    taxes = dict(zip(names, (group.tax_amount for group in totals.groups), strict=True))
    assert taxable == {name: minor(text) for name, text in expected["taxable_by_group"].items()}
    assert taxes == {name: minor(text) for name, text in expected["tax_by_group"].items()}
    assert totals.tax_total == minor(expected["tax_total"])
    assert totals.total == minor(expected["total_with_tax"])
    assert totals.payable_amount == minor(expected["amount_due"])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_a_tax_category_outside_en16931_is_refused(case: dict[str, Any]) -> None:
    assert foreign_categories(case) <= OUTSIDE
    with pytest.raises(Invalid) as refusal:
        calculate(document_of(case))
    assert {fault.code for fault in refusal.value.faults} == {"not-a-choice"}


def test_every_core_case_is_tried() -> None:
    assert {case["id"] for case in CASES if case["core"]} <= {case["id"] for case in RIGHT}
    assert len(RIGHT) + len(REFUSED) == len(CASES)
