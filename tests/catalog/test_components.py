"""Combined rates: one group, rounded once, and its tax shown split over the components; and reasons of tax rates."""

from decimal import Decimal
from typing import Any

import pytest

from tests.factories import Tenant
from tests.web.refusals import codes, refused

PREVIEW = "/v1/invoices/preview"


def combined(tenant: Tenant, name: str, rate: str, **components: str) -> str:
    parts = [{"name": part, "rate": each} for part, each in components.items()]
    id: str = tenant.tax_rate(name=name, rate=rate, components=parts)["id"]
    return id


def row(price: str, **values: Any) -> dict[str, Any]:
    return {"description": "Work", "quantity": "1", "unit_price": price, **values}


def shares(group: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["name"], one["rate"], one["tax_amount"]) for one in group["components"]]


def test_a_combined_rate_is_rounded_once_and_shown_split(tenant: Tenant) -> None:
    rate = combined(tenant, "Sales tax", "8.25", State="6.25", County="1", City="1")
    draft = tenant.draft(lines=[row("10.50", tax_rate_id=rate)])
    (group,) = draft["tax_breakdown"]
    assert (group["name"], group["rate"], group["tax_amount"]) == ("Sales tax", "8.25", "0.87")
    assert shares(group) == [("State", "6.25", "0.66"), ("County", "1", "0.11"), ("City", "1", "0.10")]
    (tax,) = draft["lines"][0]["taxes"]
    assert [(one["name"], one["rate"]) for one in tax["components"]] == [
        ("State", "6.25"),
        ("County", "1"),
        ("City", "1"),
    ]
    issued = tenant.post(f"{draft['links']['self']}/finalize").json
    assert issued["tax_breakdown"] == tenant.get(draft["links"]["self"]).json["tax_breakdown"] == [group]


def test_the_calculation_explains_the_shares(tenant: Tenant) -> None:
    rate = combined(tenant, "Sales tax", "8.25", State="6.25", County="1", City="1")
    charge = {"amount": "1.50", "tax_category": "S", "tax_rate": "8.25"}
    draft = tenant.draft(lines=[row("9.00", tax_rate_id=rate)], charges=[charge])
    told = tenant.get(f"{draft['links']['self']}/calculation")
    assert told.status_code == 200, told.text
    (step,) = [one for one in told.json["steps"] if one["rule"] == "components"]
    assert step["result"] == ["0.66", "0.11", "0.10"]


def test_the_same_as_taxes_of_their_own_is_another_sum(tenant: Tenant) -> None:
    rates = [tenant.tax_rate(name=name, rate=rate)["id"] for name, rate in (("s", "6.25"), ("a", "1"), ("b", "1"))]
    taxes = [{"tax_rate_id": rate} for rate in rates]
    shown = tenant.post(PREVIEW, {"lines": [row("10.50", taxes=taxes)]}).json
    assert shown["tax_total"] == "0.88"
    assert [taxed["tax_rate_id"] for taxed in shown["lines"][0]["taxes"]] == [rates[1], rates[2], rates[0]]
    assert shown["lines"][0]["tax_rate_id"] is None


def test_a_combined_rate_within_a_price(tenant: Tenant) -> None:
    rate = combined(tenant, "GST and QST", "14.975", GST="5", QST="9.975")
    shown = tenant.post(PREVIEW, {"lines": [row("99.99", tax_rate_id=rate)], "prices_include_tax": True}).json
    (group,) = shown["tax_breakdown"]
    assert (shown["subtotal"], shown["total"], group["tax_amount"]) == ("86.97", "99.99", "13.02")
    assert shares(group) == [("GST", "5", "4.35"), ("QST", "9.975", "8.67")]


def test_several_taxes_one_of_them_combined_within_a_price(tenant: Tenant) -> None:
    rate = combined(tenant, "Local", "2", County="1.5", City="0.5")
    taxes = [{"name": "State", "rate": "6.25"}, {"tax_rate_id": rate}]
    shown = tenant.post(PREVIEW, {"lines": [row("108.25", taxes=taxes)], "prices_include_tax": True}).json
    assert (shown["subtotal"], shown["tax_total"], shown["total"]) == ("100.00", "8.25", "108.25")
    local, state = shown["tax_breakdown"]
    assert (local["tax_amount"], state["tax_amount"]) == ("2.00", "6.25")
    assert shares(local) == [("County", "1.5", "1.50"), ("City", "0.5", "0.50")]
    assert shares(state) == []


def test_a_credit_within_an_invoice_is_split_the_same_way_below_zero(tenant: Tenant) -> None:
    rate = combined(tenant, "Sales tax", "8.25", State="6.25", County="1", City="1")
    shown = tenant.post(PREVIEW, {"lines": [row("-10.50", tax_rate_id=rate)]}).json
    assert shares(shown["tax_breakdown"][0]) == [
        ("State", "6.25", "-0.66"),
        ("County", "1", "-0.11"),
        ("City", "1", "-0.10"),
    ]


def test_shares_have_the_decimals_of_their_currency(tenant: Tenant) -> None:
    rate = combined(tenant, "Tax", "10", A="7.8", B="2.2")
    shown = tenant.post(PREVIEW, {"currency": "JPY", "lines": [row("333", tax_rate_id=rate)]}).json
    assert shares(shown["tax_breakdown"][0]) == [("A", "7.8", "26"), ("B", "2.2", "7")]


def test_one_group_cannot_be_split_in_two_ways(tenant: Tenant) -> None:
    one, other = (combined(tenant, "Tax", "8", A=first, B=second) for first, second in (("5", "3"), ("4", "4")))
    answer = tenant.post(PREVIEW, {"lines": [row("1", tax_rate_id=one), row("1", tax_rate_id=other)]})
    refused(answer, 422, "components-mismatch")
    assert codes(answer) == {("/lines/1", "components-mismatch")}


def test_a_charge_joins_the_group_of_a_named_rate(tenant: Tenant) -> None:
    rate = combined(tenant, "Sales tax", "8.25", State="6.25", County="1", City="1")
    charge = {"amount": "1.50", "tax_category": "S", "tax_rate": "8.25"}
    shown = tenant.post(PREVIEW, {"lines": [row("9.00", tax_rate_id=rate)], "charges": [charge]}).json
    (group,) = shown["tax_breakdown"]
    assert (group["taxable_amount"], sum(Decimal(share) for *_, share in shares(group))) == ("10.50", Decimal("0.87"))


def exempted(tenant: Tenant, *lines: dict[str, Any], **body: Any) -> list[tuple[Any, Any]]:
    shown = tenant.post(PREVIEW, {"lines": [*lines], **body})
    assert shown.status_code == 200, shown.text
    return [(one["exemption_reason"], one["exemption_reason_code"]) for one in shown.json["tax_breakdown"]]


def test_the_reason_of_the_rate_takes_part(tenant: Tenant) -> None:
    reason = {"exemption_reason": "Teaching", "exemption_reason_code": "VATEX-EU-132-1I"}
    rate = tenant.tax_rate(name="Free", category="E", **reason)["id"]
    bare = tenant.tax_rate(name="Free", category="E")["id"]
    product = tenant.product(tax_rate_id=rate)["id"]
    assert exempted(tenant, row("1", tax_rate_id=rate)) == [("Teaching", "VATEX-EU-132-1I")]
    assert exempted(tenant, {"product_id": product, "quantity": "1"}) == [("Teaching", "VATEX-EU-132-1I")]
    assert exempted(tenant, row("1", tax_rate_id=rate, exemption_reason="Own")) == [("Own", None)]
    assert exempted(tenant, row("1", tax_rate_id=bare)) == [("Exempt from tax", None)]
    both = [row("1", tax_rate_id=rate), row("1", tax_rate_id=bare), row("1", tax_rate_id=bare, exemption_reason="Art")]
    assert exempted(tenant, *both) == [("Teaching; Art", "VATEX-EU-132-1I")]
    draft = tenant.draft(lines=[row("1", tax_rate_id=rate)])
    assert draft["lines"][0]["exemption_reason"] == "Teaching"


def test_two_reasons_in_one_group_are_joined_and_two_codes_left_out(tenant: Tenant) -> None:
    rates = [
        tenant.tax_rate(name="Free", category="E", exemption_reason=reason, exemption_reason_code=code)["id"]
        for reason, code in (("Teaching", "VATEX-EU-132-1I"), ("Art", "VATEX-EU-I"))
    ]
    assert exempted(tenant, *(row("1", tax_rate_id=rate) for rate in rates)) == [("Teaching; Art", None)]
    apart = tenant.tax_rate(name="Other", category="E", exemption_reason="Art")["id"]
    assert exempted(tenant, row("1", tax_rate_id=rates[0]), row("1", tax_rate_id=apart)) == [
        ("Teaching", "VATEX-EU-132-1I"),
        ("Art", None),
    ]


@pytest.mark.parametrize(
    ("category", "text", "code"),
    [
        ("AE", "Reverse charge", "VATEX-EU-AE"),
        ("K", "Intra-community supply", "VATEX-EU-IC"),
        ("G", "Export outside the EU", "VATEX-EU-G"),
        ("O", "Not subject to VAT", "VATEX-EU-O"),
    ],
)
def test_a_rate_without_a_reason_has_the_standard_one(tenant: Tenant, category: str, text: str, code: str) -> None:
    rate = tenant.tax_rate(category=category)["id"]
    assert exempted(tenant, row("1", tax_rate_id=rate)) == [(text, code)]


def test_the_customers_reason_goes_with_the_treatment_that_comes_before_the_products_tax(tenant: Tenant) -> None:
    customer = tenant.customer(tax_treatment="exempt", exemption={"reason": "Hospital"})["id"]
    rate = tenant.tax_rate(category="E", exemption_reason="Teaching")["id"]
    product = tenant.product(tax_rate_id=rate)["id"]
    taken = {"product_id": product, "quantity": "1"}
    assert exempted(tenant, taken, customer_id=customer) == [("Hospital", None)]
    assert exempted(tenant, {**taken, "tax_rate_id": rate}, customer_id=customer) == [("Teaching", None)]
