"""Lists of customers: what they find, in which order, page by page."""

import uuid
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.factories import Tenant, created, sign_up
from tests.statements import recorded
from tests.web.refusals import codes, refused

CUSTOMERS = "/v1/customers"
Facts = dict[str, dict[str, Any]]
LIVE = ["bob", "ada", "zoë", "twin", "Bob"]
BY_NAME = ["Bob", "ada", "bob", "twin", "zoë"]
"""By code point, as a cursor can name a place in it."""


@pytest.fixture(scope="module")
def shop(app: Flask) -> Tenant:
    return sign_up(app)


@pytest.fixture(scope="module")
def seven(shop: Tenant) -> Facts:
    """Five customers and two that are archived; no test changes them."""
    made = {
        "bob": shop.customer(name="bob", email="Bob@Example.com"),
        "ada": shop.customer(name="ada", external_id="E-1"),
        "zoë": shop.customer(name="zoë", email="zoe@example.com", external_id="e-1"),
        "twin": shop.customer(name="twin"),
        "Bob": shop.customer(name="Bob"),
        "old": shop.customer(name="old", email="old@example.com", archived=True),
        "older": shop.customer(name="older", archived=True),
    }
    for name in ("zoë", "old", "bob"):
        made[name] = shop.patch(f"{CUSTOMERS}/{made[name]['id']}", {"phone": "1"}).json
    return made


def names(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", LIVE),
        ("archived=false", LIVE),
        ("archived=true", ["old", "older"]),
        ("archived=any", [*LIVE, "old", "older"]),
        ("email=bob@example.com", ["bob"]),
        ("email=BOB@EXAMPLE.COM", ["bob"]),
        ("email=old@example.com", []),
        ("email=old@example.com&archived=any", ["old"]),
        ("email=bob", []),
        ("external_id=E-1", ["ada"]),
        ("external_id=e-1&email=zoe@example.com", ["zoë"]),
        ("external_id=E-1&email=zoe@example.com", []),
        ("updated_since={zoë}", ["bob", "zoë"]),
        ("updated_since={zoë}&archived=any", ["bob", "zoë", "old"]),
        ("updated_since=2999-01-01T00:00:00Z", []),
    ],
)
def test_a_filter_finds_what_it_names(shop: Tenant, seven: Facts, query: str, expected: list[str]) -> None:
    query = query.format(zoë=seven["zoë"]["updated_at"])
    assert names(shop.get(f"{CUSTOMERS}?sort=created_at&{query}")) == expected


ORDERS = [
    ("created_at", LIVE),
    ("-created_at", LIVE[::-1]),
    ("updated_at", ["ada", "twin", "Bob", "zoë", "bob"]),
    ("-updated_at", ["bob", "zoë", "Bob", "twin", "ada"]),
    ("name", BY_NAME),
    ("-name", BY_NAME[::-1]),
]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@pytest.mark.parametrize(("sort", "expected"), ORDERS)
def test_pages_in_any_order_hold_each_customer_once(
    shop: Tenant, seven: Facts, sort: str, expected: list[str], limit: int
) -> None:
    found: list[str] = []
    path: str | None = f"{CUSTOMERS}?sort={sort}&limit={limit}"
    while path:
        answer = shop.get(path)
        page = names(answer)
        assert 0 < len(page) <= limit
        found += page
        assert len(found) <= len(expected)
        assert answer.json["has_more"] is (answer.json["next_cursor"] is not None) is ("Link" in answer.headers)
        link = answer.headers.get("Link")
        path = link[1:].partition(">")[0] if link else None
        if link and path:
            assert link == f'<{path}>; rel="next"'
            assert path.startswith(f"{CUSTOMERS}?")
    assert found == expected


def test_the_newest_comes_first_and_items_are_whole(shop: Tenant, seven: Facts) -> None:
    data = shop.get(CUSTOMERS).json["data"]
    assert data == [shop.get(f"{CUSTOMERS}/{seven[name]['id']}").json for name in LIVE[::-1]]


def test_customers_of_one_name_stand_beside_each_other_and_none_is_missed(tenant: Tenant) -> None:
    made = {tenant.customer(name="Ada")["id"] for _ in range(7)}
    found, path = [], f"{CUSTOMERS}?sort=name&limit=2"
    for _ in range(4):
        page = tenant.get(path).json
        found += [row["id"] for row in page["data"]]
        path = f"{CUSTOMERS}?sort=name&limit=2&cursor={page['next_cursor']}"
    assert (len(found), set(found), page["has_more"]) == (7, made, False)


def test_what_is_added_meanwhile_moves_no_page(tenant: Tenant) -> None:
    made = [tenant.customer()["id"] for _ in range(4)]
    first = tenant.get(f"{CUSTOMERS}?limit=2").json
    tenant.customer()
    second = tenant.get(f"{CUSTOMERS}?limit=2&cursor={first['next_cursor']}").json
    assert [row["id"] for row in first["data"] + second["data"]] == made[::-1]


def test_a_total_is_counted_only_when_asked_for(shop: Tenant, seven: Facts) -> None:
    assert "total_count" not in shop.get(CUSTOMERS).json
    assert shop.get(f"{CUSTOMERS}?include_total=true&limit=2").json["total_count"] == 5
    assert shop.get(f"{CUSTOMERS}?include_total=true&archived=any").json["total_count"] == 7


def test_another_organization_sees_none(other: Tenant, seven: Facts) -> None:
    assert other.get(f"{CUSTOMERS}?archived=any&include_total=true").json == {
        "data": [],
        "has_more": False,
        "next_cursor": None,
        "total_count": 0,
    }
    assert other.get(f"{CUSTOMERS}?email=bob@example.com").json["data"] == []


def test_a_cursor_belongs_to_its_list_filter_order_and_organization(shop: Tenant, other: Tenant, seven: Facts) -> None:
    cursor = shop.get(f"{CUSTOMERS}?limit=2").json["next_cursor"]
    assert shop.get(f"{CUSTOMERS}?limit=3&include_total=true&cursor={cursor}").status_code == 200
    for somebody, query in (
        (shop, f"archived=any&cursor={cursor}"),
        (shop, f"sort=name&cursor={cursor}"),
        (shop, f"cursor={cursor[:-1]}"),
        (other, f"cursor={cursor}"),
    ):
        refused(somebody.get(f"{CUSTOMERS}?{query}"), 400, "cursor-malformed")
    refused(shop.get(f"/v1/invoices?cursor={cursor}"), 400, "cursor-malformed")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("archived=yes", "archived"),
        ("sort=email", "sort"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("updated_since=yesterday", "updated_since"),
        ("updated_since=2026-01-01", "updated_since"),
        ("include_total=1", "include_total"),
        ("name=ada", "name"),
        ("email=a&email=b", "email"),
        ("dry_run=true", "dry_run"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(shop: Tenant, query: str, parameter: str) -> None:
    answer = shop.get(f"{CUSTOMERS}?{query}")
    refused(answer, 400)
    assert {name for name, _ in codes(answer)} == {parameter}


def test_a_page_of_fifty_asks_no_more_often_than_a_page_of_one(tenant: Tenant) -> None:
    def statements() -> tuple[int, int]:
        with recorded(tenant.app) as seen:
            answer = tenant.get(f"{CUSTOMERS}?include_total=true")
        return len(answer.json["data"]), len(seen)

    tenant.customer()
    items, once = statements()
    for _ in range(49):
        tenant.customer()
    assert (items, statements()) == (1, (50, once))


def test_what_names_a_customer_shows_them_whole_to_who_may_read_them(tenant: Tenant) -> None:
    """Plant the flaw by asking for the scope once the thing has been found."""
    invoice = tenant.invoice()
    payment = tenant.payment(invoice, amount="1.00")
    note = created(tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "Returned"}))
    customer = tenant.get(f"/v1/customers/{invoice['customer_id']}").json
    scopes = ["invoices:read", "payments:read", "credit_notes:read"]
    secret = created(tenant.post("/v1/api-keys", {"name": "Reader", "scopes": scopes}))["secret"]
    for one in (invoice, payment, note):
        path = one["links"]["self"]
        for asked, shown in ((path, lambda answer: answer.json), (path.rpartition("/")[0], first_of)):
            assert "customer" not in shown(tenant.get(asked))
            answer = tenant.get(f"{asked}?include=customer")
            assert shown(answer)["customer"] == customer
            assert "ETag" not in answer.headers
            refused(tenant.get(f"{asked}?include=lines"), 400, "not-a-choice")
            answer = tenant.client.get(f"{asked}?include=customer", headers={"X-API-Key": secret})
            assert "customers:read" in refused(answer, 403, "insufficient-scope")["detail"]
            assert tenant.client.get(asked, headers={"X-API-Key": secret}).status_code == 200
        missing = f"{path.rpartition('/')[0]}/{uuid.uuid4()}?include=customer"
        refused(tenant.client.get(missing, headers={"X-API-Key": secret}), 403, "insufficient-scope")


def first_of(answer: TestResponse) -> dict[str, Any]:
    found: dict[str, Any] = answer.json["data"][0]
    return found
