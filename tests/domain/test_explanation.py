"""Every step of an explanation follows from its own inputs, and the steps end at the figures of the document."""

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_api.domain.calculation_rules import FUNCTIONS, RULES
from billing_api.domain.exchange import convert_taxes
from billing_api.domain.explanation import explain, explain_due, explain_exchange
from billing_api.domain.money import currency, to_text
from billing_api.domain.steps import Step
from billing_api.domain.totals import Document, Totals, calculate
from tests.domain.build import adjust, document, line, tax
from tests.domain.strategies import documents
from tests.domain.test_totals import FIGURES, GROUPS
from tests.recomputing import faults, recomputed, results

CASES = 5_000 if os.environ.get("STRESS") else 1_000


def shown(step: Step) -> dict[str, Any]:
    return {name: getattr(step, name) for name in ("rule", "formula", "inputs", "pointer", "result", "currency")}


def steps_of(given: Document) -> list[dict[str, Any]]:
    return [shown(step) for step in explain(given, calculate(given))]


def figures(totals: Totals, of: Document) -> Iterator[tuple[str, int]]:
    """Every figure that an invoice shows, in minor units, with its pointer."""
    for name in ("subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total"):
        yield f"/{name}", getattr(totals, name)
    yield "/rounding_amount", totals.rounding_amount
    yield "/payable_amount", totals.payable_amount
    for index, one in enumerate(totals.lines):
        for name in ("amount", "allowance_total", "charge_total", "net", "gross"):
            if getattr(one, name) is not None:
                yield f"/lines/{index}/{name}", getattr(one, name)
        for name, amounts in (("allowances", one.allowance_amounts), ("charges", one.charge_amounts)):
            yield from ((f"/lines/{index}/{name}/{at}/amount", amount) for at, amount in enumerate(amounts))
    for name, several in (("allowances", totals.allowances), ("charges", totals.charges)):
        yield from ((f"/{name}/{index}/amount", placed.amount) for index, placed in enumerate(several))
    for index, group in enumerate(totals.groups):
        yield f"/tax_breakdown/{index}/taxable_amount", group.taxable_amount
        yield f"/tax_breakdown/{index}/tax_amount", group.tax_amount
        for at, component in enumerate(group.components):
            yield f"/tax_breakdown/{index}/components/{at}/tax_amount", component.tax_amount


GIVEN_OR_NOTHING = re.compile(r"/rounding_amount|.*/(allowance|charge)_total")
"""Figures without a step of their own where they were given, or where there is nothing to add up."""


def holds(of: Document) -> None:
    """The steps of a document give each of its figures, and each follows from what stood before."""
    totals = calculate(of)
    steps = [shown(step) for step in explain(of, totals)]
    assert faults(steps) == []
    found = dict(results(steps))
    assert len(found) == len(list(results(steps))), "a figure was explained twice"
    for pointer, amount in figures(totals, of):
        if pointer in found:
            assert found[pointer] == to_text(amount, of.currency.decimals), pointer
        else:
            assert GIVEN_OR_NOTHING.fullmatch(pointer), pointer
            assert amount == 0 or (pointer == "/rounding_amount" and of.rounding_amount is not None)
    follow(steps, of)


def follow(steps: list[dict[str, Any]], of: Document) -> None:
    """Amounts come from steps before, from zero, or from the client's own body."""
    own = [of.prepaid_amount, of.rounding_amount, of.cash_rounding_increment]
    adjustments = [
        *of.allowances,
        *of.charges,
        *(one for line in of.lines for one in (*line.allowances, *line.charges)),
    ]
    own += [value for one in adjustments for value in (one.amount, one.base_amount)]
    known = {f"{value:.{of.currency.decimals}f}" for value in own if value is not None}
    known.add(to_text(0, of.currency.decimals))
    free = {"quantity", "unit_price", "base_quantity", "gross_price", "price_discount", "percent", "rate", "rates"}
    for step in steps:
        for name, value in step["inputs"].items():
            if name not in free | {"taxes", "of", "sign"}:
                for one in [value] if isinstance(value, str) else value:
                    assert one.removeprefix("-") in known or one in known, (step, one)
        given = step["result"]
        known |= {one.removeprefix("-") for one in ([given] if isinstance(given, str) else given)}


@pytest.mark.parametrize("of", [given for _, given, _ in (*FIGURES, *GROUPS)])
def test_every_example_can_be_recomputed_from_its_explanation(of: Document) -> None:
    holds(of)


@settings(max_examples=120, deadline=None)
@given(st.one_of(documents(), documents(low=0)))
def test_every_document_can_be_recomputed_from_its_explanation(of: Document) -> None:
    holds(of)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=CASES, deadline=None)
@given(st.one_of(documents(most=12), documents(low=0, most=12)))
def test_very_many_documents_can_be_recomputed_from_their_explanations(of: Document) -> None:
    holds(of)


def test_the_steps_stand_in_the_order_in_which_they_are_computed() -> None:
    of = document(
        line("3", "33.33", "19", allowances=(adjust(percent="10"),)),
        line("1", None, "7", gross_price=Decimal("12"), price_discount=Decimal("2")),
        allowances=(adjust("20.00"), adjust(percent="5", rate="7")),
        charges=(adjust("1.00", rate="19"),),
        prepaid_amount=Decimal("10.00"),
        cash_rounding_increment=Decimal("0.05"),
    )
    assert [(step["rule"], step["result"]) for step in steps_of(of)] == [
        ("line-amount", "99.99"), ("percentage", "10.00"), ("line-allowances", "10.00"), ("line-net", "89.99"),
        ("line-price", "10.00"), ("line-amount", "10.00"), ("line-net", "10.00"),
        ("subtotal", "99.99"),
        ("lines-by-tax", "89.99"), ("lines-by-tax", "10.00"),
        ("amount-given", "20.00"), ("split-over-taxes", ("18.00", "2.00")),
        ("lines-of-tax", "10.00"), ("percentage", "0.50"),
        ("amount-given", "1.00"),
        ("taxable-amount", "72.99"), ("tax-amount", "13.87"), ("taxable-amount", "7.50"), ("tax-amount", "0.53"),
        ("allowance-total", "20.50"), ("charge-total", "1.00"), ("total-without-tax", "80.49"), ("tax-total", "14.40"),
        ("total", "94.89"), ("cash-rounding", "0.01"), ("payable-amount", "84.90"),
    ]  # fmt: skip


def test_a_price_with_tax_in_it_is_taken_apart_step_by_step() -> None:
    gst, qst = tax("5", name="GST"), tax("9.975", name="QST")
    of = document(line("1", "99.99", gst, qst), prices_include_tax=True)
    by_rule = {step["rule"]: step for step in steps_of(of)}
    assert by_rule["tax-within"]["inputs"] == {"gross": "99.99", "rate": "14.975"}
    assert by_rule["tax-within"]["result"] == "13.02"
    assert by_rule["tax-within-by-rate"]["result"] == ("4.35", "8.67")
    assert by_rule["tax-within-by-rate"]["inputs"]["taxes"] == ("S GST 5", "S QST 9.975")
    assert by_rule["shares-without-tax"]["pointer"] == ("/lines/0/net",)
    assert by_rule["shares-without-tax"]["inputs"]["of"] == ("/lines/0",)


def test_a_percentage_beside_an_amount_that_it_does_not_give_is_a_note() -> None:
    of = document(line("1", "100", "19", allowances=(adjust("9", percent="10"), adjust("10", percent="10"))))
    assert [step["rule"] for step in steps_of(of)[1:3]] == ["amount-given", "percentage"]


@settings(deadline=None)
@given(
    st.lists(st.integers(-(10**6), 10**6), max_size=5),
    st.integers(1, 10**7).map(lambda units: Decimal(f"{units}E-4")),
    st.sampled_from([("EUR", "USD"), ("JPY", "KWD"), ("KWD", "JPY")]),
)
def test_the_tax_in_another_currency_can_be_recomputed(taxes: list[int], rate: Decimal, codes: tuple[str, str]) -> None:
    source, target = (currency(code) for code in codes)
    converted = convert_taxes(taxes, rate, source, target)
    steps = [shown(step) for step in explain_exchange(taxes, sum(taxes), rate, source, converted)]
    assert faults(steps) == []
    assert dict(results(steps)) == {
        "/tax_total_in_tax_currency": to_text(converted.tax_total, target.decimals),
        **{
            f"/tax_breakdown/{at}/tax_amount_in_tax_currency": to_text(part, target.decimals)
            for at, part in enumerate(converted.group_taxes)
        },
    }


@pytest.mark.parametrize(
    ("status", "due", "rule", "result"), [("open", 700, "amount-due", "7.00"), ("void", 0, "nothing-due", "0.00")]
)
def test_what_is_due_is_explained_too(status: str, due: int, rule: str, result: str) -> None:
    step = shown(explain_due(currency("EUR"), status, due, 1000, 200, 100))
    assert (step["rule"], step["result"]) == (rule, result)
    assert faults([step]) == []


def test_every_rule_is_said_in_words_and_calls_only_functions_that_are_explained() -> None:
    for name, rule in RULES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert re.fullmatch(r"[A-Z].{10,}\.", rule.description), name
        assert set(re.findall(r"(\w+)\(", rule.formula)) <= FUNCTIONS.keys()


def test_a_wrong_result_is_found() -> None:
    right = {"rule": "x", "formula": "round(a / 3)", "inputs": {"a": "10.00"}, "result": "3.33", "currency": "EUR"}
    assert faults([right]) == []
    assert len(faults([{**right, "result": "3.34"}])) == 1
    assert recomputed("round(a)", {"a": "-0.005"}, "EUR") == -recomputed("round(a)", {"a": "0.005"}, "EUR")  # type: ignore[operator]  # a single number
