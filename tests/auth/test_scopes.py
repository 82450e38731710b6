"""Deeds that reach into several resources ask for the scopes of all of them."""

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api.domain import access
from tests.factories import Tenant

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


def test_the_contract_says_what_a_deed_asks_for(app: Flask) -> None:
    paths = app.extensions["api"].document["paths"]
    revise = paths["/v1/invoices/{invoice_id}/revise"]["post"]
    assert revise["x-required-scope"] == "invoices:write credit_notes:write"
    both = ["invoices:write", "credit_notes:write"]
    assert revise["security"] == [{"accessToken": both}, {"apiKey": both}, {"sessionCookie": both}]
    assert revise["description"].endswith("Needs the scopes `invoices:write` and `credit_notes:write`.")
    assert "`payments:write`" in paths["/v1/credit-notes"]["post"]["description"]
