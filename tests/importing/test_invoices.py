"""Issued invoices of another system keep their numbers and dates, and the books get what is open."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from billing_api import clock
from billing_api.errors import Invalid
from billing_api.importing import of_invoices
from tests.events import reading
from tests.factories import Tenant, line
from tests.importing.conftest import Import, jsonl, old, take_rejected, whole
from tests.ledger.books import balances, entries


def today() -> str:
    """Asked for anew by each test: a run may go on past midnight."""
    return clock.today("Europe/Berlin").isoformat()


YEAR = today()[:4]


@pytest.fixture
def one(tenant: Tenant, take: Import, tmp_path: Path, buyer: str) -> Any:
    """Import one invoice, and read it."""

    def do(body: dict[str, Any], **settings: Any) -> dict[str, Any]:
        found = take(jsonl(tmp_path / "i.jsonl", [body]), of_invoices(**settings))
        assert (found.faults, found.counts) == ([], (1, 0, 0))
        return whole(tenant, body["number"])

    return do


def test_an_open_invoice_keeps_its_number_and_date_and_is_owed(tenant: Tenant, one: Any, buyer: str) -> None:
    found = one(old("R/2024-17", net_terms_days=14, expected_total="119.00"))
    assert (found["number"], found["issue_date"], found["due_date"]) == ("R/2024-17", "2024-03-05", "2024-03-19")
    assert (found["status"], found["total"], found["amount_due"], found["overdue"]) == (
        "open",
        "119.00",
        "119.00",
        True,
    )
    assert (found["amount_paid"], found["amount_settled_before"]) == ("0.00", "0.00")
    assert found["imported_at"] == found["finalized_at"]
    assert (found["supply_date"], found["customer_id"]) == ("2024-03-05", buyer)
    assert found["buyer"]["id"] == buyer
    assert found["seller"]["legal_name"] == "Analytical Engines GmbH"
    (entry,) = entries(tenant)
    assert (entry["type"], entry["entry_date"]) == ("invoice_carried_over", today())
    assert {k: str(v) for k, v in balances(tenant).items()} == {
        "accounts_receivable": "119.00", "opening_balance": "-119.00",
    }  # fmt: skip
    (event,) = (event for event in reading.events(tenant) if event["type"].startswith("invoice."))
    assert event["type"] == "invoice.imported"
    assert event["data"] == {
        "number": "R/2024-17", "currency": "EUR", "status": "open", "payable_amount": "119.00", "amount_due": "119.00",
    }  # fmt: skip


def test_what_was_paid_before_is_remembered_and_the_rest_is_paid_as_ever(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", amount_paid="100.00"))
    assert (found["status"], found["amount_paid"], found["amount_due"]) == ("open", "100.00", "19.00")
    assert found["partially_paid"]
    payment = tenant.payment(found)
    found = whole(tenant, "A-1")
    assert (found["status"], found["amount_paid"], found["settled_by"]) == ("paid", "119.00", "payment")
    assert {k: str(v) for k, v in balances(tenant).items()} == {"cash": "19.00", "opening_balance": "-19.00"}
    assert tenant.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"}).status_code == 200
    assert whole(tenant, "A-1")["amount_due"] == "19.00"


def test_a_paid_invoice_posts_nothing(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", amount_paid="119.00", status="paid"))
    assert (found["status"], found["amount_due"]) == ("paid", "0.00")
    assert entries(tenant) == []


def test_a_void_invoice_posts_nothing_and_keeps_its_number(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", status="void", void_reason="Wrong buyer"))
    assert (found["status"], found["void_reason"], found["amount_due"]) == ("void", "Wrong buyer", "0.00")
    assert entries(tenant) == []


def test_an_invoice_that_was_given_up_is_paid_after_all(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", status="uncollectible", amount_paid="19.00"))
    assert (found["status"], found["amount_due"]) == ("uncollectible", "100.00")
    assert {k: str(v) for k, v in balances(tenant).items()} == {"bad_debt": "100.00", "opening_balance": "-100.00"}
    tenant.payment(found)
    assert whole(tenant, "A-1")["status"] == "paid"
    assert {k: str(v) for k, v in balances(tenant).items()} == {"cash": "100.00", "opening_balance": "-100.00"}


def test_an_invoice_below_zero_is_a_credit_as_far_as_it_was_not_paid_out(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", lines=[line(unit_price="-50.00")], amount_paid="-19.00"))
    assert (found["status"], found["payable_amount"], found["amount_due"]) == ("paid", "-119.00", "0.00")
    assert {k: str(v) for k, v in balances(tenant).items()} == {
        "customer_credit": "-100.00", "opening_balance": "100.00",
    }  # fmt: skip
    answer = tenant.post(f"/v1/invoices/{found['id']}/refunds", {"amount": "100.01"})
    assert answer.status_code in {409, 422}
    assert tenant.post(f"/v1/invoices/{found['id']}/refunds", {"amount": "100.00"}).status_code == 201


def test_the_buyer_has_it_so_it_is_credited_and_not_declared_void(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1"))
    assert found["sent_at"] == found["imported_at"] is not None
    answer = tenant.post(f"/v1/invoices/{found['id']}/void", {"reason": "Never owed"})
    assert (answer.status_code, answer.json["code"]) == (409, "void-not-permitted")
    assert one(old("A-2", status="void"))["sent_at"] is None


def test_declared_void_it_takes_back_what_it_brought(tenant: Tenant, one: Any) -> None:
    tenant.patch("/v1/organization", {"cancellation_mode": "void"})
    found = one(old("A-1"))
    answer = tenant.post(f"/v1/invoices/{found['id']}/void", {"reason": "Never owed"})
    assert answer.status_code == 200, answer.text
    assert balances(tenant) == {}


def test_with_money_on_it_from_before_it_cannot_be_declared_void(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", amount_paid="1.00"))
    answer = tenant.post(f"/v1/invoices/{found['id']}/void", {"reason": "Never owed"})
    assert (answer.status_code, answer.json["code"]) == (409, "invoice-has-allocations")


def test_the_books_open_on_the_day_that_is_given_but_not_before_the_issue(tenant: Tenant, one: Any) -> None:
    one(old("A-1"), opening_date=dt.date(2024, 12, 31))
    one(old("A-2", issue_date="2025-02-01"), opening_date=dt.date(2024, 12, 31))
    assert [entry["entry_date"] for entry in entries(tenant)] == ["2024-12-31", "2025-02-01"]


def test_the_books_open_today_and_not_on_a_day_that_is_to_come(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str, one: Any
) -> None:
    tenant.patch("/v1/organization", {"time_zone": "Pacific/Kiritimati"})
    today = clock.today("Pacific/Kiritimati")
    tomorrow = today + dt.timedelta(1)
    with pytest.raises(Invalid, match=f"cannot open on {tomorrow}: today is {today}"):
        take(jsonl(tmp_path / "i.jsonl", ["{broken", old("A-1")]), of_invoices(tomorrow))
    assert tenant.get("/v1/invoices").json["data"] == []
    unasked = dataclasses.replace(of_invoices(tomorrow), demand=lambda _: None)
    found = take(jsonl(tmp_path / "i.jsonl", [old("A-1")]), unasked)
    assert found.faults == [(1, "/opening_date", "date-in-future")]
    one(old("A-1"), opening_date=today)


def test_money_that_came_in_before_the_opening_settles_it_from_then_on(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1"))
    tenant.payment(found, payment_date="2025-01-01")
    dated = {entry["type"]: entry["entry_date"] for entry in entries(tenant)}
    assert (dated["payment_received"], dated["credit_applied"]) == ("2025-01-01", today())


def test_a_number_of_the_series_takes_its_place_and_the_series_goes_on(tenant: Tenant, one: Any) -> None:
    one(old(f"INV-{YEAR}-0041", issue_date=f"{YEAR}-01-01"))
    assert tenant.invoice()["number"] == f"INV-{YEAR}-0042"


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"lines": []}, {("/lines", "required")}),
        ({"customer_external_id": "C-9"}, {("/customer_external_id", "customer-not-found")}),
        ({"customer_external_id": None}, {("/customer_external_id", "required")}),
        ({"customer_id": "019a9c3e-6a34-7c22-9a58-3f7a4b1c2d3e"}, {("/customer_id", "mutually-exclusive")}),
        ({"amount_paid": "119.01"}, {("/amount_paid", "amount-exceeds-due")}),
        ({"amount_paid": "-1"}, {("/amount_paid", "amount-exceeds-due")}),
        ({"amount_paid": "0.001"}, {("/amount_paid", "too-many-decimals")}),
        ({"amount_paid": "1", "status": "paid"}, {("/status", "status-mismatch")}),
        ({"amount_paid": "119", "status": "open"}, {("/status", "status-mismatch")}),
        ({"amount_paid": "119", "status": "uncollectible"}, {("/status", "status-mismatch")}),
        ({"amount_paid": "1", "status": "void"}, {("/status", "status-mismatch")}),
        ({"void_reason": "x"}, {("/void_reason", "mutually-exclusive")}),
        ({"expected_total": "118.99"}, {("/expected_total", "total-mismatch")}),
        ({"issue_date": "2999-01-01"}, {("/issue_date", "issue-date-in-future")}),
        ({"issue_date": None, "number": None}, {("/issue_date", "required"), ("/number", "required")}),
        ({"finalize": True}, {("/finalize", "unknown-member")}),
        ({"due_date": "2024-03-04"}, {("/due_date", "due-before-issue")}),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_what_cannot_have_been_issued_so_is_rejected(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str, values: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    body = {name: value for name, value in {**old("A-1"), **values}.items() if value is not None}
    found = take_rejected(take, tmp_path, body)
    assert {(pointer, code) for _, pointer, code in found.faults} == faults
    assert tenant.get("/v1/invoices").json["data"] == []
    assert not any(event["type"].startswith("invoice.") for event in reading.events(tenant))


def test_closed_books_take_nothing_but_do_not_mind_old_dates(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str, one: Any
) -> None:
    tenant.patch("/v1/organization", {"books_locked_until": "2024-12-31"})
    one(old("A-1"))
    found = take(jsonl(tmp_path / "i.jsonl", [old("A-2")]), of_invoices(dt.date(2024, 12, 31)))
    assert found.faults == [(1, "", "period-locked")]


def test_a_number_that_was_given_here_is_taken(tenant: Tenant, take: Import, tmp_path: Path, buyer: str) -> None:
    number = tenant.invoice(customer_id=buyer)["number"]
    found = take_rejected(take, tmp_path, old(number, issue_date=today()), old(f"INV-{YEAR}-0009", issue_date=today()))
    assert found.faults == [(1, "/number", "number-taken"), (2, "/number", "series-in-use")]


def test_an_archived_customer_without_an_address_had_invoices_too(tenant: Tenant, take: Import, tmp_path: Path) -> None:
    customer = tenant.customer(external_id="C-1", billing_address=None, archived=True)
    assert take(jsonl(tmp_path / "i.jsonl", [old("A-1")]), of_invoices()).counts == (1, 0, 0)
    assert whole(tenant, "A-1")["buyer"]["id"] == customer["id"]


def test_an_imported_invoice_is_duplicated_as_any_other(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", amount_paid="119.00"))
    copy = tenant.post(f"/v1/invoices/{found['id']}/duplicate")
    assert copy.status_code == 201, copy.text
    assert (copy.json["status"], copy.json["total"], copy.json["imported_at"]) == ("draft", "119.00", None)


def test_a_credit_note_settles_it_as_any_other(tenant: Tenant, one: Any) -> None:
    found = one(old("A-1", amount_paid="19.00"))
    answer = tenant.post("/v1/credit-notes", {"invoice_id": found["id"], "reason": "Sent back"})
    assert answer.status_code == 201, answer.text
    found = whole(tenant, "A-1")
    assert (found["status"], found["amount_credited"], found["settled_by"]) == ("paid", "100.00", "mixed")
    assert {k: str(v) for k, v in balances(tenant).items()} == {
        "revenue": "100.00", "tax_payable": "19.00", "customer_credit": "-19.00", "opening_balance": "-100.00",
    }  # fmt: skip


def test_an_earlier_invoice_that_is_named_by_its_id_was_issued_to_the_same_customer(
    tenant: Tenant, take: Import, tmp_path: Path, buyer: str
) -> None:
    ids = [tenant.invoice(customer_id=buyer)["id"], tenant.draft(customer_id=buyer)["id"], tenant.invoice()["id"]]
    rows = [old(str(n), preceding_invoices=[{"number": "1", "invoice_id": id}]) for n, id in enumerate(ids)]
    found = take(jsonl(tmp_path / "i.jsonl", rows), of_invoices())
    place = "/preceding_invoices/0/invoice_id"
    assert found.faults == [(2, place, "invoice-not-issued"), (3, place, "customer-mismatch")]
