"""`/v1/number-series`: where a series stands, and what of it can be changed, when."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.factories import Tenant, sign_up
from tests.numbering.register import ZONE, adopt, change, series, take
from tests.web.refusals import codes, refused

BEFORE = {"pattern": "INV-{YYYY}-{####}", "reset": "yearly", "upcoming": None, "start_value": 1}


def shows(found: dict[str, Any], **expected: Any) -> None:
    assert {name: found[name] for name in expected} == expected


def changed(tenant: Tenant, document_type: str = "invoice", **values: Any) -> dict[str, Any]:
    answer = change(tenant, document_type, **values)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_a_new_organization_has_a_series_for_each_type_of_document(tenant: Tenant) -> None:
    page = tenant.get("/v1/number-series?include_total=true").json
    assert (page["total_count"], page["has_more"]) == (2, False)
    assert [one["document_type"] for one in page["data"]] == ["invoice", "credit_note"]
    year = dt.datetime.now(dt.UTC).year
    nothing = {"next_value": 1, "last_number": None, "last_issue_date": None, "version": 1}
    shows(series(tenant), **BEFORE, **nothing, next_number=f"INV-{year}-0001")
    shows(series(tenant, "credit_note"), **nothing, pattern="CN-{YYYY}-{####}", next_number=f"CN-{year}-0001")


def test_a_series_follows_what_is_issued_and_so_does_its_etag(tenant: Tenant) -> None:
    path = series(tenant)["links"]["self"]
    tag = tenant.get(path).headers["ETag"]
    tenant.invoice(issue_date="2026-03-01")
    issued = tenant.invoice(issue_date="2026-03-02")
    answer = tenant.get(path, If_None_Match=tag)
    assert answer.status_code == 200
    shows(answer.json, last_number=issued["number"], last_issue_date="2026-03-02", next_value=3)
    refused(tenant.patch(path, {"pattern": "R{YYYY}-{#}"}, If_Match=tag), 412)
    assert tenant.patch(path, {"pattern": "R{YYYY}-{#}"}, If_Match=answer.headers["ETag"]).status_code == 200


def test_before_the_first_number_everything_can_be_chosen(tenant: Tenant) -> None:
    shows(
        changed(tenant, pattern="RE{YY}-{YYYY}/{##}", start_value=421), next_value=421, start_value=421, upcoming=None
    )
    shows(changed(tenant, start_value=17), next_value=17)
    shows(changed(tenant, next_value=99), next_value=99, start_value=99)
    assert tenant.invoice(issue_date="2026-01-01")["number"] == "RE26-2026/99"
    assert tenant.invoice(issue_date="2026-01-01")["number"] == "RE26-2026/100"
    events = tenant.get("/v1/events?limit=100").json["data"]
    told = [event for event in events if event["type"] == "number_series.updated"]
    assert [event["changed"] for event in told] == [["pattern", "start_value"], ["start_value"], ["start_value"]]
    assert tenant.get(told[0]["links"]["object"]).json["id"] == series(tenant)["id"]


def test_nothing_is_recorded_where_nothing_changes(tenant: Tenant) -> None:
    before = series(tenant)
    assert changed(tenant, pattern=before["pattern"], start_value=1, next_value=1) == before
    assert "number_series.updated" not in tenant.get("/v1/events").text


def test_only_the_first_period_begins_with_the_start_value(tenant: Tenant) -> None:
    changed(tenant, start_value=500)
    given = [tenant.invoice(issue_date=day)["number"] for day in ("2024-12-31", "2025-01-01", "2026-01-01")]
    assert given == ["INV-2024-0500", "INV-2025-0001", "INV-2026-0001"]


def test_after_the_first_number_no_value_is_left_out(tenant: Tenant) -> None:
    issued = tenant.invoice()
    for values in ({"next_value": 3}, {"next_value": 1}, {"start_value": 2}, {"start_value": 5, "next_value": 5}):
        assert refused(change(tenant, **values), 409, "series-in-use")["next_value"] == 2
    assert changed(tenant, next_value=2)["next_value"] == 2
    shows(series(tenant), last_number=issued["number"], next_value=2)


def test_two_start_values_that_differ_are_refused(tenant: Tenant) -> None:
    answer = change(tenant, start_value=5, next_value=6)
    refused(answer, 422, "mutually-exclusive")
    assert codes(answer) == {("/next_value", "mutually-exclusive")}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"pattern": "INV-{####}"}, ("/pattern", "pattern-needs-year")),
        ({"pattern": "{YYYY}"}, ("/pattern", "pattern-counter")),
        ({"pattern": "Ünv{YYYY}{#}"}, ("/pattern", "pattern-character")),
        ({"pattern": "{YYYY}-{DD}-{#}"}, ("/pattern", "pattern-token-unknown")),
        ({"pattern": "much-too-long-{YYYY}-{####}"}, ("/pattern", "pattern-too-long")),
        ({"pattern": None}, ("/pattern", "required")),
        ({"reset": "monthly"}, ("/reset", "not-a-choice")),
        ({"start_value": 0}, ("/start_value", "out-of-range")),
        ({"next_value": 10**15 + 1}, ("/next_value", "out-of-range")),
        ({"last_number": "X"}, ("/last_number", "unknown-member")),
    ],
)
def test_what_no_series_can_be_is_refused_at_its_member(
    tenant: Tenant, values: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = change(tenant, **values)
    refused(answer, 422)
    assert codes(answer) == {fault}


def test_a_pattern_changes_from_the_next_year_on(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 12, 31, 22, 55, tzinfo=dt.UTC), tick=True) as clock:
        seller = sign_up(app, time_zone=ZONE)
        seller.invoice()
        upcoming = {"pattern": "RE-{YYYY}/{###}", "reset": "yearly", "from": "2028-01-01"}
        shows(changed(seller, pattern="RE-{YYYY}/{###}"), pattern="INV-{YYYY}-{####}", upcoming=upcoming)
        assert seller.invoice()["number"] == "INV-2027-0002"
        clock.move_to(dt.datetime(2027, 12, 31, 23, 1, tzinfo=dt.UTC))
        shows(series(seller), pattern="RE-{YYYY}/{###}", upcoming=None, next_number="RE-2028/001")
        # The old year keeps its pattern until the new one has begun.
        assert seller.invoice(issue_date="2027-12-31")["number"] == "INV-2027-0003"
        assert [seller.invoice()["number"] for _ in range(2)] == ["RE-2028/001", "RE-2028/002"]
        shows(series(seller), pattern="RE-{YYYY}/{###}", reset="yearly", upcoming=None, next_value=3)


def test_after_a_year_without_numbers_a_change_holds_from_its_first_day_on(tenant: Tenant) -> None:
    tenant.invoice(issue_date="2024-06-01")
    shows(changed(tenant, pattern="R{YYYY}-{#}"), pattern="R{YYYY}-{#}", upcoming=None)
    given = [tenant.invoice(issue_date=day)["number"] for day in ("2024-12-31", "2025-01-01", "2026-01-01")]
    assert given == ["INV-2024-0002", "R2025-1", "R2026-1"]


def test_a_change_that_waits_is_changed_again_or_taken_back(tenant: Tenant) -> None:
    before = tenant.invoice() and series(tenant)
    assert changed(tenant, pattern="A{YYYY}-{#}")["upcoming"]["pattern"] == "A{YYYY}-{#}"
    assert changed(tenant, reset="never")["upcoming"]["pattern"] == "A{YYYY}-{#}"
    shows(changed(tenant, pattern="B{#}")["upcoming"], pattern="B{#}", reset="never")
    taken_back = changed(tenant, pattern=before["pattern"], reset=before["reset"])
    assert {name: taken_back[name] for name in BEFORE} == {name: before[name] for name in BEFORE}


def test_a_series_that_never_starts_anew_changes_at_once_and_its_count_goes_on(tenant: Tenant) -> None:
    changed(tenant, pattern="R{####}", reset="never")
    given = [tenant.invoice(issue_date=day)["number"] for day in ("2025-12-31", "2026-01-01")]
    shows(changed(tenant, pattern="S{#}"), pattern="S{#}", upcoming=None, next_number="S3")
    given.append(tenant.invoice()["number"])
    assert given == ["R0001", "R0002", "S3"]


def test_a_series_begins_or_ends_to_start_anew_with_the_year(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 6, 1, tzinfo=dt.UTC), tick=True) as clock:
        seller = sign_up(app)
        changed(seller, pattern="R-{YYYY}-{##}", reset="never", start_value=7)
        seller.invoice()
        assert changed(seller, reset="yearly")["upcoming"]["from"] == "2028-01-01"
        given = [seller.invoice()["number"]]
    with time_machine.travel(dt.datetime(2028, 6, 1, tzinfo=dt.UTC), tick=True) as clock:
        given += [take(seller).text, take(seller).text]
        clock.move_to(dt.datetime(2029, 6, 1, tzinfo=dt.UTC))
        given += [take(seller).text]
    assert given == ["R-2027-08", "R-2028-01", "R-2028-02", "R-2029-01"]


def test_a_year_without_numbers_can_begin_with_a_value_of_its_own(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 12, 31, 22, 55, tzinfo=dt.UTC), tick=True) as clock:
        seller = sign_up(app, time_zone=ZONE)
        seller.invoice()
        refused(change(seller, next_value=100), 409, "series-in-use")
        clock.move_to(dt.datetime(2027, 12, 31, 23, 1, tzinfo=dt.UTC))
        shows(changed(seller, next_value=100), next_number="INV-2028-0100", next_value=100)
        shows(changed(seller, next_value=50), next_number="INV-2028-0050")
        refused(change(seller, start_value=60), 409, "series-in-use")
        given = [seller.invoice()["number"], seller.invoice()["number"]]
    with time_machine.travel(dt.datetime(2029, 6, 1, tzinfo=dt.UTC), tick=True):
        given.append(take(seller).text)
    assert given == ["INV-2028-0050", "INV-2028-0051", "INV-2029-0001"]


def test_two_series_do_not_write_the_same(tenant: Tenant) -> None:
    refused(change(tenant, "credit_note", pattern="inv-{YYYY}-{##}"), 409, "pattern-of-other-series")
    tenant.invoice()
    changed(tenant, pattern="R{YYYY}-{#}")
    refused(change(tenant, "credit_note", pattern="r{YYYY}-{###}"), 409, "pattern-of-other-series")
    assert changed(tenant, "credit_note", pattern="INV-CN{YYYY}-{##}")["upcoming"] is None


def test_a_counter_widens_past_its_digits_until_the_number_would_be_too_long(tenant: Tenant) -> None:
    changed(tenant, pattern="INVOICE-{YYYY}-{####}", start_value=9999)
    first = tenant.invoice(issue_date="2026-01-01")
    assert first["number"] == "INVOICE-2026-9999"
    assert tenant.invoice(issue_date="2026-01-01")["number"] == "INVOICE-2026-10000"
    assert changed(tenant, "credit_note", pattern="CREDIT-NOTE{YYYY}-{##}", start_value=9999)["next_value"] == 9999
    assert len(take(tenant, "credit_note").text) == 20
    shows(series(tenant, "credit_note"), next_number=None, next_value=10000)


def test_an_invoice_whose_number_would_be_too_long_stays_a_draft_until_the_pattern_is_shorter(tenant: Tenant) -> None:
    changed(tenant, pattern="NUMBER-INV-{YYYY}{##}", start_value=99999)
    draft = (tenant.invoice(), tenant.draft())[1]
    path = f"/v1/invoices/{draft['id']}"
    refused(tenant.post(f"{path}/finalize"), 409, "number-too-long")
    assert tenant.get(path).json["status"] == "draft"
    refused(change(tenant, pattern="NUMBER-IN--{YYYY}{##}"), 409, "number-too-long")
    shows(changed(tenant, pattern="INV-{YYYY}-{##}"), upcoming=None, next_value=100000)
    assert tenant.post(f"{path}/finalize").json["number"].endswith("-100000")


def test_a_start_whose_number_would_be_too_long_is_refused(tenant: Tenant) -> None:
    refused(change(tenant, start_value=10**14), 409, "number-too-long")
    assert series(tenant)["next_value"] == 1


def test_a_dry_run_changes_nothing(tenant: Tenant) -> None:
    before = series(tenant)
    answer = tenant.patch(f"{before['links']['self']}?dry_run=true", {"start_value": 7})
    assert (answer.status_code, answer.json["next_value"]) == (200, 7)
    assert series(tenant) == before


def test_imported_numbers_leave_what_lies_above_them(tenant: Tenant) -> None:
    changed(tenant, pattern="RE-{YYYY}-{###}")
    adopt(tenant, "RE-2026-420", "2026-05-01")
    shows(series(tenant), next_value=421, last_number="RE-2026-420", last_issue_date="2026-05-01")
    assert refused(change(tenant, start_value=420), 409, "series-in-use")["next_value"] == 421
    assert changed(tenant, start_value=500)["next_value"] == 500
    # Imported numbers were not given here, so the pattern is still free.
    shows(changed(tenant, pattern="RX-{YYYY}-{###}"), upcoming=None, pattern="RX-{YYYY}-{###}")
    assert tenant.invoice(issue_date="2026-05-02")["number"] == "RX-2026-500"
