"""A credit note over an invoice: what it says, what it settles, what it is refused for."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.credit_notes.crediting import again, balances, credit, part, priced
from tests.factories import Tenant, created, sign_up

DUE = Decimal("119.00")


def pay(tenant: Tenant, invoice: dict[str, Any], amount: str, **members: Any) -> dict[str, Any]:
    return created(tenant.post(f"/v1/invoices/{invoice['id']}/payments", {"amount": amount, **members}))


def refusal(tenant: Tenant, body: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
    """The status, and the fault codes with their pointers; where there are none, the code of the whole."""
    answer = tenant.post("/v1/credit-notes", {"reason": "Returned", **body})
    faults = [(fault["code"], fault["pointer"]) for fault in answer.json["errors"]]
    return answer.status_code, faults or [(answer.json["code"], "")]


def test_a_credit_note_says_what_it_credits_and_settles_its_invoice(tenant: Tenant) -> None:
    invoice = tenant.invoice(buyer_reference="B-7")
    note = credit(tenant, invoice, part(invoice, 0, quantity="1"), notes="Sorry", metadata={"case": "1"})
    year = note["issue_date"][:4]
    assert (note["number"], note["status"], note["version"]) == (f"CN-{year}-0001", "used", 1)
    assert note["preceding_invoices"] == [
        {"number": invoice["number"], "issue_date": invoice["issue_date"], "invoice_id": invoice["id"]}
    ]
    assert (note["seller"], note["buyer"]) == (invoice["seller"], invoice["buyer"])
    assert (note["buyer_reference"], note["notes"], note["metadata"]) == ("B-7", "Sorry", {"case": "1"})
    (line,) = note["lines"]
    shown = {name: line[name] for name in ("invoice_line_id", "description", "quantity", "unit_price", "net")}
    assert shown == {"invoice_line_id": invoice["lines"][0]["id"], "description": "Work", "quantity": "1",
                     "unit_price": "50.00", "net": "50.00"}  # fmt: skip
    sums = ("subtotal", "total_without_tax", "tax_total", "total", "rounding_amount", "payable_amount")
    assert [note[name] for name in sums] == ["50.00", "50.00", "9.50", "59.50", "0.00", "59.50"]
    assert [note[name] for name in ("amount_allocated", "amount_refunded", "amount_available")] == ["59.50", "0.00",
                                                                                                    "0.00"]  # fmt: skip
    assert [(one["invoice_id"], one["amount"]) for one in note["allocations"]] == [(invoice["id"], "59.50")]
    left = again(tenant, invoice)
    assert (left["status"], left["amount_credited"], left["amount_due"]) == ("open", "59.50", "59.50")
    assert left["amount_creditable"] == "59.50"
    assert (left["lines"][0]["creditable_quantity"], left["lines"][0]["creditable_net"]) == ("1", "50.00")
    assert left["version"] == invoice["version"] + 1
    assert tenant.get(note["links"]["self"]).json == note
    assert tenant.get(note["links"]["entries"]).json["data"][0]["type"] == "credit_note_issued"


def test_what_a_paid_invoice_is_credited_with_is_to_the_customers_credit(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    invoice = tenant.invoice(customer_id=customer)
    payment = pay(tenant, invoice, "100.00")
    note = credit(tenant, invoice, part(invoice, 0, quantity="1"))
    assert [note[name] for name in ("status", "amount_allocated", "amount_available")] == ["available", "19.00",
                                                                                          "40.50"]  # fmt: skip
    left = again(tenant, invoice)
    assert (left["status"], left["settled_by"], left["amount_paid"]) == ("paid", "mixed", "100.00")
    rest = credit(tenant, invoice)
    assert (rest["amount_allocated"], rest["amount_available"]) == ("0.00", "59.50")
    ids = [invoice["id"], payment["id"], note["id"], rest["id"]]
    assert balances(tenant, *ids) == {
        ("cash", None, None, None): Decimal("100.00"), ("customer_credit", None, None, None): Decimal("-100.00")
    }  # fmt: skip
    other = tenant.invoice(customer_id=customer)
    applied = tenant.post(f"/v1/invoices/{other['id']}/apply-balance").json
    assert (applied["amount_credited"], applied["amount_paid"], applied["amount_due"]) == ("100.00", "0.00", "19.00")


def test_an_uncollectible_invoice_is_expected_again_as_far_as_it_is_credited(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    tenant.post(f"/v1/invoices/{invoice['id']}/mark-uncollectible")
    note = credit(tenant, invoice, part(invoice, 0, quantity="1"))
    assert note["amount_allocated"] == "59.50"
    left = again(tenant, invoice)
    assert (left["status"], left["amount_due"]) == ("uncollectible", "59.50")
    assert balances(tenant, invoice["id"], note["id"])["bad_debt", None, None, None] == Decimal("59.50")
    credit(tenant, invoice)
    assert again(tenant, invoice)["status"] == "paid"


def test_what_is_refunded_at_once_leaves_nothing_available(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    pay(tenant, invoice, "119.00")
    terms = {"method": "bank_transfer", "reference": "R-1", "payment_date": invoice["issue_date"]}
    note = credit(tenant, invoice, part(invoice, 0, quantity="1"), settlement="refund", refund=terms)
    assert (note["status"], note["amount_refunded"], note["amount_available"]) == ("used", "59.50", "0.00")
    (refund,) = tenant.get(note["links"]["refunds"]).json["data"]
    assert {name: refund[name] for name in terms} == terms
    assert (refund["amount"], refund["source"]) == ("59.50", {"type": "credit_note", "id": note["id"]})


def test_what_is_available_is_refunded_later_and_not_twice(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    pay(tenant, invoice, "119.00")
    note = credit(tenant, invoice)
    path = f"/v1/credit-notes/{note['id']}/refunds"
    assert created(tenant.post(path, {"amount": "100.00"}))["amount"] == "100.00"
    refused = tenant.post(path, {"amount": "19.01"})
    assert (refused.status_code, refused.json["code"]) == (409, "payment-is-applied")
    shown = tenant.get(note["links"]["self"]).json
    assert (shown["amount_refunded"], shown["amount_available"], shown["version"]) == ("100.00", "19.00", 2)


def test_prepaid_money_is_credited_too_and_becomes_available(tenant: Tenant) -> None:
    invoice = tenant.invoice(prepaid_amount="100.00")
    note = credit(tenant, invoice)
    assert [note[name] for name in ("payable_amount", "amount_allocated", "amount_available")] == ["119.00", "19.00",
                                                                                                  "100.00"]  # fmt: skip
    assert again(tenant, invoice)["status"] == "paid"


def test_a_charge_in_a_group_of_its_own_is_credited_by_its_id(tenant: Tenant) -> None:
    freight = {"amount": "10.00", "tax_category": "S", "tax_rate": "7", "reason": "Freight"}
    shared = {"amount": "20.00", "tax_category": "S", "tax_rate": "19"}
    invoice = tenant.invoice(charges=[freight, shared])
    alone, split = invoice["charges"]
    assert (alone["creditable_amount"], split["creditable_amount"]) == ("10.00", None)
    assert invoice["lines"][0]["creditable_net"] == "120.00"
    note = credit(tenant, invoice, charges=[{"id": alone["id"], "net_amount": "4.00"}])
    assert (note["lines"], note["subtotal"], note["charge_total"], note["total"]) == ([], "0.00", "4.00", "4.28")
    (charge,) = note["charges"]
    assert (charge["invoice_adjustment_id"], charge["amount"], charge["reason"]) == (alone["id"], "4.00", "Freight")
    assert again(tenant, invoice)["charges"][0]["creditable_amount"] == "6.00"
    assert refusal(tenant, {"invoice_id": invoice["id"], "charges": [{"id": split["id"]}, {"id": split["id"]}]}) == (
        422, [("credit-charge-unknown", "/charges/0/id"), ("credit-charge-unknown", "/charges/1/id")]
    )  # fmt: skip
    assert credit(tenant, invoice)["total"] == "149.22"


def test_a_line_adds_up_by_itself_though_it_shares_in_a_discount(tenant: Tenant) -> None:
    invoice = tenant.invoice(**priced("3 x 33.33 @ 19", allowances=[{"percent": "10"}]))
    (line,) = credit(tenant, invoice, part(invoice, 0, quantity="1"))["lines"]
    assert [line[name] for name in ("amount", "allowance_total", "charge_total", "net")] == ["33.33", "3.33", "0.00",
                                                                                            "30.00"]  # fmt: skip
    (line,) = credit(tenant, invoice, part(invoice, 0, net_amount="5.00"))["lines"]
    assert [line[name] for name in ("quantity", "unit_price", "amount", "net")] == [None, None, "5.00", "5.00"]


def test_more_than_remains_is_refused_where_it_was_asked_for(tenant: Tenant) -> None:
    invoice = tenant.invoice(**priced("2 x 50.00 @ 19", "1 x 10.00 @ 19"))
    credit(tenant, invoice, part(invoice, 0, quantity="1.5"))
    lines = [part(invoice, 0, quantity="0.6"), part(invoice, 1, net_amount="10.01")]
    assert refusal(tenant, {"invoice_id": invoice["id"], "lines": lines}) == (
        422,
        [("quantity-exceeds-remaining", "/lines/0/quantity"), ("amount-exceeds-remaining", "/lines/1/net_amount")],
    )
    assert again(tenant, invoice)["amount_creditable"] == "41.65"


def test_every_fault_of_a_choice_is_told_at_once(tenant: Tenant) -> None:
    invoice, unknown = tenant.invoice(), str(uuid.uuid4())
    lines = [
        {"invoice_line_id": unknown}, {"invoice_line_id": unknown}, part(invoice, 0, quantity="-1"),
        part(invoice, 0, quantity="1", net_amount="1.00"),
    ]  # fmt: skip
    assert refusal(tenant, {"invoice_id": invoice["id"], "lines": lines}) == (
        422,
        [
            ("credit-line-unknown", "/lines/0/invoice_line_id"), ("credit-line-unknown", "/lines/1/invoice_line_id"),
            ("quantity-not-creditable", "/lines/2/quantity"), ("quantity-and-amount", "/lines/3/net_amount"),
            ("credit-line-twice", "/lines/3/invoice_line_id"),
        ],
    )  # fmt: skip


def test_a_discount_line_cannot_be_left_behind(tenant: Tenant) -> None:
    invoice = tenant.invoice(**priced("1 x 100.00 @ 19", "-1 x 20.00 @ 19"))
    assert refusal(tenant, {"invoice_id": invoice["id"], "lines": [part(invoice, 0)]}) == (
        422, [("credit-exceeds-invoice", "/lines")]
    )  # fmt: skip
    note = credit(tenant, invoice, part(invoice, 0), part(invoice, 1))
    assert ([line["quantity"] for line in note["lines"]], note["total"]) == (["1", "-1"], "95.20")


def test_a_draft_a_void_invoice_and_one_below_zero_are_not_credited(tenant: Tenant, other: Tenant) -> None:
    draft, below = tenant.draft(), tenant.invoice(**priced("-1 x 10.00 @ 19"))
    gone = tenant.invoice()
    assert tenant.post(f"/v1/invoices/{gone['id']}/void", {"reason": "Twice"}).status_code == 200
    for invoice, code in (
        (draft, "invalid-transition"), (gone, "invalid-transition"), (below, "invoice-not-creditable")
    ):  # fmt: skip
        assert refusal(tenant, {"invoice_id": invoice["id"]}) == (409, [(code, "")])
    for id in (str(uuid.uuid4()), other.invoice()["id"]):
        assert refusal(tenant, {"invoice_id": id}) == (422, [("invoice-not-found", "/invoice_id")])


def test_numbers_are_chronological_and_no_note_is_older_than_its_invoice(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    day = dt.date.fromisoformat(invoice["issue_date"])
    assert refusal(tenant, {"invoice_id": invoice["id"], "issue_date": str(day - dt.timedelta(1))}) == (
        422, [("issue-date-before-invoice", "/issue_date")]
    )  # fmt: skip
    assert refusal(tenant, {"invoice_id": invoice["id"], "issue_date": "2999-01-01"}) == (
        422, [("issue-date-in-future", "/issue_date")]
    )  # fmt: skip
    late = {"settlement": "refund", "refund": {"payment_date": "2999-01-01"}}
    assert refusal(tenant, {"invoice_id": invoice["id"], **late}) == (
        422, [("date-in-future", "/refund/payment_date")]
    )  # fmt: skip
    assert refusal(tenant, {"invoice_id": invoice["id"], "refund": {}}) == (422, [("mutually-exclusive", "/refund")])
    tenant.patch("/v1/organization", {"books_locked_until": invoice["issue_date"]})
    assert refusal(tenant, {"invoice_id": invoice["id"]}) == (409, [("period-locked", "")])
    tenant.patch("/v1/organization", {"books_locked_until": None})
    assert credit(tenant, invoice)["number"].endswith("-0001"), "what was refused took no number"


def test_the_history_tells_of_the_note_and_of_what_it_did(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    note = credit(tenant, invoice)
    events = tenant.get("/v1/events?limit=100").json["data"][-4:]
    assert [event["type"] for event in events] == [
        "credit_note.issued", "invoice.credited", "invoice.amount_applied", "invoice.paid"
    ]  # fmt: skip
    issued, credited = (event["data"] for event in events[:2])
    assert (issued["number"], issued["invoice_id"], issued["amount"]) == (note["number"], invoice["id"], "119.00")
    assert credited["credit_note"] == {"id": note["id"], "number": note["number"]}


def test_of_a_credit_note_only_the_metadata_changes(tenant: Tenant) -> None:
    note = credit(tenant, tenant.invoice())
    path = f"/v1/credit-notes/{note['id']}"
    changed = tenant.patch(path, {"metadata": {"case": "7"}}, If_Match='"1"')
    assert (changed.status_code, changed.json["metadata"], changed.headers["ETag"]) == (200, {"case": "7"}, '"2"')
    assert tenant.patch(path, {"metadata": {"case": "8"}}, If_Match='"1"').status_code == 412
    assert tenant.patch(path, {"reason": "Another"}).status_code == 422
    assert tenant.get(path, If_None_Match='"2"').status_code == 304


@pytest.mark.parametrize("query", ["invoice_id={invoice_id}", "number={number}", "customer_id={customer_id}"])
def test_a_list_finds_the_notes_of_an_invoice_a_number_and_a_customer(tenant: Tenant, query: str) -> None:
    notes = [credit(tenant, tenant.invoice()) for _ in range(3)]
    found = tenant.get(f"/v1/credit-notes?{query.format(**notes[1])}").json["data"]
    assert found == [notes[1]]
    day = notes[0]["issue_date"]
    everything = tenant.get(f"/v1/credit-notes?issue_date_from={day}&issue_date_to={day}&sort=total&currency=EUR").json
    assert [note["id"] for note in everything["data"]] == sorted(note["id"] for note in notes)
    assert tenant.get("/v1/credit-notes?issue_date_from=2999-01-01").json["data"] == []


def test_after_a_move_westward_it_is_still_not_dated_before_its_invoice(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 6, 30, 10, 30, tzinfo=dt.UTC), tick=True):
        seller = sign_up(app, time_zone="Pacific/Kiritimati")
        invoice = seller.invoice()
        assert invoice["issue_date"] == "2027-07-01"
        assert seller.patch("/v1/organization", {"time_zone": "Pacific/Honolulu"}).status_code == 200
        notes = [credit(seller, invoice, part(invoice, 0, quantity="1")) for _ in range(2)]
    assert [note["issue_date"] for note in notes] == ["2027-07-01"] * 2
