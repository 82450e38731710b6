"""Lists of invoices: what they find, in which order, and what they ask of the database for it."""

import datetime as dt
from typing import Any

import pytest
from flask import Flask

from billing_api import clock
from tests.factories import Tenant, line, sign_up
from tests.statements import recorded
from tests.web.refusals import refused

Facts = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seven(shop: Tenant) -> Facts:
    """Seven invoices that differ in all that a list can tell apart; no test changes them."""
    today = clock.today("Europe/Berlin")
    ada, bob = shop.customer(name="Ada")["id"], shop.customer(name="Bob")["id"]

    def issued(price: str, due: int | None = None, **values: Any) -> dict[str, Any]:
        if due is not None:
            values["due_date"] = str(today + dt.timedelta(days=due))
        return shop.invoice(lines=[line(quantity="1", unit_price=price)], **values)

    old = str(today - dt.timedelta(days=40))
    return {
        "late": issued("10", customer_id=ada, issue_date=old, net_terms_days=7),
        "soon": issued("20", customer_id=ada, due=9),
        "settled": issued("0", customer_id=bob, due=3),
        "dollars": issued("40", customer_id=bob, currency="USD", due=5),
        "owed": issued("-50", customer_id=bob),
        "plain": shop.draft(customer_id=ada, lines=[line(quantity="1", unit_price="60")]),
        "planned": shop.draft(customer_id=bob, issue_date=str(today), lines=[line(quantity="1", unit_price="70")]),
    }


def names(facts: Facts, answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    by_id = {invoice["id"]: name for name, invoice in facts.items()}
    return [by_id[row["id"]] for row in answer.json["data"]]


ALL = ["late", "soon", "settled", "dollars", "owed", "plain", "planned"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ALL),
        ("status=draft", ["plain", "planned"]),
        ("status=paid", ["settled", "owed"]),
        ("status=open,draft", ["late", "soon", "dollars", "plain", "planned"]),
        ("status=void", []),
        ("customer_id={ada}", ["late", "soon", "plain"]),
        ("customer_id={ada}&status=open", ["late", "soon"]),
        ("currency=USD", ["dollars"]),
        ("number={number}", ["soon"]),
        ("number={lower_number}", ["soon"]),
        ("issue_date_from={today}", ["soon", "settled", "dollars", "owed", "planned"]),
        ("issue_date_to={yesterday}", ["late"]),
        ("issue_date_from={long_ago}&issue_date_to={today}", ["late", "soon", "settled", "dollars", "owed", "planned"]),
        ("due_date_to={yesterday}", ["late"]),
        ("due_date_from={in_4}&due_date_to={in_9}", ["soon", "dollars"]),
        ("total_min=23.80&currency=EUR", ["soon", "plain", "planned"]),
        ("total_max=11.90&currency=EUR", ["late", "settled", "owed"]),
        ("total_min=11.90&total_max=23.80&currency=EUR", ["late", "soon"]),
        ("total_min=-59.50&total_max=-59.5&currency=EUR", ["owed"]),
        ("total_min=1&currency=USD", ["dollars"]),
        ("overdue=true", ["late"]),
        ("overdue=false", ["soon", "settled", "dollars", "owed", "plain", "planned"]),
        ("updated_since=2999-01-01T00:00:00Z", []),
        ("updated_since={since_plain}", ["plain", "planned"]),
    ],
)
def test_a_filter_finds_what_it_names(shop: Tenant, seven: Facts, query: str, expected: list[str]) -> None:
    today = clock.today("Europe/Berlin")
    days = {name: today + dt.timedelta(days=days) for name, days in (("in_4", 4), ("in_9", 9), ("yesterday", -1))}
    query = query.format(
        ada=seven["late"]["customer_id"],
        number=seven["soon"]["number"],
        lower_number=seven["soon"]["number"].lower(),
        today=today,
        long_ago="1999-01-01",
        since_plain=seven["plain"]["updated_at"],
        **days,
    )
    assert names(seven, shop.get(f"/v1/invoices?sort=created_at&{query}")) == expected


BY_ISSUE = ["late", "soon", "settled", "dollars", "owed", "planned", "plain"]
BY_TOTAL = ["owed", "settled", "late", "soon", "dollars", "plain", "planned"]


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize(
    ("key", "expected"), [("created_at", ALL), ("updated_at", ALL), ("issue_date", BY_ISSUE), ("total", BY_TOTAL)]
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_in_any_order_hold_each_invoice_once(
    shop: Tenant, seven: Facts, key: str, expected: list[str], sign: str, limit: int
) -> None:
    path: str | None = f"/v1/invoices?sort={sign}{key}&limit={limit}"
    found: list[str] = []
    while path:
        answer = shop.get(path)
        page = names(seven, answer)
        assert len(page) <= limit
        found += page
        cursor = answer.json["next_cursor"]
        assert answer.json["has_more"] is (cursor is not None)
        path = cursor and f"/v1/invoices?sort={sign}{key}&limit={limit}&cursor={cursor}"
        if path:
            assert answer.headers["Link"].endswith('rel="next"')
            assert names(seven, shop.get(answer.headers["Link"][1:].partition(">")[0])) == names(seven, shop.get(path))
    if key == "issue_date":
        # Several share a day, and stand by their ids among themselves; a draft without a date stands behind all.
        shown = [seven[name]["issue_date"] or "9999-12-31" for name in found]
        assert shown == sorted(shown, reverse=sign == "-")
        assert sorted(found) == sorted(ALL)
    else:
        assert found == (expected[::-1] if sign else expected)


def test_the_newest_comes_first(shop: Tenant, seven: Facts) -> None:
    assert names(seven, shop.get("/v1/invoices")) == ALL[::-1]


def test_a_total_is_counted_only_when_asked_for(shop: Tenant, seven: Facts) -> None:
    assert "total_count" not in shop.get("/v1/invoices").json
    answer = shop.get("/v1/invoices?include_total=true&limit=2&currency=EUR")
    assert (answer.json["total_count"], len(answer.json["data"])) == (6, 2)


def test_customers_come_along_when_asked_for(shop: Tenant, seven: Facts) -> None:
    for row in shop.get("/v1/invoices?include=customer").json["data"]:
        assert row["customer"] == shop.get(f"/v1/customers/{row['customer_id']}").json
    one = shop.get(f"/v1/invoices/{seven['late']['id']}?include=customer")
    assert one.json["customer"]["name"] == "Ada"
    assert "ETag" not in one.headers


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=lost", "status"),
        ("status=open&status=paid", "status"),
        ("customer_id=1", "customer_id"),
        ("currency=eur", "currency"),
        ("issue_date_from=2026-02-30", "issue_date_from"),
        ("total_min=1", "total_min"),
        ("total_min=1.001&currency=EUR", "total_min"),
        ("overdue=yes", "overdue"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("sort=number", "sort"),
        ("include=lines", "include"),
        ("cursor=abc", "cursor"),
        ("colour=red", "colour"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(tenant: Tenant, query: str, parameter: str) -> None:
    answer = tenant.get(f"/v1/invoices?{query}")
    assert answer.status_code == 400
    assert parameter in {fault["parameter"] for fault in answer.json["errors"]}


def test_an_amount_beyond_all_others_finds_nothing_and_breaks_nothing(tenant: Tenant) -> None:
    assert tenant.get("/v1/invoices?currency=CLF&total_min=999999999999999.9999").json["data"] == []
    assert tenant.get("/v1/invoices?currency=CLF&total_max=-999999999999999.9999").json["data"] == []


def test_a_cursor_belongs_to_its_list_filter_order_and_organization(shop: Tenant, other: Tenant, seven: Facts) -> None:
    cursor = shop.get("/v1/invoices?limit=2&currency=EUR").json["next_cursor"]
    assert shop.get(f"/v1/invoices?limit=3&currency=EUR&cursor={cursor}").status_code == 200
    for somebody, query in (
        (shop, f"currency=USD&cursor={cursor}"),
        (shop, f"cursor={cursor}"),
        (shop, f"currency=EUR&sort=total&cursor={cursor}"),
        (shop, f"currency=EUR&cursor={cursor}x"),
        (other, f"currency=EUR&cursor={cursor}"),
    ):
        answer = somebody.get(f"/v1/invoices?{query}")
        assert (answer.status_code, answer.json["code"]) == (400, "cursor-malformed")


PRICED = line(allowances=[{"amount": "1"}], charges=[{"percent": "1"}])
LATE = {"issue_date": "2020-01-01", "due_date": "2020-02-01"}


@pytest.fixture(scope="module")
def hundred(app: Flask) -> Tenant:
    """A tenant with a hundred invoices of a dozen lines, more than the mapper loads at once of what hangs on them."""
    tenant = sign_up(app)
    one = {"customer_id": tenant.customer()["id"], "lines": [PRICED] * 12, **LATE}
    answer = tenant.post("/v1/invoices/bulk", {"items": [{**one, "finalize": True}] * 100})
    assert answer.status_code == 200, answer.text
    return tenant


@pytest.mark.parametrize("query", ["", "&include=customer&include_total=true", "&overdue=true", "&status=open,draft"])
def test_a_page_of_a_hundred_asks_no_more_often_than_a_page_of_one(tenant: Tenant, hundred: Tenant, query: str) -> None:
    """Plant the flaw by loading the taxes of lines as their own collection: they come in chunks of five hundred."""
    tenant.invoice(lines=[PRICED], **LATE)
    asked = {}
    for somebody in (tenant, hundred):
        with recorded(somebody.app) as seen:
            answer = somebody.get(f"/v1/invoices?limit=100{query}")
        assert answer.status_code == 200
        asked[len(answer.json["data"])] = len(seen)
    assert asked[100] == asked[1]


def test_what_is_no_tag_is_400_also_beside_include_where_none_is_heeded(tenant: Tenant) -> None:
    """Plant the flaw by looking at the header only where the answer can be 304."""
    path = f"{tenant.draft()['links']['self']}?include=customer"
    refused(tenant.get(path, If_None_Match="1"), 400, "wrong-format")
    assert tenant.get(path, If_None_Match='"1"').status_code == 200
