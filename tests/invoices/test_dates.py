"""Dates of an invoice through the API, on the calendar of the seller: late in the evening, and when clocks change."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask

from tests.factories import Tenant, sign_up

INVOICES = "/v1/invoices"
SECOND = dt.timedelta(seconds=1)
EVENINGS = [
    "Etc/GMT+12", "Pacific/Honolulu", "America/St_Johns", "UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Chatham",
    "Pacific/Kiritimati", "Etc/GMT-14",
]  # fmt: skip
"""From twelve hours behind to fourteen ahead, with offsets of halves and quarters."""
CHANGES = [
    ("Europe/Berlin", "2026-03-28"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    # Here midnight does not exist: the clocks go from 23:59 to 1:00.
    ("Africa/Cairo", "2026-04-23"),
    ("Asia/Beirut", "2026-03-28"),
    # Here the last hour of a day comes twice.
    ("America/Santiago", "2027-04-03"),
    ("Africa/Cairo", "2026-10-29"),
]


def end_of(day: dt.date, zone: str) -> dt.datetime:
    """The first instant at which it is no longer this day in the zone, or a day before."""
    local, low = ZoneInfo(zone), dt.datetime.combine(day, dt.time(), dt.UTC) - dt.timedelta(hours=16)
    return next(low + SECOND * 60 * n for n in range(60 * 56) if (low + SECOND * 60 * n).astimezone(local).date() > day)


def shown(owner: Tenant, invoice: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Whether it is overdue by its own member, by the filter, and by the filter for what is not."""
    someone = owner.colleague("viewer")
    mine = [one["overdue"] for one in someone.get(f"{INVOICES}?sort=created_at").json["data"]]
    assert mine[0] == someone.get(f"{INVOICES}/{invoice['id']}").json["overdue"]
    late, soon = (
        [one["id"] for one in someone.get(f"{INVOICES}?overdue={word}").json["data"]] for word in ("true", "false")
    )
    return mine[0], invoice["id"] in late, invoice["id"] not in soon


@pytest.mark.parametrize("zone", EVENINGS)
def test_half_past_eleven_in_the_evening_is_still_today(app: Flask, zone: str) -> None:
    evening = dt.datetime(2027, 12, 31, 23, 30, tzinfo=ZoneInfo(zone))
    with time_machine.travel(evening, tick=True) as clock:
        seller = sign_up(app, time_zone=zone)
        old = seller.invoice(net_terms_days=0)
        assert (old["issue_date"], old["due_date"], old["supply_date"]) == ("2027-12-31",) * 3
        assert old["number"] == "INV-2027-0001"
        assert shown(seller, old) == (False,) * 3
        clock.move_to(evening + dt.timedelta(minutes=29, seconds=50))
        assert shown(seller, old) == (False,) * 3
        clock.move_to(evening + dt.timedelta(minutes=30))
        assert shown(seller, old) == (True,) * 3
        new = seller.colleague("accountant").invoice(net_terms_days=60)
        assert (new["issue_date"], new["number"], new["due_date"]) == ("2028-01-01", "INV-2028-0001", "2028-03-01")
        assert shown(seller, old) == (True,) * 3


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_it_is_overdue_when_the_day_is_over_and_not_before_whatever_the_clocks_do(
    app: Flask, zone: str, day: str
) -> None:
    due = dt.date.fromisoformat(day)
    over = end_of(due, zone)
    with time_machine.travel(over - dt.timedelta(days=31), tick=True) as clock:
        seller = sign_up(app, time_zone=zone)
        issued = seller.invoice(due_date=day)
        by_terms = seller.invoice(net_terms_days=(due - dt.date.fromisoformat(issued["issue_date"])).days)
        assert by_terms["due_date"] == issued["due_date"] == day
        for before in (dt.timedelta(hours=26), dt.timedelta(hours=1), 10 * SECOND):
            clock.move_to(over - before)
            assert shown(seller, issued) == (False,) * 3
        for after in (dt.timedelta(), dt.timedelta(hours=1, minutes=1), dt.timedelta(hours=26)):
            clock.move_to(over + after)
            assert shown(seller, issued) == (True,) * 3


def test_a_seller_who_moves_leaves_every_due_date_where_it_was(app: Flask) -> None:
    """An invoice falls due on the calendar under which it was issued: member and filter agree, in both directions."""
    for zone, other in (("Pacific/Kiritimati", "Pacific/Honolulu"), ("Pacific/Honolulu", "Pacific/Kiritimati")):
        over = end_of(dt.date(2027, 6, 30), zone)
        with time_machine.travel(over - dt.timedelta(minutes=10), tick=True) as clock:
            seller = sign_up(app, time_zone=zone)
            issued = seller.invoice(due_date="2027-06-30")
            assert seller.patch("/v1/organization", {"time_zone": other}).status_code == 200
            assert shown(seller, issued) == (False,) * 3
            clock.move_to(over - 10 * SECOND)
            assert shown(seller, issued) == (False,) * 3
            clock.move_to(over)
            assert shown(seller, issued) == (True,) * 3


def test_after_a_move_westward_the_reports_of_today_reach_the_last_day_of_the_books(app: Flask) -> None:
    with time_machine.travel(dt.datetime(2028, 1, 1, 0, 30, tzinfo=ZoneInfo("Pacific/Kiritimati")), tick=True):
        seller = sign_up(app, time_zone="Pacific/Kiritimati")
        invoice = seller.invoice()
        assert seller.patch("/v1/organization", {"time_zone": "Pacific/Pago_Pago"}).status_code == 200
        statement = seller.get(f"/v1/customers/{invoice['customer_id']}/statement").json
        trial, taxes = (seller.get(f"/v1/reports/{name}").json for name in ("trial-balance", "tax-summary"))
    assert (statement["to"], statement["closing"]) == ("2028-01-01", "119.00")
    assert (trial["as_of"], trial["totals"][0]["debit"]) == ("2028-01-01", "119.00")
    assert (taxes["from"], taxes["to"]) == ("2027-12-01", "2028-01-01")
    assert [one["tax_amount"] for one in taxes["groups"]] == ["19.00"]


def test_where_the_clocks_are_set_back_over_midnight_numbers_stay_in_the_order_of_dates(app: Flask) -> None:
    """In Newfoundland they went from one minute past midnight to 23:01 of the day before."""
    turn = dt.datetime(2010, 11, 7, 2, 31, tzinfo=dt.UTC)
    assert [(turn - d).astimezone(ZoneInfo("America/St_Johns")).day for d in (30 * SECOND, -30 * SECOND)] == [7, 6]
    with time_machine.travel(turn - 90 * SECOND, tick=True) as clock:
        seller = sign_up(app, time_zone="America/St_Johns")
        first = seller.invoice(net_terms_days=1)
        clock.move_to(turn - 40 * SECOND)
        second = seller.invoice(net_terms_days=1)
        clock.move_to(turn + 30 * SECOND)
        third = seller.invoice(net_terms_days=1)
    found = [(one["number"][-4:], one["issue_date"], one["due_date"]) for one in (first, second, third)]
    assert found == [
        ("0001", "2010-11-06", "2010-11-07"),
        ("0002", "2010-11-07", "2010-11-08"),
        ("0003", "2010-11-07", "2010-11-08"),
    ]


@pytest.mark.parametrize(
    ("organization", "customer", "invoice", "due"),
    [
        (None, None, {}, "2024-03-01"),
        (14, None, {}, "2024-02-14"),
        (14, 0, {}, "2024-01-31"),
        (0, None, {}, "2024-01-31"),
        (14, 29, {}, "2024-02-29"),
        (14, 7, {"net_terms_days": 30}, "2024-03-01"),
        (14, 7, {"net_terms_days": 0}, "2024-01-31"),
        (14, 7, {"due_date": "2024-02-29"}, "2024-02-29"),
        (14, 7, {"due_date": "2024-01-31"}, "2024-01-31"),
        (3650, None, {}, "2034-01-28"),
    ],
)
def test_the_terms_of_the_invoice_come_first_then_those_of_its_customer_then_the_sellers(
    tenant: Tenant, organization: int | None, customer: int | None, invoice: dict[str, Any], due: str
) -> None:
    if organization is not None:
        tenant.patch("/v1/organization", {"net_terms_days": organization})
    buyer = tenant.customer(net_terms_days=customer)["id"]
    draft = tenant.draft(customer_id=buyer, issue_date="2024-01-31", **invoice)
    # What is decided when the draft is written does not change with those whom it was taken from.
    tenant.patch("/v1/organization", {"net_terms_days": 99})
    tenant.patch(f"/v1/customers/{buyer}", {"net_terms_days": 99})
    issued = tenant.post(f"{INVOICES}/{draft['id']}/finalize").json
    assert (draft["due_date"], issued["due_date"], issued["issue_date"]) == (due, due, "2024-01-31")


@pytest.mark.parametrize(
    ("issued", "terms", "due"),
    [
        ("2024-02-28", 1, "2024-02-29"), ("2024-02-29", 366, "2025-03-01"), ("2025-02-28", 1, "2025-03-01"),
        ("2025-01-31", 30, "2025-03-02"), ("2025-12-31", 1, "2026-01-01"), ("2025-10-25", 1, "2025-10-26"),
        ("2025-03-30", 365, "2026-03-30"),
    ],
)  # fmt: skip
def test_leap_days_and_ends_of_months_are_counted_by_the_calendar(
    tenant: Tenant, issued: str, terms: int, due: str
) -> None:
    assert tenant.invoice(issue_date=issued, net_terms_days=terms)["due_date"] == due
