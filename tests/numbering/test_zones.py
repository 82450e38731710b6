"""New year and other midnights, where the seller is: the date of a number is the one on the seller's own calendar."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask

from tests.factories import Tenant, sign_up
from tests.numbering.register import audit, series
from tests.web.refusals import codes, refused

ZONES = (
    "Etc/GMT+12", "Pacific/Pago_Pago", "America/Los_Angeles", "America/St_Johns", "UTC", "Europe/London",
    "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati",
)  # fmt: skip


def at(zone: str, *local: int) -> dt.datetime:
    """The instant at which a clock in the zone shows this."""
    return dt.datetime(*local, tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)  # type: ignore[arg-type,misc]  # no zone in it


@pytest.mark.parametrize("zone", ZONES)
def test_half_an_hour_before_and_after_the_sellers_new_year(app: Flask, zone: str) -> None:
    with time_machine.travel(at(zone, 2027, 12, 31, 23, 30), tick=True) as clock:
        seller = sign_up(app, time_zone=zone)
        assert series(seller)["next_number"] == "INV-2027-0001"
        first = seller.invoice()
        assert (first["number"], first["issue_date"]) == ("INV-2027-0001", "2027-12-31")
        tomorrow = seller.post(f"/v1/invoices/{seller.draft()['id']}/finalize", {"issue_date": "2028-01-01"})
        assert codes(tomorrow) == {("/issue_date", "issue-date-in-future")}
        clock.move_to(at(zone, 2028, 1, 1, 0, 30))
        seller = seller.colleague("owner")
        assert series(seller)["next_number"] == "INV-2028-0001"
        # The old year is open for as long as the new one has no number.
        assert seller.invoice(issue_date="2027-12-31")["number"] == "INV-2027-0002"
        second = seller.invoice()
        assert (second["number"], second["issue_date"]) == ("INV-2028-0001", "2028-01-01")
        late = seller.post(f"/v1/invoices/{seller.draft()['id']}/finalize", {"issue_date": "2027-12-31"})
        assert refused(late, 409, "issue-date-before-last-number")["last_issue_date"] == "2028-01-01"
        found = audit(seller)
    assert (found["complete"], found["chronological"], found["count"]) == (True, True, 3)


@pytest.mark.parametrize(
    ("zone", "before", "after", "dates"),
    [
        # The hour from midnight on is left out, or comes twice.
        ("Africa/Cairo", (2027, 4, 29, 23, 59), (2027, 4, 30, 1, 1), ("2027-04-29", "2027-04-30")),
        ("Africa/Cairo", (2027, 10, 28, 22, 59), (2027, 10, 28, 23, 59), ("2027-10-28", "2027-10-28")),
        ("Europe/Berlin", (2027, 3, 27, 23, 59), (2027, 3, 28, 3, 1), ("2027-03-27", "2027-03-28")),
        ("Europe/Berlin", (2027, 10, 30, 23, 59), (2027, 10, 31, 0, 1), ("2027-10-30", "2027-10-31")),
        # A whole day is left out.
        ("Pacific/Apia", (2011, 12, 29, 23, 30), (2011, 12, 31, 0, 30), ("2011-12-29", "2011-12-31")),
    ],
)
def test_the_date_is_that_of_the_calendar_on_the_wall(
    app: Flask, zone: str, before: tuple[int, ...], after: tuple[int, ...], dates: tuple[str, str]
) -> None:
    with time_machine.travel(at(zone, *before), tick=True) as clock:
        seller: Tenant = sign_up(app, time_zone=zone)
        first = seller.invoice()
        clock.move_to(at(zone, *after))
        second = seller.colleague("owner").invoice()
    assert (first["issue_date"], second["issue_date"]) == dates
    assert second["number"].endswith("-0002")
