"""A key that reaches over people ends with the reach of who made it, and so do those that it has made."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.domain.access import ROLES
from billing_api.users import service as users
from tests.factories import PASSWORD, Tenant, created, mailed
from tests.meddling import AT_A_LOCK, IN_VAIN, one_within_the_other, rewriting
from tests.money_races import outcome_of

KEYS = "/v1/api-keys"
OWN_ROW = r"(?s)(FROM users\s+WHERE users\.organization_id = .{0,40} AND users\.id = .*?) FOR NO KEY.*"
OWN_KEY = r"(?s)(SELECT api_keys\.revoked_at\s+FROM api_keys.*?) FOR NO KEY UPDATE"
"""The statements by which somebody, and a key, hold their own row, up to the lock."""
GOVERNS, BILLS = ["users:read", "users:write", "api_keys:write"], ["customers:read", "invoices:write"]


def made(by: Tenant, *scopes: str) -> dict[str, Any]:
    return created(by.post(KEYS, {"name": "A key", "scopes": scopes}))


def use(client: FlaskClient, key: dict[str, Any], method: str, path: str, body: Any = None) -> TestResponse:
    return client.open(path, method=method, json=body, headers={"X-API-Key": key["secret"]})


def holds(client: FlaskClient, key: dict[str, Any]) -> bool:
    return use(client, key, "GET", "/v1/me").status_code == 200


def place(person: Tenant) -> str:
    return f"/v1/users/{person.user_id}"


def sent_away(owner: Tenant, person: Tenant, how: dict[str, str] | None) -> None:
    answer = owner.patch(place(person), how) if how else owner.delete(place(person))
    assert answer.status_code < 300, answer.text


@pytest.mark.parametrize("how", [{"role": "accountant"}, {"status": "disabled"}, None])
def test_nobody_comes_back_by_a_key_that_they_made(
    client: FlaskClient, tenant: Tenant, how: dict[str, str] | None
) -> None:
    admin = tenant.colleague("admin")
    key, bills = made(admin, *GOVERNS), made(admin, *BILLS)
    child = created(use(client, key, "POST", KEYS, {"name": "Another", "scopes": GOVERNS}))
    bystander = made(tenant.colleague("admin"), *GOVERNS)
    sent_away(tenant, admin, how)
    for one in (key, child):
        back = {"role": "admin", "status": "active"}
        assert use(client, one, "PATCH", place(admin), back).status_code == 401
        assert use(client, one, "POST", "/v1/invitations", {"email": admin.email, "role": "admin"}).status_code == 401
    assert (holds(client, bills), holds(client, bystander)) == (True, True), "services go on"
    noted = tenant.get("/v1/audit-log?action=api_key.revoked").json["data"]
    assert {one["object"]["id"]: one["data"]["reason"] for one in noted} == {key["id"]: "maker", child["id"]: "maker"}


def test_nobody_changes_the_bank_account_by_a_key_that_they_left_behind(client: FlaskClient, tenant: Tenant) -> None:
    admin = tenant.colleague("admin")
    key = made(admin, "organization:write")
    sent_away(tenant, admin, None)
    assert use(client, key, "PATCH", "/v1/organization", {"require_second_factor": False}).status_code == 401


def test_a_key_ends_when_its_maker_loses_one_of_its_scopes_over_others(client: FlaskClient, tenant: Tenant) -> None:
    owner = tenant.colleague("owner")
    closes, governs = made(owner, "owners:write"), made(owner, *GOVERNS)
    sent_away(tenant, owner, {"role": "admin"})
    assert (holds(client, closes), holds(client, governs)) == (False, True)


def test_the_chain_goes_through_keys_that_were_revoked(client: FlaskClient, tenant: Tenant) -> None:
    admin = tenant.colleague("admin")
    key = made(admin, *GOVERNS)
    child = created(use(client, key, "POST", KEYS, {"name": "Another", "scopes": GOVERNS}))
    assert tenant.delete(f"{KEYS}/{key['id']}").status_code == 204
    assert holds(client, child)
    sent_away(tenant, admin, {"role": "viewer"})
    assert not holds(client, child)


@pytest.mark.parametrize("is_revoked", [True, False])
def test_what_the_key_has_sent_is_taken_back(client: FlaskClient, tenant: Tenant, is_revoked: bool) -> None:
    admin = tenant.colleague("admin")
    key, email = made(admin, *ROLES["admin"]), f"guest-{admin.email}"
    created(use(client, key, "POST", "/v1/invitations", {"email": email, "role": "viewer"}))
    token = mailed(tenant, email)
    if is_revoked:
        assert tenant.delete(f"{KEYS}/{key['id']}").status_code == 204
    else:
        sent_away(tenant, admin, None)
    body = {"token": token, "name": "Back", "password": PASSWORD}
    assert client.post("/v1/auth/accept-invitation", json=body).json["code"] == "invalid-invitation"


def is_revoked_in_time(tenant: Tenant, patience: float = AT_A_LOCK) -> bool:
    """Whether the key ends that somebody makes while they lower themselves, which one credential can do at once."""
    admin = tenant.colleague("admin")
    make = ("POST", KEYS, {"name": "Too late?", "scopes": GOVERNS})
    calls = make, ("PATCH", place(admin), {"role": "viewer"})
    key, lowered = one_within_the_other(admin, calls, "INTO api_keys", patience)
    assert (key.status, lowered.status) == (201, 200)
    return tenant.get(f"{KEYS}/{key.json['id']}").json["revoked_at"] is not None


def test_a_key_that_is_made_while_its_maker_loses_their_role_ends_with_it(tenant: Tenant) -> None:
    assert is_revoked_in_time(tenant)
    with rewriting(tenant.app, OWN_ROW, r"\1"):
        assert not is_revoked_in_time(tenant, IN_VAIN)


def outlives_its_maker(client: FlaskClient, tenant: Tenant, patience: float = AT_A_LOCK) -> bool:
    """Whether a key is good that another one makes while the person behind it loses their role."""
    admin = tenant.colleague("admin")
    key = made(admin, *GOVERNS)
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    service = replace(admin, access_token=client.post("/v1/auth/token", data=form).json["access_token"])
    make = ("POST", KEYS, {"name": "Too late?", "scopes": GOVERNS})
    lower = ("PATCH", place(admin), {"role": "viewer"})
    child, lowered = one_within_the_other(service, (make, lower), "INTO api_keys", patience, second=tenant)
    assert (child.status, lowered.status) == (201, 200)
    return holds(client, child.json)


def test_a_key_that_a_key_makes_while_the_person_behind_it_is_sent_away_ends_too(
    client: FlaskClient, tenant: Tenant
) -> None:
    assert not outlives_its_maker(client, tenant)
    with rewriting(tenant.app, OWN_KEY, r"\1"):
        assert outlives_its_maker(client, tenant, IN_VAIN)


def done_while_it_is_revoked(tenant: Tenant, patience: float = AT_A_LOCK) -> str:
    """What comes of a deed of a key that revokes itself at the same moment."""
    key, person = made(tenant, *ROLES["admin"]), tenant.colleague("viewer")
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    itself = replace(tenant, access_token=tenant.client.post("/v1/auth/token", data=form).json["access_token"])
    calls = ("DELETE", f"{KEYS}/{key['id']}", None), ("PATCH", place(person), {"role": "accountant"})
    revoked, done = one_within_the_other(itself, calls, "UPDATE api_keys SET .*revoked_at", patience)
    assert outcome_of(revoked) == "done"
    return outcome_of(done)


def test_a_key_that_is_revoked_at_the_same_moment_changes_nobody(tenant: Tenant) -> None:
    assert done_while_it_is_revoked(tenant) == "unauthenticated"
    with rewriting(tenant.app, OWN_KEY, r"\1"):
        assert done_while_it_is_revoked(tenant, IN_VAIN) == "done"


def test_without_the_rule_they_would_come_back(
    client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = tenant.colleague("admin")
    key = made(admin, *ROLES["admin"])
    monkeypatch.setattr(users, "_on_reach", [])
    sent_away(tenant, admin, {"role": "viewer"})
    assert use(client, key, "PATCH", place(admin), {"role": "admin"}).json["role"] == "admin"
