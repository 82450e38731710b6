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

from billing_api.web.api import LARGEST_OF_STRANGERS
from tests.auth.world import HOLDERS, PROTECTED, World, requests
from tests.factories import sign_up

MATRIX = Path(__file__).with_name("access_matrix.csv")
"""Each operation, and what everybody is answered who asks for it well: written by hand, held against the service."""
ROLES = ("viewer", "accountant", "admin", "owner")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "COPY")
NOT_IN_THE_CONTRACT = {"/docs", "/docs/", "/docs/<path:path>"}
"""The page that shows the contract."""


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
        assert list(row) == ["anonymous", *ROLES, *HOLDERS, "stranger", "disabled"]


def test_the_matrix_agrees_with_the_scopes_that_the_contract_states(app: Flask, world: World) -> None:
    rows = matrix()
    tokens = {role: world.owner.colleague(role).get("/v1/me").json["scope"].split() for role in ROLES}
    for operation, _, _, described in operations(app):
        row, scopes = rows[operation], set(described.get("x-required-scope", "").split())
        is_guarded = bool(described["security"]) and "accessToken" in described["security"][0]
        assert (row["anonymous"] == row["disabled"] == "401") == is_guarded, operation
        for role in ROLES:
            assert (row[role] == "403") == (not scopes <= set(tokens[role])), (operation, role)
        if is_guarded:
            assert set(described["security"][0]["accessToken"]) == scopes, operation
        assert all(f"`{scope}`" in described["description"] for scope in scopes), operation


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


def test_who_is_not_let_in_is_told_nothing_of_what_else_is_wrong(app: Flask, client: FlaskClient) -> None:
    """A session that has ended, and a key that was revoked, with bodies and values that are refused. What no such
    operation takes at all, an unknown parameter or a body, is refused before anybody is looked at."""
    tenant = sign_up(app)
    key = tenant.post("/v1/api-keys", {"name": "Gone", "scopes": ["users:read"]}).json
    tenant.delete(key["links"]["self"])
    tenant.post("/v1/auth/logout")
    odd = []
    for operation, method, path, described in operations(app):
        # Metrics are for who operates the service.
        if described.get("security") == [] or operation == "operations_metrics":
            continue
        place = re.sub(r"{(\w+)}", str(uuid.uuid4()), path)
        takes = {parameter["name"] for parameter in described.get("parameters", ()) if "name" in parameter}
        body = {"nonsense": 1} if "requestBody" in described else None
        for credential in (tenant.headers, {"X-API-Key": key["secret"]}):
            query = "?limit=none" if "limit" in takes else ""
            answer = client.open(place + query, method=method, json=body, headers=credential)
            odd += [(operation, *credential, answer.status_code)] if answer.status_code != 401 else []
    assert odd == []


def test_nobody_can_have_a_request_echoed(app: Flask) -> None:
    assert not any("TRACE" in (rule.methods or ()) for rule in app.url_map.iter_rules())


# What a client may not set, it cannot slip in.


@pytest.mark.parametrize("operation", PROTECTED)
def test_a_member_that_a_client_may_not_set_is_refused(world: World, operation: str) -> None:
    method, path, body = requests(world)[operation]
    foreign = {name: str(world.stranger.organization_id) for name in PROTECTED[operation]}
    answer = world.owner.call(method, path, {**body, **foreign})
    assert answer.status_code == 422, answer.text
    refused = {fault["pointer"][1:] for fault in answer.json["errors"] if fault["code"] == "unknown-member"}
    assert refused == foreign.keys()


def test_every_operation_with_a_body_has_its_list_of_protected_members(app: Flask) -> None:
    assert PROTECTED.keys() == {
        operation
        for operation, *_, described in operations(app)
        # In a form of OAuth 2 what is not known is passed over, as the RFC wants.
        if "application/json" in described.get("requestBody", {}).get("content", {})
    }


@pytest.mark.parametrize("part", ["lines", "allowances", "charges"])
def test_computed_members_of_a_part_are_refused(world: World, part: str) -> None:
    good = {"lines": {"description": "x", "quantity": "1", "unit_price": "1"}}.get(part, {"amount": "1"})
    answer = world.owner.post("/v1/invoices/preview", {part: [{**good, "id": str(uuid.uuid4()), "net": "1"}]})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json["errors"]} == {f"/{part}/0/id", f"/{part}/0/net"}


# What nobody is shown, whatever their role.

HIDDEN = {
    "password", "password_hash", "email_key", "number_key", "digest", "organization_id", "request", "series_id",
    "sequence_value", "number_period", "metadata_", "secret", "pending_secret", "pending_at", "last_step",
}  # fmt: skip
MEANT = {"second_factor_begin": {"secret"}, "api_keys_create": {"secret"}}
"""What an operation is there to give away."""


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
            shown |= set(names_in(answer.get_json(silent=True))) - MEANT.get(operation, set())
    assert len(shown) > 50
    assert shown & HIDDEN == set()


def test_a_refusal_tells_the_scope_that_is_missing(world: World) -> None:
    for path, scope in (("/v1/customers", "customers:write"), ("/v1/invoices", "invoices:write")):
        answer = world.send("viewer", "POST", path, {})
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient-scope")
        assert answer.headers["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{scope}"'


def test_a_door_that_asks_for_no_credential_reads_little(app: Flask, client: FlaskClient) -> None:
    """All faults of a mebibyte took a second of anybody's asking."""
    found = [(method, path) for _, method, path, one in operations(app) if not one["security"] and "requestBody" in one]
    assert len(found) >= 7
    for method, path in found:
        kind = "application/x-www-form-urlencoded" if path.endswith("/token") else "application/json"
        told = []
        for size in (LARGEST_OF_STRANGERS, LARGEST_OF_STRANGERS + 1):
            answer = client.open(path, method=method, data=b"x" * size, content_type=kind)
            told.append("at most 32 KiB" in answer.text)
        assert told == [False, True], path
        # The token endpoint knows one status for all that is wrong with a request.
        assert answer.status_code == (400 if path.endswith("/token") else 413)
