"""What is refused, under which code, and where its pointer points; all faults come at once."""

from decimal import Decimal

import pytest

from billing_api.domain.exchange import convert_taxes
from billing_api.domain.lines import Line
from billing_api.domain.money import currency
from billing_api.domain.totals import Document, calculate
from billing_api.errors import Invalid
from tests.domain.build import adjust, document, line, tax

D = Decimal
HUGE = "10000000000000.01"
MUCH = adjust("9000000000000")


def faults(given: Document) -> list[tuple[str, str | None]]:
    with pytest.raises(Invalid) as refusal:
        calculate(given)
    return [(fault.code, fault.pointer) for fault in refusal.value.faults]


LINES = [
    (line("1", None, "19"), "price-missing", "/unit_price"),
    (line("1", None, "19", price_discount=D(1)), "price-missing", "/unit_price"),
    (line("1", "9", "19", gross_price=D(10), price_discount=D(2)), "price-mismatch", "/unit_price"),
    (line("1", "11", "19", gross_price=D(10)), "price-mismatch", "/unit_price"),
    (line("1", "-1", "19", gross_price=D(10)), "price-mismatch", "/unit_price"),
    (line("1", None, "19", gross_price=D(10), price_discount=D(11)), "price-mismatch", "/price_discount"),
    (line("1", None, "19", gross_price=D(-10)), "price-mismatch", "/gross_price"),
    (line("1", "1", "19", base_quantity=D(0)), "base-quantity-not-positive", "/base_quantity"),
    (line("1", "1", "19", base_quantity=D(-1)), "base-quantity-not-positive", "/base_quantity"),
    (line("1", "1", "0"), "tax-rate-not-allowed", "/tax_rate"),
    (line("1", "1", "-1"), "tax-rate-not-allowed", "/tax_rate"),
    (line("1", "1", tax(None)), "tax-rate-required", "/tax_rate"),
    (line("1", "1", tax(None, "L")), "tax-rate-required", "/tax_rate"),
    (line("1", "1", tax("-1", "B")), "tax-rate-not-allowed", "/tax_rate"),
    (line("1", "1", tax("19", "Z")), "tax-rate-not-allowed", "/tax_rate"),
    (line("1", "1", tax("0", "O")), "tax-rate-not-allowed", "/tax_rate"),
    (line("1", "1", tax("19", "SR")), "not-a-choice", "/tax_category"),
    (line("1", "1", tax("19", "s"), has_tax_list=True), "not-a-choice", "/taxes/0/category"),
    (line("1", "1", tax("5"), tax("0", name="x")), "tax-rate-not-allowed", "/taxes/1/rate"),
    (line("1", "1", "19", "19.0"), "tax-duplicate", "/taxes/1"),
    (line("1", "1", tax("8", components="6 1")), "components-mismatch", "/tax_rate"),
    (line("1", "1", tax("8", components="9 -1")), "components-mismatch", "/tax_rate"),
    (line("1", "1", "19", allowances=(adjust("0.001"),)), "too-many-decimals", "/allowances/0/amount"),
    (line("1", "1", "19", charges=(adjust(None, "1", "0.001"),)), "too-many-decimals", "/charges/0/base_amount"),
    (line("1", "1", "19", charges=(adjust(),)), "amount-missing", "/charges/0/amount"),
    (line("1", "1", "19", allowances=(adjust("1", "10", "11"),)), "amount-mismatch", "/allowances/0/amount"),
    (line("1", HUGE, "19"), "amount-too-large", ""),
    (line("1", "1", "19", charges=(adjust(HUGE),)), "amount-too-large", "/charges/0/amount"),
    (line("1", "10000000000000", "19", charges=(adjust(None, "101"),)), "amount-too-large", "/charges/0/percent"),
    (line("1", "10000000000000", "19", charges=(adjust("1"),)), "amount-too-large", ""),
    (line("0", "999999999999999", "19", price_discount=D(1)), "amount-too-large", "/price_discount"),
]


@pytest.mark.parametrize(("given", "code", "pointer"), LINES)
def test_a_line_that_breaks_a_rule_is_refused(given: Line, code: str, pointer: str) -> None:
    assert faults(document(line("1", "1", "19"), given)) == [(code, f"/lines/1{pointer}")]


WORK, BACK = line("1", "100", "19"), line("1", "-140", "7")
NAMED = line("1", "1", tax("4", name="city"), tax("4", name="state"))

DOCUMENTS = [
    (document(WORK, charges=(adjust(None, "1", "-100"),)), "allowance-needs-category", "/charges/0"),
    (
        document(WORK, allowances=(adjust("1", rate="19"), adjust("1", "1", "-100"))),
        "amount-mismatch",
        "/allowances/1/amount",
    ),
    (document(WORK, BACK, allowances=(adjust(None, "1", "1"),)), "allowance-needs-category", "/allowances/0"),
    (document(line("0", "1", "19"), charges=(adjust("1"),)), "weights-sum-to-zero", "/charges/0"),
    (document(NAMED, charges=(adjust("1", rate="4"),)), "tax-name-required", "/charges/0/tax_category"),
    (document(charges=(adjust("1", rate="0"),)), "tax-rate-not-allowed", "/charges/0/tax_rate"),
    (document(allowances=(adjust("0.001"),)), "too-many-decimals", "/allowances/0/amount"),
    (document(prepaid_amount=D("0.001")), "too-many-decimals", "/prepaid_amount"),
    (document(rounding_amount=D("0.5"), code="JPY"), "too-many-decimals", "/rounding_amount"),
    (document(rounding_amount=D(HUGE)), "amount-too-large", "/rounding_amount"),
    (document(cash_rounding_increment=D("0")), "increment-not-positive", "/cash_rounding_increment"),
    (document(cash_rounding_increment=D("-0.05")), "increment-not-positive", "/cash_rounding_increment"),
    (document(cash_rounding_increment=D("0.001")), "too-many-decimals", "/cash_rounding_increment"),
    (document(rounding_amount=D(0), cash_rounding_increment=D(1)), "mutually-exclusive", "/cash_rounding_increment"),
    (document(*[line("1", "6000000000000", "19")] * 2), "amount-too-large", "/lines"),
    (document(line("1", "9000000000000", "19")), "amount-too-large", "/lines"),
    (document(line("1", "1", "19", allowances=(MUCH, MUCH), charges=(MUCH, MUCH))), "amount-too-large", "/lines"),
    (
        document(line("1", "1", tax("8", components="6 2")), line("1", "1", tax("8", components="5 3"))),
        "components-mismatch",
        "/lines/1",
    ),
]


@pytest.mark.parametrize(("given", "code", "pointer"), DOCUMENTS)
def test_a_document_that_breaks_a_rule_is_refused(given: Document, code: str, pointer: str) -> None:
    assert faults(given) == [(code, pointer)]


def test_all_faults_come_at_once() -> None:
    given = document(
        line("1", None, "0"),
        line("1", "1", "19", allowances=(adjust("0.001"), adjust())),
        allowances=(adjust("0.001", rate="0"), adjust(None, "1")),
        prepaid_amount=D("0.001"),
    )
    assert sorted(faults(given)) == [
        ("amount-missing", "/lines/1/allowances/1/amount"),
        ("price-missing", "/lines/0/unit_price"),
        ("tax-rate-not-allowed", "/allowances/0/tax_rate"),
        ("tax-rate-not-allowed", "/lines/0/tax_rate"),
        ("too-many-decimals", "/allowances/0/amount"),
        ("too-many-decimals", "/lines/1/allowances/0/amount"),
        ("too-many-decimals", "/prepaid_amount"),
    ]


def test_an_amount_counts_and_a_percentage_beside_it_is_a_note() -> None:
    assert calculate(document(line("1", "100", "19", allowances=(adjust("7", "10"),)))).subtotal == 9300
    assert calculate(document(line("1", "100", "19", allowances=(adjust("7", None, "10"),)))).subtotal == 9300
    assert calculate(document(line("1", "100", "19", allowances=(adjust("7", "10", "70"),)))).subtotal == 9300


def test_a_draft_without_lines_takes_an_allowance() -> None:
    assert calculate(document(charges=(adjust("5"),), allowances=(adjust(None, "3"),))).total == 500


def test_the_largest_amount_is_still_taken() -> None:
    assert calculate(document(line("1", "10000000000000", tax(None, "O")))).total == 10**15


def test_a_rate_of_exchange_must_be_positive_and_its_result_not_too_large() -> None:
    euro = currency("EUR")
    for rate, code in (("0", "exchange-rate-not-positive"), ("1000000000000000", "amount-too-large")):
        with pytest.raises(Invalid) as refusal:
            convert_taxes([100], Decimal(rate), euro, euro)
        assert [(fault.code, fault.pointer) for fault in refusal.value.faults] == [(code, "/exchange_rate/rate")]


def test_taxes_of_both_signs_are_not_converted_to_more_than_may_be() -> None:
    euro = currency("EUR")
    with pytest.raises(Invalid) as refusal:
        convert_taxes([10**14 + 1, -(10**14)], Decimal(100), euro, euro)
    assert [fault.code for fault in refusal.value.faults] == ["amount-too-large"]
