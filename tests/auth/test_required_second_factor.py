"""An organization that demands a second factor: who has none reaches their own account, and nothing else."""

import re
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.embedded import Addresses
from billing_api.web import auth
from tests.auth.test_doors import operations
from tests.factories import FACTOR, PASSWORD, Authenticator, Tenant, login, refresh, told
from tests.schema import connected

ORGANIZATION = "/v1/organization"
OPEN = {
    "auth_change_password", "auth_end_other_sessions", "auth_end_session", "auth_logout", "auth_me",
    "auth_read_session", "auth_rename", "auth_search_sessions", "second_factor_begin", "second_factor_disable",
    "second_factor_read", "second_factor_renew_recovery_codes", "second_factor_verify",
}  # fmt: skip
"""The guarded operations that a limited session reaches."""


@pytest.fixture
def demanding(tenant: Tenant) -> Tenant:
    """The owner, who has a second factor and demands one of everybody."""
    tenant.second_factor()
    assert demand(tenant, True).json["require_second_factor"] is True
    return tenant


def demand(owner: Tenant, is_required: bool) -> TestResponse:
    answer = owner.patch(ORGANIZATION, {"require_second_factor": is_required})
    assert answer.status_code == 200, answer.text
    return answer


def renewed(client: FlaskClient, user: Tenant) -> str:
    """The scope of the user's session once it was refreshed, from then on with its new tokens."""
    answer = refresh(client, user.refresh_token)
    assert answer.status_code == 200, answer.text
    user.access_token, user.refresh_token = answer.json["access_token"], answer.json["refresh_token"]
    scope: str = answer.json["scope"]
    return scope


def limited(client: FlaskClient, owner: Tenant) -> Tenant:
    user = owner.colleague("admin")
    assert renewed(client, user) == ""
    return user


def test_old_tokens_of_who_has_no_factor_are_refused_from_the_next_request_on(
    client: FlaskClient, tenant: Tenant
) -> None:
    user, armed = tenant.colleague("accountant"), tenant.colleague("viewer")
    armed.second_factor()
    assert user.get("/v1/customers").status_code == 200
    demand(tenant, True)
    for refused in (user, tenant):
        for answer in (refused.get("/v1/customers"), refused.post("/v1/customers", {}), refused.get("/v1/me")):
            assert told(answer) == (401, "unauthenticated")
            assert "Refresh it" in answer.json["detail"]
    assert armed.get("/v1/customers").status_code == 200
    assert (renewed(client, user), user.get("/v1/me").status_code) == ("", 200)


def test_the_way_from_a_limited_session_to_a_whole_one(client: FlaskClient, demanding: Tenant) -> None:
    user = demanding.colleague("accountant")
    grant = login(client, user.email)
    assert (grant.status_code, grant.json["scope"]) == (200, "")
    user.access_token, user.refresh_token = grant.json["access_token"], grant.json["refresh_token"]
    me = user.get("/v1/me").json
    assert (me["scope"], me["user"]["role"]) == ("", "accountant")
    assert user.get(FACTOR).json["required"] is True
    refused = user.get("/v1/customers")
    assert told(refused) == (403, "second-factor-enrolment-required")
    assert told(user.post("/v1/customers", {"name": "New"})) == (403, "second-factor-enrolment-required")
    user.second_factor()
    assert told(user.get("/v1/customers")) == (403, "second-factor-enrolment-required"), "until it is refreshed"
    assert "customers:write" in renewed(client, user).split()
    assert user.post("/v1/customers", {"name": "New"}).status_code == 201


def test_a_limited_session_opens_ones_own_account_alone(app: Flask, client: FlaskClient, demanding: Tenant) -> None:
    user, found = limited(client, demanding), set()
    for operation, method, path, said in operations(app):
        if any("accessToken" in one for one in said["security"]) and operation != "auth_logout":
            address = re.sub(r"\{\w+\}", str(uuid.uuid4()), path)
            if told(user.call(method, address)) != (403, "second-factor-enrolment-required"):
                found.add(operation)
    assert found == OPEN - {"auth_logout"}
    assert renewed(client, user) == ""
    assert user.post("/v1/auth/logout").status_code == 204


def test_without_its_guard_a_limited_session_is_still_one_without_scopes(
    client: FlaskClient, demanding: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without that guard too, the doors are open: both are what keeps them shut."""
    user = limited(client, demanding)
    with monkeypatch.context() as patch:
        patch.setattr(auth.Principal, "is_limited", False)
        assert user.get("/v1/customers").status_code == 401
    with monkeypatch.context() as patch:
        patch.setattr(auth, "insist", lambda *_: None)
        assert user.get("/v1/customers").status_code == 200


def test_nobody_lays_their_factor_down_while_it_is_demanded(client: FlaskClient, demanding: Tenant) -> None:
    user = limited(client, demanding)
    device = user.second_factor()
    proof = {"password": PASSWORD, "code": device.recovery_codes[0]}
    assert told(user.post(f"{FACTOR}/disable", proof)) == (409, "second-factor-required-here")
    begun = user.post(FACTOR, proof)
    assert user.post(f"{FACTOR}/verify", {"code": Authenticator(begun.json["secret"]).code()}).status_code == 200
    demand(demanding, False)
    assert told(user.post(f"{FACTOR}/disable", proof)) == (422, "wrong-code"), "the codes of before are dead"


def test_what_is_demanded_no_more_is_asked_of_nobody(client: FlaskClient, demanding: Tenant) -> None:
    user, plain = limited(client, demanding), demanding.colleague("viewer")
    demand(demanding, False)
    assert told(user.get("/v1/customers")) == (403, "second-factor-enrolment-required")
    assert "customers:read" in renewed(client, user).split()
    assert user.get("/v1/customers").status_code == plain.get("/v1/customers").status_code == 200


def test_only_who_may_change_the_organization_demands_one(tenant: Tenant) -> None:
    for role, status in {"viewer": 403, "accountant": 403, "admin": 200}.items():
        answer = tenant.colleague(role).patch(f"{ORGANIZATION}?dry_run=true", {"require_second_factor": True})
        assert answer.status_code == status
    assert tenant.get(ORGANIZATION).json["require_second_factor"] is False


@pytest.mark.parametrize("end", ["logout", "disabled"])
def test_a_limited_session_ends_like_any_other(
    addresses: Addresses, client: FlaskClient, demanding: Tenant, end: str
) -> None:
    user = limited(client, demanding)
    if end == "logout":
        assert user.post("/v1/auth/logout").status_code == 204
    else:
        with connected(addresses.owner) as cursor:
            cursor.execute("UPDATE users SET status = 'disabled' WHERE id = %s", [str(user.user_id)])
    assert user.get("/v1/me").status_code == 401


@pytest.fixture
def careless(addresses: Addresses) -> Iterator[None]:
    """The database without its look at who has a second factor."""
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT pg_get_functiondef('assert_session'::regproc)")
        ((definition,),) = cursor.fetchall()
        cursor.execute(definition.replace("NOT o.require_second_factor", "true"))
        try:
            yield
        finally:
            cursor.execute(definition)


def test_without_the_look_at_each_request_old_tokens_would_live_on(tenant: Tenant, careless: None) -> None:
    demand(tenant, True)
    assert tenant.get("/v1/customers").status_code == 200


def test_whoever_loses_their_factor_loses_their_reach_at_once(
    addresses: Addresses, client: FlaskClient, demanding: Tenant
) -> None:
    with connected(addresses.owner) as cursor:
        for statement in ("DELETE FROM recovery_codes", "DELETE FROM second_factors"):
            cursor.execute(f"{statement} WHERE organization_id = %s", [str(demanding.organization_id)])
    assert demanding.get("/v1/customers").status_code == 401
    assert renewed(client, demanding) == ""
