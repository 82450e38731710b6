"""The audit of a series: what it calls complete and in order, and what it finds where somebody has reached past the
service."""

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from flask import Flask

from billing_api.embedded import Addresses
from billing_api.numbering import audit as auditing
from tests.factories import Tenant, sign_up
from tests.numbering.register import adopt, audit, change, series, take, tamper, void
from tests.statements import recorded

SOUND = {
    "complete": True, "chronological": True, "gap_count": 0, "gaps": [], "imported_gap_count": 0, "imported_gaps": [],
    "voided_count": 0, "voided": [], "out_of_order_count": 0, "out_of_order": [], "imported_count": 0,
    "outside_count": 0,
}  # fmt: skip


def finds(found: dict[str, Any], **expected: Any) -> None:
    assert {name: found[name] for name in expected} == expected


def given(tenant: Tenant, count: int, on: str = "2026-02-01") -> None:
    for _ in range(count):
        take(tenant, on=on)


def remove(addresses: Addresses, tenant: Tenant, condition: str) -> int:
    statement = f"DELETE FROM document_numbers WHERE organization_id = %s AND {condition}"  # noqa: S608 - our own words
    return tamper(addresses, statement, str(tenant.organization_id))


def test_a_series_without_numbers_is_sound(tenant: Tenant) -> None:
    finds(audit(tenant), **SOUND, count=0, first=None, last=None, periods=[], document_type="invoice")


def test_a_series_of_years_is_sound(tenant: Tenant) -> None:
    for day in ("2024-06-01", "2024-06-01", "2025-01-01", "2026-01-01"):
        tenant.invoice(issue_date=day)
    found = audit(tenant)
    finds(found, **SOUND, count=4, first="INV-2024-0001", last="INV-2026-0001")
    shown = [(one["period"], one["first"], one["last"], one["count"]) for one in found["periods"]]
    assert shown == [
        ("2024", "INV-2024-0001", "INV-2024-0002", 2),
        ("2025", "INV-2025-0001", "INV-2025-0001", 1),
        ("2026", "INV-2026-0001", "INV-2026-0001", 1),
    ]
    assert all(one["complete"] and one["chronological"] and one["gap_count"] == 0 for one in found["periods"])
    assert tenant.get(found["links"]["series"]).json["id"] == series(tenant)["id"]
    finds(audit(tenant, "credit_note"), **SOUND, count=0)


@pytest.mark.parametrize(
    ("lost", "gaps", "count"),
    [
        ("sequence_value = 3", [(3, 3)], 1),
        ("sequence_value IN (2, 3, 5)", [(2, 3), (5, 5)], 3),
        ("sequence_value = 1", [(1, 1)], 1),
        ("sequence_value > 4", [(5, 6)], 2),
        ("sequence_value IN (1, 3, 6)", [(1, 1), (3, 3), (6, 6)], 3),
        ("true", [(1, 6)], 6),
    ],
)
def test_what_was_taken_out_of_the_register_is_a_gap(
    tenant: Tenant, addresses: Addresses, lost: str, gaps: list[tuple[int, int]], count: int
) -> None:
    given(tenant, 6)
    assert remove(addresses, tenant, lost) == count
    found = audit(tenant)
    ranges = [{"period": "2026", "from": first, "to": last} for first, last in gaps]
    finds(found, complete=False, chronological=True, gap_count=count, gaps=ranges, count=6 - count, imported_gaps=[])
    finds(found["periods"][0], complete=False, gap_count=count)


def test_gaps_after_a_start_value_are_told_from_what_lies_below_it(tenant: Tenant, addresses: Addresses) -> None:
    change(tenant, start_value=100)
    given(tenant, 4)
    finds(audit(tenant), complete=True, gaps=[], imported_gaps=[{"period": "2026", "from": 1, "to": 99}])
    assert remove(addresses, tenant, "sequence_value IN (100, 102)") == 2
    found = audit(tenant)
    ranges = [{"period": "2026", "from": value, "to": value} for value in (100, 102)]
    finds(found, gaps=ranges, gap_count=2, imported_gap_count=99)
    assert remove(addresses, tenant, "true") == 2
    finds(audit(tenant), gaps=[{"period": "2026", "from": 100, "to": 103}], gap_count=4, imported_gap_count=99)


def test_holes_between_imported_numbers_are_no_fault(tenant: Tenant) -> None:
    for number in ("INV-2026-0003", "INV-2026-0007", "before 2026/1"):
        adopt(tenant, number, "2026-01-10")
    holes = [{"period": "2026", "from": first, "to": last} for first, last in ((1, 2), (4, 6))]
    finds(audit(tenant), complete=True, imported_gaps=holes, imported_gap_count=5, imported_count=2, outside_count=1)
    change(tenant, next_value=10)
    given(tenant, 2)
    found = audit(tenant)
    holes.append({"period": "2026", "from": 8, "to": 9})
    finds(found, complete=True, chronological=True, gaps=[], imported_gaps=holes, imported_gap_count=7)
    finds(found, count=4, imported_count=2, first="INV-2026-0003", last="INV-2026-0011")


def test_voided_numbers_are_named_and_are_no_gap(tenant: Tenant) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    for id in ids:
        take(tenant, on="2026-02-01", id=id)
    void(tenant, ids[1])
    found = audit(tenant)
    finds(found, complete=True, voided_count=1, count=3)
    (one,) = found["voided"]
    finds(one, number="INV-2026-0002", issue_date="2026-02-01", document_id=str(ids[1]))
    finds(found["periods"][0], voided_count=1, complete=True)


def test_a_date_that_falls_is_found(tenant: Tenant, addresses: Addresses) -> None:
    given(tenant, 2, "2026-02-01")
    given(tenant, 2, "2026-03-01")
    update = "UPDATE document_numbers SET issue_date = '2026-01-31' WHERE organization_id = %s AND sequence_value = 3"
    assert tamper(addresses, update, str(tenant.organization_id)) == 1
    found = audit(tenant)
    finds(found, complete=True, chronological=False, out_of_order_count=1)
    finds(found["out_of_order"][0], number="INV-2026-0003", issue_date="2026-01-31", previous_issue_date="2026-02-01")
    finds(found["periods"][0], chronological=False)


def test_a_year_that_begins_before_the_last_one_ends_is_found(tenant: Tenant, addresses: Addresses) -> None:
    given(tenant, 1, "2025-12-31")
    given(tenant, 1, "2026-01-01")
    assert audit(tenant)["chronological"]
    update = "UPDATE document_numbers SET issue_date = '2025-12-30' WHERE organization_id = %s AND period = '2026'"
    assert tamper(addresses, update, str(tenant.organization_id)) == 1
    found = audit(tenant)
    finds(found, chronological=False, out_of_order_count=0)
    assert all(one["chronological"] for one in found["periods"])


def test_a_count_that_never_starts_anew_is_audited_across_the_years(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2027, 6, 1, tzinfo=dt.UTC), tick=True):
        seller = sign_up(app)
        change(seller, reset="never", pattern="{YYYY}-{#}")
        for day in ("2025-01-01", "2026-01-01", "2027-01-01"):
            take(seller, on=day)
        change(seller, reset="yearly", pattern="Y{YYYY}-{#}")
        finds(audit(seller), **SOUND, count=3, first="2025-1", last="2027-3")
    with time_machine.travel(dt.datetime(2028, 6, 1, tzinfo=dt.UTC), tick=True):
        take(seller)
        again = sign_up_again(app, seller)
        finds(audit(again), **SOUND, count=4, first="2025-1", last="Y2028-1")


def sign_up_again(app: Flask, tenant: Tenant) -> Tenant:
    """The same seller after the token has run out."""
    fresh = tenant.colleague("owner")
    assert fresh.organization_id == tenant.organization_id
    return fresh


def test_lists_end_and_counts_do_not(tenant: Tenant, addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MOST_LISTED", 3)
    given(tenant, 12)
    assert remove(addresses, tenant, "sequence_value %% 2 = 0") == 6
    found = audit(tenant)
    assert (found["gap_count"], [gap["from"] for gap in found["gaps"]]) == (6, [2, 4, 6])


def test_another_organizations_series_is_absent(tenant: Tenant, other: Tenant) -> None:
    path = series(other)["links"]
    assert [tenant.get(path[name]).status_code for name in ("self", "audit")] == [404, 404]
    assert tenant.patch(path["self"], {"start_value": 2}).status_code == 404


def test_a_sound_series_is_read_in_few_statements_whatever_its_length(tenant: Tenant) -> None:
    counts = []
    path = series(tenant)["links"]["audit"]
    for _ in range(2):
        given(tenant, 3)
        with recorded(tenant.app) as seen:
            assert tenant.get(path).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 5
