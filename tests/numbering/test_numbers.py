"""Numbers of invoices: one series for each organization and year, without a gap, never going back in time."""

import datetime as dt
from typing import Any

import time_machine
from flask import Flask

from tests.factories import Tenant, line, sign_up
from tests.web.refusals import codes, refused

INVOICES = "/v1/invoices"


def numbers(tenant: Tenant) -> list[str]:
    """All numbers in the order in which they were given."""
    page = tenant.get(f"{INVOICES}?status=open,paid&limit=100").json
    assert not page["has_more"]
    issued = sorted(page["data"], key=lambda invoice: invoice["finalized_at"])
    return [invoice["number"] for invoice in issued]


def finalize(tenant: Tenant, invoice: dict[str, Any], **body: Any) -> Any:
    return tenant.post(f"{INVOICES}/{invoice['id']}/finalize", body)


def test_numbers_rise_by_one_in_the_order_of_issue_and_not_of_drafting(tenant: Tenant) -> None:
    drafts = [tenant.draft() for _ in range(4)]
    given = [finalize(tenant, draft).json["number"] for draft in drafts[::-1]]
    year = tenant.get(f"{INVOICES}/{drafts[0]['id']}").json["issue_date"][:4]
    assert given == [f"INV-{year}-{n:04}" for n in (1, 2, 3, 4)] == numbers(tenant)
    assert [draft["number"] for draft in drafts] == [None] * 4


def test_what_fails_after_a_number_was_given_takes_it_back(tenant: Tenant) -> None:
    tenant.invoice(issue_date="2026-03-01")
    tenant.patch("/v1/organization", {"books_locked_until": "2026-03-05"})
    draft = tenant.draft()
    body = tenant.invoice_body()
    failures = [
        finalize(tenant, draft, issue_date="2026-03-05"),
        finalize(tenant, draft, issue_date="2026-02-28"),
        finalize(tenant, draft, issue_date="2999-01-01"),
        finalize(tenant, draft, expected_total="1.00"),
        finalize(tenant, tenant.draft(lines=[])),
        tenant.post(INVOICES, {**body, "finalize": True, "issue_date": "2026-03-05"}),
        tenant.post(INVOICES, {**body, "finalize": True, "expected_total": "1.00"}),
        tenant.post(f"{INVOICES}/{draft['id']}/finalize", {}, If_Match='"9"'),
    ]
    assert [answer.status_code for answer in failures] == [409, 409, 422, 422, 422, 409, 422, 412]
    assert tenant.post(f"{INVOICES}?dry_run=true", {**body, "finalize": True}).status_code == 201
    assert tenant.post(f"{INVOICES}/{draft['id']}/finalize?dry_run=true").status_code == 200
    assert tenant.delete(f"{INVOICES}/{tenant.draft()['id']}").status_code == 204
    assert finalize(tenant, draft, issue_date="2026-03-06").json["number"] == "INV-2026-0002"
    assert numbers(tenant) == ["INV-2026-0001", "INV-2026-0002"]


def test_a_replayed_request_takes_no_second_number(tenant: Tenant) -> None:
    draft = tenant.draft()
    key = {"Idempotency_Key": "k"}
    first = tenant.post(f"{INVOICES}/{draft['id']}/finalize", **key)
    again = tenant.post(f"{INVOICES}/{draft['id']}/finalize", **key)
    assert again.data == first.data
    assert len(numbers(tenant)) == 1


def test_each_organization_counts_for_itself(tenant: Tenant, other: Tenant) -> None:
    mine = [tenant.invoice(issue_date="2026-01-01")["number"] for _ in range(2)]
    theirs = other.invoice(issue_date="2026-01-01")["number"]
    assert (mine, theirs) == (["INV-2026-0001", "INV-2026-0002"], "INV-2026-0001")


def test_currencies_customers_and_kinds_share_one_series(tenant: Tenant) -> None:
    given = [
        tenant.invoice(issue_date="2026-01-01", **values)["number"]
        for values in (
            {},
            {"currency": "JPY"},
            {"type_code": "386"},
            {"lines": [line(quantity="-1")]},
            {"lines": [line(quantity="0")]},
        )
    ]
    assert given == [f"INV-2026-{n:04}" for n in range(1, 6)]


def test_numbers_never_go_back_in_time(tenant: Tenant) -> None:
    tenant.invoice(issue_date="2026-03-02")
    draft = tenant.draft()
    problem = refused(finalize(tenant, draft, issue_date="2026-03-01"), 409, "issue-date-before-last-number")
    assert problem["last_issue_date"] == "2026-03-02"
    dated = tenant.draft(issue_date="2026-03-01")
    refused(finalize(tenant, dated), 409, "issue-date-before-last-number")
    assert finalize(tenant, draft, issue_date="2026-03-02").json["number"] == "INV-2026-0002"


def test_each_year_has_its_own_count_and_no_year_comes_back(tenant: Tenant) -> None:
    given = [
        tenant.invoice(issue_date=day)["number"]
        for day in ("2024-02-29", "2025-06-01", "2025-12-31", "2026-01-01", "2026-01-01")
    ]
    assert given == ["INV-2024-0001", "INV-2025-0001", "INV-2025-0002", "INV-2026-0001", "INV-2026-0002"]
    for day in ("2025-12-31", "2024-02-29", "2023-06-01"):
        problem = refused(finalize(tenant, tenant.draft(), issue_date=day), 409, "issue-date-before-last-number")
        assert problem["last_issue_date"] == "2026-01-01"
    assert len(numbers(tenant)) == 5


def test_after_a_number_of_today_there_is_no_earlier_day(tenant: Tenant) -> None:
    today = tenant.invoice()["issue_date"]
    problem = refused(finalize(tenant, tenant.draft(), issue_date="2020-01-01"), 409, "issue-date-before-last-number")
    assert problem["last_issue_date"] == today


def test_the_count_starts_anew_at_the_sellers_new_year(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 12, 31, 22, 55, tzinfo=dt.UTC), tick=True) as clock:
        seller = sign_up(app, time_zone="Europe/Berlin")
        before = seller.draft()
        given = [seller.invoice()["number"], seller.invoice()["number"]]
        clock.move_to(dt.datetime(2027, 12, 31, 23, 1, tzinfo=dt.UTC))
        given += [seller.invoice(issue_date="2027-12-31")["number"], finalize(seller, before).json["number"]]
        given += [seller.invoice()["number"]]
        late = finalize(seller, seller.draft(), issue_date="2027-12-31")
        assert refused(late, 409, "issue-date-before-last-number")["last_issue_date"] == "2028-01-01"
    assert given == ["INV-2027-0001", "INV-2027-0002", "INV-2027-0003", "INV-2028-0001", "INV-2028-0002"]


def test_a_seller_who_moves_westward_goes_on_from_the_last_date(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 6, 15, 10, 30, tzinfo=dt.UTC), tick=True):
        seller = sign_up(app, time_zone="Pacific/Kiritimati")
        assert seller.invoice()["issue_date"] == "2027-06-16"
        seller.patch("/v1/organization", {"time_zone": "Pacific/Honolulu"})
        issued = seller.invoice()
        assert (issued["issue_date"], issued["number"]) == ("2027-06-16", "INV-2027-0002")
        answer = finalize(seller, seller.draft(), issue_date="2027-06-15")
        refused(answer, 409, "issue-date-before-last-number")
        explicit = finalize(seller, seller.draft(), issue_date="2027-06-16").json
        assert (explicit["issue_date"], explicit["number"]) == ("2027-06-16", "INV-2027-0003")
        answer = finalize(seller, seller.draft(), issue_date="2027-06-17")
        assert codes(answer) == {("/issue_date", "issue-date-in-future")}


def test_a_seller_who_moves_westward_over_new_year_goes_on_in_the_new_one(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 12, 31, 10, 30, tzinfo=dt.UTC), tick=True):
        seller = sign_up(app, time_zone="Pacific/Kiritimati")
        assert seller.invoice()["number"] == "INV-2028-0001"
        seller.patch("/v1/organization", {"time_zone": "Pacific/Midway"})
        issued = seller.invoice()
        assert (issued["issue_date"], issued["number"]) == ("2028-01-01", "INV-2028-0002")
