"""A good request for every POST that can be retried under its Idempotency-Key, and by what a retry is known."""

from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

from tests.factories import Tenant, line

CUSTOMERS, MONEY = "/v1/customers", {"amount": "1", "currency": "EUR"}


def of(thing: dict[str, Any], action: str) -> str:
    return f"{thing['links']['self']}/{action}"


def given_up(tenant: Tenant) -> str:
    invoice = tenant.invoice()
    assert tenant.post(of(invoice, "mark-uncollectible")).status_code == 200
    return of(invoice, "mark-collectible")


def with_balance(tenant: Tenant) -> str:
    invoice = tenant.invoice()
    assert tenant.post("/v1/payments", {**MONEY, "customer_id": invoice["customer_id"]}).status_code == 201
    return of(invoice, "apply-balance")


def with_credit_note(tenant: Tenant) -> str:
    tenant.payment(invoice := tenant.invoice())
    return of(tenant.post("/v1/credit-notes", {"invoice_id": invoice["id"], "reason": "None"}).json or {}, "refunds")


def invitation(tenant: Tenant) -> dict[str, Any]:
    made = tenant.post("/v1/invitations", {"email": f"again-{tenant.email}", "role": "viewer"})
    return made.json or {}


REQUESTS: dict[str, Callable[[Tenant], tuple[str, Any]]] = {
    "/v1/customers": lambda tenant: (CUSTOMERS, {"name": "Once"}),
    "/v1/customers/bulk": lambda tenant: ("/v1/customers/bulk", {"items": [{"name": "Once"}, {"name": ""}]}),
    "/v1/customers/<uuid:customer_id>/anonymize": lambda tenant: (
        f"{tenant.customer()['links']['self']}/anonymize",
        None,
    ),
    "/v1/invoices/bulk": lambda tenant: ("/v1/invoices/bulk", {"items": [tenant.invoice_body(finalize=True)]}),
    "/v1/invoices": lambda tenant: ("/v1/invoices", tenant.invoice_body(finalize=True)),
    "/v1/invoices/<uuid:invoice_id>/finalize": lambda tenant: (f"/v1/invoices/{tenant.draft()['id']}/finalize", None),
    "/v1/invoices/<uuid:invoice_id>/mark-sent": lambda tenant: (of(tenant.invoice(), "mark-sent"), None),
    "/v1/invoices/<uuid:invoice_id>/mark-uncollectible": lambda tenant: (
        of(tenant.invoice(), "mark-uncollectible"),
        None,
    ),
    "/v1/invoices/<uuid:invoice_id>/mark-collectible": lambda tenant: (given_up(tenant), None),
    "/v1/invoices/<uuid:invoice_id>/void": lambda tenant: (of(tenant.invoice(), "void"), {"reason": "Twice"}),
    "/v1/invoices/<uuid:invoice_id>/duplicate": lambda tenant: (of(tenant.invoice(), "duplicate"), None),
    "/v1/invoices/<uuid:invoice_id>/payments": lambda tenant: (of(tenant.invoice(), "payments"), {"amount": "1"}),
    "/v1/invoices/<uuid:invoice_id>/apply-balance": lambda tenant: (with_balance(tenant), {"amount": "1"}),
    "/v1/invoices/<uuid:invoice_id>/refunds": lambda tenant: (
        of(tenant.invoice(lines=[line(unit_price="-1")]), "refunds"),
        {"amount": "1"},
    ),
    "/v1/invoices/<uuid:invoice_id>/revise": lambda tenant: (of(tenant.invoice(), "revise"), {"reason": "Wrong"}),
    "/v1/credit-notes": lambda tenant: ("/v1/credit-notes", {"invoice_id": tenant.invoice()["id"], "reason": "None"}),
    "/v1/credit-notes/<uuid:credit_note_id>/refunds": lambda tenant: (with_credit_note(tenant), {"amount": "1"}),
    "/v1/payments": lambda tenant: ("/v1/payments", {**MONEY, "customer_id": tenant.customer()["id"]}),
    "/v1/payments/<uuid:payment_id>/reverse": lambda tenant: (
        of(tenant.payment(tenant.invoice()), "reverse"),
        {"reason": "Sent back"},
    ),
    "/v1/payments/<uuid:payment_id>/refunds": lambda tenant: (
        of(tenant.payment(tenant.invoice(), amount="900", overpayment="balance"), "refunds"),
        {"amount": "1"},
    ),
    "/v1/invitations": lambda tenant: ("/v1/invitations", {"email": f"once-{tenant.email}", "role": "viewer"}),
    "/v1/invitations/<uuid:invitation_id>/resend": lambda tenant: (of(invitation(tenant), "resend"), None),
    "/v1/products": lambda tenant: ("/v1/products", {"name": "Once", "unit_price": "1.00"}),
    "/v1/tax-rates": lambda tenant: ("/v1/tax-rates", {"name": "Once", "rate": "19"}),
}
"""A good request for every POST that stores its reply; a new route is missed until it stands here."""

CLOSING = "/v1/organization/close"
"""Nobody can retry it: who has closed an organization is let in no more."""


def once(tenant: Tenant, key: str, path: str = CUSTOMERS, body: Any = None, **headers: str) -> TestResponse:
    return tenant.post(path, {"name": "Once"} if body is None else body, Idempotency_Key=key, **headers)


def facts(tenant: Tenant) -> tuple[list[Any], list[Any], list[Any]]:
    """All that a deed would leave behind."""
    lists = (tenant.get(f"/v1/{name}").json["data"] for name in ("customers", "invoices", "events"))
    first, second, third = lists
    return first, second, third


def is_replay(answer: TestResponse) -> bool:
    assert answer.headers.get("Idempotency-Replayed") in {None, "true"}
    return "Idempotency-Replayed" in answer.headers
