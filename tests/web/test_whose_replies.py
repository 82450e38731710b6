"""A stored reply is for whom it was given to, and for nobody who reaches less far."""

from typing import Any

import pytest

from tests.factories import Tenant, login
from tests.web.refusals import refused
from tests.web.retried import CUSTOMERS, facts, is_replay, once


def test_a_reply_is_for_its_user_and_for_no_colleague(tenant: Tenant, other: Tenant, key: str) -> None:
    answers = [once(who, key) for who in (tenant, tenant.colleague("accountant"), other)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert not any(is_replay(answer) for answer in answers)
    assert len({answer.json["id"] for answer in answers}) == 3


def test_a_reply_is_not_for_a_credential_that_has_ended(tenant: Tenant, key: str) -> None:
    colleague = tenant.colleague("accountant")
    assert once(colleague, key).status_code == 201
    assert colleague.post("/v1/auth/logout").status_code == 204
    answer = once(colleague, key)
    refused(answer, 401)
    assert not is_replay(answer)


def test_a_reply_is_not_for_a_key_that_was_revoked(tenant: Tenant, key: str) -> None:
    """Plant the flaw by entering without the guard."""
    service = tenant.post("/v1/api-keys", {"name": "Shop", "scopes": ["customers:write"]}).json
    headers = {"X-API-Key": service["secret"], "Idempotency-Key": key}
    made = tenant.client.post(CUSTOMERS, json={"name": "Once"}, headers=headers)
    assert (made.status_code, is_replay(made)) == (201, False)
    assert is_replay(tenant.client.post(CUSTOMERS, json={"name": "Once"}, headers=headers))
    assert tenant.delete(f"/v1/api-keys/{service['id']}").status_code == 204
    answer = tenant.client.post(CUSTOMERS, json={"name": "Once"}, headers=headers)
    refused(answer, 401)
    assert not is_replay(answer)


def test_a_reply_is_not_for_a_user_who_was_disabled(tenant: Tenant, key: str) -> None:
    """Plant the flaw by entering without the guard."""
    user = tenant.colleague("accountant")
    assert once(user, key).status_code == 201
    assert tenant.patch(f"/v1/users/{user.user_id}", {"status": "disabled"}).status_code == 200
    answer = once(user, key)
    refused(answer, 401)
    assert not is_replay(answer)


NO_SCOPES = "UPDATE idempotency_keys SET scopes = NULL, fingerprint = split_part(fingerprint, ' ', 1)"
SCOPES_BEHIND = f"{NO_SCOPES} || ' ' || array_to_string(scopes, ' ')"
"""What makes a reply one of before scopes had a column."""


def reaching(tenant: Tenant, key: dict[str, Any], scope: str) -> Tenant:
    """A service with a token of this API key that has these of its scopes."""
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"], "scope": scope}
    token = tenant.client.post("/v1/auth/token", data=form).json["access_token"]
    return Tenant(tenant.app, tenant.organization_id, tenant.user_id, tenant.email, token, "")


def test_a_reply_is_for_who_reaches_as_far_as_the_one_it_was_given_to(tenant: Tenant, key: str, owner: Any) -> None:
    scopes = ["credit_notes:write", "payments:write"]
    service = tenant.post("/v1/api-keys", {"name": "Shop", "scopes": scopes}).json
    invoice = tenant.invoice()
    tenant.payment(invoice)
    body = {"invoice_id": invoice["id"], "reason": "Returned", "settlement": "refund", "refund": {"method": "cash"}}
    narrow, wide = (reaching(tenant, service, scope) for scope in ("credit_notes:write", " ".join(scopes)))
    refused(once(narrow, key, "/v1/credit-notes", body), 403, "insufficient-scope")
    first = once(wide, key, "/v1/credit-notes", body)
    assert (first.status_code, is_replay(first)) == (201, False)
    answer = once(narrow, key, "/v1/credit-notes", body)
    assert "payments:write" in refused(answer, 403, "insufficient-scope")["detail"]
    assert 'scope="payments:write"' in answer.headers["WWW-Authenticate"]
    assert not is_replay(answer)
    assert is_replay(once(reaching(tenant, service, " ".join(scopes)), key, "/v1/credit-notes", body))
    by_key = {"X-API-Key": service["secret"], "Idempotency-Key": key}
    assert tenant.client.post("/v1/credit-notes", json=body, headers=by_key).data == first.data
    refused(once(narrow, key, "/v1/credit-notes", {**body, "reason": "Else"}), 422, "idempotency-key-reused")
    owner.execute(f"{SCOPES_BEHIND} WHERE organization_id = %s", [str(tenant.organization_id)])
    refused(once(narrow, key, "/v1/credit-notes", body), 403, "insufficient-scope")


def test_a_reply_is_for_its_user_with_a_new_token_and_with_a_higher_role(tenant: Tenant, key: str) -> None:
    user = tenant.colleague("accountant")
    assert once(user, key).status_code == 201
    for role, status in (("accountant", 201), ("admin", 201), ("viewer", 403)):
        tenant.patch(f"/v1/users/{user.user_id}", {"role": role})
        user.access_token = login(user.client, user.email).json["access_token"]
        answer = once(user, key)
        assert (answer.status_code, is_replay(answer)) == (status, status == 201), role


def test_a_lower_role_does_not_do_it_again(tenant: Tenant, key: str) -> None:
    user = tenant.colleague("admin")
    assert once(user, key).status_code == 201
    before = facts(tenant)
    tenant.patch(f"/v1/users/{user.user_id}", {"role": "accountant"})
    user.access_token = login(user.client, user.email).json["access_token"]
    refused(once(user, key), 403, "insufficient-scope")
    assert facts(tenant)[0] == before[0]


@pytest.mark.parametrize("query", [NO_SCOPES, SCOPES_BEHIND])
def test_a_reply_of_before_scopes_had_a_column_is_given_again(tenant: Tenant, key: str, owner: Any, query: str) -> None:
    first = once(tenant, key)
    owner.execute(f"{query} WHERE organization_id = %s", [str(tenant.organization_id)])
    assert once(tenant, key).data == first.data
    assert once(tenant, key, body={"name": "Another"}).json["code"] == "idempotency-key-reused"
