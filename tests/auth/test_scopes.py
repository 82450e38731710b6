"""Deeds that reach into several resources ask for the scopes of all of them."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.domain import access
from billing_api.embedded import Addresses
from tests.auth.holders import by_client, by_key
from tests.auth.test_required_second_factor import demand, renewed
from tests.factories import Tenant
from tests.schema import connected
from tests.statements import recorded

BEYOND = (("GET", "/v1/users", None), ("POST", "/v1/customers", {"name": "x"}))
"""A read and a write that need more than a viewer has."""

Narrowed = Callable[..., Tenant]


@pytest.fixture
def narrowed(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Narrowed:
    """A colleague of the tenant, while the role of accountants lacks these scopes."""

    def colleague(*lacking: str) -> Tenant:
        scopes = access.ROLES["accountant"] - set(lacking)
        monkeypatch.setitem(access.ROLES, "accountant", scopes)
        monkeypatch.setitem(access._ROLE_OF, scopes, "accountant")
        return tenant.colleague("accountant")

    return colleague


def asked_for(answer: TestResponse) -> str:
    """The scopes that a refusal names."""
    assert (answer.status_code, answer.json["code"]) == (403, "insufficient-scope")
    start, _, scopes = answer.headers["WWW-Authenticate"].partition("scope=")
    assert start == 'Bearer error="insufficient_scope", '
    assert all(scope in answer.json["detail"] for scope in scopes.strip('"').split())
    return scopes.strip('"')


@pytest.mark.parametrize("lacking", ["invoices:write", "credit_notes:write"])
def test_who_revises_may_write_invoices_and_credit_notes(tenant: Tenant, narrowed: Narrowed, lacking: str) -> None:
    path = f"/v1/invoices/{tenant.invoice()['id']}/revise"
    refused = narrowed(lacking).post(path, {"reason": "A wrong price"})
    assert asked_for(refused) == "invoices:write credit_notes:write"
    assert tenant.post(path, {"reason": "A wrong price"}).status_code == 201


def test_who_refunds_by_a_credit_note_may_write_payments(tenant: Tenant, narrowed: Narrowed) -> None:
    invoice = tenant.invoice()
    tenant.payment(invoice)
    clerk = narrowed("payments:write")
    body = {"invoice_id": invoice["id"], "reason": "Returned", "settlement": "refund", "refund": {"method": "cash"}}
    assert asked_for(clerk.post("/v1/credit-notes", body)) == "payments:write"
    assert asked_for(clerk.post("/v1/credit-notes?dry_run=true", body)) == "payments:write"
    assert tenant.get("/v1/credit-notes").json["data"] == []
    assert clerk.post("/v1/credit-notes/preview", body).status_code == 200
    note = clerk.post("/v1/credit-notes", {**body, "settlement": "balance", "refund": None})
    assert note.status_code == 201, note.text
    path = f"/v1/credit-notes/{note.json['id']}/refunds"
    assert asked_for(clerk.post(path, {"amount": "1.00", "method": "cash"})) == "payments:write"


# Whether a credential still holds comes before how far it reaches: who is told to refresh it may reach further then.


def answers(who: Tenant) -> set[tuple[int, str]]:
    found = [who.call(*request) for request in BEYOND]
    return {(answer.status_code, answer.json["code"]) for answer in found}


def test_who_was_promoted_is_told_to_refresh_the_token(client: FlaskClient, tenant: Tenant) -> None:
    user = tenant.colleague("viewer")
    assert answers(user) == {(403, "insufficient-scope")}
    assert tenant.patch(f"/v1/users/{user.user_id}", {"role": "admin"}).status_code == 200
    assert answers(user) == {(401, "unauthenticated")}
    assert "users:read" in renewed(client, user).split()
    assert user.get("/v1/users").status_code == 200


def test_a_dead_session_is_dead_also_where_it_would_not_reach(tenant: Tenant) -> None:
    assert answers(tenant.colleague("viewer", "disabled")) == {(401, "unauthenticated")}


@pytest.mark.parametrize("end", ["revoked", "closed"])
def test_a_dead_key_is_dead_also_where_it_would_not_reach(tenant: Tenant, end: str) -> None:
    holders = [by_key(tenant, "customers:read"), by_client(tenant, "customers:read")]
    assert [answers(one) for one in holders] == [{(403, "insufficient-scope")}] * 2
    if end == "revoked":
        for key in tenant.get("/v1/api-keys").json["data"]:
            assert tenant.delete(f"/v1/api-keys/{key['id']}").status_code == 204
    else:
        assert tenant.post("/v1/organization/close", {"name": "Analytical Engines"}).status_code == 200
    assert [answers(one) for one in holders] == [{(401, "unauthenticated")}] * 2


def test_a_dead_session_is_not_asked_for_a_second_factor(
    client: FlaskClient, tenant: Tenant, addresses: Addresses
) -> None:
    tenant.second_factor()
    demand(tenant, True)
    user = tenant.colleague("admin")
    assert renewed(client, user) == ""
    assert answers(user) == {(403, "second-factor-enrolment-required")}
    with connected(addresses.owner) as cursor:
        cursor.execute("UPDATE users SET status = 'disabled' WHERE id = %s", [str(user.user_id)])
    assert answers(user) == {(401, "unauthenticated")}


def test_a_refusal_for_lack_of_a_scope_asks_the_database_once(app: Flask, tenant: Tenant) -> None:
    user = tenant.colleague("viewer")
    with recorded(app) as seen:
        assert answers(user) == {(403, "insufficient-scope")}
    assert len(seen) == len(BEYOND)


def test_the_contract_says_what_a_deed_asks_for(app: Flask) -> None:
    paths = app.extensions["api"].document["paths"]
    revise = paths["/v1/invoices/{invoice_id}/revise"]["post"]
    assert revise["x-required-scope"] == "invoices:write credit_notes:write"
    both = ["invoices:write", "credit_notes:write"]
    assert revise["security"] == [{"accessToken": both}, {"apiKey": both}, {"sessionCookie": both}]
    assert revise["description"].endswith("Needs the scopes `invoices:write` and `credit_notes:write`.")
    assert "`payments:write`" in paths["/v1/credit-notes"]["post"]["description"]
