"""Drafts: created, replaced, merged into, deleted."""

from typing import Any

import pytest

from tests.events.reading import events, facts, last
from tests.factories import Tenant, line
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"
WHOLE: dict[str, Any] = {
    "currency": "EUR",
    "type_code": "384",
    "issue_date": "2026-03-01",
    "due_date": "2026-03-31",
    "supply_date": "2026-02-27",
    "billing_period": {"start_date": "2026-02-01", "end_date": "2026-02-28"},
    "purchase_order_reference": "PO-1",
    "buyer_reference": "04011000-1234-56",
    "contract_reference": "C-1",
    "project_reference": "P-1",
    "notes": "Thank you.",
    "payment_terms": "Net",
    "locale": "de-DE",
    "delivery": {"name": "Works", "address": {"country": "FR", "city": "Lyon"}},
    "early_payment_discount": {"percent": "2", "days": 10},
    "payment_instructions": {"means_code": "58", "remittance_reference": "RF18"},
    "preceding_invoices": [{"number": "INV-1", "issue_date": "2025-01-01"}],
    "prices_include_tax": False,
    "metadata": {"order": "A-1"},
}
LINE: dict[str, Any] = {
    "description": "Work",
    "details": "Much of it",
    "sku": "W-1",
    "order_line_reference": "3",
    "quantity": "12.5",
    "unit": "HUR",
    "unit_price": "90.125",
    "gross_price": "100.125",
    "price_discount": "10.00",
    "base_quantity": "1",
    "tax_category": "S",
    "tax_rate": "19",
    "exemption_reason": None,
    "exemption_reason_code": None,
    "billing_period": {"start_date": "2026-02-01", "end_date": "2026-02-14"},
    "metadata": {"a": "1"},
}


def path(invoice: dict[str, Any]) -> str:
    return f"{INVOICES}/{invoice['id']}"


def test_a_draft_comes_back_as_it_was_written_with_its_figures(tenant: Tenant) -> None:
    body = {
        **WHOLE,
        "customer_id": tenant.customer()["id"],
        "lines": [{**LINE, "allowances": [{"percent": "10", "reason": "Loyal"}], "charges": [{"amount": "1.00"}]}],
        "allowances": [{"amount": "14.95", "tax_category": "S", "tax_rate": "19", "reason_code": "95"}],
        "charges": [{"amount": "5.00", "reason": "Freight"}],
        "prepaid_amount": "100.00",
        "cash_rounding_increment": "0.05",
    }
    made = tenant.post(INVOICES, body)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == made.json["links"]["self"] == path(made.json)
    assert made.headers["ETag"] == '"1"'
    shown = made.json
    assert {name: shown[name] for name in WHOLE} == WHOLE
    assert {name: shown["lines"][0][name] for name in LINE} == LINE
    # 12.5 * 90.125 = 1126.5625; less 10 %, 112.66; and 1.00 more.
    only = shown["lines"][0]
    assert (only["position"], only["allowance_total"], only["charge_total"]) == (1, "112.66", "1.00")
    assert only["net"] == shown["subtotal"] == "1014.90"
    assert (shown["allowance_total"], shown["charge_total"]) == ("14.95", "5.00")
    assert shown["total_without_tax"] == "1004.95"
    row = {name: shown["tax_breakdown"][0][name] for name in ("category", "rate", "taxable_amount", "tax_amount")}
    assert row == {"category": "S", "rate": "19", "taxable_amount": "1004.95", "tax_amount": "190.94"}
    assert (shown["total"], shown["prepaid_amount"], shown["rounding_amount"]) == ("1195.89", "100.00", "0.01")
    assert shown["payable_amount"] == shown["amount_due"] == "1095.90"
    nothing = ("number", "seller", "buyer", "finalized_at", "paid_at", "voided_at", "marked_uncollectible_at")
    assert [shown[name] for name in nothing] == [None] * 7
    assert (shown["status"], shown["overdue"], shown["amount_paid"], shown["amount_credited"]) == (
        "draft", False, "0.00", "0.00"
    )  # fmt: skip
    assert tenant.get(path(shown)).json == shown


def test_a_customer_is_enough_for_a_draft(tenant: Tenant) -> None:
    customer = tenant.customer()
    shown = tenant.post(INVOICES, {"customer_id": customer["id"]}).json
    assert (shown["lines"], shown["total"], shown["currency"], shown["net_terms_days"]) == ([], "0.00", "EUR", 30)
    assert (shown["issue_date"], shown["due_date"], shown["tax_breakdown"]) == (None, None, [])
    finalize = next(action for action in shown["actions"] if action["name"] == "finalize")
    assert (finalize["allowed"], [row["pointer"] for row in finalize["blockers"]]) == (False, ["/lines"])


def test_put_replaces_the_whole_and_keeps_id_and_birth(tenant: Tenant) -> None:
    made = tenant.draft(**WHOLE, lines=[LINE, LINE], charges=[{"amount": "1"}])
    customer = tenant.customer()["id"]
    answer = tenant.put(path(made), {"customer_id": customer, "lines": [line()]})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    fresh = tenant.post(INVOICES, {"customer_id": customer, "lines": [line()]}).json
    own = {"id", "created_at", "updated_at", "version", "links", "actions", "lines"}
    assert {name: value for name, value in answer.json.items() if name not in own} == {
        name: value for name, value in fresh.items() if name not in own
    }
    assert (answer.json["id"], answer.json["created_at"]) == (made["id"], made["created_at"])
    assert [(row["position"], row["net"]) for row in answer.json["lines"]] == [(1, "100.00")]
    assert tenant.get(path(made)).json == answer.json


def test_a_patch_merges_objects_and_replaces_lists_whole(tenant: Tenant) -> None:
    made = tenant.draft(**WHOLE, lines=[LINE, line()], allowances=[{"amount": "1"}], charges=[{"amount": "2"}])
    patch = {
        "notes": None,
        "billing_period": {"end_date": "2026-03-15"},
        "delivery": {"address": {"city": None}},
        "metadata": {"order": None, "b": "2"},
        "lines": [line(quantity="1")],
        "charges": [],
        "due_date": None,
        "net_terms_days": 10,
    }
    answer = tenant.patch(path(made), patch)
    assert answer.status_code == 200, answer.text
    shown = answer.json
    assert {name: shown[name] for name in WHOLE if name not in {"due_date"}} == {
        **{name: value for name, value in WHOLE.items() if name != "due_date"},
        "notes": None,
        "billing_period": {"start_date": "2026-02-01", "end_date": "2026-03-15"},
        "delivery": {"name": "Works", "address": {"country": "FR"}},
        "metadata": {"b": "2"},
    }
    assert (shown["net_terms_days"], shown["due_date"]) == (10, "2026-03-11")
    assert [row["net"] for row in shown["lines"]] == ["50.00"]
    assert (len(shown["allowances"]), shown["charges"], shown["total_without_tax"]) == (1, [], "49.00")
    assert tenant.get(path(made)).json == shown


def test_lines_cannot_be_merged_into_by_their_places(tenant: Tenant) -> None:
    made = tenant.draft()
    answer = tenant.patch(path(made), {"lines": [{"quantity": "3"}]})
    refused(answer, 422)
    assert codes(answer) == {("/lines/0/description", "required")}
    answer = tenant.patch(path(made), {"lines": {"0": {"quantity": "3"}}})
    refused(answer, 422)
    assert tenant.get(path(made)).json == made


def test_a_patch_computes_anew_and_keeps_what_it_does_not_name(tenant: Tenant) -> None:
    made = tenant.draft(currency="JPY", lines=[line(unit_price="1000", allowances=[{"percent": "10"}])])
    assert (made["total"], made["lines"][0]["allowances"][0]["amount"]) == ("2142", "200")
    shown = tenant.patch(path(made), {"charges": [{"percent": "50", "tax_category": "S", "tax_rate": "19"}]}).json
    assert (shown["total_without_tax"], shown["tax_total"], shown["total"]) == ("2700", "513", "3213")
    assert shown["lines"][0]["allowances"][0]["percent"] == "10"


RICH: dict[str, Any] = {
    **WHOLE,
    "lines": [
        {**LINE, "allowances": [{"percent": "10"}, {"amount": "1.5"}], "charges": [{"amount": "0.99", "reason": "x"}]},
        line(tax_rate=None, taxes=[{"rate": "5", "name": "a"}, {"rate": "2", "name": "b"}], charges=[{"amount": "1"}]),
        line(tax_rate="7", quantity=0.333333),
    ],
    "allowances": [{"percent": "3"}, {"amount": "1", "tax_category": "S", "tax_rate": "7"}],
    "charges": [{"amount": "4.90"}],
    "prepaid_amount": "1",
    "cash_rounding_increment": "0.05",
    "exchange_rate": {"rate": "0.9", "date": "2026-03-01"},
}


@pytest.mark.parametrize("body", [{}, RICH], ids=["plain", "rich"])
def test_a_change_that_changes_nothing_leaves_the_version(tenant: Tenant, body: dict[str, Any]) -> None:
    made = tenant.draft(**body)
    start = last(tenant)
    whole = {"customer_id": made["customer_id"], "lines": [line()], **body}
    for method, same in (
        ("PATCH", {}),
        ("PATCH", {"lines": whole["lines"], "metadata": made["metadata"], "currency": "EUR"}),
        ("PATCH", {"net_terms_days": None} if body else {"notes": None}),
        ("PUT", whole),
        ("PUT", {**whole, "rounding_amount": None}),
    ):
        answer = tenant.call(method, path(made), same)
        assert (answer.status_code, answer.json) == (200, made)
        assert answer.headers["ETag"] == '"1"'
    assert (events(tenant, start), tenant.get(path(made)).json) == ([], made)
    refused(tenant.patch(path(made), {}, If_Match='"2"'), 412)
    assert tenant.patch(path(made), {"notes": "other"}).json["version"] == 2


@pytest.mark.parametrize("part", ["description", "allowances", "metadata"])
def test_a_change_of_any_part_is_one(tenant: Tenant, part: str) -> None:
    made = tenant.draft(**RICH)
    other = {"description": "y", "allowances": RICH["lines"][0]["allowances"][::-1], "metadata": {}}[part]
    changed = tenant.patch(path(made), {"lines": [{**RICH["lines"][0], part: other}, *RICH["lines"][1:]]}).json
    assert changed["version"] == 2


def test_saving_anew_takes_what_has_changed_around_a_draft(tenant: Tenant) -> None:
    made = tenant.draft()
    tenant.patch("/v1/organization", {"net_terms_days": 7})
    start = last(tenant)
    saved = tenant.patch(path(made), {}).json
    assert (saved["net_terms_days"], saved["version"]) == (7, 2)
    assert facts(events(tenant, start)) == [("invoice.updated", [], {})]
    assert tenant.patch(path(made), {}).json == saved


def test_a_deleted_draft_is_gone(tenant: Tenant) -> None:
    made = tenant.draft(lines=[LINE], charges=[{"amount": "1"}])
    answer = tenant.delete(path(made))
    assert (answer.status_code, answer.data) == (204, b"")
    refused(tenant.get(path(made)), 404, "not-found")
    refused(tenant.delete(path(made)), 404)
    refused(tenant.patch(path(made), {}), 404)
    refused(tenant.put(path(made), tenant.invoice_body()), 404)
    refused(tenant.post(f"{path(made)}/finalize"), 404)
    assert tenant.get(INVOICES).json["data"] == []


@pytest.mark.parametrize("kind", ["open", "paid"])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_what_is_issued_is_no_draft_any_more(tenant: Tenant, method: str, kind: str) -> None:
    issued = tenant.invoice(lines=[line(quantity="1" if kind == "open" else "0")])
    body = {"PATCH": {"notes": "x"}, "PUT": tenant.invoice_body(), "DELETE": None}[method]
    answer = tenant.call(method, path(issued), body)
    problem = refused(answer, 409, "invalid-transition")
    assert problem["current_status"] == kind
    assert problem["allowed"] == [action["name"] for action in issued["actions"] if action["allowed"]]
    assert tenant.get(path(issued)).json == issued
    assert [action["allowed"] for action in issued["actions"][:3]] == [False, False, False]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_stale_draft_is_not_changed(tenant: Tenant, method: str) -> None:
    made = tenant.draft()
    body = {"PATCH": {"notes": "x"}, "PUT": tenant.invoice_body(), "DELETE": None}[method]
    current = tenant.patch(path(made), {"notes": "y"})
    assert current.headers["ETag"] == '"2"'
    refused(tenant.call(method, path(made), body, If_Match='"1"'), 412, "precondition-failed")
    assert tenant.get(path(made)).json == current.json
    assert tenant.call(method, path(made), body, If_Match='"2"').status_code in {200, 204}


def test_a_dry_run_shows_what_would_be_and_keeps_nothing(tenant: Tenant) -> None:
    made = tenant.draft()
    body = tenant.invoice_body()
    answer = tenant.post(f"{INVOICES}?dry_run=true", {**body, "finalize": True})
    assert (answer.status_code, answer.headers["Dry-Run"], answer.json["status"]) == (201, "true", "open")
    assert answer.json["number"].endswith("-0001")
    assert "Location" not in answer.headers
    refused(tenant.get(path(answer.json)), 404)
    assert tenant.patch(f"{path(made)}?dry_run=true", {"notes": "x"}).json["notes"] == "x"
    assert tenant.put(f"{path(made)}?dry_run=true", body).json["version"] == 2
    assert tenant.delete(f"{path(made)}?dry_run=true").status_code == 204
    assert tenant.post(f"{path(made)}/finalize?dry_run=true").json["number"].endswith("-0001")
    refused(tenant.post(f"{INVOICES}?dry_run=true", {**body, "lines": [], "finalize": True}), 422, "invoice-not-ready")
    assert tenant.get(INVOICES).json["data"] == [{k: v for k, v in made.items() if k != "actions"}]
    assert tenant.invoice()["number"].endswith("-0001")


def test_another_organization_finds_no_draft_of_ours(tenant: Tenant, other: Tenant) -> None:
    made = tenant.draft()
    for answer in (
        other.get(path(made)),
        other.patch(path(made), {"notes": "x"}),
        other.put(path(made), other.invoice_body()),
        other.delete(path(made)),
        other.post(f"{path(made)}/finalize"),
    ):
        refused(answer, 404, "not-found")
    assert tenant.get(path(made)).json == made
