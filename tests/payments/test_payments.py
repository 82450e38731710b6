"""Payments: of one invoice, of several, to the balance, more than is due, reversed; and what is refused."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from billing_api import clock
from tests.factories import Tenant, created, line
from tests.ledger.books import balances, entries
from tests.web.refusals import codes, refused

TOMORROW = (clock.today("Europe/Berlin") + dt.timedelta(days=2)).isoformat()


def pay(tenant: Tenant, invoice: dict[str, Any], **body: Any) -> Any:
    return tenant.post(f"/v1/invoices/{invoice['id']}/payments", body)


def again(tenant: Tenant, thing: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = tenant.get(thing["links"]["self"]).json
    return shown


def test_a_payment_of_all_that_is_due_settles_the_invoice(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    answer = pay(tenant, invoice, amount="119.00", method="bank_transfer", reference="R-1", metadata={"a": "b"})
    payment = created(answer)
    assert answer.headers["Location"] == payment["links"]["self"]
    assert tenant.get(answer.headers["Location"]).json == payment
    assert (payment["version"], answer.headers["ETag"]) == (1, '"1"')
    assert {name: payment[name] for name in ("amount", "amount_allocated", "amount_available", "status")} == {
        "amount": "119.00", "amount_allocated": "119.00", "amount_available": "0.00", "status": "received",
    }  # fmt: skip
    assert (payment["method"], payment["reference"], payment["metadata"]) == ("bank_transfer", "R-1", {"a": "b"})
    assert payment["payment_date"] == clock.today("Europe/Berlin").isoformat()
    (allocation,) = payment["allocations"]
    assert (allocation["invoice_id"], allocation["amount"]) == (invoice["id"], "119.00")
    shown = again(tenant, invoice)
    assert (shown["status"], shown["settled_by"], shown["amount_paid"], shown["amount_due"]) == (
        "paid", "payment", "119.00", "0.00",
    )  # fmt: skip
    assert shown["paid_at"] is not None
    assert shown["version"] == invoice["version"] + 1
    assert balances(tenant) == {"cash": Decimal(119), "revenue": Decimal(-100), "tax_payable": Decimal(-19)}
    types = [event["type"] for event in tenant.get("/v1/events?limit=100").json["data"]][-3:]
    assert types == ["payment.received", "invoice.amount_applied", "invoice.paid"]


def test_parts_settle_it_when_they_are_all_there(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for amount, due, status in (("19.00", "100.00", "open"), ("0.01", "99.99", "open"), ("99.99", "0.00", "paid")):
        created(pay(tenant, invoice, amount=amount))
        shown = again(tenant, invoice)
        assert (shown["amount_due"], shown["status"], shown["partially_paid"]) == (due, status, status == "open")


def test_more_than_is_due_is_refused_unless_it_is_asked_for_by_name(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    answer = pay(tenant, invoice, amount="119.01")
    problem = refused(answer, 422, "amount-exceeds-due")
    assert codes(answer) == {("/amount", "amount-exceeds-due")}
    assert "119.00" in problem["errors"][0]["detail"]
    assert balances(tenant)["accounts_receivable"] == Decimal(119)
    payment = created(pay(tenant, invoice, amount="150.00", overpayment="balance"))
    assert (payment["amount_allocated"], payment["amount_available"]) == ("119.00", "31.00")
    assert again(tenant, invoice)["amount_paid"] == "119.00"
    assert balances(tenant)["customer_credit"] == Decimal(-31)


@pytest.mark.parametrize("prepare", ["draft", "paid", "void"])
def test_where_nothing_is_due_nothing_is_paid(tenant: Tenant, prepare: str) -> None:
    invoice = tenant.draft() if prepare == "draft" else tenant.invoice()
    if prepare == "paid":
        tenant.payment(invoice)
    if prepare == "void":
        assert tenant.post(f"/v1/invoices/{invoice['id']}/void", {"reason": "Twice"}).status_code == 200
    before = tenant.get("/v1/payments?include_total=true").json["total_count"]
    for body in ({"amount": "1.00"}, {"amount": "1.00", "overpayment": "balance"}):
        problem = refused(pay(tenant, invoice, **body), 409, "invoice-not-payable")
        assert problem["current_status"] == prepare
    by_name = {"customer_id": invoice["customer_id"], "currency": "EUR", "amount": "1.00"}
    refused(
        tenant.post("/v1/payments", {**by_name, "allocations": [{"invoice_id": invoice["id"], "amount": "1.00"}]}),
        409, "invoice-not-payable",
    )  # fmt: skip
    assert tenant.get("/v1/payments?include_total=true").json["total_count"] == before


def test_one_payment_settles_several_invoices_and_leaves_the_rest_to_the_balance(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    first, second = (tenant.invoice(customer_id=customer) for _ in range(2))
    shares = [{"invoice_id": first["id"], "amount": "119.00"}, {"invoice_id": second["id"], "amount": "19.00"}]
    body = {"customer_id": customer, "currency": "EUR", "amount": "140.00", "allocations": shares}
    payment = created(tenant.post("/v1/payments", body))
    assert [(one["invoice_id"], one["amount"]) for one in payment["allocations"]] == [
        (one["invoice_id"], one["amount"]) for one in shares
    ]
    assert payment["amount_available"] == "2.00"
    assert [again(tenant, one)["status"] for one in (first, second)] == ["paid", "open"]
    assert again(tenant, second)["amount_due"] == "100.00"
    for one, listed in ((first, 1), (second, 1), (tenant.invoice(), 0)):
        assert len(tenant.get(f"/v1/payments?invoice_id={one['id']}").json["data"]) == listed


def test_every_fault_of_a_payment_is_told_at_once(tenant: Tenant, other: Tenant) -> None:
    customer = tenant.customer()["id"]
    mine, dollars = tenant.invoice(customer_id=customer), tenant.invoice(customer_id=customer, currency="USD")
    others = tenant.invoice()
    shares = [
        {"invoice_id": mine["id"], "amount": "0"},
        {"invoice_id": dollars["id"], "amount": "1"},
        {"invoice_id": others["id"], "amount": "1"},
        {"invoice_id": other.invoice()["id"], "amount": "1"},
        {"invoice_id": mine["id"], "amount": "1"},
    ]
    body = {"customer_id": customer, "currency": "EUR", "amount": "-1", "payment_date": TOMORROW}
    answer = tenant.post("/v1/payments", {**body, "allocations": shares})
    refused(answer, 422, "validation-failed")
    assert codes(answer) == {
        ("/amount", "amount-not-positive"), ("/payment_date", "date-in-future"),
        ("/allocations/0/amount", "amount-not-positive"), ("/allocations/1/invoice_id", "currency-mismatch"),
        ("/allocations/2/invoice_id", "customer-mismatch"), ("/allocations/3/invoice_id", "invoice-not-found"),
        ("/allocations/4/invoice_id", "allocation-twice"),
    }  # fmt: skip
    stranger = tenant.post("/v1/payments", {"customer_id": str(uuid.uuid4()), "currency": "EUR", "amount": "1"})
    assert codes(stranger) == {("/customer_id", "customer-not-found")}
    much = {**body, "payment_date": None, "amount": "1.00"}
    spent = tenant.post("/v1/payments", {**much, "allocations": [{"invoice_id": mine["id"], "amount": "1.01"}]})
    assert codes(spent) == {("/allocations", "allocations-exceed-amount")}
    fine = pay(tenant, mine, amount="1.001", currency="USD")
    assert codes(fine) == {("/amount", "too-many-decimals"), ("/currency", "currency-mismatch")}


def test_a_payment_in_yen_has_no_decimals(tenant: Tenant) -> None:
    invoice = tenant.invoice(currency="JPY", lines=[line(unit_price="50")])
    payment = created(pay(tenant, invoice, amount="119"))
    assert (payment["amount"], payment["amount_available"]) == ("119", "0")
    assert codes(pay(tenant, tenant.invoice(currency="JPY"), amount="1.5")) == {("/amount", "too-many-decimals")}


def test_a_reversed_payment_opens_its_invoices_again(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    first, second = (tenant.invoice(customer_id=customer) for _ in range(2))
    payment = tenant.payment(first, amount="200.00", overpayment="balance")
    assert tenant.post(f"/v1/invoices/{second['id']}/apply-balance").json["amount_due"] == "38.00"
    answer = tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back by the bank"})
    assert answer.status_code == 200
    shown = answer.json
    assert (shown["status"], shown["reversal_reason"]) == ("reversed", "Sent back by the bank")
    assert [shown[f"amount_{name}"] for name in ("allocated", "refunded", "available")] == ["0.00"] * 3
    assert all(one["released_on"] and one["released_at"] for one in shown["allocations"])
    for invoice in (first, second):
        after = again(tenant, invoice)
        assert (after["status"], after["amount_due"], after["paid_at"]) == ("open", "119.00", None)
    assert balances(tenant) == {
        "accounts_receivable": Decimal(238), "revenue": Decimal(-200), "tax_payable": Decimal(-38),
    }  # fmt: skip
    repeated = tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Again"})
    assert (repeated.status_code, repeated.json) == (200, shown)


def test_a_payment_of_which_some_was_refunded_did_come_in(tenant: Tenant) -> None:
    payment = tenant.payment(tenant.invoice(), amount="120.00", overpayment="balance")
    created(tenant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00"}))
    refused(tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "x"}), 409, "payment-is-refunded")


def test_nothing_is_recorded_in_closed_books(tenant: Tenant) -> None:
    today = clock.today("Europe/Berlin")
    invoice = tenant.invoice(issue_date=(today - dt.timedelta(days=3)).isoformat())
    payment = tenant.payment(invoice, amount="20.00", payment_date=(today - dt.timedelta(days=2)).isoformat())
    assert tenant.patch("/v1/organization", {"books_locked_until": today.isoformat()}).status_code == 200
    refused(pay(tenant, invoice, amount="1.00"), 409, "period-locked")
    refused(tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "x"}), 409, "period-locked")
    for action, body in (("void", {"reason": "x"}), ("mark-uncollectible", None)):
        answer = tenant.post(f"/v1/invoices/{invoice['id']}/{action}", body)
        refused(answer, 409, "invoice-has-allocations" if action == "void" else "period-locked")
    yesterday = (today - dt.timedelta(days=1)).isoformat()
    assert tenant.patch("/v1/organization", {"books_locked_until": yesterday}).status_code == 200
    refused(pay(tenant, invoice, amount="1.00", payment_date=yesterday), 409, "period-locked")
    created(pay(tenant, invoice, amount="1.00"))


def test_the_words_of_a_payment_can_be_changed_and_its_money_cannot(tenant: Tenant) -> None:
    payment = tenant.payment(tenant.invoice())
    path = payment["links"]["self"]
    changed = tenant.patch(path, {"reference": "R-2", "metadata": {"a": "b"}}, If_Match='"1"')
    assert (changed.status_code, changed.json["version"]) == (200, 2)
    assert (changed.json["reference"], changed.json["metadata"]) == ("R-2", {"a": "b"})
    assert changed.json["updated_at"] > payment["updated_at"]
    same = tenant.patch(path, {"reference": "R-2"})
    assert same.json["version"] == 2
    assert tenant.patch(path, {"reference": None}).json["reference"] is None
    refused(tenant.patch(path, {"amount": "1.00"}), 422, "unknown-member")
    refused(tenant.patch(path, {"reference": "x"}, If_Match='"1"'), 412, "precondition-failed")


def test_an_allocation_changes_the_tag_of_the_payment(tenant: Tenant) -> None:
    """What is available is part of it, so a copy that a client holds is no longer good."""
    customer = tenant.customer()["id"]
    payment = created(tenant.post("/v1/payments", {"customer_id": customer, "currency": "EUR", "amount": "10"}))
    assert tenant.get(payment["links"]["self"], If_None_Match='"1"').status_code == 304
    invoice = tenant.invoice(customer_id=customer)
    assert tenant.post(f"/v1/invoices/{invoice['id']}/apply-balance").status_code == 200
    after = tenant.get(payment["links"]["self"], If_None_Match='"1"')
    assert (after.status_code, after.headers["ETag"], after.json["amount_available"]) == (200, '"2"', "0.00")


def test_payments_are_found_by_what_they_say(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    dates = ["2026-01-31", "2026-02-01", "2026-03-01"]
    made = [
        created(
            tenant.post(
                "/v1/payments",
                {"customer_id": customer, "currency": code, "amount": "10", "payment_date": date},
            )
        )["id"]
        for date, code in zip(dates, ["EUR", "USD", "EUR"], strict=True)
    ]
    tenant.payment(tenant.invoice())

    def found(query: str) -> list[str]:
        return [one["id"] for one in tenant.get(f"/v1/payments?{query}&sort=payment_date").json["data"]]

    assert found(f"customer_id={customer}") == made
    assert found("currency=USD") == made[1:2]
    assert found("payment_date_from=2026-02-01&payment_date_to=2026-02-28") == made[1:2]
    assert found(f"customer_id={customer}&payment_date_to=2026-02-01") == made[:2]
    assert found(f"customer_id={uuid.uuid4()}") == []
    assert tenant.post(f"/v1/payments/{made[0]}/reverse", {"reason": "x"}).status_code == 200
    assert found(f"customer_id={customer}&status=reversed") == made[:1]
    assert found(f"customer_id={customer}&status=received") == made[1:]
    assert found(f"customer_id={customer}&status=received,reversed") == made
    assert tenant.get("/v1/payments?status=received,lost").status_code == 400


def test_money_on_an_invoice_that_was_given_up_is_written_back_first(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    assert tenant.post(f"/v1/invoices/{invoice['id']}/mark-uncollectible").json["status"] == "uncollectible"
    assert balances(tenant)["bad_debt"] == Decimal(119)
    first = created(pay(tenant, invoice, amount="19.00"))
    shown = again(tenant, invoice)
    assert (shown["status"], shown["amount_due"], shown["overdue"]) == ("uncollectible", "100.00", False)
    assert (balances(tenant)["bad_debt"], "accounts_receivable" in balances(tenant)) == (Decimal(100), False)
    created(pay(tenant, invoice, amount="100.00"))
    assert again(tenant, invoice)["status"] == "paid"
    assert "bad_debt" not in balances(tenant)
    assert tenant.post(f"/v1/payments/{first['id']}/reverse", {"reason": "x"}).status_code == 200
    shown = again(tenant, invoice)
    assert (shown["status"], shown["amount_due"], shown["paid_at"]) == ("uncollectible", "19.00", None)
    assert balances(tenant)["bad_debt"] == Decimal(19)
    types = [entry["type"] for entry in entries(tenant, object_id=invoice["id"])]
    assert types == [
        "invoice_issued", "invoice_written_off", "write_off_reversed", "credit_applied", "write_off_reversed",
        "credit_applied", "credit_released", "invoice_written_off",
    ]  # fmt: skip


def test_a_payment_made_before_the_issue_settles_from_the_issue_on(tenant: Tenant) -> None:
    """Or the receivable of that day would stand below zero."""
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, payment_date="2026-01-01")
    assert payment["allocations"][0]["allocated_on"] == invoice["issue_date"]


def test_money_that_came_before_an_invoice_was_given_up_counts_from_then_on(tenant: Tenant) -> None:
    """Or the bad debt of the days between would stand below zero."""
    invoice = tenant.invoice(issue_date="2026-01-01")
    assert tenant.post(f"/v1/invoices/{invoice['id']}/mark-uncollectible").status_code == 200
    payment = tenant.payment(invoice, payment_date="2026-02-01")
    today = clock.today("Europe/Berlin").isoformat()
    assert (payment["payment_date"], payment["allocations"][0]["allocated_on"]) == ("2026-02-01", today)
    written_back = entries(tenant, object_id=invoice["id"])[2]
    assert (written_back["type"], written_back["entry_date"]) == ("write_off_reversed", today)


def test_a_payment_settles_no_receivable_before_it_was_owed_again(tenant: Tenant) -> None:
    invoice = tenant.invoice(issue_date="2026-01-01")
    first = tenant.payment(invoice, payment_date="2026-01-05")
    assert tenant.post(f"/v1/payments/{first['id']}/reverse", {"reason": "Sent back"}).status_code == 200
    payment = tenant.payment(again(tenant, invoice), payment_date="2026-01-10")
    assert payment["allocations"][0]["allocated_on"] == clock.today("Europe/Berlin").isoformat()
