"""API keys: made once, good for what they were given, and refused the moment they are revoked."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.api_keys import service
from billing_api.domain.access import ROLES
from billing_api.embedded import Addresses
from tests.factories import Tenant, created, sign_up
from tests.schema import connected
from tests.statements import recorded

READS = ["customers:read", "api_keys:read"]
PATH = "/v1/api-keys"


def made(tenant: Tenant, *scopes: str, **values: Any) -> dict[str, Any]:
    return created(tenant.post(PATH, {"name": "A shop", "scopes": scopes or READS, **values}))


def used(client: FlaskClient, secret: str, method: str = "GET", path: str = "/v1/me", body: Any = None) -> TestResponse:
    return client.open(path, method=method, json=body, headers={"X-API-Key": secret})


def test_a_key_speaks_for_itself_within_its_scopes(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant, "customers:read", "customers:write")
    me = used(client, key["secret"]).json
    assert me["user"] is None
    assert me["organization"]["id"] == str(tenant.organization_id)
    assert me["scope"] == "customers:read customers:write"
    assert me["credential"] == {
        "type": "api_key",
        "session_id": None,
        "client_id": key["id"],
        "csrf_token": None,
    }
    assert used(client, key["secret"], "POST", "/v1/customers", {"name": "x"}).status_code == 201
    refused = used(client, key["secret"], path="/v1/invoices")
    assert (refused.status_code, refused.json["code"]) == (403, "insufficient-scope")
    assert tenant.get("/v1/events?limit=100").json["data"][-1]["actor"] == {"type": "api_key", "id": key["id"]}


def test_who_may_not_read_the_organization_is_shown_no_more_than_its_name_and_its_customs(
    client: FlaskClient, tenant: Tenant
) -> None:
    account = {"account_holder": "Analytical Engines GmbH", "iban": "DE75512108001245126199"}
    whole = tenant.patch("/v1/organization", {"bank_account": account}).json
    answer = used(client, made(tenant, "customers:read")["secret"])
    assert set(whole) - set(answer.json["organization"]) >= {"bank_account", "address", "tax_ids", "email", "contact"}
    assert account["iban"] not in answer.text


def test_the_secret_is_shown_once_and_kept_as_a_digest(tenant: Tenant, addresses: Addresses) -> None:
    key = made(tenant)
    assert key["secret"].startswith(key["hint"])
    assert len(key["secret"]) == 46
    for answer in (tenant.get(f"{PATH}/{key['id']}"), tenant.get(PATH), tenant.get("/v1/events")):
        assert key["secret"][7:] not in answer.text
        assert "digest" not in answer.text
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT api_keys::text FROM api_keys WHERE id = %s", [key["id"]])
        (text,) = cursor.fetchone()
    assert key["secret"][7:] not in text


def test_a_repeated_request_does_not_show_the_secret_again(tenant: Tenant, addresses: Addresses) -> None:
    body = {"name": "A shop", "scopes": READS}
    first, second = (tenant.post(PATH, body, Idempotency_Key="once") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json == {**first.json, "secret": None}
    with connected(addresses.owner) as cursor:
        cursor.execute(
            "SELECT encode(body, 'escape') FROM idempotency_keys WHERE organization_id = %s",
            [str(tenant.organization_id)],
        )
        assert all(first.json["secret"] not in text for (text,) in cursor.fetchall())


@pytest.mark.parametrize(
    "secret",
    ["", "bk_", "x", "bk_" + "a" * 43, "bk_" + "é" * 43, "bk_" + "a" * 42 + " ", "Bearer x", "bk_" + "a" * 5000],
)
def test_what_is_no_key_is_refused(client: FlaskClient, secret: str) -> None:
    answer = used(client, secret)
    assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_two_credentials_are_one_too_many(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant)
    answer = tenant.get("/v1/me", X_API_Key=key["secret"])
    assert (answer.status_code, answer.json["code"]) == (400, "several-credentials")


def test_a_revoked_key_is_refused_at_once_even_where_it_is_remembered(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant)
    assert used(client, key["secret"]).status_code == 200
    assert tenant.delete(f"{PATH}/{key['id']}").status_code == 204
    for path in ("/v1/me", "/v1/customers"):
        assert used(client, key["secret"], path=path).status_code == 401
    assert tenant.delete(f"{PATH}/{key['id']}").status_code == 204
    assert key["id"] not in tenant.get(PATH).text
    assert [one["id"] for one in tenant.get(f"{PATH}?revoked=true").json["data"]] == [key["id"]]
    assert tenant.get(f"{PATH}/{key['id']}").json["revoked_at"] is not None


def test_a_key_that_holds_no_more_is_not_told_to_refresh_a_session(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant)
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    token = client.post("/v1/auth/token", data=form).json["access_token"]
    assert used(client, key["secret"]).status_code == 200
    tenant.delete(f"{PATH}/{key['id']}")
    of_key, of_token = used(client, key["secret"]), client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    told = "does not hold any more. Ask for another key."
    assert of_key.json["detail"] == f"The API key {told}"
    assert of_token.json["detail"] == f"The API key that the access token was exchanged for {told}"


def test_without_the_guard_a_remembered_key_would_go_on(
    client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above does not sleep."""
    key = made(tenant)
    assert used(client, key["secret"]).status_code == 200
    monkeypatch.setattr("billing_api.web.auth._assertion", lambda _: "")
    tenant.delete(f"{PATH}/{key['id']}")
    assert used(client, key["secret"]).status_code == 200


def test_a_key_expires(app: Flask, client: FlaskClient, tenant: Tenant) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        key = made(tenant, expires_at=(clock.now() + dt.timedelta(minutes=5)).isoformat().replace("+00:00", "Z"))
        assert used(client, key["secret"]).status_code == 200
        time.shift(dt.timedelta(minutes=4, seconds=59))
        assert used(client, key["secret"]).status_code == 200
        time.shift(dt.timedelta(seconds=1))
        assert used(client, key["secret"]).status_code == 401


def test_a_key_that_would_never_be_good_is_not_made(tenant: Tenant) -> None:
    answer = tenant.post(PATH, {"name": "x", "scopes": READS, "expires_at": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json["code"]) == (422, "expiry-in-past")
    assert answer.json["errors"][0]["pointer"] == "/expires_at"


def test_nobody_makes_a_key_that_reaches_further_than_they_do(client: FlaskClient, tenant: Tenant) -> None:
    admin = tenant.colleague("admin")
    refused = admin.post(PATH, {"name": "x", "scopes": ["users:read", "owners:write", "customers:read"]})
    assert (refused.status_code, refused.json["code"]) == (403, "scope-not-held")
    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/scopes/1"]
    key = made(admin, "api_keys:write", "api_keys:read")
    answer = used(client, key["secret"], "POST", PATH, {"name": "y", "scopes": ["invoices:read", "api_keys:read"]})
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/scopes/0"]
    assert used(client, key["secret"], "POST", PATH, {"name": "y", "scopes": ["api_keys:read"]}).status_code == 201


@pytest.mark.parametrize("role", ["viewer", "accountant"])
def test_who_may_not_make_keys_neither_sees_nor_makes_them(tenant: Tenant, role: str) -> None:
    key, colleague = made(tenant), tenant.colleague(role)
    for method, path in (("GET", PATH), ("GET", f"{PATH}/{key['id']}"), ("DELETE", f"{PATH}/{key['id']}")):
        assert colleague.call(method, path).status_code == 403
    assert colleague.post(PATH, {"name": "x", "scopes": ["customers:read"]}).status_code == 403


def test_a_key_has_no_account_of_its_own(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant, *sorted(ROLES["owner"]))
    body = {"current_password": "x", "new_password": "a long enough password"}
    for method, path, given in (
        ("GET", "/v1/me/sessions", None),
        ("DELETE", "/v1/me/sessions", None),
        ("DELETE", f"/v1/me/sessions/{key['id']}", None),
        ("PUT", "/v1/me/password", body),
        ("POST", "/v1/auth/logout", None),
    ):
        answer = used(client, key["secret"], method, path, given)
        assert (answer.status_code, answer.json["code"]) == (403, "needs-person"), path


def test_only_the_name_of_a_key_changes(tenant: Tenant) -> None:
    key = made(tenant)
    answer = tenant.patch(f"{PATH}/{key['id']}", {"name": "Another"}, If_Match='"1"')
    assert (answer.status_code, answer.json["name"], answer.json["version"]) == (200, "Another", 2)
    assert tenant.patch(f"{PATH}/{key['id']}", {"name": "Third"}, If_Match='"1"').status_code == 412
    refused = tenant.patch(f"{PATH}/{key['id']}", {"scopes": ["invoices:read"], "expires_at": None})
    assert {fault["pointer"] for fault in refused.json["errors"]} == {"/scopes", "/expires_at"}


def test_its_use_is_written_down_once_a_minute_and_is_no_new_version(client: FlaskClient, tenant: Tenant) -> None:
    with time_machine.travel(clock.now(), tick=False) as time:
        key = made(tenant)
        assert key["last_used_at"] is None
        seen = []
        for seconds in (1, 30, 40):
            time.shift(dt.timedelta(seconds=seconds))
            used(client, key["secret"])
            seen.append(tenant.get(f"{PATH}/{key['id']}").json)
    first, second, third = (one["last_used_at"] for one in seen)
    assert first == second < third
    assert {(one["version"], one["updated_at"]) for one in seen} == {(1, key["updated_at"])}
    assert seen[0]["last_used_address"] == "127.0.0.1"


def test_the_audit_log_has_who_made_a_key_and_when_it_was_used(app: Flask, client: FlaskClient) -> None:
    with time_machine.travel(clock.now().replace(minute=50), tick=False) as time:
        tenant = sign_up(app)
        key = made(tenant)
        for minutes in (1, 2, 11):
            time.shift(dt.timedelta(minutes=minutes))
            used(client, key["secret"])
        tenant.delete(f"{PATH}/{key['id']}")
        told = tenant.get(f"/v1/audit-log?object_id={key['id']}&sort=created_at").json["data"]
    assert [one["action"] for one in told] == ["api_key.created", "api_key.used", "api_key.used", "api_key.revoked"]
    assert told[1]["actor"] == {"type": "api_key", "id": key["id"]}
    assert (told[1]["address"], told[0]["data"]) == ("127.0.0.1", {"scopes": key["scopes"]})
    assert told[3]["data"] == {"reason": "asked"}


def test_a_closed_organizations_keys_stop_at_once(client: FlaskClient, tenant: Tenant) -> None:
    """Those that are remembered, those that are new here, and what they were exchanged for."""
    key, fresh = made(tenant), made(tenant)
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    token = client.post("/v1/auth/token", data=form).json["access_token"]
    assert used(client, key["secret"]).status_code == 200
    assert tenant.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    assert [used(client, one["secret"]).status_code for one in (key, fresh)] == [401, 401]
    assert client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert client.post("/v1/auth/token", data=form).status_code == 401


def test_a_key_that_holds_no_more_is_noted_when_it_is_tried(client: FlaskClient, tenant: Tenant) -> None:
    key = made(tenant)
    tenant.delete(f"{PATH}/{key['id']}")
    for _ in range(3):
        assert used(client, key["secret"]).status_code == 401
    told = tenant.get(f"/v1/audit-log?object_id={key['id']}&action=api_key.refused").json["data"]
    assert [one["data"] for one in told] == [{"reason": "revoked"}]


def test_a_secret_under_another_clients_name_is_no_use_of_the_key(client: FlaskClient, tenant: Tenant) -> None:
    key, another = made(tenant), made(tenant)
    form = {"grant_type": "client_credentials", "client_id": another["id"], "client_secret": key["secret"]}
    assert client.post("/v1/auth/token", data=form).status_code == 401
    assert tenant.get(f"{PATH}/{key['id']}").json["last_used_at"] is None


def test_a_key_makes_none_that_outlasts_it(client: FlaskClient, tenant: Tenant) -> None:
    ends = (clock.now() + dt.timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    maker = made(tenant, "api_keys:write", "api_keys:read", expires_at=ends)
    body = {"name": "y", "scopes": ["api_keys:read"]}
    for beyond in ({}, {"expires_at": "2099-01-01T00:00:00Z"}):
        answer = used(client, maker["secret"], "POST", PATH, {**body, **beyond})
        assert (answer.status_code, answer.json["code"]) == (403, "expiry-beyond-maker")
    assert used(client, maker["secret"], "POST", PATH, {**body, "expires_at": ends}).status_code == 201


def test_a_key_that_is_only_tried_has_no_secret(tenant: Tenant) -> None:
    answer = tenant.post(f"{PATH}?dry_run=true", {"name": "x", "scopes": READS})
    assert (answer.status_code, answer.json["secret"]) == (201, None)


def test_a_process_remembers_only_so_many_keys(
    client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_REMEMBERED", 2)
    for secret in [made(tenant)["secret"] for _ in range(4)]:
        assert used(client, secret).status_code == 200
    assert len(service._known) == 2


def test_a_request_with_a_known_key_asks_the_database_no_more_than_one_with_a_token(
    app: Flask, client: FlaskClient, tenant: Tenant
) -> None:
    secret = made(tenant)["secret"]
    used(client, secret)
    with recorded(app) as by_key:
        used(client, secret, path="/v1/customers")
    with recorded(app) as by_token:
        tenant.get("/v1/customers")
    assert len(by_key) == len(by_token) > 0
