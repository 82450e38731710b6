"""Credits of an invoice: examples with their rule, and that any parts in any order end exact."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing_api.domain.creditable import Creditable, creditable
from billing_api.domain.credits import Credit, CreditCharge, CreditLine, InvoiceNotCreditable, credit, credit_rest
from billing_api.domain.totals import Document, calculate
from billing_api.errors import Invalid
from tests.domain.build import adjust, document, line, tax
from tests.domain.strategies import documents

D = Decimal
GST, QST = tax("5", name="GST"), tax("9.975", name="QST")


def issued(given: Document) -> Creditable:
    return creditable(given, calculate(given))


def one_by_one(state: Creditable, wishes: list[CreditLine]) -> tuple[list[Credit], Creditable]:
    done = []
    for wish in wishes:
        made, state = credit(state, [wish])
        done.append(made)
    return done, state


def part(at: int, quantity: str | None = None, amount: str | None = None) -> CreditLine:
    return CreditLine(
        line=at,
        quantity=None if quantity is None else D(quantity),
        amount=None if amount is None else D(amount),
    )


SHARED = document(
    line("3", "33.33", "19", allowances=(adjust(percent="10"),)),
    line("1", "50.00", "19"),
    allowances=(adjust("20.00"),),
)

EXAMPLES = [
    # given, wishes, (net, tax) of each credit
    (
        document(*[line("1", price, "20") for price in ("68.33", "68.33", "57.50", "85.00")]),
        [part(0), part(1), part(2), part(3)],
        [(6833, 1367), (6833, 1366), (5750, 1150), (8500, 1700)],
    ),
    (SHARED, [part(0, "1"), part(1), part(0, "2")], [(2571, 488), (4286, 815), (5142, 977)]),
    (document(line("3", "3.3333", "19")), [part(0, "1")] * 3, [(333, 63), (334, 64), (333, 63)]),
    (document(line("1", "10", "19")), [part(0, None, "2.50"), part(0, "1")], [(250, 48), (750, 142)]),
    (document(line("4", "10", "19")), [part(0, None, "20"), part(0, "1")], [(2000, 380), (500, 95)]),
    (document(line("-2", "10", "19")), [part(0, "-1"), part(0, None, "-10")], [(-1000, -190), (-1000, -190)]),
]


@pytest.mark.parametrize(("given_document", "wishes", "expected"), EXAMPLES)
def test_credits_of_parts_come_out_as_on_the_invoice(
    given_document: Document, wishes: list[CreditLine], expected: list[tuple[int, int]]
) -> None:
    done, _ = one_by_one(issued(given_document), wishes)
    assert [(made.total_without_tax, made.tax_total) for made in done] == expected


def test_a_hundred_small_credits_end_exact() -> None:
    done, state = one_by_one(issued(document(*[line("1", "0.03", "19")] * 100)), [part(at) for at in range(100)])
    assert {made.tax_total for made in done} == {0, 1}
    assert sum(made.total for made in done) == 357
    with pytest.raises(InvoiceNotCreditable):
        credit_rest(state)


def test_prices_that_include_tax_are_credited_including_it() -> None:
    state = issued(document(line("3", "9.99", "19"), line("1", "9.00", "7"), prices_include_tax=True))
    done, state = one_by_one(state, [part(0, "1"), part(1), part(0, "1"), part(0, "1")])
    assert [made.total for made in done] == [999, 900, 999, 999]
    assert [made.tax_total for made in done] == [160, 59, 159, 160]
    assert [made.lines[0].net for made in done] == [839, 841, 840, 839]


def test_a_charge_in_a_group_without_lines_is_credited_by_itself() -> None:
    state = issued(document(line("1", "10", "19"), charges=(adjust("5", rate="7"),)))
    assert [(one.kind, one.position, one.remaining_amount) for one in state.charges] == [("charge", 0, 500)]
    made, state = credit(state, [], [CreditCharge(charge=0, amount=D(2))])
    assert [(group.taxable_amount, group.tax_amount) for group in made.groups] == [(200, 14)]
    made, state = credit(state, [part(0)], [CreditCharge(charge=0)])
    assert (made.total, state.total_credited) == (1190 + 321, state.total)


def test_the_rounding_returns_with_the_last_credit() -> None:
    given_document = document(line("3", "33.27", "8.1"), code="CHF", cash_rounding_increment=D("0.05"))
    first, state = credit(issued(given_document), [part(0, "1")])
    last, _ = credit_rest(state)
    assert (first.rounding_amount, last.rounding_amount) == (0, 1)
    assert first.payable_amount + last.payable_amount == calculate(given_document).payable_amount


def test_rounding_downwards_never_makes_a_credit_negative() -> None:
    given_document = document(line("1", "1.00", tax(None, "Z")), rounding_amount=D("-0.10"))
    done, _ = one_by_one(issued(given_document), [part(0, None, "0.95"), part(0)])
    assert [made.payable_amount for made in done] == [90, 0]


def test_a_discount_line_cannot_be_left_behind() -> None:
    state = issued(document(line("1", "100", "19"), line("1", "-10", "19")))
    assert codes(state, [part(0)]) == [("credit-exceeds-invoice", "/lines")]
    assert codes(state, [part(1)]) == [("credit-reverses-sign", "/lines")]
    assert credit(state, [part(0), part(1)])[0].total == 10710


def test_a_negative_group_cannot_be_left_behind() -> None:
    state = issued(document(line("1", "100", "19"), line("1", "-50", "7")))
    assert codes(state, [part(0)]) == [("credit-exceeds-invoice", "/lines")]
    assert codes(state, [part(1)]) == [("credit-reverses-sign", "/lines")]
    assert credit_rest(state)[0].total == 11900 - 5350


def codes(state: Creditable, lines: list[CreditLine], charges: tuple[CreditCharge, ...] = ()) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refusal:
        credit(state, lines, charges)
    return [(fault.code, fault.pointer or "") for fault in refusal.value.faults]


REFUSED = [
    ([part(7)], "credit-line-unknown", "/lines/0"),
    ([part(-1)], "credit-line-unknown", "/lines/0"),
    ([part(0, "1"), part(0, "1")], "credit-line-twice", "/lines/1"),
    ([part(0, "1", "1")], "quantity-and-amount", "/lines/0/net_amount"),
    ([part(0, "4")], "quantity-exceeds-remaining", "/lines/0/quantity"),
    ([part(0, "0")], "quantity-not-creditable", "/lines/0/quantity"),
    ([part(0, "-1")], "quantity-not-creditable", "/lines/0/quantity"),
    ([part(0, None, "30.01")], "amount-exceeds-remaining", "/lines/0/net_amount"),
    ([part(0, None, "0")], "amount-not-creditable", "/lines/0/net_amount"),
    ([part(0, None, "-1")], "amount-not-creditable", "/lines/0/net_amount"),
    ([part(0, None, "0.001")], "too-many-decimals", "/lines/0/net_amount"),
]


@pytest.mark.parametrize(("wishes", "code", "pointer"), REFUSED)
def test_a_credit_that_breaks_a_rule_is_refused(wishes: list[CreditLine], code: str, pointer: str) -> None:
    assert codes(issued(document(line("3", "10", "19"))), wishes) == [(code, pointer)]


def test_an_unknown_charge_is_refused() -> None:
    state = issued(document(line("3", "10", "19"), charges=(adjust("5", rate="7"),)))
    assert codes(state, [], (CreditCharge(charge=1),)) == [("credit-charge-unknown", "/charges/0")]
    assert codes(state, [], (CreditCharge(charge=0),) * 2) == [("credit-charge-twice", "/charges/1")]


OUT_OF_BOUNDS = {"credit-exceeds-invoice", "credit-reverses-sign"}


def check_credits(data: st.DataObject, given_document: Document, steps: int, *, refusals: bool = True) -> None:
    """Random credits, then the rest: every group, quantity and total ends exact, and no step leaves its bounds."""
    totals = calculate(given_document)
    state = creditable(given_document, totals)
    done = []
    for _ in range(steps):
        wish = draw_wish(data, state)
        if wish is None:
            continue
        try:
            made, state = credit(state, [wish])
        except Invalid as refusal:
            # A part that would leave the bounds of a mixed invoice is refused; an ordinary one has no such part.
            if not refusals or {fault.code for fault in refusal.faults} - OUT_OF_BOUNDS:
                raise
            continue
        done.append(made)
    with suppress(InvoiceNotCreditable):
        made, state = credit_rest(state)
        done.append(made)
    sign = -1 if totals.total < 0 else 1
    assert all(sign * made.total >= 0 for made in done)
    if sign * (totals.total + totals.rounding_amount) >= 0:
        assert all(sign * made.payable_amount >= 0 for made in done)
    assert sum(made.total for made in done) == totals.total
    assert sum(made.total_without_tax for made in done) == totals.total_without_tax
    assert sum(made.rounding_amount for made in done) == totals.rounding_amount
    assert not any(one.remaining_quantity or one.remaining_amount for one in state.lines)
    check_credited_groups(given_document, done, state)


def check_credited_groups(given_document: Document, done: list[Credit], state: Creditable) -> None:
    for group in calculate(given_document).groups:
        own = [
            one
            for made in done
            for one in made.groups
            if (one.category, one.name, one.rate) == (group.category, group.name, group.rate)
        ]
        assert sum(one.taxable_amount for one in own) == group.taxable_amount
        assert sum(one.tax_amount for one in own) == group.tax_amount
        for at, component in enumerate(group.components):
            assert sum(one.components[at].tax_amount for one in own) == component.tax_amount
        if len({group.tax_amount >= 0, *(pool.amount >= 0 for pool in state.pools)}) == 1:
            sign = 1 if group.tax_amount >= 0 else -1
            assert all(sign * one.tax_amount >= 0 and sign * one.taxable_amount >= 0 for one in own)
    for made in done:
        nets = [line.net for line in made.lines] + [charge.net for charge in made.charges]
        assert sum(nets) == made.total_without_tax
        assert made.tax_total == sum(group.tax_amount for group in made.groups)


def draw_wish(data: st.DataObject, state: Creditable) -> CreditLine | None:
    at = data.draw(st.integers(0, len(state.lines) - 1))
    one = state.lines[at]
    if data.draw(st.booleans()) and one.remaining_quantity:
        share = data.draw(st.sampled_from([1, 2, 3, 4]))
        return CreditLine(line=at, quantity=one.remaining_quantity * share / 4)
    if not one.remaining_amount:
        return None
    units = data.draw(st.integers(1, abs(one.remaining_amount))) * (1 if one.remaining_amount > 0 else -1)
    return CreditLine(line=at, amount=D(f"{units}E-{state.currency.decimals}"))


@settings(max_examples=200, deadline=None)
@given(st.data(), documents(low=0))
def test_credits_of_an_ordinary_invoice_end_exact_in_any_order(data: st.DataObject, given_document: Document) -> None:
    check_credits(data, given_document, 5, refusals=False)


@settings(max_examples=200, deadline=None)
@given(st.data(), documents())
def test_credits_of_any_invoice_end_exact_in_any_order(data: st.DataObject, given_document: Document) -> None:
    check_credits(data, given_document, 5)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=1000, deadline=None)
@given(st.data(), documents(low=0, high=10**5, most=12) | documents(low=-(10**3), high=10**5, most=12))
def test_many_credits_of_large_invoices_end_exact(data: st.DataObject, given_document: Document) -> None:
    check_credits(data, given_document, 25)
