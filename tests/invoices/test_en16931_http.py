"""Invoices and credit notes that others published come out of the preview to the last digit."""

import re
from typing import Any

import pytest

from billing_api.domain.tax import CATEGORIES
from tests.domain.en16931 import CASES_FILE, load
from tests.factories import Tenant, line
from tests.invoices.published import body_of, figures_answered, figures_published

CASES = load()


def codes(case: dict[str, Any]) -> set[str]:
    entries = [*case["lines"], *case["document_allowances"], *case["document_charges"]]
    return {entry["tax_category"] for entry in entries}


TAKEN = [case for case in CASES if codes(case) <= set(CATEGORIES)]
"""All that speak of the tax categories of EN 16931; the others are of Singapore, Malaysia and Japan."""
REFUSED = [case for case in CASES if not codes(case) <= set(CATEGORIES)]

published = pytest.mark.skipif(not CASES, reason=f"The published cases are not here: {CASES_FILE} is absent.")


def as_numbers(value: Any, name: str = "") -> Any:
    """The same body with JSON numbers where decimals are, in the digits in which they stand."""
    if isinstance(value, dict):
        return {key: as_numbers(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_numbers(inner, name) for inner in value]
    exact = {"amount", "quantity", "price", "percent", "rate", "discount"}
    return f"\0{value}\0" if isinstance(value, str) and name.rpartition("_")[2] in exact else value


@published
@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case["id"])
def test_a_published_document_comes_out_as_published(shop: Tenant, case: dict[str, Any]) -> None:
    answer = shop.post("/v1/invoices/preview", body_of(case))
    assert answer.status_code == 200, answer.text
    assert figures_answered(answer.json) == figures_published(case)


@published
@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case["id"])
def test_null_says_the_same_as_nothing(shop: Tenant, case: dict[str, Any]) -> None:
    answer = shop.post("/v1/invoices/preview", body_of(case, keep_null=True))
    assert answer.status_code == 200, answer.text
    assert figures_answered(answer.json) == figures_published(case)


@published
@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case["id"])
def test_numbers_of_json_are_read_from_their_digits(shop: Tenant, case: dict[str, Any]) -> None:
    tenant = shop
    text = tenant.app.json.dumps(as_numbers(body_of(case)))
    body = re.sub(r'"\\u0000(.*?)\\u0000"', r"\1", text)
    answer = tenant.client.post(
        "/v1/invoices/preview", data=body, content_type="application/json", headers=tenant.headers
    )
    assert answer.status_code == 200, answer.text
    assert figures_answered(answer.json) == figures_published(case)


@published
def test_every_core_case_is_among_those_that_come_out() -> None:
    core = {case["id"] for case in CASES if case["core"]}
    assert len(core) > 100
    assert core <= {case["id"] for case in TAKEN}
    assert {case["document_type"] for case in TAKEN} == {"invoice", "credit_note"}


@published
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_a_category_outside_en16931_is_refused_at_its_place(shop: Tenant, case: dict[str, Any]) -> None:
    answer = shop.post("/v1/invoices/preview", body_of(case))
    assert answer.status_code == 422
    wrong = {
        f"/lines/{at}/tax_category" for at, one in enumerate(case["lines"]) if one["tax_category"] not in CATEGORIES
    }
    assert wrong <= {fault["pointer"] for fault in answer.json["errors"]}


MISMATCH = "amount-mismatch"
ACCEPTED = [
    ("a unit of one character", line(unit="P"), "100.00"),
    ("a unit of two characters with a digit", line(unit="4L"), "100.00"),
    ("a unit of Recommendation 21", line(unit="XPP"), "100.00"),
    ("a long description", line(description="d" * 4000, details="e" * 16000), "100.00"),
    ("a description of many scripts and lines", line(description="Füße 足 قدم\n\t👣 №1"), "100.00"),
    ("a price with 8 decimals", line(quantity="1000", unit_price="0.00012345"), "0.12"),
    ("a price with zeros at its end", line(unit_price="50.000000000000"), "100.00"),
    ("a quantity with 6 decimals", line(quantity="0.333333", unit_price="3"), "1.00"),
    ("a quantity with zeros at its end", line(quantity="2.0000000000"), "100.00"),
    ("a negative quantity", line(quantity="-2"), "-100.00"),
    ("no quantity at all", line(quantity="0"), "0.00"),
    ("a price of nothing", line(unit_price="0"), "0.00"),
    ("a negative price", line(unit_price="-50"), "-100.00"),
    ("a base quantity", line(quantity="1500", unit_price="12.50", base_quantity="1000"), "18.75"),
    ("a base quantity with 8 decimals", line(base_quantity="2.78951212"), "35.85"),
    ("a price beside its gross price", line(gross_price="60", price_discount="10"), "100.00"),
    ("a gross price with a discount of nothing", line(gross_price="50.00", price_discount="0"), "100.00"),
    ("an allowance with a reason code", line(allowances=[{"amount": "1", "reason_code": "95"}]), "99.00"),
    ("a charge with all three", line(charges=[{"percent": "10", "base_amount": "5", "amount": "0.50"}]), "100.50"),
    ("an allowance whose percent is a note", line(allowances=[{"percent": "33.3333", "amount": "7"}]), "93.00"),
    ("a negative percentage", line(allowances=[{"percent": "-12.5"}]), "112.50"),
    ("a rate with 4 decimals", line(tax_rate="9.9750"), "100.00"),
    ("outside of tax, without a rate", line(tax_category="O", tax_rate=None), "100.00"),
    ("exempt, with a code", line(tax_category="E", tax_rate="0", exemption_reason_code="VATEX-EU-132-1A"), "100.00"),
    ("exempt, without a rate", line(tax_category="E", tax_rate=None), "100.00"),
    ("the Canary Islands at 0", line(tax_category="L", tax_rate="0"), "100.00"),
    ("split payment", line(tax_category="B", tax_rate="22"), "100.00"),
    ("no tax yet", {"description": "Work", "quantity": "2", "unit_price": "50"}, "100.00"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "net"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED])
def test_what_a_line_may_be(shop: Tenant, given: dict[str, Any], net: str) -> None:
    answer = shop.post("/v1/invoices/preview", {"lines": [given]})
    assert answer.status_code == 200, answer.text
    assert answer.json["lines"][0]["net"] == net


@pytest.mark.parametrize(
    ("currency", "figures"),
    [
        ("EUR", ("100.00", "19.00", "119.00", "20.00", "-0.01", "98.99")),
        ("JPY", ("100", "19", "119", "20", "-1", "98")),
        ("KWD", ("100.000", "19.000", "119.000", "20.000", "-0.001", "98.999")),
    ],
)
def test_prepaid_money_and_rounding(shop: Tenant, currency: str, figures: tuple[str, ...]) -> None:
    body = {"currency": currency, "lines": [line()], "prepaid_amount": figures[3], "rounding_amount": figures[4]}
    answer = shop.post("/v1/invoices/preview", body)
    names = ("total_without_tax", "tax_total", "total", "prepaid_amount", "rounding_amount", "payable_amount")
    assert answer.status_code == 200, answer.text
    assert tuple(answer.json[name] for name in names) == figures


@pytest.mark.parametrize("code", ["380", "384", "386", "389"])
def test_the_type_codes_of_an_invoice(shop: Tenant, code: str) -> None:
    answer = shop.post("/v1/invoices/preview", {"lines": [line()], "type_code": code})
    assert (answer.status_code, answer.json["type_code"]) == (200, code)


@pytest.mark.parametrize(
    ("given", "place", "code"),
    [
        (line(unit_price="0.123456789"), "/lines/0/unit_price", "too-many-decimals"),
        (line(quantity="1.1234567"), "/lines/0/quantity", "too-many-decimals"),
        (line(tax_rate="19.12345"), "/lines/0/tax_rate", "too-many-decimals"),
        (line(allowances=[{"amount": "1.001"}]), "/lines/0/allowances/0/amount", "too-many-decimals"),
        (line(base_quantity="0"), "/lines/0/base_quantity", "base-quantity-not-positive"),
        (line(gross_price="60", price_discount="9"), "/lines/0/unit_price", "price-mismatch"),
        (line(charges=[{"percent": "1", "base_amount": "5", "amount": "1"}]), "/lines/0/charges/0/amount", MISMATCH),
        (line(tax_rate="0"), "/lines/0/tax_rate", "tax-rate-not-allowed"),
        (line(tax_category="O"), "/lines/0/tax_rate", "tax-rate-not-allowed"),
        (line(tax_category="K"), "/lines/0/tax_rate", "tax-rate-not-allowed"),
        (line(unit="BOXX"), "/lines/0/unit", "wrong-length"),
        (line(quantity="1e3"), "/lines/0/quantity", "not-a-decimal"),
        (line(quantity="999999999999", unit_price="999999999"), "/lines/0", "amount-too-large"),
    ],
)  # fmt: skip
def test_what_a_line_may_not_be(shop: Tenant, given: dict[str, Any], place: str, code: str) -> None:
    answer = shop.post("/v1/invoices/preview", {"lines": [given]})
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json["errors"]] == [(place, code)]


def test_a_preview_keeps_nothing(tenant: Tenant) -> None:
    answer = tenant.post("/v1/invoices/preview", {"lines": [line()]})
    assert {answer.json[name] for name in ("id", "number", "status", "customer_id", "version", "created_at")} == {None}
    assert tenant.get("/v1/invoices").json["data"] == []
