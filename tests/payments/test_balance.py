"""What customers have to their credit: applied the oldest first, refunded, and never more than there is."""

from decimal import Decimal
from typing import Any

import pytest

from billing_api.ledger import service as ledger
from tests.factories import Tenant, created, line
from tests.ledger.books import balances
from tests.statements import recorded
from tests.web.refusals import codes, refused


def deposit(tenant: Tenant, customer: str, amount: str, **body: Any) -> dict[str, Any]:
    given = {"customer_id": customer, "currency": "EUR", "amount": amount, **body}
    return created(tenant.post("/v1/payments", given))


def available(tenant: Tenant, payment: dict[str, Any]) -> str:
    return str(tenant.get(payment["links"]["self"]).json["amount_available"])


def test_the_oldest_credit_is_applied_first(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    newer = deposit(tenant, customer, "100.00", payment_date="2026-02-01")
    older = deposit(tenant, customer, "50.00", payment_date="2026-01-01")
    others = deposit(tenant, tenant.customer()["id"], "500.00")
    dollars = deposit(tenant, customer, "500.00", currency="USD")
    invoice = tenant.invoice(customer_id=customer)
    part = tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance", {"amount": "60.00"})
    assert (part.status_code, part.json["amount_due"], part.json["status"]) == (200, "59.00", "open")
    assert [available(tenant, one) for one in (older, newer)] == ["0.00", "90.00"]
    rest = tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance")
    assert (rest.json["status"], rest.json["settled_by"], rest.json["amount_due"]) == ("paid", "payment", "0.00")
    assert {action["name"] for action in rest.json["actions"]} >= {"credit", "duplicate"}
    assert [available(tenant, one) for one in (older, newer, others, dollars)] == ["0.00", "31.00", "500.00", "500.00"]
    refused(tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance"), 409, "invoice-not-payable")


def test_no_more_is_applied_than_is_due_and_there(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    invoice = tenant.invoice(customer_id=customer)
    path = f"/v1/invoices/{invoice['id']}/apply-balance"
    refused(tenant.post(path), 409, "nothing-available")
    deposit(tenant, customer, "100.00")
    assert codes(tenant.post(path, {"amount": "100.01"})) == {("/amount", "amount-exceeds-available")}
    deposit(tenant, customer, "100.00")
    assert codes(tenant.post(path, {"amount": "119.01"})) == {("/amount", "amount-exceeds-due")}
    assert codes(tenant.post(path, {"amount": "0"})) == {("/amount", "amount-not-positive")}
    assert tenant.get(f"/v1/invoices/{invoice['id']}").json["amount_due"] == "119.00"
    assert tenant.post(path, {"amount": "119.00"}).json["status"] == "paid"
    assert balances(tenant)["customer_credit"] == Decimal(-81)


def test_of_very_many_credits_the_oldest_are_used_and_the_others_the_next_time(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MOST_SOURCES", 3)
    customer = tenant.customer()["id"]
    for _ in range(5):
        deposit(tenant, customer, "1.00")
    path = f"/v1/invoices/{tenant.invoice(customer_id=customer)['id']}/apply-balance"
    assert codes(tenant.post(path, {"amount": "3.01"})) == {("/amount", "amount-exceeds-available")}
    assert [tenant.post(path).json["amount_due"] for _ in range(2)] == ["116.00", "114.00"]
    refused(tenant.post(path), 409, "nothing-available")


def test_when_invoices_were_last_owed_is_asked_once_for_all(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    invoices = [tenant.invoice(customer_id=customer) for _ in range(4)]
    with recorded(tenant.app) as seen:
        shares = [{"invoice_id": one["id"], "amount": "100.00"} for one in invoices]
        deposit(tenant, customer, "400.00", allocations=shares)
    assert sum("max(ledger_entries.entry_date)" in text for text, _ in seen) == 1
    for _ in range(4):
        deposit(tenant, customer, "1.00")
    with recorded(tenant.app) as seen:
        assert tenant.post(f"/v1/invoices/{invoices[0]['id']}/apply-balance").json["amount_due"] == "15.00"
    assert sum("max(ledger_entries.entry_date)" in text for text, _ in seen) == 1


def test_nothing_is_applied_without_being_asked_for(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    deposit(tenant, customer, "500.00")
    assert tenant.invoice(customer_id=customer)["amount_due"] == "119.00"


def test_a_negative_invoice_is_credit_that_settles_another(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    owed = tenant.invoice(customer_id=customer, lines=[line(quantity="-1")])
    assert (owed["status"], owed["settled_by"], owed["amount_due"]) == ("paid", "nothing", "0.00")
    assert balances(tenant)["customer_credit"] == Decimal("-59.50")
    invoice = tenant.invoice(customer_id=customer)
    shown = tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance").json
    assert (shown["amount_credited"], shown["amount_paid"], shown["amount_due"]) == ("59.50", "0.00", "59.50")
    tenant.payment(shown)
    assert tenant.get(f"/v1/invoices/{invoice['id']}").json["settled_by"] == "mixed"


def test_what_is_available_can_be_refunded_and_no_more(tenant: Tenant) -> None:
    payment = tenant.payment(tenant.invoice(), amount="150.00", overpayment="balance")
    path = f"/v1/payments/{payment['id']}/refunds"
    problem = refused(tenant.post(path, {"amount": "31.01"}), 409, "payment-is-applied")
    assert problem["amount_available"] == "31.00"
    answer = tenant.post(path, {"amount": "30.00", "method": "card", "reference": "B-1", "payment_date": None})
    refund = created(answer)
    assert answer.headers["Location"] == refund["links"]["self"]
    assert tenant.get(answer.headers["Location"]).json == refund
    assert (refund["source"], refund["amount"]) == ({"type": "payment", "id": payment["id"]}, "30.00")
    shown = tenant.get(payment["links"]["self"]).json
    assert (shown["amount_refunded"], shown["amount_available"]) == ("30.00", "1.00")
    assert tenant.get(shown["links"]["refunds"]).json["data"] == [refund]
    assert balances(tenant)["cash"] == Decimal(120)
    refused(tenant.post(path, {"amount": "1.01"}), 409, "payment-is-applied")
    created(tenant.post(path, {"amount": "1.00"}))
    refused(tenant.post(path, {"amount": "0.01"}), 409, "payment-is-applied")


def test_what_a_negative_invoice_owes_can_be_refunded(tenant: Tenant) -> None:
    owed = tenant.invoice(lines=[line(quantity="-1")])
    path = f"/v1/invoices/{owed['id']}/refunds"
    refund = created(tenant.post(path, {"amount": "59.50"}))
    assert refund["source"] == {"type": "invoice", "id": owed["id"]}
    refused(tenant.post(path, {"amount": "0.01"}), 409, "payment-is-applied")
    refused(tenant.post(f"/v1/invoices/{tenant.invoice()['id']}/refunds", {"amount": "1"}), 409, "payment-is-applied")
    assert balances(tenant, object_id=refund["id"]) == {"cash": Decimal("-59.50"), "customer_credit": Decimal("59.50")}


def test_refunds_are_found_by_what_they_say(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    dated = {"payment_date": "2026-01-01"}
    payments = [deposit(tenant, customer, "10.00", currency=code, **dated) for code in ("EUR", "USD")]
    made = [
        created(tenant.post(f"/v1/payments/{one['id']}/refunds", {"amount": "1.00", "payment_date": date}))["id"]
        for one, date in zip(payments, ("2026-01-31", "2026-02-01"), strict=True)
    ]
    for query, expected in (
        (f"customer_id={customer}", made),
        ("currency=USD", made[1:]),
        (f"source_id={payments[0]['id']}", made[:1]),
        ("payment_date_from=2026-02-01", made[1:]),
        ("payment_date_to=2026-01-31", made[:1]),
    ):
        found = tenant.get(f"/v1/refunds?{query}&sort=payment_date").json["data"]
        assert [one["id"] for one in found] == expected, query


def test_a_customer_who_has_paid_stays(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    deposit(tenant, customer, "10.00")
    refused(tenant.delete(f"/v1/customers/{customer}"), 409, "customer-in-use")


def test_money_does_not_go_back_before_it_came(tenant: Tenant) -> None:
    payment = deposit(tenant, tenant.customer()["id"], "10.00", payment_date="2026-02-01")
    path = f"/v1/payments/{payment['id']}/refunds"
    early = tenant.post(path, {"amount": "1.00", "payment_date": "2026-01-31"})
    assert codes(early) == {("/payment_date", "date-before-source")}
    assert created(tenant.post(path, {"amount": "1.00", "payment_date": "2026-02-01"}))["amount"] == "1.00"
    note = {
        "invoice_id": tenant.payment(tenant.invoice())["allocations"][0]["invoice_id"],
        "reason": "Returned",
        "settlement": "refund",
    }
    early = tenant.post("/v1/credit-notes", {**note, "refund": {"payment_date": "2026-01-31"}})
    assert codes(early) == {("/refund/payment_date", "date-before-source")}
