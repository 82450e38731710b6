"""One pass through every operation as a client would go through it, to see what the service really answers."""

from collections.abc import Iterator
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, Authenticator, Tenant, line, mailed

Step = tuple[str, TestResponse]
_PROBLEM = "/problems/invoice-not-ready"


def tell(client: FlaskClient, tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    """Every operation by its id, with an answer of its success; bodies are the examples of the document."""
    yield from _begin(client, tenant)
    yield from _organization(tenant, document)
    yield from _api_keys(client, tenant, document)
    yield from _people(client, tenant, document)
    yield from _customers(tenant, document)
    yield from _number_series(tenant, document)
    yield from _catalogue(tenant, document)
    yield from _invoices(tenant, document)
    yield from _payments(tenant, document)
    yield from _credit_notes(tenant, document)
    yield from _reports(tenant)
    yield "events_list", tenant.get("/v1/events?limit=1")
    logged = tenant.get("/v1/audit-log?limit=1")
    yield "audit_log_search", logged
    yield "audit_log_read", tenant.get((logged.json or {})["data"][0]["links"]["self"])
    yield "auth_logout", tenant.post("/v1/auth/logout")
    yield from _leave(client, tenant)


def _leave(client: FlaskClient, tenant: Tenant) -> Iterator[Step]:
    again = client.post("/v1/auth/login", json={"email": tenant.email, "password": PASSWORD})
    body = {"current_password": PASSWORD, "new_password": "a ladder of nine green moons"}
    known = {"Authorization": f"Bearer {(again.json or {})['access_token']}"}
    yield "auth_change_password", client.put("/v1/me/password", json=body, headers=known)


def examples(document: dict[str, Any], operation_id: str) -> list[Any]:
    """The bodies that the document shows for an operation."""
    operation = next(
        operation
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and operation.get("operationId") == operation_id
    )
    media = next(iter(operation["requestBody"]["content"].values()))
    return [example["value"] for example in media["examples"].values()]


def _begin(client: FlaskClient, tenant: Tenant) -> Iterator[Step]:
    for name, path in {
        "operations_index": "/",
        "operations_live": "/health/live",
        "operations_ready": "/health/ready",
        "operations_metrics": "/metrics",
        "operations_key_set": "/.well-known/jwks.json",
        "contract_openapi": "/openapi.json",
    }.items():
        yield name, client.get(path)
    yield "operations_problem", client.get(_PROBLEM, headers={"Accept": "application/json"})
    yield "operations_problem", client.get(_PROBLEM)
    founder = {"organization_name": "Analytical Engines", "country": "DE", "currency": "EUR", "name": "Ada Lovelace"}
    founder |= {"email": f"founder-{tenant.email}", "password": PASSWORD, "time_zone": "Europe/Berlin"}
    yield "auth_sign_up", client.post("/v1/auth/sign-up", json=founder)
    login = client.post("/v1/auth/login", json={"email": founder["email"], "password": PASSWORD})
    yield "auth_login", login
    yield "auth_refresh", client.post("/v1/auth/refresh", json={"refresh_token": (login.json or {})["refresh_token"]})
    yield from _second_factor(tenant.colleague("viewer"))
    headers = {"Authorization": f"Bearer {(login.json or {})['access_token']}"}
    yield (
        "organization_close",
        client.post("/v1/organization/close", json={"name": "Analytical Engines"}, headers=headers),
    )
    yield "auth_me", tenant.get("/v1/me")
    yield "auth_rename", tenant.patch("/v1/me", {"name": "Ada King"})
    yield "auth_search_sessions", tenant.get("/v1/me/sessions")
    yield "auth_end_other_sessions", tenant.delete("/v1/me/sessions")
    other = client.post("/v1/auth/login", json={"email": tenant.email, "password": PASSWORD})
    known = {"Authorization": f"Bearer {(other.json or {})['access_token']}"}
    session = client.get("/v1/me", headers=known)
    path = f"/v1/me/sessions/{(session.json or {})['credential']['session_id']}"
    yield "auth_read_session", tenant.get(path)
    yield "auth_end_session", tenant.delete(path)


def _second_factor(colleague: Tenant) -> Iterator[Step]:
    path = "/v1/me/second-factor"
    begun = colleague.post(path, {"password": PASSWORD})
    yield "second_factor_begin", begun
    code = {"code": Authenticator((begun.json or {})["secret"]).code()}
    verified = colleague.post(f"{path}/verify", code)
    yield "second_factor_verify", verified
    yield "second_factor_read", colleague.get(path)
    for deed in ("recovery-codes", "disable"):
        proof = {"password": PASSWORD, "code": (verified.json or {})["recovery_codes"][0]}
        verified = colleague.post(f"{path}/{deed}", proof)
        yield {"disable": "second_factor_disable"}.get(deed, "second_factor_renew_recovery_codes"), verified


def _organization(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    yield "organization_update", tenant.patch("/v1/organization", examples(document, "organization_update")[0])
    yield "organization_read", tenant.get("/v1/organization")


def _api_keys(client: FlaskClient, tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    made = tenant.post("/v1/api-keys", examples(document, "api_keys_create")[0])
    yield "api_keys_create", made
    key = made.json or {}
    form = {"grant_type": "client_credentials", "client_id": key["id"], "client_secret": key["secret"]}
    yield "oauth_issue", client.post("/v1/auth/token", data=form)
    path = f"/v1/api-keys/{key['id']}"
    yield "api_keys_read", tenant.get(path)
    yield "api_keys_update", tenant.patch(path, examples(document, "api_keys_update")[0])
    yield "api_keys_search", tenant.get("/v1/api-keys?limit=1")
    yield "api_keys_revoke", tenant.delete(path)


def _people(client: FlaskClient, tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    body = examples(document, "invitations_create")[0]
    invited = tenant.post("/v1/invitations", {**body, "email": f"guest-{tenant.email}"})
    yield "invitations_create", invited
    path = f"/v1/invitations/{(invited.json or {})['id']}"
    yield "invitations_read", tenant.get(path)
    yield "invitations_search", tenant.get("/v1/invitations?limit=1")
    yield "invitations_resend", tenant.post(f"{path}/resend")
    acceptance = {**examples(document, "acceptances_accept")[0], "token": mailed(tenant, f"guest-{tenant.email}")}
    yield "acceptances_accept", client.post("/v1/auth/accept-invitation", json=acceptance)
    other = tenant.post("/v1/invitations", {**body, "email": f"other-{tenant.email}"})
    yield "invitations_revoke", tenant.delete(f"/v1/invitations/{(other.json or {})['id']}")
    email = f"guest-{tenant.email}"
    yield "password_resets_request", client.post("/v1/auth/password-reset", json={"email": email})
    reset = {**examples(document, "password_resets_confirm")[0], "token": mailed(tenant, email)}
    yield "password_resets_confirm", client.post("/v1/auth/password-reset/confirm", json=reset)
    listed = tenant.get("/v1/users?limit=1")
    yield "users_search", listed
    guest = (listed.json or {})["data"][0]["links"]["self"]
    yield "users_read", tenant.get(guest)
    yield "users_update", tenant.patch(guest, examples(document, "users_update")[0])
    person = tenant.colleague("viewer")
    person.second_factor()
    yield "users_remove_second_factor", tenant.delete(f"/v1/users/{person.user_id}/second-factor")
    yield "users_delete", tenant.delete(guest)


def _customers(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    body = examples(document, "customers_create")[0]
    created = tenant.post("/v1/customers", body)
    yield "customers_create", created
    path = f"/v1/customers/{(created.json or {})['id']}"
    yield "customers_read", tenant.get(path)
    yield "customers_replace", tenant.put(path, body)
    yield "customers_update", tenant.patch(path, examples(document, "customers_update")[1])
    yield "customers_search", tenant.get("/v1/customers?limit=1")
    yield "customers_anonymize", tenant.post(f"{path}/anonymize")
    yield "customers_delete", tenant.delete(path)
    several = examples(document, "customers_create_bulk")[1]["items"]
    yield "customers_create_bulk", tenant.post("/v1/customers/bulk", {"items": [*several, {"name": ""}]})
    by_key = "/v1/customers/by-external-id/A-1001"
    yield "customers_upsert", tenant.put(by_key, body)
    yield "customers_upsert", tenant.put(by_key, body)


def _number_series(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    listed = tenant.get("/v1/number-series?document_type=invoice")
    yield "number_series_search", listed
    links = (listed.json or {})["data"][0]["links"]
    yield "number_series_update", tenant.patch(links["self"], examples(document, "number_series_update")[0])
    yield "number_series_read", tenant.get(links["self"])
    yield "number_series_audit", tenant.get(links["audit"])


def _catalogue(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    for name, path in {"products": "/v1/products", "tax_rates": "/v1/tax-rates"}.items():
        body = examples(document, f"{name}_create")[0]
        created = tenant.post(path, body)
        yield f"{name}_create", created
        one = f"{path}/{(created.json or {})['id']}"
        yield f"{name}_read", tenant.get(one)
        yield f"{name}_replace", tenant.put(one, body)
        yield f"{name}_update", tenant.patch(one, examples(document, f"{name}_update")[0])
        yield f"{name}_search", tenant.get(f"{path}?archived=any&limit=1")
        yield f"{name}_delete", tenant.delete(one)


def _invoices(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    customer = {"customer_id": tenant.customer()["id"]}
    body = {**examples(document, "invoices_create")[0], **customer}
    yield "invoices_preview", tenant.post("/v1/invoices/preview", examples(document, "invoices_preview")[0])
    created = tenant.post("/v1/invoices", body)
    yield "invoices_create", created
    yield "invoices_create_bulk", tenant.post("/v1/invoices/bulk", {"items": [body, {"lines": []}]})
    path = f"/v1/invoices/{(created.json or {})['id']}"
    yield "invoices_read", tenant.get(path)
    yield "invoices_calculation", tenant.get(f"{path}/calculation")
    yield "invoices_history", tenant.get(f"{path}/events?limit=1")
    yield "invoices_replace", tenant.put(path, body)
    yield "invoices_update", tenant.patch(path, examples(document, "invoices_update")[1])
    yield "invoices_search", tenant.get("/v1/invoices?limit=1")
    yield "invoices_finalize", tenant.post(f"{path}/finalize", examples(document, "invoices_finalize")[0])
    draft = tenant.draft(**customer)
    yield "invoices_delete", tenant.delete(f"/v1/invoices/{draft['id']}")
    issued = tenant.invoice(**customer)
    sent = f"/v1/invoices/{issued['id']}"
    for action, body in (("mark-sent", None), ("mark-uncollectible", None), ("mark-collectible", None)):
        yield f"invoices_{action.replace('-', '_')}", tenant.post(f"{sent}/{action}", body)
    yield "invoices_duplicate", tenant.post(f"{sent}/duplicate")
    reason = examples(document, "invoices_void")[0]
    yield "invoices_void", tenant.post(f"/v1/invoices/{tenant.invoice(**customer)['id']}/void", reason)


def _payments(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    customer = {"customer_id": tenant.customer()["id"]}
    invoice = f"/v1/invoices/{tenant.invoice(**customer)['id']}"
    yield "payments_pay", tenant.post(f"{invoice}/payments", examples(document, "payments_pay")[0])
    made = tenant.post("/v1/payments", {**examples(document, "payments_create")[0], **customer})
    yield "payments_create", made
    yield (
        "payments_apply_balance",
        tenant.post(f"{invoice}/apply-balance", examples(document, "payments_apply_balance")[0]),
    )
    path = f"/v1/payments/{(made.json or {})['id']}"
    yield "payments_read", tenant.get(path)
    yield "payments_update", tenant.patch(path, examples(document, "payments_update")[0])
    yield "payments_search", tenant.get("/v1/payments?limit=1")
    refunded = tenant.post(f"{path}/refunds", examples(document, "payments_refund")[0])
    yield "payments_refund", refunded
    yield "payments_read_refund", tenant.get(f"/v1/refunds/{(refunded.json or {})['id']}")
    yield "payments_search_refunds", tenant.get("/v1/refunds?limit=1")
    other = tenant.post("/v1/payments", {**examples(document, "payments_create")[0], **customer})
    reason = examples(document, "payments_reverse")[0]
    yield "payments_reverse", tenant.post(f"/v1/payments/{(other.json or {})['id']}/reverse", reason)
    owed = tenant.invoice(**customer, lines=[line(unit_price="-50.00")])
    body = examples(document, "payments_refund_invoice")[0]
    yield "payments_refund_invoice", tenant.post(f"/v1/invoices/{owed['id']}/refunds", body)
    yield "ledger_search", tenant.get("/v1/ledger/entries?limit=1")


def _credit_notes(tenant: Tenant, document: dict[str, Any]) -> Iterator[Step]:
    freight = {"amount": "10.00", "tax_category": "S", "tax_rate": "7", "reason": "Freight"}
    invoice = tenant.invoice(customer_id=tenant.customer()["id"], charges=[freight])
    tenant.payment(invoice)
    body = {**examples(document, "credit_notes_create")[0], "invoice_id": invoice["id"], "issue_date": None}
    yield "credit_notes_preview", tenant.post("/v1/credit-notes/preview", body)
    made = tenant.post("/v1/credit-notes", body)
    yield "credit_notes_create", made
    path = f"/v1/credit-notes/{(made.json or {})['id']}"
    yield "credit_notes_read", tenant.get(path)
    yield "credit_notes_update", tenant.patch(path, examples(document, "credit_notes_update")[0])
    yield "credit_notes_search", tenant.get("/v1/credit-notes?limit=1")
    yield "credit_notes_refund", tenant.post(f"{path}/refunds", examples(document, "credit_notes_refund")[0])
    reason, old = examples(document, "credit_notes_revise")[0], tenant.invoice(customer_id=invoice["customer_id"])
    yield "credit_notes_revise", tenant.post(f"/v1/invoices/{old['id']}/revise", reason)


def _reports(tenant: Tenant) -> Iterator[Step]:
    invoice = tenant.invoice()
    customer = f"/v1/customers/{invoice['customer_id']}"
    yield "reports_balance", tenant.get(f"{customer}/balance")
    yield "reports_statement", tenant.get(f"{customer}/statement")
    yield "reports_trial_balance", tenant.get("/v1/reports/trial-balance")
    yield "reports_tax_summary", tenant.get("/v1/reports/tax-summary")
