"""The statement of a customer: every movement, and the proof that it ties out."""

from decimal import Decimal
from typing import Any

import pytest

from billing_api.embedded import Addresses
from billing_api.reports import statements
from tests.factories import Tenant, line
from tests.reports.deeds import act, pay, pay_in, statement_of, void
from tests.schema import as_superuser

NOTHING = dict.fromkeys(("opening", "invoiced", "credited", "received", "refunded", "written_off"), "0.00")


def shown(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["type"], one["amount"], one["balance"]) for one in found["lines"]]


def test_a_customer_without_history_has_an_empty_statement(tenant: Tenant) -> None:
    found = statement_of(tenant, tenant.customer(currency="CHF")["id"])
    assert (found["currency"], found["from"], found["lines"]) == ("CHF", found["to"], [])
    assert found["reconciliation"] == {**NOTHING, "closing": "0.00", "difference": "0.00"}


def test_every_movement_is_shown_once_with_the_balance_after_it(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    first, second = (tenant.invoice(customer_id=customer) for _ in range(2))
    payment = pay(tenant, first, "150.00", overpayment="balance", reference="4711")
    act(tenant, f"/v1/payments/{payment['id']}/refunds", {"amount": "11.00", "method": "card", "reference": "R-1"})
    act(tenant, f"/v1/invoices/{second['id']}/apply-balance")
    returned = pay(tenant, second, "50.00")
    act(tenant, f"/v1/payments/{returned['id']}/reverse", {"reason": "Sent back"})
    act(tenant, f"/v1/invoices/{second['id']}/mark-uncollectible")
    found = statement_of(tenant, customer)
    assert shown(found) == [
        ("invoice_issued", "119.00", "119.00"),
        ("invoice_issued", "119.00", "238.00"),
        ("payment_received", "-150.00", "88.00"),
        ("refund_paid", "11.00", "99.00"),
        ("payment_received", "-50.00", "49.00"),
        ("payment_reversed", "50.00", "99.00"),
        ("invoice_written_off", "-99.00", "0.00"),
    ]
    assert [one["number"] for one in found["lines"][:3]] == [first["number"], second["number"], None]
    assert [one["reference"] for one in found["lines"][1:4]] == [None, "4711", "R-1"]
    assert found["lines"][2]["object"] == {"type": "payment", "id": payment["id"]}
    assert found["reconciliation"] == {
        "opening": "0.00",
        "invoiced": "238.00",
        "credited": "0.00",
        "received": "150.00",
        "refunded": "11.00",
        "written_off": "99.00",
        "closing": "0.00",
        "difference": "0.00",
    }


def test_a_period_begins_with_what_was_before_it_and_ties_out_though_the_documents_went_on(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    tenant.invoice(customer_id=customer, issue_date="2026-01-10")
    second = tenant.invoice(customer_id=customer, issue_date="2026-02-10")
    pay(tenant, second, "119.00", payment_date="2026-03-01")
    whole = statement_of(tenant, customer)
    assert (whole["from"], whole["opening"], whole["closing"]) == ("2026-01-10", "0.00", "119.00")
    parts = [
        statement_of(tenant, customer, query)
        for query in (
            "?to=2026-01-09",
            "?from=2026-01-10&to=2026-02-09",
            "?from=2026-02-10&to=2026-02-10",
            "?from=2026-02-11",
        )
    ]
    assert [(one["opening"], one["closing"]) for one in parts] == [
        ("0.00", "0.00"), ("0.00", "119.00"), ("119.00", "238.00"), ("238.00", "119.00"),
    ]  # fmt: skip
    assert {one["reconciliation"]["difference"] for one in parts} == {"0.00"}
    assert [one for part in parts for one in part["lines"]] == whole["lines"]
    for one in [whole, *parts]:
        adds_up(one)


def adds_up(found: dict[str, Any]) -> None:
    given = {name: Decimal(text) for name, text in found["reconciliation"].items()}
    expected = given["opening"] + given["invoiced"] - given["credited"] - given["received"] + given["refunded"]
    assert given["closing"] == expected - given["written_off"] == Decimal(found["closing"])
    assert Decimal(found["opening"]) + sum(Decimal(one["amount"]) for one in found["lines"]) == given["closing"]


def test_voids_and_negative_invoices_are_part_of_what_was_invoiced(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    void(tenant, tenant.invoice(customer_id=customer))
    tenant.invoice(customer_id=customer, lines=[line(quantity="-2")])
    tenant.invoice(customer_id=customer, lines=[line(unit_price="0")])
    found = statement_of(tenant, customer)
    assert shown(found) == [
        ("invoice_issued", "119.00", "119.00"),
        ("invoice_voided", "-119.00", "0.00"),
        ("invoice_issued", "-119.00", "-119.00"),
    ]
    assert (found["reconciliation"]["invoiced"], found["reconciliation"]["difference"]) == ("-119.00", "0.00")


def test_a_credit_note_lowers_what_is_owed_whatever_it_is_applied_to(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    invoice = tenant.invoice(customer_id=customer)
    pay(tenant, invoice, "100.00")
    note = act(tenant, "/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"})
    act(tenant, f"/v1/credit-notes/{note['id']}/refunds", {"amount": "60.00", "method": "card"})
    found = statement_of(tenant, customer)
    assert shown(found) == [
        ("invoice_issued", "119.00", "119.00"),
        ("payment_received", "-100.00", "19.00"),
        ("credit_note_issued", "-119.00", "-100.00"),
        ("refund_paid", "60.00", "-40.00"),
    ]
    assert found["lines"][2]["number"] == note["number"]
    proof = found["reconciliation"]
    assert (proof["credited"], proof["refunded"], proof["difference"]) == ("119.00", "60.00", "0.00")


def test_what_comes_after_all_for_an_invoice_that_was_given_up_is_written_back(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    act(tenant, f"/v1/invoices/{invoice['id']}/mark-uncollectible")
    pay(tenant, invoice, "19.00")
    found = statement_of(tenant, invoice["customer_id"])
    assert (found["closing"], found["reconciliation"]["written_off"]) == ("0.00", "100.00")
    assert found["reconciliation"]["difference"] == "0.00"


def test_of_several_currencies_one_must_be_named(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    tenant.invoice(customer_id=customer)
    pay_in(tenant, customer, "500", "JPY")
    answer = tenant.get(f"/v1/customers/{customer}/statement")
    assert (answer.status_code, answer.json["code"]) == (400, "currency-required")
    assert answer.json["errors"][0]["parameter"] == "currency"
    assert statement_of(tenant, customer, "?currency=JPY")["closing"] == "-500"
    assert statement_of(tenant, customer, "?currency=EUR")["closing"] == "119.00"


@pytest.mark.parametrize("query", ["from=2026-02-01&to=2026-01-31", "from=2999-01-01"])
def test_a_period_cannot_run_backwards(tenant: Tenant, query: str) -> None:
    for path in (f"/v1/customers/{tenant.customer()['id']}/statement", "/v1/reports/tax-summary"):
        answer = tenant.get(f"{path}?{query}")
        assert (answer.status_code, answer.json["code"]) == (400, "period-runs-backwards")
        assert answer.json["errors"][0]["parameter"] == "from"


def test_a_period_of_too_many_lines_is_refused(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    invoice = tenant.invoice()
    pay(tenant, invoice, "19.00")
    path = f"/v1/customers/{invoice['customer_id']}/statement"
    monkeypatch.setattr(statements, "MOST_LINES", 2)
    assert tenant.get(path).status_code == 200
    monkeypatch.setattr(statements, "MOST_LINES", 1)
    answer = tenant.get(path)
    assert (answer.status_code, answer.json["code"]) == (400, "report-too-long")


def test_books_and_documents_that_disagree_are_seen(tenant: Tenant, addresses: Addresses) -> None:
    """The figure of a document is bent past the service and its triggers, and mended again."""
    invoice = tenant.invoice()
    for sign, difference in (("+", "1.00"), ("-", "0.00")):
        bend(addresses, f"amount_paid = amount_paid {sign} 100 WHERE id = '{invoice['id']}'")
        found = statement_of(tenant, invoice["customer_id"])
        assert (found["closing"], found["reconciliation"]["difference"]) == ("119.00", difference)


def bend(addresses: Addresses, change: str) -> None:
    with as_superuser(addresses) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE invoices SET {change}")  # noqa: S608 - words of this test
