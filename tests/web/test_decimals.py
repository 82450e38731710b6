"""What a decimal number is on the way in: one form as text, the same digits as a JSON number, and never rounded."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests import sharing
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

PREVIEW = "/v1/invoices/preview"

tenant = sharing.tenant


NOT_DECIMAL: list[Any] = [
    "1_0",
    "1e3",
    "1E3",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "\uff11",
    "\u0661",
    "NaN",
    "Infinity",
    "-Infinity",
    "sNaN",
    "1,5",
    "1.",
    ".5",
    "01",
    "0x10",
    "--1",
    "\u22121",
    "",
    "1.0.0",
    True,
    [],
    {},
    "9" * 41,
]


@pytest.mark.parametrize("member", ["quantity", "unit_price", "tax_rate", "base_quantity"])
def test_a_decimal_has_one_form(tenant: Tenant, member: str) -> None:
    for value in NOT_DECIMAL:
        answer = tenant.post(PREVIEW, {"lines": [line(**{member: value})]})
        refused(answer, 422)
        assert (f"/lines/0/{member}", "not-a-decimal") in codes(answer), (value, answer.text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1e3", "in all its digits, without an exponent"),
        ("1.5E-3", "in all its digits, without an exponent"),
        ("1,5", "with a point, not a comma"),
        ("1.234,56", "a point before the decimals, and nothing between thousands"),
        ("1,234.56", "a point before the decimals, and nothing between thousands"),
        ("1.234.567", "a point before the decimals, and nothing between thousands"),
        ("+1", "without a plus sign"),
        ("007", "without zeros at its beginning"),
        (".5", "with digits on both sides of the point"),
        ("1.", "with digits on both sides of the point"),
        ("1 000", "without spaces"),
    ],
)
def test_the_rule_that_was_broken_is_told_and_no_other(tenant: Tenant, text: str, rule: str) -> None:
    """Plant the flaw by telling of commas whatever is wrong."""
    answer = tenant.post(PREVIEW, {"lines": [line(quantity=text)]})
    problem = refused(answer, 422, "not-a-decimal")
    assert problem["detail"] == f'A decimal number such as "12.50" belongs here: {rule}.'
    vague = refused(tenant.post(PREVIEW, {"lines": [line(quantity="two")]}), 422, "not-a-decimal")
    assert vague["detail"] == 'A decimal number such as "12.50" belongs here.'


@pytest.mark.parametrize(
    ("member", "places", "too_large", "code"),
    [
        ("quantity", 6, "1000000000000", "out-of-range"),
        ("unit_price", 8, "1000000000000000", "amount-too-large"),
        ("tax_rate", 4, "1000.0001", "out-of-range"),
    ],
)
def test_a_decimal_is_refused_and_never_rounded_when_it_is_too_long(
    tenant: Tenant, member: str, places: int, too_large: str, code: str
) -> None:
    def judged(value: str) -> TestResponse:
        return tenant.post(PREVIEW, {"lines": [line(**{member: value})]})

    assert judged("1." + "0" * (places - 1) + "1").status_code == 200
    assert judged("1.1" + "0" * 20).status_code == 200, "zeros at the end are no decimals"
    assert codes(judged("1." + "0" * places + "1")) == {(f"/lines/0/{member}", "too-many-decimals")}
    assert codes(judged(too_large)) == {(f"/lines/0/{member}", code)}


@pytest.mark.parametrize(("text", "shown"), [("2", "2"), ("2.50", "2.5"), ("0.000001", "0.000001"), ("100", "100")])
def test_a_json_number_and_its_text_are_the_same_decimal(tenant: Tenant, text: str, shown: str) -> None:
    for written in (text, f'"{text}"'):
        body = f'{{"lines": [{{"description": "x", "unit_price": "1", "tax_rate": 19, "quantity": {written}}}]}}'
        answer = tenant.post_text(PREVIEW, body)
        assert answer.status_code == 200, answer.text
        assert answer.json["lines"][0]["quantity"] == shown


def with_number(member: str, written: str) -> str:
    """A body of which this member is a JSON number, exactly as it is written here."""
    members = {"description": '"x"', "quantity": "1", "unit_price": "1", "tax_rate": "19", member: written}
    pairs = ", ".join(f'"{name}": {value}' for name, value in members.items())
    return f'{{"lines": [{{{pairs}}}]}}'


@pytest.mark.parametrize(
    ("member", "written", "shown"),
    [
        ("quantity", "1e2", "100"),
        ("quantity", "1E+2", "100"),
        ("quantity", "1.50E1", "15"),
        ("quantity", "25e-1", "2.5"),
        ("quantity", "-1e-6", "-0.000001"),
        ("quantity", "0e999999999", "0"),
        ("quantity", "1.5" + "0" * 60, "1.5"),
        ("unit_price", "1e-7", "0.0000001"),
        ("unit_price", "1.234e3", "1234.00"),
        ("tax_rate", "1.9e+1", "19"),
    ],
)
def test_a_json_number_with_an_exponent_is_read_exactly(tenant: Tenant, member: str, written: str, shown: str) -> None:
    answer = tenant.post_text(PREVIEW, with_number(member, written))
    assert answer.status_code == 200, answer.text
    assert answer.json["lines"][0][member] == shown


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("1e-7", "too-many-decimals"),
        ("1e-999999", "too-many-decimals"),
        ("1e-9999999999999999999999", "too-many-decimals"),
        ("1e12", "out-of-range"),
        ("1e999999", "out-of-range"),
        ("-1E+999999999999", "out-of-range"),
        ("1e9999999999999999999999", "out-of-range"),
    ],
)
def test_an_exponent_takes_a_number_no_further_than_its_digits_would(tenant: Tenant, written: str, code: str) -> None:
    answer = tenant.post_text(PREVIEW, with_number("quantity", written))
    refused(answer, 422)
    assert codes(answer) == {("/lines/0/quantity", code)}


def test_a_number_with_an_exponent_is_the_same_when_the_draft_is_changed(tenant: Tenant) -> None:
    draft = tenant.draft()
    body = with_number("unit_price", "1e-7").replace("{", f'{{"customer_id": "{draft["customer_id"]}", ', 1)
    made = tenant.post_text("/v1/invoices", body)
    assert made.status_code == 201, made.text
    changed = tenant.patch(made.json["links"]["self"], {"notes": "x"})
    assert changed.status_code == 200, changed.text
    assert changed.json["lines"][0]["unit_price"] == "0.0000001"


@pytest.mark.parametrize("zero", ["-0", "-0.0", "-0.00", "-0.000000"])
def test_zero_has_no_sign(tenant: Tenant, zero: str) -> None:
    members = ("quantity", "unit_price", "gross_price", "price_discount", "tax_rate")
    adjustment = {"percent": zero, "base_amount": zero}
    body = {"customer_id": tenant.customer()["id"], "prepaid_amount": zero, "rounding_amount": zero}
    body["lines"] = [line(**dict.fromkeys(members, zero), tax_category="Z", allowances=[adjustment])]
    body["allowances"] = [{"amount": zero, "tax_category": "Z", "tax_rate": zero}]
    for answer in (tenant.post(PREVIEW, body), made := tenant.post("/v1/invoices", body)):
        assert answer.status_code in {200, 201}, answer.text
        assert re.findall(r'"-0[.0]*"', answer.text) == []
        assert answer.json["lines"][0]["unit_price"] == "0.00"
    assert re.findall(r'"-0[.0]*"', tenant.get(made.json["links"]["self"]).text) == []
    for written in (zero, f'"{zero}"'):
        shown = tenant.post_text(PREVIEW, with_number("quantity", written))
        assert shown.json["lines"][0]["quantity"] == "0"
