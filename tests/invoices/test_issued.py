"""What is done with an issued invoice: sent, declared void, given up, expected again, copied."""

from decimal import Decimal
from typing import Any

import pytest

from tests.factories import Tenant, created, line, sign_up
from tests.ledger.books import balances, entries
from tests.web.refusals import refused


def act(tenant: Tenant, invoice: dict[str, Any], action: str, body: Any = None, **headers: str) -> Any:
    return tenant.post(f"/v1/invoices/{invoice['id']}/{action}", body, **headers)


def test_a_void_invoice_keeps_its_number_and_owes_nothing(tenant: Tenant) -> None:
    invoice = tenant.invoice(prepaid_amount="10.00", rounding_amount="0.05", lines=[line(), line(tax_rate="7")])
    shown = act(tenant, invoice, "void", {"reason": "Issued twice"}).json
    assert (shown["status"], shown["number"], shown["amount_due"]) == ("void", invoice["number"], "0.00")
    assert (shown["void_reason"], shown["voided_at"] is not None) == ("Issued twice", True)
    assert [action["name"] for action in shown["actions"] if action["allowed"]] == ["duplicate"]
    assert balances(tenant) == {}
    assert [entry["type"] for entry in entries(tenant)] == ["invoice_issued", "invoice_voided"]
    assert act(tenant, invoice, "void", {"reason": "Again"}).json == shown
    assert tenant.invoice()["number"] == "INV-2026-0002"


def test_what_was_given_up_can_be_declared_void(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    act(tenant, invoice, "mark-uncollectible")
    assert act(tenant, invoice, "void", {"reason": "Never ordered"}).json["status"] == "void"
    assert balances(tenant) == {}


@pytest.mark.parametrize(("country", "is_free"), [("DE", False), ("GB", False), ("CH", False), ("US", True)])
def test_an_invoice_that_was_sent_is_void_only_where_the_country_has_it_so(
    app: Any, country: str, is_free: bool
) -> None:
    tenant = sign_up(app, country=country)
    invoice = tenant.invoice()
    sent = act(tenant, invoice, "mark-sent").json
    assert sent["sent_at"] is not None
    assert act(tenant, invoice, "mark-sent").json == sent
    (void,) = [action for action in sent["actions"] if action["name"] == "void"]
    assert void["allowed"] == is_free
    answer = act(tenant, invoice, "void", {"reason": "Wrong price"})
    if is_free:
        assert answer.json["status"] == "void"
    else:
        problem = refused(answer, 409, "void-not-permitted")
        assert "/v1/credit-notes" in problem["detail"]
        assert problem["detail"] == void["reason"]


def test_what_money_was_applied_to_is_not_void(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, amount="1.00")
    problem = refused(act(tenant, invoice, "void", {"reason": "x"}), 409, "invoice-has-allocations")
    assert (problem["current_status"], "pay" in problem["allowed"]) == ("open", True)
    assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "x"}).status_code == 200
    assert act(tenant, invoice, "void", {"reason": "x"}).json["status"] == "void"


@pytest.mark.parametrize(
    ("action", "body"), [("void", {"reason": "x"}), ("mark-uncollectible", None), ("mark-collectible", None),
                         ("mark-sent", None)],
)  # fmt: skip
def test_what_the_status_forbids_names_it_and_what_is_allowed(tenant: Tenant, action: str, body: Any) -> None:
    draft, paid = tenant.draft(), tenant.invoice(lines=[line(quantity="0")])
    problem = refused(act(tenant, draft, action, body), 409, "invalid-transition")
    assert problem["current_status"] == "draft"
    assert problem["allowed"] == ["update", "delete", "finalize", "duplicate"]
    if action != "mark-sent":
        problem = refused(act(tenant, paid, action, body), 409, "invalid-transition")
        assert (problem["current_status"], problem["allowed"]) == ("paid", ["mark-sent", "duplicate"])


def test_a_bad_debt_is_written_off_and_written_back(tenant: Tenant) -> None:
    invoice = tenant.invoice(issue_date="2026-01-01", net_terms_days=10)
    assert tenant.get("/v1/invoices?overdue=true").json["data"][0]["id"] == invoice["id"]
    shown = act(tenant, invoice, "mark-uncollectible").json
    assert (shown["status"], shown["amount_due"], shown["overdue"]) == ("uncollectible", "119.00", False)
    assert shown["marked_uncollectible_at"] is not None
    assert tenant.get("/v1/invoices?overdue=true").json["data"] == []
    assert balances(tenant) == {"bad_debt": Decimal(119), "revenue": Decimal(-100), "tax_payable": Decimal(-19)}
    assert act(tenant, invoice, "mark-uncollectible").json == shown
    back = act(tenant, invoice, "mark-collectible").json
    assert (back["status"], back["marked_uncollectible_at"], back["overdue"]) == ("open", None, True)
    assert shown["marked_collectible_at"] is None
    assert shown["updated_at"] < back["marked_collectible_at"] <= back["updated_at"]
    assert balances(tenant)["accounts_receivable"] == Decimal(119)
    assert act(tenant, invoice, "mark-collectible").json == back
    again = act(tenant, invoice, "mark-uncollectible").json
    assert again["marked_collectible_at"] == back["marked_collectible_at"] < again["marked_uncollectible_at"]


@pytest.mark.parametrize("status", ["open", "uncollectible"])
def test_an_invoice_says_when_it_was_owed_again(tenant: Tenant, status: str) -> None:
    invoice = tenant.invoice()
    if status == "uncollectible":
        act(tenant, invoice, "mark-uncollectible")
    moments: list[str] = []
    for _ in range(2):
        payment = tenant.payment(invoice)
        paid = tenant.get(invoice["links"]["self"]).json
        assert (paid["status"], paid["reopened_at"]) == ("paid", moments[-1] if moments else None)
        assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"}).status_code == 200
        owed = tenant.get(invoice["links"]["self"]).json
        assert (owed["status"], owed["paid_at"]) == (status, None)
        moments.append(owed["reopened_at"])
    events = tenant.get(f"{invoice['links']['self']}/events?limit=100").json["data"]
    told = [event["created_at"] for event in events if event["type"] == "invoice.reopened"]
    assert paid["paid_at"] < moments[1]
    assert len(told) == len(moments) == 2
    assert moments[0] <= told[0] < moments[1] <= told[1]


def test_a_part_that_is_taken_back_from_an_open_invoice_does_not_reopen_it(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, amount="1.00")
    tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"})
    assert tenant.get(invoice["links"]["self"]).json["reopened_at"] is None


def test_a_stale_version_is_not_acted_upon(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for action, body in (("void", {"reason": "x"}), ("mark-uncollectible", None), ("mark-sent", None)):
        refused(act(tenant, invoice, action, body, If_Match='"2"'), 412, "precondition-failed")
    assert act(tenant, invoice, "void", {"reason": "x"}, If_Match=f'"{invoice["version"]}"').status_code == 200


def test_a_void_needs_its_reason(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": 1}):
        refused(act(tenant, invoice, "void", body), 422)


def test_a_copy_asks_for_the_same_without_the_dates(tenant: Tenant) -> None:
    dates = {"issue_date": "2026-03-01", "due_date": "2026-04-01", "supply_date": "2026-02-27"}
    said = {"notes": "Thank you.", "metadata": {"a": "b"}, "allowances": [{"percent": "5"}], "currency": "USD"}
    invoice = tenant.invoice(**dates, **said, lines=[line(), line(tax_rate="7")])
    answer = act(tenant, invoice, "duplicate")
    copy = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (201, copy["links"]["self"])
    assert (copy["status"], copy["number"], copy["version"]) == ("draft", None, 1)
    assert [copy[name] for name in dates] == [None] * 3
    assert copy["net_terms_days"] == 30
    for name in ("customer_id", "notes", "metadata", "total", "currency", "tax_breakdown"):
        assert copy[name] == invoice[name]
    assert [one["net"] for one in copy["lines"]] == [one["net"] for one in invoice["lines"]]
    assert tenant.get(invoice["links"]["self"]).json == invoice
    assert act(tenant, copy, "finalize").json["number"] == "INV-2026-0002"


def test_a_copy_has_its_lines_although_the_catalogue_has_archived_what_they_came_from(tenant: Tenant) -> None:
    reduced, full = tenant.tax_rate(rate="7"), tenant.tax_rate(rate="19")
    book = tenant.product(unit_price="20.00", tax_rate_id=reduced["id"])
    lines = [
        {"product_id": book["id"], "quantity": "3"},
        {"product_id": tenant.product(tax_rate_id=full["id"])["id"], "quantity": "1"},
        {"description": "Post", "quantity": "1", "unit_price": "5.00", "tax_rate_id": reduced["id"]},
        line(),
    ]
    invoice = tenant.invoice(lines=lines)
    for one in (book, reduced):
        assert tenant.patch(one["links"]["self"], {"archived": True}).status_code == 200
    copy = created(act(tenant, invoice, "duplicate"))
    assert [one["product_id"] for one in copy["lines"]] == [None, lines[1]["product_id"], None, None]
    for name in ("description", "unit_price", "net", "tax_category", "tax_rate"):
        assert [one[name] for one in copy["lines"]] == [one[name] for one in invoice["lines"]], name
    assert (copy["total"], copy["tax_breakdown"]) == (invoice["total"], invoice["tax_breakdown"])
    assert act(tenant, copy, "finalize").json["status"] == "open"


def test_a_copy_takes_from_the_catalogue_what_it_says_today(tenant: Tenant) -> None:
    """Only what is archived itself is kept as it was: not the price of a product whose old rate is, nor the tax of a
    product where the customer's treatment has come to say it."""
    old, new = tenant.tax_rate(rate="16"), tenant.tax_rate(rate="19")
    product, gone = (tenant.product(unit_price="10.00", tax_rate_id=old["id"]) for _ in range(2))
    buyer = tenant.customer(tax_ids=[{"type": "eu_vat", "value": "FR40303265045"}])
    lines = [{"product_id": one["id"], "quantity": "1"} for one in (product, gone)]
    lines.append({"product_id": product["id"], "quantity": "1", "tax_rate_id": old["id"]})
    invoice = tenant.invoice(customer_id=buyer["id"], lines=lines)
    tenant.patch(product["links"]["self"], {"unit_price": "11.00", "tax_rate_id": new["id"]})
    for one in (old, gone):
        assert tenant.patch(one["links"]["self"], {"archived": True}).status_code == 200
    copy = created(act(tenant, invoice, "duplicate"))
    told = [(one["product_id"], one["unit_price"], one["tax_rate"]) for one in copy["lines"]]
    assert told == [(product["id"], "11.00", "19"), (None, "10.00", "16"), (product["id"], "11.00", "16")]
    tenant.patch(buyer["links"]["self"], {"tax_treatment": "reverse_charge"})
    copy = created(act(tenant, invoice, "duplicate"))
    assert [one["tax_category"] for one in copy["lines"]] == ["AE", "AE", "S"]


def test_a_copy_was_not_prepaid_and_takes_no_others_place(tenant: Tenant) -> None:
    named = [{"number": "R/1"}]
    invoice = tenant.invoice(prepaid_amount="19.00", preceding_invoices=named)
    assert (invoice["payable_amount"], invoice["preceding_invoices"][0]["number"]) == ("100.00", "R/1")
    copy = act(tenant, invoice, "duplicate").json
    assert (copy["prepaid_amount"], copy["payable_amount"], copy["preceding_invoices"]) == ("0.00", "119.00", [])


def test_so_little_of_a_line_that_it_rounds_to_nothing_is_not_credited(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    choice = {"invoice_line_id": invoice["lines"][0]["id"], "quantity": "0.000001"}
    body = {"invoice_id": invoice["id"], "reason": "Too little", "lines": [choice]}
    refused(tenant.post("/v1/credit-notes", body), 422, "credit-comes-to-nothing")
    assert act(tenant, invoice, "void", {"reason": "Twice"}).json["status"] == "void"
