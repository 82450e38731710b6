"""Finalization: all that lacks at once, a number, a date, and then the document stays as it is."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.events.reading import events, last
from tests.factories import BUYER_ADDRESS, Tenant, line, sign_up
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"


def path(invoice: dict[str, Any]) -> str:
    return f"{INVOICES}/{invoice['id']}"


def finalize(tenant: Tenant, invoice: dict[str, Any], **body: Any) -> Any:
    return tenant.post(f"{path(invoice)}/finalize", body or None)


def at(text: str) -> time_machine.travel:
    return time_machine.travel(dt.datetime.fromisoformat(text), tick=True)


def test_a_draft_becomes_an_open_invoice(tenant: Tenant) -> None:
    draft = tenant.draft(issue_date="2026-03-01", net_terms_days=10)
    answer = finalize(tenant, draft)
    assert answer.status_code == 200
    shown = answer.json
    assert (shown["status"], shown["number"], shown["issue_date"]) == ("open", "INV-2026-0001", "2026-03-01")
    assert (shown["due_date"], shown["supply_date"], shown["overdue"]) == ("2026-03-11", "2026-03-01", True)
    assert shown["finalized_at"] is not None
    assert [shown[name] for name in ("paid_at", "voided_at", "marked_uncollectible_at")] == [None] * 3
    assert shown["version"] == draft["version"] + 1
    assert answer.headers["ETag"] == f'"{shown["version"]}"'
    (taken,), (issued,) = draft["lines"], shown["lines"]
    assert issued == {**taken, "creditable_quantity": "2", "creditable_net": "100.00"}
    changed = {
        "status", "lines", "number", "due_date", "supply_date", "overdue", "finalized_at", "seller", "buyer", "version",
        "updated_at", "actions", "amount_creditable",
    }  # fmt: skip
    assert {name: value for name, value in shown.items() if name not in changed} == {
        name: value for name, value in draft.items() if name not in changed
    }
    assert tenant.get(path(draft)).json == shown


def test_the_parties_stand_on_it_as_they_were_and_stay(tenant: Tenant) -> None:
    tax_ids = [{"type": "eu_vat", "value": "FR40303265045"}]
    customer = tenant.customer(name="Before", tax_ids=tax_ids, email="a@example.com", external_id="1")
    issued = tenant.invoice(customer_id=customer["id"], lines=[line(), line(tax_rate="7")], charges=[{"amount": "1"}])
    organization = tenant.get("/v1/organization").json
    assert {name: organization[name] for name in issued["seller"]} == issued["seller"]
    assert {name: customer[name] for name in issued["buyer"]} == issued["buyer"]
    assert issued["seller"]["legal_name"] == "Analytical Engines GmbH"
    assert (issued["buyer"]["name"], issued["buyer"]["billing_address"]) == ("Before", BUYER_ADDRESS)
    later = {"name": "After", "tax_ids": [], "billing_address": {"country": "FR"}, "tax_treatment": "exempt"}
    tenant.patch(f"/v1/customers/{customer['id']}", {**later, "currency": "JPY", "net_terms_days": 1, "archived": True})
    tenant.patch("/v1/organization", {"legal_name": "Other", "tax_ids": [], "address": {"city": "x"}, "country": "FR"})
    # Whoever is archived gets no copy of it.
    now = {"actions": tenant.get(path(issued)).json["actions"]}
    assert now != {"actions": issued["actions"]}
    assert tenant.get(path(issued)).json == issued | now
    assert finalize(tenant, issued).json == issued | now
    expanded = tenant.get(f"{path(issued)}?include=customer").json
    assert (expanded["customer"]["name"], expanded["buyer"]["name"]) == ("After", "Before")


def test_all_that_lacks_is_told_at_once(app: Flask) -> None:
    bare = sign_up(app, is_ready=False)
    bare.patch("/v1/organization", {"tax_currency": "EUR"})
    customer = bare.customer(billing_address=None)["id"]
    lines = [
        {"description": "no tax", "quantity": "1", "unit_price": "1"},
        {"description": "reverse", "quantity": "1", "unit_price": "1", "tax_category": "AE"},
        {"description": "union", "quantity": "1", "unit_price": "1", "tax_category": "K"},
        line(),
    ]
    draft = bare.draft(customer_id=customer, lines=lines, currency="USD", due_date="2021-01-01")
    bare.patch(f"/v1/customers/{customer}", {"archived": True})
    answer = finalize(bare, draft)
    problem = refused(answer, 422, "invoice-not-ready")
    expected = {
        ("/lines/0/tax_rate", "required"),
        ("/seller/legal_name", "required"),
        ("/seller/address", "required"),
        ("/seller/tax_ids", "required"),
        ("/customer_id", "customer-archived"),
        ("/buyer/billing_address", "required"),
        ("/buyer/tax_ids", "required"),
        ("/delivery/address/country", "required"),
        ("/exchange_rate", "required"),
        ("/due_date", "due-before-issue"),
    }
    assert codes(answer) == expected
    assert len(problem["errors"]) == len(expected)
    shown = bare.get(path(draft)).json
    action = next(row for row in shown["actions"] if row["name"] == "finalize")
    assert {(row["pointer"], row["code"]) for row in action["blockers"]} == expected
    assert shown == {**draft, "actions": shown["actions"]}


def test_a_seller_outside_of_all_tax_needs_no_tax_id(app: Flask) -> None:
    bare = sign_up(app, is_ready=False)
    bare.patch("/v1/organization", {"legal_name": "Club", "address": {"country": "DE"}})
    lines = [{"description": "x", "quantity": "1", "unit_price": "1", "tax_category": "O"}]
    assert bare.invoice(lines=lines)["status"] == "open"
    refused(finalize(bare, bare.draft()), 422, "invoice-not-ready")


@pytest.mark.parametrize(
    ("price", "status", "paid", "due"), [("0", "paid", "0.00", "0.00"), ("-10", "paid", "-11.90", "0.00")]
)
def test_where_nothing_is_payable_it_is_paid_at_once(
    tenant: Tenant, price: str, status: str, paid: str, due: str
) -> None:
    issued = tenant.invoice(lines=[line(quantity="1", unit_price=price)])
    assert (issued["status"], issued["amount_paid"], issued["amount_due"]) == (status, paid, due)
    assert issued["paid_at"] == issued["finalized_at"] is not None
    assert issued["overdue"] is False


def test_what_is_prepaid_in_full_is_paid_at_once(tenant: Tenant) -> None:
    issued = tenant.invoice(prepaid_amount="119.00")
    assert (issued["status"], issued["total"], issued["payable_amount"]) == ("paid", "119.00", "0.00")


def test_finalizing_again_answers_with_what_stands(tenant: Tenant) -> None:
    draft = tenant.draft()
    issued = finalize(tenant, draft)
    start = last(tenant)
    for body in ({}, {"issue_date": "2020-01-01"}, {"expected_total": "1.00"}):
        again = finalize(tenant, draft, **body)
        assert (again.status_code, again.json) == (200, issued.json)
        assert again.headers["ETag"] == issued.headers["ETag"]
    assert events(tenant, start) == []
    assert tenant.invoice()["number"].endswith("-0002")


def test_the_expected_total_is_what_is_issued_or_nothing_is(tenant: Tenant) -> None:
    draft = tenant.draft()
    answer = finalize(tenant, draft, expected_total="118.99")
    refused(answer, 422, "total-mismatch")
    assert codes(answer) == {("/expected_total", "total-mismatch")}
    assert "119.00" in answer.json["detail"]
    assert tenant.get(path(draft)).json == draft
    assert finalize(tenant, draft, expected_total="119").json["status"] == "open"


def test_a_version_that_was_not_seen_is_not_issued(tenant: Tenant) -> None:
    draft = tenant.draft()
    tenant.patch(path(draft), {"notes": "x"})
    refused(tenant.post(f"{path(draft)}/finalize", If_Match='"1"'), 412, "precondition-failed")
    assert tenant.get(path(draft)).json["status"] == "draft"
    issued = tenant.post(f"{path(draft)}/finalize", If_Match='"2"')
    assert issued.status_code == 200
    refused(tenant.post(f"{path(draft)}/finalize", If_Match='"2"'), 412)


def test_finalizing_takes_what_it_knows_and_an_empty_body(tenant: Tenant) -> None:
    draft = tenant.draft()
    answer = finalize(tenant, draft, number="INV-1")
    refused(answer, 422)
    assert codes(answer) == {("/number", "unknown-member")}
    bare = tenant.client.post(f"{path(draft)}/finalize", headers=tenant.headers)
    assert bare.status_code == 200
    refused(tenant.colleague("viewer").post(f"{path(draft)}/finalize"), 403, "insufficient-scope")


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2027-07-01T21:59:00+00:00", "Europe/Berlin", "2027-07-01"),
        ("2027-07-01T22:00:00+00:00", "Europe/Berlin", "2027-07-02"),
        ("2027-12-31T22:59:00+00:00", "Europe/Berlin", "2027-12-31"),
        ("2027-12-31T23:00:00+00:00", "Europe/Berlin", "2028-01-01"),
        ("2027-12-31T23:30:00+00:00", "Pacific/Honolulu", "2027-12-31"),
        ("2027-12-31T10:30:00+00:00", "Pacific/Kiritimati", "2028-01-01"),
        ("2028-02-29T12:00:00+00:00", "UTC", "2028-02-29"),
    ],
)
def test_it_is_issued_on_the_day_that_the_sellers_calendar_shows(app: Flask, instant: str, zone: str, day: str) -> None:
    with at(instant):
        seller = sign_up(app, time_zone=zone)
        issued = seller.invoice(net_terms_days=1)
        tomorrow = str(dt.date.fromisoformat(day) + dt.timedelta(days=1))
        assert (issued["issue_date"], issued["due_date"], issued["number"]) == (day, tomorrow, f"INV-{day[:4]}-0001")
        answer = finalize(seller, seller.draft(), issue_date=tomorrow)
        refused(answer, 422, "issue-date-in-future")
        assert codes(answer) == {("/issue_date", "issue-date-in-future")}


@pytest.mark.parametrize(("minute", "overdue"), [("22:59", False), ("23:00", True)])
def test_it_is_overdue_from_the_sellers_midnight_on(app: Flask, minute: str, overdue: bool) -> None:
    with at("2027-12-31T22:55:00+00:00") as clock:
        seller = sign_up(app, time_zone="Europe/Berlin")
        issued = seller.invoice(net_terms_days=0)
        clock.move_to(dt.datetime.fromisoformat(f"2027-12-31T{minute}:00+00:00"))
        assert seller.get(path(issued)).json["overdue"] is overdue
        assert len(seller.get(f"{INVOICES}?overdue=true").json["data"]) == overdue


def test_a_date_that_is_asked_for_comes_before_that_of_the_draft(tenant: Tenant) -> None:
    draft = tenant.draft(issue_date="2026-03-01", net_terms_days=10)
    issued = finalize(tenant, draft, issue_date="2026-04-01").json
    assert (issued["issue_date"], issued["due_date"], issued["supply_date"]) == (
        "2026-04-01", "2026-04-11", "2026-04-01"
    )  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"supply_date": "2026-01-01"},
        {"billing_period": {"start_date": "2026-01-01", "end_date": "2026-01-31"}},
    ],
)
def test_a_date_or_period_of_supply_that_is_given_stays(tenant: Tenant, values: dict[str, Any]) -> None:
    issued = tenant.invoice(issue_date="2026-03-01", **values)
    given = {"supply_date": None, "billing_period": None, **values}
    assert {name: issued[name] for name in given} == given


def test_a_due_date_before_the_day_of_issue_is_told(tenant: Tenant) -> None:
    draft = tenant.draft(due_date="2026-03-10")
    answer = finalize(tenant, draft, issue_date="2026-03-11")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {("/due_date", "due-before-issue")}
    assert finalize(tenant, draft, issue_date="2026-03-10").json["due_date"] == "2026-03-10"


def test_nothing_is_dated_into_books_that_are_closed(tenant: Tenant) -> None:
    tenant.patch("/v1/organization", {"books_locked_until": "2026-03-10"})
    draft = tenant.draft()
    refused(finalize(tenant, draft, issue_date="2026-03-10"), 409, "period-locked")
    assert tenant.get(path(draft)).json == draft
    assert finalize(tenant, draft, issue_date="2026-03-11").json["number"] == "INV-2026-0001"


def blockers(tenant: Tenant, invoice: dict[str, Any]) -> set[tuple[str, str]]:
    """What stands in the way of a draft, as it shows it itself."""
    action = next(row for row in tenant.get(path(invoice)).json["actions"] if row["name"] == "finalize")
    assert action["allowed"] is (action["blockers"] == []) is (action["reason"] is None)
    return {(row["pointer"], row["code"]) for row in action["blockers"]}


def test_a_date_that_would_be_refused_stands_among_the_blockers(tenant: Tenant) -> None:
    tenant.invoice(issue_date="2026-03-10")
    tenant.patch("/v1/organization", {"books_locked_until": "2026-03-12"})
    for day, status, code in (
        ("2999-01-01", 422, "issue-date-in-future"),
        ("2026-03-09", 409, "issue-date-before-last-number"),
        ("2025-12-31", 409, "issue-date-before-last-number"),
        ("2026-03-12", 409, "period-locked"),
        ("2026-03-13", 200, None),
        (None, 200, None),
    ):
        draft = tenant.draft(issue_date=day)
        expected = {("/issue_date", code)} if code else set()
        assert blockers(tenant, draft) == expected, day
        answer = tenant.post(f"{path(draft)}/finalize?dry_run=true")
        assert answer.status_code == status, day
        if status == 409:
            assert answer.json["code"] == code


def test_books_that_are_closed_ahead_stop_drafts_without_a_date(tenant: Tenant) -> None:
    draft = tenant.draft()
    tenant.patch("/v1/organization", {"books_locked_until": "2999-01-01"})
    assert blockers(tenant, draft) == {("/issue_date", "period-locked")}
    refused(finalize(tenant, draft), 409, "period-locked")


@pytest.mark.parametrize(
    ("day", "code"), [("2999-01-01", "issue-date-in-future"), ("2026-02-28", "issue-date-before-last-number")]
)
def test_a_date_that_is_refused_is_told_with_what_lacks(tenant: Tenant, day: str, code: str) -> None:
    tenant.invoice(issue_date="2026-03-01")
    draft = tenant.draft(lines=[])
    expected = {("/lines", "required"), ("/issue_date", code)}
    at_once = tenant.post(INVOICES, tenant.invoice_body(lines=[], issue_date=day, finalize=True))
    for answer in (finalize(tenant, draft, issue_date=day), at_once):
        refused(answer, 422, "invoice-not-ready")
        assert codes(answer) == expected


def test_finalization_is_one_version_also_when_the_tax_currency_has_changed(tenant: Tenant) -> None:
    rate = {"rate": "0.9", "date": "2026-03-01"}
    draft = tenant.draft(currency="USD", exchange_rate=rate)
    assert draft["tax_total_in_tax_currency"] is None
    tenant.patch("/v1/organization", {"tax_currency": "EUR"})
    issued = finalize(tenant, draft).json
    assert (issued["version"], issued["tax_total_in_tax_currency"]) == (2, "17.10")
    assert issued["tax_breakdown"][0]["tax_amount_in_tax_currency"] == "17.10"
