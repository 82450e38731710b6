"""What was written out is handed out again while it is true, and no longer."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask

from billing_api import clock
from billing_api.web import written
from billing_api.web.written import Shelf
from tests import kept
from tests.factories import Tenant, line, renewed, sign_up
from tests.statements import recorded

Deed = Callable[[Tenant, dict[str, Any]], Any]
DEEDS: dict[str, Deed] = {
    "paid in part": lambda tenant, one: tenant.payment(one, amount="1.00"),
    "paid": lambda tenant, one: tenant.payment(one),
    "credited": lambda tenant, one: tenant.post("/v1/credit-notes", {"invoice_id": one["id"], "reason": "x"}),
    "sent": lambda tenant, one: tenant.post(f"{one['links']['self']}/mark-sent"),
    "given up": lambda tenant, one: tenant.post(f"{one['links']['self']}/mark-uncollectible"),
    "its buyer archived": lambda tenant, one: tenant.patch(one["links"]["customer"], {"archived": True}),
    "its buyer with a credit": lambda tenant, one: tenant.post(
        "/v1/payments",
        {"customer_id": one["customer_id"], "currency": "EUR", "amount": "5.00", "method": "bank_transfer"},
    ),
    "its seller with closed books": lambda tenant, one: tenant.patch(
        "/v1/organization", {"books_locked_until": clock.today("Europe/Berlin").isoformat()}
    ),
}
"""What changes how an invoice is shown: itself, or what can be done with it."""


DRAFT_DEEDS: dict[str, Deed] = {
    "its buyer without an address": lambda tenant, one: tenant.patch(
        one["links"]["customer"], {"billing_address": None}
    ),
    "its buyer archived": DEEDS["its buyer archived"],
    "its seller without a tax id": lambda tenant, _: tenant.patch("/v1/organization", {"tax_ids": []}),
    "its seller with books closed ahead": lambda tenant, _: tenant.patch(
        "/v1/organization", {"books_locked_until": "2999-12-31"}
    ),
    "itself without a line": lambda tenant, one: tenant.patch(one["links"]["self"], {"lines": []}),
}
"""What changes whether a draft can be issued."""


def blockers(tenant: Tenant, draft: dict[str, Any]) -> list[str]:
    """What stands in the way of its issue."""
    (action,) = [one for one in tenant.get(draft["links"]["self"]).json["actions"] if one["name"] == "finalize"]
    return [blocker["code"] for blocker in action["blockers"]]


def asked(tenant: Tenant, path: str) -> tuple[bytes, int]:
    """The answer, and in how many statements it was found; nothing was kept at first."""
    with recorded(tenant.app) as seen, kept.uncompared():
        assert tenant.get(path).status_code == 200
        first = len(seen)
        answer = tenant.get(path)
    assert answer.status_code == 200
    return answer.data, len(seen) - first


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/customers", "/v1/invoices/{id}", "/v1/invoices?status=draft"])
def test_what_is_kept_takes_one_statement(tenant: Tenant, path: str) -> None:
    invoice = tenant.invoice()
    tenant.draft()
    path = path.format(**invoice)
    whole = tenant.get(path).data
    assert asked(tenant, path) == (whole, 1)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_has_happened_shows_at_once(tenant: Tenant, deed: str) -> None:
    invoice = tenant.invoice()
    path = invoice["links"]["self"]
    before, listed = tenant.get(path).json, tenant.get("/v1/invoices").json
    assert (tenant.get(path).json, tenant.get("/v1/invoices").json) == (before, listed)
    DEEDS[deed](tenant, invoice)
    after = tenant.get(path).json
    assert after != before
    assert tenant.get("/v1/invoices").json["data"] == [{name: after[name] for name in listed["data"][0]}]


def test_an_invoice_is_overdue_from_the_day_after_it_was_due(app: Flask) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        tenant = sign_up(app)
        invoice = tenant.invoice(net_terms_days=0)
        for _ in range(2):
            assert [one["overdue"] for one in tenant.get("/v1/invoices").json["data"]] == [False]
        time.move_to(clock.now() + dt.timedelta(days=2))
        tenant = renewed(tenant)
        assert tenant.get(invoice["links"]["self"]).json["overdue"]
        assert [one["overdue"] for one in tenant.get("/v1/invoices").json["data"]] == [True]


@pytest.mark.parametrize("deed", DRAFT_DEEDS)
def test_what_stands_in_the_way_of_a_draft_shows_at_once(tenant: Tenant, deed: str) -> None:
    draft = tenant.draft()
    path = draft["links"]["self"]
    whole, statements = asked(tenant, path)
    assert statements == 1
    DRAFT_DEEDS[deed](tenant, draft)
    after = tenant.get(path)
    assert after.json["actions"] != json.loads(whole)["actions"]
    assert tenant.get(path).data == after.data


def test_a_draft_that_is_due_today_cannot_be_issued_tomorrow(app: Flask) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        tenant = sign_up(app)
        draft = tenant.draft(due_date=clock.today("Europe/Berlin").isoformat())
        for _ in range(2):
            assert blockers(tenant, draft) == []
        time.move_to(clock.now() + dt.timedelta(days=1))
        assert blockers(renewed(tenant), draft) == ["due-before-issue"]


def test_a_draft_that_asks_for_its_date_of_issue_is_read_each_time(tenant: Tenant) -> None:
    """The date on which the number before was given tells whether it can be issued then."""
    yesterday = clock.today("Europe/Berlin") - dt.timedelta(days=1)
    draft = tenant.draft(issue_date=yesterday.isoformat())
    _, statements = asked(tenant, draft["links"]["self"])
    assert statements > 1
    assert blockers(tenant, draft) == []
    tenant.invoice()
    assert blockers(tenant, draft) == ["issue-date-before-last-number"]


def test_nobody_is_shown_what_was_written_for_another_tenant(app: Flask) -> None:
    one, other = sign_up(app), sign_up(app)
    path = one.invoice()["links"]["self"]
    for _ in range(2):
        assert one.get(path).status_code == 200
        assert other.get(path).status_code == 404


def test_the_shelf_does_not_grow_beyond_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "MOST_BYTES", 10_000)
    shelf = Shelf()
    shelf.put(dict.fromkeys(range(5), b"x" * 1500))
    assert [text is not None for text in shelf.find(range(5))] == [True] * 5
    shelf.find([0])
    shelf.put({5: b"x" * 1500, "larger than the shelf": b"x" * 10_000})
    assert [text is not None for text in shelf.find(range(6))] == [True, False, True, True, True, True]
    assert shelf.find(["larger than the shelf", None]) == [None, None]


def test_an_invoice_of_many_lines_is_shown_though_it_is_not_kept(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MOST_BYTES", 2_000)
    invoice = tenant.invoice(lines=[line()] * 20)
    for path in (invoice["links"]["self"], "/v1/invoices"):
        text, statements = asked(tenant, path)
        assert invoice["id"].encode() in text
        assert statements > 1


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_is_kept_is_handed_to_no_credential_that_has_ended(tenant: Tenant, is_kept: bool) -> None:
    """Asked without the comparison, which lets each request in a second time."""
    invoice = tenant.invoice()
    paths = [
        f"/v1/invoices/{invoice['id']}", f"/v1/customers/{invoice['customer_id']}", "/v1/invoices", "/v1/customers"
    ]  # fmt: skip
    key = tenant.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read", "customers:read"]}).json
    holders = [tenant.headers, {"X-API-Key": key["secret"]}]
    client = tenant.app.test_client()
    with kept.uncompared():
        for headers in holders:
            assert [client.get(path, headers=headers).status_code for path in paths for _ in range(3)] == [200] * 12
        assert tenant.delete(f"/v1/api-keys/{key['id']}").status_code == 204
        assert tenant.post("/v1/auth/logout").status_code == 204
        if not is_kept:
            tenant.app.extensions["shelf"]._texts.clear()
        for headers in holders:
            assert [client.get(path, headers=headers).status_code for path in paths] == [401] * 4
