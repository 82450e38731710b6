"""The tax of lines that name none: from the customer's treatment or the seller, as it holds on the day of issue."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.factories import Tenant, line, sign_up
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"
PLAIN = {"description": "Work", "quantity": "2", "unit_price": "50.00"}
OUT_OF_DATE = {("/lines/0/tax_rate", "tax-out-of-date")}
LACKING = {("/lines/0/tax_rate", "required")}


def path(invoice: dict[str, Any]) -> str:
    return f"{INVOICES}/{invoice['id']}"


def only_group(invoice: dict[str, Any]) -> dict[str, Any]:
    (group,) = invoice["tax_breakdown"]
    found: dict[str, Any] = group
    return found


@pytest.mark.parametrize(
    ("treatment", "category", "rate", "reason"),
    [
        ("exempt", "E", "0", "Exempt from tax"),
        ("reverse_charge", "AE", "0", "Reverse charge"),
        ("intra_community_supply", "K", "0", "Intra-community supply"),
        ("export", "G", "0", "Export outside the EU"),
        ("zero_rated", "Z", "0", None),
        ("out_of_scope", "O", None, "Not subject to VAT"),
    ],
)
def test_the_customers_treatment_taxes_lines_that_name_no_tax(
    tenant: Tenant, treatment: str, category: str, rate: str | None, reason: str | None
) -> None:
    tax_ids = [{"type": "eu_vat", "value": "FR40303265045"}]
    customer = tenant.customer(tax_treatment=treatment, tax_ids=tax_ids, shipping_address={"country": "FR"})
    issued = tenant.invoice(customer_id=customer["id"], lines=[PLAIN])
    assert (issued["lines"][0]["tax_category"], issued["lines"][0]["tax_rate"]) == (category, rate)
    group = only_group(issued)
    assert (group["category"], group["rate"], group["tax_amount"]) == (category, rate, "0.00")
    assert group["exemption_reason"] == reason
    assert issued["total"] == "100.00"


def test_a_tax_on_the_line_comes_before_the_treatment(tenant: Tenant) -> None:
    customer = tenant.customer(tax_treatment="exempt", exemption={"reason": "Hospital"})["id"]
    draft = tenant.draft(customer_id=customer, lines=[line(), PLAIN, {**PLAIN, "taxes": [{"rate": "7"}]}])
    assert [row["tax_category"] for row in draft["lines"]] == ["S", "E", "S"]
    assert [(row["category"], row["rate"]) for row in draft["tax_breakdown"]] == [("E", "0"), ("S", "19"), ("S", "7")]


def test_the_reason_comes_from_the_line_or_the_customer_or_the_category(tenant: Tenant) -> None:
    exemption = {"reason": "Hospital", "reason_code": "VATEX-EU-132"}
    customer = tenant.customer(tax_treatment="exempt", exemption=exemption)["id"]

    def reason(**values: Any) -> tuple[Any, Any]:
        group = only_group(tenant.draft(customer_id=customer, lines=[{**PLAIN, **values}]))
        return group["exemption_reason"], group["exemption_reason_code"]

    assert reason() == ("Hospital", "VATEX-EU-132")
    assert reason(exemption_reason="Art") == ("Art", None)
    assert reason(tax_category="E") == ("Exempt from tax", None)


def test_a_small_business_charges_no_tax_and_says_why(app: Flask) -> None:
    seller = sign_up(app, is_ready=False)
    seller.patch(
        "/v1/organization",
        {"legal_name": "Ada", "address": {"country": "DE"}, "tax_registered": False, "exemption_reason": "§ 19 UStG"},
    )
    issued = seller.invoice(lines=[PLAIN])
    group = only_group(issued)
    assert (group["category"], group["exemption_reason"], issued["total"]) == ("E", "§ 19 UStG", "100.00")
    assert issued["seller"]["tax_ids"] == []


def test_a_small_business_says_why_on_lines_that_name_the_category_too(app: Flask) -> None:
    seller = sign_up(app, is_ready=False)
    small = {"tax_registered": False, "exemption_reason": "§ 19 UStG"}
    seller.patch("/v1/organization", small)
    named = {**PLAIN, "tax_category": "E"}

    def reasons(**values: Any) -> list[str | None]:
        return [row["exemption_reason"] for row in seller.draft(**values)["tax_breakdown"]]

    assert reasons(lines=[named]) == reasons(lines=[{**PLAIN, "taxes": [{"category": "E"}]}]) == ["§ 19 UStG"]
    assert reasons(lines=[named, PLAIN]) == ["§ 19 UStG"]
    assert reasons(lines=[{**named, "exemption_reason": "Book"}]) == ["Book"]
    assert reasons(lines=[{**named, "exemption_reason_code": "VATEX-EU-132"}]) == [None]
    assert reasons(lines=[{**PLAIN, "tax_category": "AE"}]) == ["Reverse charge"]
    charge = {"amount": "1", "tax_category": "E"}
    assert reasons(lines=[{**PLAIN, "tax_category": "Z"}], charges=[charge]) == ["§ 19 UStG", None]
    # The reason is that of a seller who charges no tax, and of nobody else.
    seller.patch("/v1/organization", {**small, "tax_registered": True})
    assert reasons(lines=[named]) == ["Exempt from tax"]


def test_a_line_of_a_customer_with_the_usual_taxes_must_name_its_own(tenant: Tenant) -> None:
    draft = tenant.draft(lines=[PLAIN])
    assert (draft["lines"][0]["tax_category"], draft["tax_breakdown"], draft["total"]) == (None, [], "100.00")
    answer = tenant.post(f"{path(draft)}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == LACKING


@pytest.mark.parametrize(
    ("day", "category"), [("2026-06-29", "E"), ("2026-06-30", "E"), ("2026-07-01", None), ("2026-08-01", None)]
)
def test_an_exemption_holds_up_to_its_last_day(tenant: Tenant, day: str, category: str | None) -> None:
    exemption = {"reason": "Hospital", "valid_until": "2026-06-30"}
    customer = tenant.customer(tax_treatment="exempt", exemption=exemption)["id"]
    body = {"customer_id": customer, "lines": [PLAIN], "issue_date": day}
    for answer in (tenant.post(f"{INVOICES}/preview", body), tenant.post(INVOICES, body)):
        assert answer.json["lines"][0]["tax_category"] == category
    issued = tenant.post(INVOICES, {**body, "finalize": True})
    if category:
        assert only_group(issued.json)["exemption_reason"] == "Hospital"
    else:
        refused(issued, 422, "invoice-not-ready")
        assert codes(issued) == LACKING
    explicit = {**body, "lines": [{**PLAIN, "tax_category": "E"}], "finalize": True}
    assert tenant.post(INVOICES, explicit).status_code == 201


def test_a_draft_is_not_issued_by_an_exemption_that_ended_since(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 6, 30, 21, 55, tzinfo=dt.UTC), tick=True) as clock:
        seller = sign_up(app, time_zone="Europe/Berlin")
        exemption = {"reason": "Hospital", "valid_until": "2027-06-30"}
        customer = seller.customer(tax_treatment="exempt", exemption=exemption)["id"]
        first, second = (seller.draft(customer_id=customer, lines=[PLAIN]) for _ in range(2))
        assert seller.post(f"{path(first)}/finalize").json["status"] == "open"
        clock.move_to(dt.datetime(2027, 6, 30, 22, 0, tzinfo=dt.UTC))
        answer = seller.post(f"{path(second)}/finalize")
        refused(answer, 422, "invoice-not-ready")
        assert codes(answer) == OUT_OF_DATE
        dated = seller.post(f"{path(second)}/finalize", {"issue_date": "2027-06-30"})
        assert (dated.status_code, only_group(dated.json)["category"]) == (200, "E")


@pytest.mark.parametrize(
    ("before", "after"), [("exempt", "standard"), ("standard", "exempt"), ("exempt", "reverse_charge")]
)
def test_a_treatment_that_changed_reaches_a_draft_when_it_is_saved_and_not_unseen(
    tenant: Tenant, before: str, after: str
) -> None:
    tax_ids = [{"type": "eu_vat", "value": "FR40303265045"}]
    customer = tenant.customer(tax_treatment=before, tax_ids=tax_ids)["id"]
    draft = tenant.draft(customer_id=customer, lines=[PLAIN, line()])
    tenant.patch(f"/v1/customers/{customer}", {"tax_treatment": after})
    answer = tenant.post(f"{path(draft)}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == OUT_OF_DATE
    saved = tenant.patch(path(draft), {}).json
    assert saved["version"] > draft["version"]
    category = {"standard": None, "exempt": "E", "reverse_charge": "AE"}[after]
    assert [row["tax_category"] for row in saved["lines"]] == [category, "S"]
    assert tenant.post(f"{path(draft)}/finalize").status_code == (422 if category is None else 200)


def test_a_seller_who_becomes_a_small_business_issues_no_tax_free_draft_unseen(tenant: Tenant) -> None:
    draft = tenant.draft(lines=[PLAIN])
    tenant.patch("/v1/organization", {"tax_registered": False, "exemption_reason": "Small"})
    assert codes(tenant.post(f"{path(draft)}/finalize")) == OUT_OF_DATE
    assert only_group(tenant.patch(path(draft), {}).json)["exemption_reason"] == "Small"
    assert tenant.post(f"{path(draft)}/finalize").status_code == 200
