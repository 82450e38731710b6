"""What holds for every document whatever its figures."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing_api.domain.adjustments import Adjustment
from billing_api.domain.money import AMOUNT_LIMIT, add, apportion, rounded, split, subtract, trimmed
from billing_api.domain.totals import Document, Totals, calculate
from billing_api.errors import Invalid
from tests.domain.strategies import documents

QUICK = settings(max_examples=150, deadline=None)
MANY = settings(max_examples=1000, deadline=None)


def check_sums(document: Document, totals: Totals) -> None:
    """EN 16931 BR-CO-10 to BR-CO-16, and that every part adds up to its whole."""
    assert totals.subtotal == sum(line.net for line in totals.lines)  # BR-CO-10
    assert totals.allowance_total == sum(entry.net for entry in totals.allowances)  # BR-CO-11
    assert totals.charge_total == sum(entry.net for entry in totals.charges)  # BR-CO-12
    without_tax = totals.subtotal - totals.allowance_total + totals.charge_total
    assert totals.total_without_tax == without_tax  # BR-CO-13
    assert totals.tax_total == sum(group.tax_amount for group in totals.groups)  # BR-CO-14
    assert totals.total == totals.total_without_tax + totals.tax_total  # BR-CO-15
    payable = totals.total - totals.prepaid_amount + totals.rounding_amount
    assert totals.payable_amount == payable  # BR-CO-16
    for entry in (*totals.allowances, *totals.charges):
        assert entry.amount == sum(part.amount for part in entry.parts)
        assert entry.net == sum(part.net for part in entry.parts)
    for group in totals.groups:
        assert not group.components or group.tax_amount == sum(part.tax_amount for part in group.components)
    check_groups(document, totals)


def check_groups(document: Document, totals: Totals) -> None:
    for group in totals.groups:
        own = (group.category, group.name, group.rate)
        taxable = sum(line.net for line in totals.lines if own in names(line.taxes))
        for sign, entries in ((-1, totals.allowances), (1, totals.charges)):
            taxable += sign * sum(part.net for entry in entries for part in entry.parts if own in names(part.taxes))
        assert group.taxable_amount == taxable
        if not document.prices_include_tax:
            exact = Fraction(taxable) * Fraction(group.rate or 0) / 100
            assert abs(group.tax_amount - exact) <= Fraction(1, 2)  # BR-CO-17
    if document.prices_include_tax:
        gross = sum(line.gross or 0 for line in totals.lines)
        gross += sum(entry.amount for entry in totals.charges) - sum(entry.amount for entry in totals.allowances)
        assert totals.total == gross


def names(taxes: Iterable[Any]) -> list[tuple[str, str | None, Decimal | None]]:
    return [(one.category, one.name, one.rate) for one in taxes]


def check_order(document: Document, order: list[int]) -> None:
    """The lines in another order give the same figures (rule 8), but for which line of a group gets a spare unit."""
    moved = replace(document, lines=tuple(document.lines[at] for at in order))
    before, after = calculate(document), calculate(moved)
    empty: dict[str, Any] = {"lines": (), "allowances": (), "charges": (), "subtotal": 0}
    empty |= {"allowance_total": 0, "charge_total": 0}
    assert replace(before, **empty) == replace(after, **empty)
    if not document.prices_include_tax:
        assert replace(before, lines=()) == replace(after, lines=())
        assert [before.lines[at] for at in order] == list(after.lines)


def mirrored(document: Document) -> Document:
    return replace(
        document,
        lines=tuple(
            replace(
                line,
                quantity=line.quantity.copy_negate(),
                allowances=tuple(negated(entry) for entry in line.allowances),
                charges=tuple(negated(entry) for entry in line.charges),
            )
            for line in document.lines
        ),
        allowances=tuple(negated(entry) for entry in document.allowances),
        charges=tuple(negated(entry) for entry in document.charges),
        prepaid_amount=negative(document.prepaid_amount),
    )


def negated(entry: Adjustment) -> Adjustment:
    return replace(entry, amount=negative(entry.amount), base_amount=negative(entry.base_amount))


def negative(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.copy_negate()


def amounts(value: Any, sign: int) -> Any:
    """All whole numbers of a result, in their places, times a sign; whatever else it holds is left out."""
    if isinstance(value, int):
        return sign * value
    if isinstance(value, tuple):
        return [amounts(one, sign) for one in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return [amounts(getattr(value, name), sign) for name in type(value).__dataclass_fields__]
    return None


def check_mirror(document: Document) -> None:
    assert amounts(calculate(document), -1) == amounts(calculate(mirrored(document)), 1)


@QUICK
@given(documents())
def test_every_sum_is_the_sum_of_its_parts(document: Document) -> None:
    check_sums(document, calculate(document))


@QUICK
@given(documents(low=0))
def test_every_sum_of_an_ordinary_invoice_is_the_sum_of_its_parts(document: Document) -> None:
    totals = calculate(document)
    check_sums(document, totals)
    assert all(line.net >= 0 for line in totals.lines)
    assert all(group.tax_amount >= 0 and group.taxable_amount >= 0 for group in totals.groups)


@QUICK
@given(st.data(), documents() | documents(low=0))
def test_the_order_of_lines_does_not_matter(data: st.DataObject, document: Document) -> None:
    check_order(document, data.draw(st.permutations(range(len(document.lines)))))


@QUICK
@given(documents() | documents(low=0))
def test_the_mirrored_document_has_mirrored_figures(document: Document) -> None:
    check_mirror(document)


@pytest.mark.slow
@pytest.mark.timeout(600)
@MANY
@given(st.data(), documents(low=-(10**4), high=10**6, most=30) | documents(low=0, high=10**6, most=30))
def test_large_documents_keep_every_invariant(data: st.DataObject, document: Document) -> None:
    try:
        totals = calculate(document)
    except Invalid as refusal:
        if {fault.code for fault in refusal.faults} != {"amount-too-large"}:
            raise
        return
    check_sums(document, totals)
    check_mirror(document)
    check_order(document, data.draw(st.permutations(range(len(document.lines)))))


WEIGHTS = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=12).filter(any)
AMOUNTS = st.integers(-AMOUNT_LIMIT, AMOUNT_LIMIT)


@given(AMOUNTS, WEIGHTS)
def test_a_split_loses_nothing_and_stays_next_to_its_shares(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    assert sum(parts) == amount
    assert split(-amount, weights) == tuple(-part for part in parts)
    total = sum(abs(weight) for weight in weights)
    assert all(abs(part * total - amount * abs(weight)) < total for part, weight in zip(parts, weights, strict=True))


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=5), st.integers(1, 10**6))
def test_apportioned_parts_sum_to_the_total(total: int, numerators: list[int], denominator: int) -> None:
    assert sum(apportion(total, numerators, denominator)) == total


@given(st.integers(), st.integers().filter(bool))
@example(1, 2)
@example(-5, 2)
def test_rounding_goes_to_the_nearest_and_halves_go_away_from_zero(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    result = rounded(numerator, denominator)
    assert abs(result - exact) <= Fraction(1, 2)
    assert abs(result - exact) != Fraction(1, 2) or abs(result) > abs(exact)
    assert rounded(-numerator, denominator) == -result


FINITE = st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**40), max_value=10**40)


@given(FINITE, FINITE)
def test_decimals_add_exactly_beyond_any_precision(left: Decimal, right: Decimal) -> None:
    assert Fraction(add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(subtract(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(trimmed(left)) == Fraction(left)
