"""A walk over the contract as one tenant, with the ids, keys and cursors of another: nothing of theirs comes out."""

import itertools
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from billing_api import database
from billing_api.customers import service as customers
from billing_api.embedded import Addresses
from billing_api.errors import NotFound
from config import Config
from tests.factories import PASSWORD, Tenant
from tests.schema import application, connected, scratch, tenant_tables
from tests.tenancy.conftest import Pair, furnished

UNVISITED = {"auth_logout"}
"""It would end the walk."""
SEEN = (
    "/v1/customers", "/v1/invoices", "/v1/payments", "/v1/refunds", "/v1/number-series", "/v1/organization",
    "/v1/products", "/v1/tax-rates", "/v1/credit-notes", "/v1/api-keys",
    "/v1/events", "/v1/audit-log", "/v1/users", "/v1/invitations",
)  # fmt: skip


def guarded(app: Flask) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation behind a credential."""
    paths = app.extensions["api"].document["paths"]
    return [
        (method.upper(), path, operation)
        for path, item in paths.items()
        for method, operation in item.items()
        if method != "parameters" and operation["security"] and "accessToken" in operation["security"][0]
    ]


def own_ids(tenant: Tenant) -> dict[str, list[str]]:
    """What a tenant owns, by the name of the path parameter that takes it."""
    return {
        "customer_id": [one["id"] for one in tenant.get("/v1/customers").json["data"]],
        "entry_id": [one["id"] for one in tenant.get("/v1/audit-log?limit=2").json["data"]],
        "invitation_id": [one["id"] for one in tenant.get("/v1/invitations").json["data"]],
        "invoice_id": [one["id"] for one in tenant.get("/v1/invoices").json["data"]],
        "key_id": [one["id"] for one in tenant.get("/v1/api-keys").json["data"]],
        "payment_id": [one["id"] for one in tenant.get("/v1/payments").json["data"]],
        "credit_note_id": [one["id"] for one in tenant.get("/v1/credit-notes").json["data"]],
        "refund_id": [one["id"] for one in tenant.get("/v1/refunds").json["data"]],
        "series_id": [one["id"] for one in tenant.get("/v1/number-series").json["data"]],
        "product_id": [one["id"] for one in tenant.get("/v1/products").json["data"]],
        "session_id": [one["id"] for one in tenant.get("/v1/me/sessions").json["data"]],
        "tax_rate_id": [one["id"] for one in tenant.get("/v1/tax-rates").json["data"]],
        "user_id": [one["id"] for one in tenant.get("/v1/users").json["data"]],
    }


def body_for(path: str, ids: dict[str, str]) -> dict[str, Any]:
    if path.endswith(("/payments", "/refunds")):
        return {"amount": "1", **({} if "{" in path else {"currency": "EUR", "customer_id": ids["customer_id"]})}
    if path.endswith(("/credit-notes", "/credit-notes/preview")):
        return {"invoice_id": ids["invoice_id"], "reason": "intruder"}
    if path.endswith(("/void", "/reverse", "/revise")):
        return {"reason": "intruder"}
    if path.endswith(("/finalize", "/apply-balance")):
        return {}
    if path.startswith("/v1/invoices"):
        return {"customer_id": ids["customer_id"], "lines": []}
    if path.startswith("/v1/products"):
        return {"name": "intruder", "unit_price": "1"}
    if path.startswith("/v1/tax-rates"):
        return {"name": "intruder", "rate": "1"}
    if path.startswith("/v1/invitations"):
        return {"email": "intruder@example.com", "role": "viewer"}
    if path.startswith("/v1/api-keys"):
        return {"name": "intruder"} if "{" in path else {"name": "intruder", "scopes": ["customers:read"]}
    return {"name": "intruder"} if path.startswith("/v1/customers") else {}


def walk(app: Flask, intruder: Tenant, victim: Tenant) -> tuple[set[str], list[str]]:
    """Each operation with each id of the other: the operations that were visited, and what should not have been."""
    foreign = own_ids(victim)
    before = {path: victim.get(path).json["data"] for path in SEEN if path != "/v1/organization"}
    secrets = {*itertools.chain(*foreign.values()), str(victim.organization_id), str(victim.user_id), victim.email}
    visited, findings = set(), []
    for method, path, operation in guarded(app):
        if operation["operationId"] in UNVISITED:
            continue
        has_id = any(f"{{{name}}}" in path for name in foreign)
        for ids in zip(*foreign.values(), strict=False):
            given = dict(zip(foreign, ids, strict=True))
            address = path.format(**given, external_id="C-1")
            tried = f"{address}?dry_run=true" if "{external_id}" in path else address
            answer = intruder.call(method, tried, body_for(path, given) if "requestBody" in operation else None)
            shown = answer.text.replace(address, "")
            if any(secret in shown for secret in secrets) or "beta-" in shown:
                findings.append(f"{method} {path} shows what is another's")
            if answer.status_code >= 500 or (has_id and answer.status_code != 404):
                findings.append(f"{method} {path} answers {answer.status_code}")
            visited.add(operation["operationId"])
    findings += [f"{path} has changed" for path in before if victim.get(path).json["data"] != before[path]]
    return visited, findings


def test_a_walk_over_the_contract_meets_nothing_of_another_tenant(app: Flask, pair: Pair) -> None:
    visited, findings = walk(app, *pair)
    assert findings == []
    assert visited == {operation["operationId"] for *_, operation in guarded(app)} - UNVISITED


@pytest.mark.parametrize("is_walled", [True, False], ids=["walled", "open"])
@pytest.mark.parametrize("is_careful", [True, False], ids=["careful", "careless"])
def test_the_walk_finds_what_stands_open_where_wall_and_program_both_fail(
    config: Config,
    addresses: Addresses,
    newest: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_walled: bool,
    is_careful: bool,
) -> None:
    """Either is enough; only when a row is looked up by its id alone in a database without policies is it anybody's."""

    def find(model: Any, id: uuid.UUID, **_: Any) -> Any:
        row = database.db.session.scalars(sa.select(model).where(model.id == id)).unique().one_or_none()
        if row is None:
            raise NotFound()
        return row

    with scratch(addresses, newest) as there, application(config, there, tmp_path) as app:
        intruder, victim = furnished(app)
        if not is_walled:
            with connected(there.owner) as cursor:
                for table in tenant_tables(cursor):
                    cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        if not is_careful:
            monkeypatch.setattr(customers, "find", find)
        _, findings = walk(app, intruder, victim)
    assert bool(findings) == (not is_walled and not is_careful), findings


def test_every_id_in_a_path_is_one_that_the_walk_knows(app: Flask, pair: Pair) -> None:
    names = {part.strip("{}") for _, path, _ in guarded(app) for part in path.split("/") if part.startswith("{")}
    assert names == {*own_ids(pair[0]), "external_id"}
    assert all(own_ids(pair[1]).values())


@pytest.mark.parametrize("path", ["/v1/invoices", "/v1/invoices/preview", "/v1/invoices?dry_run=true"])
def test_anothers_id_in_a_body_is_unknown(pair: Pair, path: str) -> None:
    intruder, victim = pair
    answer = intruder.post(path, intruder.invoice_body(customer_id=own_ids(victim)["customer_id"][0]))
    assert (answer.status_code, answer.json["code"]) == (422, "customer-not-found")
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/customer_id"]
    unknown = intruder.post(path, intruder.invoice_body(customer_id=str(uuid.uuid4())))
    assert _without_request(answer.json) == _without_request(unknown.json)


@pytest.mark.parametrize("name", ["product_id", "tax_rate_id"])
def test_anothers_product_or_tax_rate_on_a_line_is_unknown(pair: Pair, name: str) -> None:
    intruder, victim = pair
    codes = {"product_id": "product-not-found", "tax_rate_id": "tax-rate-not-found"}
    told = []
    for id in (own_ids(victim)[name][0], str(uuid.uuid4())):
        named = {"description": "x", "quantity": "1", "unit_price": "1", name: id}
        answer = intruder.post("/v1/invoices/preview", {"lines": [named]})
        assert (answer.status_code, answer.json["code"]) == (422, codes[name])
        assert [fault["pointer"] for fault in answer.json["errors"]] == [f"/lines/0/{name}"]
        told.append(_without_request(answer.json))
    assert told[0] == told[1]


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("POST", "/finalize")])
def test_a_refusal_tells_nothing_of_what_another_has(pair: Pair, method: str, tail: str) -> None:
    intruder, victim = pair
    for ids, resource in {
        "customer_id": "customers", "invoice_id": "invoices", "product_id": "products", "tax_rate_id": "tax-rates"
    }.items():  # fmt: skip
        if tail and resource != "invoices":
            continue
        theirs = intruder.call(method, f"/v1/{resource}/{own_ids(victim)[ids][0]}{tail}")
        nobodys = intruder.call(method, f"/v1/{resource}/{uuid.uuid4()}{tail}")
        assert theirs.status_code == nobodys.status_code == 404
        assert _without_request(theirs.json) == _without_request(nobodys.json)


def test_a_filter_by_anothers_id_finds_nothing(pair: Pair) -> None:
    intruder, victim = pair
    for id in own_ids(victim)["customer_id"]:
        page = intruder.get(f"/v1/invoices?customer_id={id}&include_total=true")
        assert (page.status_code, page.json["data"], page.json["total_count"]) == (200, [], 0)


def test_a_cursor_of_another_tenant_is_refused(pair: Pair) -> None:
    intruder, victim = pair
    cursor = victim.get("/v1/customers?limit=1").json["next_cursor"]
    answer = intruder.get(f"/v1/customers?limit=1&cursor={cursor}")
    assert (answer.status_code, answer.json["code"]) == (400, "cursor-malformed")


def test_an_idempotency_key_of_another_tenant_is_another_key(pair: Pair) -> None:
    for owner, mark in zip(pair, ("alpha", "beta"), strict=True):
        reply = owner.post("/v1/customers", {"name": f"{mark}-stored"}, Idempotency_Key="the-same-key")
        assert reply.headers["Idempotency-Replayed"] == "true"
        assert reply.json["name"] == f"{mark}-stored"


def test_the_same_address_external_id_and_number_stand_in_both(pair: Pair) -> None:
    for owner in pair:
        taken = owner.post("/v1/customers", {"name": "Again", "email": "SHARED@example.com"})
        assert (taken.status_code, taken.json["code"]) == (409, "customer-email-taken")
        free = owner.post("/v1/customers?dry_run=true", {"name": "New", "external_id": "C-2"})
        assert free.status_code == 201
    numbers = [owner.get("/v1/invoices?status=open,paid").json["data"][0]["number"] for owner in pair]
    assert numbers[0] == numbers[1]


def test_a_login_finds_users_across_tenants_and_enters_only_their_own(pair: Pair) -> None:
    for owner in pair:
        grant = owner.app.test_client().post("/v1/auth/login", json={"email": owner.email, "password": PASSWORD}).json
        assert grant["organization"]["id"] == str(owner.organization_id)


def _without_request(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name not in {"request_id", "instance"}}
