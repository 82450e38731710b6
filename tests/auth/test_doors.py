"""Every door of the service: who comes in, what they may not bring along, and that the contract names all of them."""

import csv
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, Tenant, sign_up

MATRIX = Path(__file__).with_name("access_matrix.csv")
"""Each operation, and what everybody is answered who asks for it well: written by hand, held against the service."""
ROLES = ("viewer", "accountant", "admin", "owner")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "COPY")
SIGN_UP = {"organization_name": "New", "country": "DE", "currency": "EUR", "name": "Ada", "password": PASSWORD}
NOT_IN_THE_CONTRACT = {"/docs", "/docs/", "/docs/<path:path>"}
"""The page that shows the contract."""


class World:
    """A tenant with one of everything, and somebody new for each request."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.owner, self.stranger = sign_up(app), sign_up(app)
        self.customer = self.owner.customer(external_id="C-1")["id"]
        self.product, self.tax_rate = self.owner.product()["id"], self.owner.tax_rate()["id"]
        self.draft = self.owner.draft(customer_id=self.owner.customer()["id"])["id"]
        self.series = self.owner.get("/v1/number-series").json["data"][0]["links"]["self"]

    def somebody(self, who: str) -> Tenant | None:
        if who == "anonymous":
            return None
        if who == "stranger":
            return self.stranger.colleague("owner")
        return self.owner.colleague("admin", "disabled") if who == "disabled" else self.owner.colleague(who)

    def send(self, who: str, method: str, path: str, body: Any) -> TestResponse:
        somebody = self.somebody(who)
        if somebody:
            return somebody.call(method, path, body)
        return self.app.test_client().open(path, method=method, json=body)


def requests(world: World) -> dict[str, tuple[str, str, Any]]:
    """A good request for each operation; what would change something is only tried."""
    customer, draft = f"/v1/customers/{world.customer}", f"/v1/invoices/{world.draft}"
    invoice = {"customer_id": world.customer, "lines": []}
    product, tax_rate = f"/v1/products/{world.product}", f"/v1/tax-rates/{world.tax_rate}"
    new = f"{uuid.uuid4()}@example.com"
    session = world.owner.colleague("viewer")
    return {
        "auth_login": ("POST", "/v1/auth/login", {"email": world.owner.email, "password": PASSWORD}),
        "auth_logout": ("POST", "/v1/auth/logout", None),
        "auth_me": ("GET", "/v1/me", None),
        "auth_refresh": ("POST", "/v1/auth/refresh", {"refresh_token": session.refresh_token}),
        "auth_sign_up": ("POST", "/v1/auth/sign-up", {**SIGN_UP, "email": new}),
        "contract_openapi": ("GET", "/openapi.json", None),
        "customers_create": ("POST", "/v1/customers?dry_run=true", {"name": "New"}),
        "customers_delete": ("DELETE", f"{customer}?dry_run=true", None),
        "customers_read": ("GET", customer, None),
        "customers_replace": ("PUT", f"{customer}?dry_run=true", {"name": "New"}),
        "customers_search": ("GET", "/v1/customers", None),
        "customers_update": ("PATCH", f"{customer}?dry_run=true", {"name": "New"}),
        "customers_upsert": ("PUT", "/v1/customers/by-external-id/C-1?dry_run=true", {"name": "New"}),
        "events_list": ("GET", "/v1/events", None),
        "invoices_calculation": ("GET", f"{draft}/calculation", None),
        "invoices_create": ("POST", "/v1/invoices?dry_run=true", invoice),
        "invoices_delete": ("DELETE", f"{draft}?dry_run=true", None),
        "invoices_finalize": ("POST", f"{draft}/finalize?dry_run=true", {}),
        "invoices_history": ("GET", f"{draft}/events", None),
        "invoices_preview": ("POST", "/v1/invoices/preview", {"lines": []}),
        "invoices_read": ("GET", draft, None),
        "invoices_replace": ("PUT", f"{draft}?dry_run=true", invoice),
        "invoices_search": ("GET", "/v1/invoices", None),
        "invoices_update": ("PATCH", f"{draft}?dry_run=true", {"notes": "New"}),
        "number_series_audit": ("GET", f"{world.series}/audit", None),
        "number_series_read": ("GET", world.series, None),
        "number_series_search": ("GET", "/v1/number-series", None),
        "number_series_update": ("PATCH", f"{world.series}?dry_run=true", {"reset": "yearly"}),
        "operations_index": ("GET", "/", None),
        "operations_key_set": ("GET", "/.well-known/jwks.json", None),
        "operations_live": ("GET", "/health/live", None),
        "operations_metrics": ("GET", "/metrics", None),
        "operations_problem": ("GET", "/problems/not-found", None),
        "operations_ready": ("GET", "/health/ready", None),
        "organization_read": ("GET", "/v1/organization", None),
        "organization_update": ("PATCH", "/v1/organization?dry_run=true", {"phone": "1"}),
        "products_create": ("POST", "/v1/products?dry_run=true", {"name": "New", "unit_price": "1"}),
        "products_delete": ("DELETE", f"{product}?dry_run=true", None),
        "products_read": ("GET", product, None),
        "products_replace": ("PUT", f"{product}?dry_run=true", {"name": "New", "unit_price": "1"}),
        "products_search": ("GET", "/v1/products", None),
        "products_update": ("PATCH", f"{product}?dry_run=true", {"name": "New"}),
        "tax_rates_create": ("POST", "/v1/tax-rates?dry_run=true", {"name": "New", "rate": "19"}),
        "tax_rates_delete": ("DELETE", f"{tax_rate}?dry_run=true", None),
        "tax_rates_read": ("GET", tax_rate, None),
        "tax_rates_replace": ("PUT", f"{tax_rate}?dry_run=true", {"name": "New", "rate": "19"}),
        "tax_rates_search": ("GET", "/v1/tax-rates", None),
        "tax_rates_update": ("PATCH", f"{tax_rate}?dry_run=true", {"name": "New"}),
    }  # fmt: skip


def operations(app: Flask) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Each operation of the document: its id, method, path, and description."""
    for path, item in app.extensions["api"].document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield operation["operationId"], method.upper(), path, operation


def matrix() -> dict[str, dict[str, str]]:
    with MATRIX.open(newline="") as file:
        return {row.pop("operation"): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(app)


@pytest.mark.parametrize("operation", matrix())
def test_everybody_gets_what_the_matrix_says(world: World, operation: str) -> None:
    expected = matrix()[operation]
    observed = {who: str(world.send(who, *requests(world)[operation]).status_code) for who in expected}
    assert observed == expected


def test_the_matrix_has_every_operation_and_everybody(app: Flask, world: World) -> None:
    assert sorted(matrix()) == sorted(requests(world)) == sorted(operation for operation, *_ in operations(app))
    for row in matrix().values():
        assert list(row) == ["anonymous", *ROLES, "stranger", "disabled"]


def test_the_matrix_agrees_with_the_scopes_that_the_contract_states(app: Flask, world: World) -> None:
    rows = matrix()
    tokens = {role: world.owner.colleague(role).get("/v1/me").json["scope"].split() for role in ROLES}
    for operation, _, _, described in operations(app):
        row, scope = rows[operation], described.get("x-required-scope")
        is_guarded = bool(described["security"]) and "accessToken" in described["security"][0]
        assert (row["anonymous"] == row["disabled"] == "401") == is_guarded, operation
        for role in ROLES:
            assert (row[role] == "403") == (scope is not None and scope not in tokens[role]), (operation, role)


# What stands in a URL map and not in a contract is a back door; the other way round it is a promise that is not kept.


def test_the_url_map_and_the_contract_name_the_same_doors(app: Flask) -> None:
    mapped = {
        (method, re.sub(r"<(?:[^<>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in NOT_IN_THE_CONTRACT
    }
    assert mapped == {(method, path) for _, method, path, _ in operations(app)}


def test_another_method_is_refused_with_those_that_are_allowed(app: Flask, client: FlaskClient) -> None:
    allowed: dict[str, set[str]] = {}
    for _, method, path, _ in operations(app):
        allowed.setdefault(re.sub(r"{(\w+)}", "01890a5d-ac96-774b-bcce-b302099a8057", path), set()).add(method)
    refused = 0
    for path, methods in allowed.items():
        known = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for method in set(METHODS) - methods:
            answer = client.open(path, method=method)
            if method == "GET" and answer.status_code != 405:
                # A literal such as `preview` may stand where another address takes an id.
                assert answer.status_code in {401, 404}, path
                continue
            assert (answer.status_code, answer.json["code"]) == (405, "method-not-allowed"), (method, path)
            assert {"GET", *known} >= set(answer.headers["Allow"].split(", ")) >= known, (method, path)
            refused += 1
        options = client.options(path)
        assert options.status_code == 204
        assert set(options.headers["Allow"].split(", ")) >= known
    assert refused > 100


def test_nobody_can_have_a_request_echoed(app: Flask) -> None:
    assert not any("TRACE" in (rule.methods or ()) for rule in app.url_map.iter_rules())


# What a client may not set, it cannot slip in.

OF_ALL = ("id", "organization_id", "version", "created_at", "updated_at", "links", "tenant", "__class__", "constructor")
OF_INVOICES = (
    "number", "number_key", "status", "subtotal", "total", "tax_total", "total_without_tax", "payable_amount",
    "amount_paid", "amount_due", "amount_credited", "tax_breakdown", "seller", "buyer", "finalized_at", "paid_at",
    "sequence_value", "series_id", "actions", "request",
)  # fmt: skip
OF_USERS = ("role", "status", "scope", "password_hash", "email_key", "user_id", "is_admin")
PROTECTED = {
    "auth_sign_up": (*OF_ALL, *OF_USERS),
    "auth_login": (*OF_ALL, *OF_USERS),
    "auth_refresh": (*OF_ALL, *OF_USERS, "expires_at", "session_id"),
    "customers_create": (*OF_ALL, "email_key", "balance", "search"),
    "customers_replace": (*OF_ALL, "email_key", "balance", "search"),
    "customers_update": (*OF_ALL, "email_key", "balance", "search"),
    "customers_upsert": (*OF_ALL, "email_key", "balance", "search", "external_id"),
    "invoices_create": (*OF_ALL, *OF_INVOICES),
    "invoices_preview": (*OF_ALL, *OF_INVOICES),
    "invoices_replace": (*OF_ALL, *OF_INVOICES, "finalize"),
    "invoices_update": (*OF_ALL, *OF_INVOICES, "finalize"),
    "invoices_finalize": (*OF_ALL, *OF_INVOICES, "lines", "customer_id"),
    "number_series_update": (
        *OF_ALL, "document_type", "next_number", "last_number", "last_value", "last_issue_date", "upcoming", "period",
    ),
    "organization_update": (*OF_ALL, "owner", "event_counter"),
    "products_create": (*OF_ALL, "external_key", "in_use"),
    "products_replace": (*OF_ALL, "external_key", "in_use"),
    "products_update": (*OF_ALL, "external_key", "in_use"),
    "tax_rates_create": (*OF_ALL, "in_use"),
    "tax_rates_replace": (*OF_ALL, "in_use"),
    "tax_rates_update": (*OF_ALL, "in_use"),
}  # fmt: skip


@pytest.mark.parametrize("operation", PROTECTED)
def test_a_member_that_a_client_may_not_set_is_refused(world: World, operation: str) -> None:
    method, path, body = requests(world)[operation]
    foreign = {name: str(world.stranger.organization_id) for name in PROTECTED[operation]}
    answer = world.owner.call(method, path, {**body, **foreign})
    assert answer.status_code == 422, answer.text
    refused = {fault["pointer"][1:] for fault in answer.json["errors"] if fault["code"] == "unknown-member"}
    assert refused == foreign.keys()


def test_every_operation_with_a_body_has_its_list_of_protected_members(app: Flask) -> None:
    assert PROTECTED.keys() == {operation for operation, *_, described in operations(app) if "requestBody" in described}


@pytest.mark.parametrize("part", ["lines", "allowances", "charges"])
def test_computed_members_of_a_part_are_refused(world: World, part: str) -> None:
    good = {"lines": {"description": "x", "quantity": "1", "unit_price": "1"}}.get(part, {"amount": "1"})
    answer = world.owner.post("/v1/invoices/preview", {part: [{**good, "id": str(uuid.uuid4()), "net": "1"}]})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json["errors"]} == {f"/{part}/0/id", f"/{part}/0/net"}


# What nobody is shown, whatever their role.

HIDDEN = {
    "password", "password_hash", "email_key", "number_key", "digest", "organization_id", "request", "series_id",
    "sequence_value", "number_period", "metadata_", "secret",
}  # fmt: skip


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_shows_what_is_kept_inside(world: World, role: str) -> None:
    world.owner.invoice()
    shown: set[str] = set()
    for operation, (method, path, body) in requests(world).items():
        if operation != "contract_openapi":
            answer = world.send(role, method, path, body)
            shown |= set(names_in(answer.get_json(silent=True)))
    assert len(shown) > 50
    assert not shown & HIDDEN


def test_a_refusal_tells_the_scope_that_is_missing(world: World) -> None:
    for path, scope in (("/v1/customers", "customers:write"), ("/v1/invoices", "invoices:write")):
        answer = world.send("viewer", "POST", path, {})
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient-scope")
        assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'
