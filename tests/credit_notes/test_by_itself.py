"""Credit notes by themselves, and previews of both kinds, which keep nothing."""

from typing import Any

import pytest

from tests.credit_notes.crediting import again, balances, part
from tests.factories import Tenant, created, line

PRECEDING = [{"number": "A-4711", "issue_date": "2026-01-31"}]


def free(tenant: Tenant, **members: Any) -> dict[str, Any]:
    own = {"lines": [line()], "preceding_invoices": PRECEDING, "reason": "Bonus", **members}
    return own if "customer_id" in own else {"customer_id": tenant.customer()["id"], **own}


def test_a_credit_note_by_itself_is_to_the_customers_credit(tenant: Tenant) -> None:
    note = created(tenant.post("/v1/credit-notes", free(tenant, currency="USD")))
    assert (note["invoice_id"], note["currency"], note["total"]) == (None, "USD", "119.00")
    assert (note["amount_available"], note["status"], note["allocations"]) == ("119.00", "available", [])
    assert note["preceding_invoices"][0]["number"] == "A-4711"
    assert note["buyer"]["id"] == note["customer_id"]
    assert note["seller"]["legal_name"] == "Analytical Engines GmbH"
    assert sum(balances(tenant, note["id"]).values()) == 0
    invoice = tenant.invoice(customer_id=note["customer_id"], currency="USD")
    paid = tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance").json
    assert (paid["status"], paid["settled_by"]) == ("paid", "credit")


def test_it_can_be_refunded_at_once_and_prices_may_include_tax(tenant: Tenant) -> None:
    body = free(tenant, settlement="refund", prices_include_tax=True, lines=[line(quantity="1", unit_price="9.99")])
    note = created(tenant.post("/v1/credit-notes", body))
    assert [note[name] for name in ("total_without_tax", "tax_total", "total", "amount_refunded")] == [
        "8.39", "1.60", "9.99", "9.99"
    ]  # fmt: skip
    assert note["lines"][0]["gross"] == "9.99"


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"preceding_invoices": None}, "required", "/preceding_invoices"),
        ({"customer_id": None}, "required", "/invoice_id"),
        ({"lines": None}, "required", "/lines"),
        ({"lines": [{"description": "Work", "unit_price": "1.00", "tax_rate": "19"}]}, "required", "/lines/0/quantity"),
        ({"lines": [line(net_amount="1.00")]}, "only-with-invoice-id", "/lines/0/net_amount"),
        ({"lines": [line(tax_rate=None)]}, "required", "/lines/0/tax_rate"),
        ({"lines": [line(quantity="-1")]}, "credit-note-negative", "/lines"),
        ({"lines": [line(unit_price="1.001", quantity="x")]}, "not-a-decimal", "/lines/0/quantity"),
        ({"charges": [{"id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"}]}, "only-with-invoice-id", "/charges"),
        ({"customer_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"}, "customer-not-found", "/customer_id"),
    ],
)
def test_what_it_lacks_is_told(shop: Tenant, change: dict[str, Any], code: str, pointer: str) -> None:
    answer = shop.post("/v1/credit-notes", {**free(shop), **change})
    assert answer.status_code == 422, answer.text
    assert [(fault["code"], fault["pointer"]) for fault in answer.json["errors"]] == [(code, pointer)]


def test_what_belongs_to_the_invoice_is_not_said_beside_it(shop: Tenant) -> None:
    invoice = shop.invoice()
    body = {**free(shop), "invoice_id": invoice["id"], "lines": [part(invoice, 0, unit_price="1.00")]}
    answer = shop.post("/v1/credit-notes", body)
    faults = {(fault["code"], fault["pointer"]) for fault in answer.json["errors"]}
    places = {"/customer_id", "/preceding_invoices", "/lines/0/unit_price"}
    assert faults == {("not-with-invoice-id", place) for place in places}


def test_seller_and_buyer_must_be_whole(tenant: Tenant) -> None:
    customer = tenant.customer(billing_address=None)
    answer = tenant.post("/v1/credit-notes", free(tenant, customer_id=customer["id"]))
    assert (answer.status_code, answer.json["code"]) == (422, "credit-note-not-ready")
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/buyer/billing_address"]


def test_a_preview_shows_what_would_be_and_keeps_nothing(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    tenant.post(f"/v1/invoices/{invoice['id']}/payments", {"amount": "100.00"})
    before = again(tenant, invoice)
    body = {"invoice_id": invoice["id"], "reason": "Returned", "settlement": "refund"}
    shown = tenant.post("/v1/credit-notes/preview", body).json
    assert [shown[name] for name in ("id", "number", "status", "issue_date", "created_at", "version")] == [None] * 6
    assert [shown[name] for name in ("payable_amount", "amount_allocated", "amount_refunded")] == [
        "119.00", "19.00", "100.00"
    ]  # fmt: skip
    assert again(tenant, invoice) == before
    assert tenant.get("/v1/credit-notes").json["data"] == []
    made = created(tenant.post("/v1/credit-notes", body))
    same = ("total", "tax_breakdown", "amount_allocated", "amount_refunded", "amount_available", "preceding_invoices")
    assert {name: made[name] for name in same} == {name: shown[name] for name in same}


def test_a_preview_by_itself_needs_no_customer(shop: Tenant) -> None:
    body = {"reason": "Bonus", "lines": [line()], "preceding_invoices": PRECEDING}
    answer = shop.post("/v1/credit-notes/preview", body)
    assert (answer.status_code, answer.json["total"], answer.json["buyer"]) == (200, "119.00", None)


def test_a_dry_run_answers_and_keeps_nothing(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    body = {"invoice_id": invoice["id"], "reason": "Returned"}
    answer = tenant.post("/v1/credit-notes?dry_run=true", body)
    assert (answer.status_code, answer.headers["Dry-Run"]) == (201, "true")
    assert tenant.get("/v1/credit-notes").json["data"] == []
    assert again(tenant, invoice) == invoice


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"issue_date": "2020-01-01"}, "issue-date-before-invoice", "/issue_date"),
        ({"issue_date": "2999-01-01"}, "issue-date-in-future", "/issue_date"),
        ({"settlement": "refund", "refund": {"payment_date": "2999-01-01"}}, "date-in-future", "/refund/payment_date"),
        (
            {"settlement": "refund", "refund": {"payment_date": "2020-01-01"}},
            "date-before-source",
            "/refund/payment_date",
        ),
    ],
)
def test_a_preview_refuses_the_dates_that_the_credit_note_would_be_refused_for(
    tenant: Tenant, members: dict[str, Any], code: str, pointer: str
) -> None:
    invoice = tenant.invoice()
    tenant.payment(invoice)
    body = {"invoice_id": invoice["id"], "reason": "Returned", **members}
    for path in ("/v1/credit-notes/preview", "/v1/credit-notes"):
        answer = tenant.post(path, body)
        told = [(fault["code"], fault["pointer"]) for fault in answer.json["errors"]]
        assert (answer.status_code, told) == (422, [(code, pointer)]), path
