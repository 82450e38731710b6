"""All faults of a body come in one answer: of its members, of what it names that is not there, and of what stands
together. What is wrong with that which is there, such as an archived customer, and with the figures is told beside each
other once every member can be read."""

import uuid
from typing import Any

from tests import sharing
from tests.factories import Tenant, line
from tests.statements import recorded
from tests.web.refusals import codes, refused

tenant = sharing.tenant


def test_an_invoice_is_told_its_exclusions_beside_its_wrong_members(tenant: Tenant) -> None:
    body: dict[str, Any] = {
        "foo": 1,
        "notes": 2,
        "issue_date": "2026-02-02",
        "due_date": "2026-02-01",
        "net_terms_days": 7,
        "rounding_amount": "0.01",
        "cash_rounding_increment": "0.05",
        "billing_period": {"start_date": "2026-02-02", "end_date": "2026-02-01", "bar": 1},
        "exchange_rate": {"rate": "-1", "date": "x"},
        "early_payment_discount": {"percent": "-1", "days": "x"},
        "allowances": [{"amount": "x", "tax_rate": "19"}],
        "lines": [line(unit=7, tax_rate="19", taxes=[{"rate": "19"}])],
    }
    answer = tenant.post("/v1/invoices/preview", body)
    refused(answer, 422)
    assert codes(answer) == {
        ("/foo", "unknown-member"),
        ("/notes", "not-a-string"),
        ("/due_date", "due-before-issue"),
        ("/net_terms_days", "mutually-exclusive"),
        ("/cash_rounding_increment", "mutually-exclusive"),
        ("/billing_period/end_date", "period-runs-backwards"),
        ("/billing_period/bar", "unknown-member"),
        ("/exchange_rate/rate", "exchange-rate-not-positive"),
        ("/exchange_rate/date", "not-a-date"),
        ("/early_payment_discount/percent", "out-of-range"),
        ("/early_payment_discount/days", "not-an-integer"),
        ("/allowances/0/amount", "not-a-decimal"),
        ("/allowances/0/tax_category", "required"),
        ("/lines/0/unit", "not-a-string"),
        ("/lines/0/taxes", "taxes-twice"),
    }


def test_what_could_not_be_read_is_not_judged_again(tenant: Tenant) -> None:
    """A member that is there and wrong is not also lacking, and what stands beside it is not compared with it."""
    body: dict[str, Any] = {
        "due_date": "x",
        "net_terms_days": 7,
        "billing_period": {"start_date": "2026-02-02", "end_date": "x"},
        "exchange_rate": {"rate": "x", "date": "2026-02-02"},
        "early_payment_discount": {"percent": "x", "days": 1},
        "allowances": [{"amount": "1", "tax_category": "x", "tax_rate": "19"}, 1],
        "lines": [line(tax_rate="x", taxes="y")],
    }
    answer = tenant.post("/v1/invoices/preview", body)
    refused(answer, 422)
    assert codes(answer) == {
        ("/due_date", "not-a-date"),
        ("/billing_period/end_date", "not-a-date"),
        ("/exchange_rate/rate", "not-a-decimal"),
        ("/early_payment_discount/percent", "not-a-decimal"),
        ("/allowances/0/tax_category", "not-a-choice"),
        ("/allowances/1", "not-an-object"),
        ("/lines/0/tax_rate", "not-a-decimal"),
        ("/lines/0/taxes", "not-a-list"),
    }


def test_a_seller_is_told_all_faults_at_once(tenant: Tenant) -> None:
    answer = tenant.patch(
        "/v1/organization",
        {
            "phone": 1,
            "foo": 1,
            "tax_registered": False,
            "tax_ids": [{"type": "eu_vat", "value": "1", "bar": 1}, {"type": "eu_vat"}, {"value": "1"}],
            "bank_account": {"iban": "DE00512108001245126199", "bic": "x"},
        },
    )
    refused(answer, 422)
    assert codes(answer) == {
        ("/phone", "not-a-string"),
        ("/foo", "unknown-member"),
        ("/exemption_reason", "required"),
        ("/tax_ids/0/value", "tax-id-invalid"),
        ("/tax_ids/0/bar", "unknown-member"),
        ("/tax_ids/1/value", "required"),
        ("/tax_ids/2/type", "required"),
        ("/bank_account/iban", "not-an-iban"),
        ("/bank_account/bic", "wrong-format"),
    }
    answer = tenant.patch("/v1/organization", {"tax_registered": False, "exemption_reason": 7})
    assert codes(answer) == {("/exemption_reason", "not-a-string")}


def test_a_filter_is_told_all_faults_at_once(tenant: Tenant) -> None:
    """Plant the flaw by judging amounts only where all else is right."""
    answer = tenant.get("/v1/invoices?total_min=1&total_max=2&limit=0")
    refused(answer, 400)
    assert codes(answer) == {
        ("total_min", "currency-required"),
        ("total_max", "currency-required"),
        ("limit", "out-of-range"),
    }
    assert codes(tenant.get("/v1/invoices?total_min=1&currency=x")) == {("currency", "not-a-choice")}
    for path in ("/v1/invoices", "/v1/credit-notes"):
        answer = tenant.get(f"{path}?total_min=1.001&total_max=2.001&currency=EUR&limit=0")
        refused(answer, 400)
        assert codes(answer) == {
            ("total_min", "too-many-decimals"),
            ("total_max", "too-many-decimals"),
            ("limit", "out-of-range"),
        }


def test_a_report_is_told_all_faults_at_once(tenant: Tenant) -> None:
    """Plant the flaw by judging the period only where all else is right."""
    for path in (f"/v1/customers/{tenant.customer()['id']}/statement", "/v1/reports/tax-summary"):
        answer = tenant.get(f"{path}?from=2026-02-01&to=2026-01-01&currency=X&foo=1")
        refused(answer, 400)
        assert codes(answer) == {
            ("from", "period-runs-backwards"),
            ("currency", "not-a-choice"),
            ("foo", "unknown-parameter"),
        }
        assert codes(tenant.get(f"{path}?from=2026-02-01&to=x")) == {("to", "not-a-date")}


NOBODY = "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"


def test_an_invoice_is_told_what_is_not_there_beside_its_wrong_members(tenant: Tenant) -> None:
    """Plant the flaw by looking nothing up for a body whose members are wrong."""
    taxes = {"tax_category": None, "tax_rate": None, "taxes": [{"tax_rate_id": NOBODY}]}
    wrong = line(quantity="x", unit_price="1.123456789", product_id=NOBODY, **taxes)
    body = {
        "customer_id": NOBODY,
        "currency": "XXX",
        "preceding_invoices": [1, {"number": "1", "invoice_id": NOBODY}, {"number": "2", "invoice_id": "x"}],
        "lines": [7, wrong, line(product_id=tenant.post("/v1/products", {"name": "A", "unit_price": "1"}).json["id"])],
    }
    wanted = {
        ("/customer_id", "customer-not-found"),
        ("/currency", "not-a-choice"),
        ("/preceding_invoices/0", "not-an-object"),
        ("/preceding_invoices/1/invoice_id", "invoice-not-found"),
        ("/preceding_invoices/2/invoice_id", "not-an-id"),
        ("/lines/0", "not-an-object"),
        ("/lines/1/quantity", "not-a-decimal"),
        ("/lines/1/unit_price", "too-many-decimals"),
        ("/lines/1/product_id", "product-not-found"),
        ("/lines/1/taxes/0/tax_rate_id", "tax-rate-not-found"),
    }
    for path in ("/v1/invoices", "/v1/invoices/preview"):
        answer = tenant.post(path, body)
        refused(answer, 422)
        assert codes(answer) == wanted
    (result,) = tenant.post("/v1/invoices/bulk", {"items": [body]}).json["results"]
    assert {(fault["pointer"], fault["code"]) for fault in result["problem"]["errors"]} == wanted
    answer = tenant.patch(tenant.draft()["links"]["self"], {"customer_id": NOBODY, "net_terms_days": -1})
    assert codes(answer) == {("/customer_id", "customer-not-found"), ("/net_terms_days", "out-of-range")}


def test_another_organizations_customer_is_not_there(tenant: Tenant, other: Tenant) -> None:
    answer = tenant.post("/v1/invoices", {"customer_id": other.customer()["id"], "lines": 1})
    assert codes(answer) == {("/customer_id", "customer-not-found"), ("/lines", "not-a-list")}


def test_a_product_and_a_payment_are_told_what_is_not_there_beside_their_wrong_members(tenant: Tenant) -> None:
    product = {"name": "A", "unit_price": "1", "tax_rate_id": NOBODY, "base_quantity": "0"}
    answer = tenant.post("/v1/products", product)
    refused(answer, 422)
    assert {pointer for pointer, _ in codes(answer)} == {"/tax_rate_id", "/base_quantity"}
    payment: dict[str, Any] = {"customer_id": NOBODY, "amount": "x", "currency": "EUR"}
    payment["allocations"] = [{"invoice_id": NOBODY, "amount": "1"}]
    assert codes(tenant.post("/v1/payments", payment)) == {
        ("/customer_id", "customer-not-found"),
        ("/amount", "not-a-decimal"),
        ("/allocations/0/invoice_id", "invoice-not-found"),
    }


def test_a_share_of_an_unknown_invoice_is_judged_too(tenant: Tenant) -> None:
    """Plant the flaw by judging the amount where the invoice is there."""
    shares = [{"invoice_id": NOBODY, "amount": "1.234"}, {"invoice_id": NOBODY, "amount": "0"}]
    body = {"customer_id": tenant.customer()["id"], "amount": "9", "currency": "EUR", "allocations": shares}
    assert codes(tenant.post("/v1/payments", body)) == {
        ("/allocations/0/invoice_id", "invoice-not-found"),
        ("/allocations/0/amount", "too-many-decimals"),
        ("/allocations/1/invoice_id", "invoice-not-found"),
        ("/allocations/1/amount", "amount-not-positive"),
    }


def test_a_customer_is_told_of_both_keys_that_are_taken(tenant: Tenant) -> None:
    """Also where two customers have them. Plant the flaw by leaving it to the constraints, of which one speaks."""
    tenant.customer(email="ada@example.com")
    tenant.customer(external_id="A-1")
    third = tenant.customer()
    taken = {"name": "Ada", "email": "ADA@example.com", "external_id": "A-1"}
    both = {("/email", "customer-email-taken"), ("/external_id", "customer-external-id-taken")}
    path, every = third["links"]["self"], "/v1/customers?include_total=true"
    before = tenant.get(every).json["total_count"]
    for answer in (tenant.post("/v1/customers", taken), tenant.patch(path, taken), tenant.put(path, taken)):
        refused(answer, 409)
        assert codes(answer) == both
    answer = tenant.post("/v1/customers/bulk?atomic=true", {"items": [{"name": "Ida"}, taken]})
    assert codes(answer) == {(f"/items/1{pointer}", code) for pointer, code in both}
    refused(tenant.post("/v1/customers", {**taken, "external_id": "B"}), 409, "customer-email-taken")
    refused(tenant.post("/v1/customers", {**taken, "email": None}), 409, "customer-external-id-taken")
    assert tenant.get(every).json["total_count"] == before


def test_many_references_of_a_refused_body_cost_no_more_statements_than_one(tenant: Tenant) -> None:
    """Plant the flaw by a statement for each reference."""
    asked = []
    for count in (1, 200):
        lines = [line(product_id=str(uuid.uuid4()), quantity="x") for _ in range(count)]
        with recorded(tenant.app) as seen:
            answer = tenant.post("/v1/invoices", {"customer_id": str(uuid.uuid4()), "lines": lines})
        assert sum(fault["code"] == "product-not-found" for fault in refused(answer, 422)["errors"]) > 0
        asked.append(len(seen))
    assert asked[0] == asked[1]
