"""What a decimal number is on the way in: one form as text, the same digits as a JSON number, and never rounded."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import Tenant, line, sign_up
from tests.web.refusals import codes, refused

PREVIEW = "/v1/invoices/preview"


@pytest.fixture(scope="module")
def tenant(app: Flask) -> Tenant:
    """One for all: nothing here depends on what another test has left."""
    return sign_up(app)


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


@pytest.mark.parametrize("written", ["1e2", "1E2", "1.5e0"])
def test_a_number_for_a_decimal_has_no_exponent(tenant: Tenant, written: str) -> None:
    body = f'{{"lines": [{{"description": "x", "unit_price": "1", "quantity": {written}}}]}}'
    answer = tenant.post_text(PREVIEW, body)
    refused(answer, 422)
    assert codes(answer) == {("/lines/0/quantity", "not-a-decimal")}
