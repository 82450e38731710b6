"""What the tests of doors send: a tenant with one of everything, good requests, and members that no client may set."""

import uuid
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.auth.holders import by_client, by_cookie, by_key
from tests.factories import PASSWORD, Tenant, line, sign_up

LOGOUT, REFRESH, OWN_PASSWORD = "/v1/auth/logout", "/v1/auth/refresh", "/v1/me/password"
TOKEN, RESET = "/v1/auth/token", "/v1/auth/password-reset"
OWN_FACTOR = "/v1/me/second-factor"
SIGN_UP = {"organization_name": "New", "country": "DE", "currency": "EUR", "name": "Ada", "password": PASSWORD}


HOLDERS = {"cookie": by_cookie, "api_key": by_key, "client": by_client}
"""Those who hold another credential than the access token of a session."""


class World:
    """A tenant with one of everything, and somebody of each kind."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._known: dict[str, Tenant] = {}
        self.owner, self.stranger = sign_up(app), sign_up(app)
        self.customer = self.owner.customer(external_id="C-1")["id"]
        self.product, self.tax_rate = self.owner.product()["id"], self.owner.tax_rate()["id"]
        buyer = self.owner.customer()["id"]
        self.draft = self.owner.draft(customer_id=buyer)["id"]
        self.issued, self.owed, self.paid = (
            self.owner.invoice(customer_id=buyer, lines=[line(unit_price=price)]) for price in ("50", "-50", "10")
        )
        self.unpaid = self.owner.invoice(customer_id=buyer)["id"]
        self.payment = self.owner.payment(self.paid, amount="100", overpayment="balance")["id"]
        self.whole = self.owner.payment(self.issued, amount="1")["id"]
        refund = self.owner.post(f"/v1/payments/{self.payment}/refunds", {"amount": "1"})
        self.refund = (refund.json or {})["id"]
        credited = self.owner.invoice(customer_id=buyer)
        self.owner.payment(credited)
        note = self.owner.post("/v1/credit-notes", {"invoice_id": credited["id"], "reason": "Returned"})
        self.note = (note.json or {})["id"]
        self.key = self.owner.post("/v1/api-keys", {"name": "Shop", "scopes": ["customers:read"]}).json
        self.entry = self.owner.get("/v1/audit-log").json["data"][0]["id"]
        colleague = self.owner.colleague("viewer")
        colleague.second_factor()
        self.colleague = colleague.user_id
        guest = {"email": f"guest-{uuid.uuid4()}@example.com", "role": "viewer"}
        self.invitation = (self.owner.post("/v1/invitations", guest).json or {})["id"]
        self.series = self.owner.get("/v1/number-series").json["data"][0]["links"]["self"]

    def somebody(self, who: str) -> Tenant:
        """The same for all requests, but after a logout, a change of the password, and a second factor."""
        if who not in self._known:
            others = {"stranger": (self.stranger, "owner"), "disabled": (self.owner, "owner", "disabled")}
            organization, *role = others.get(who, (self.owner, who))
            hold = HOLDERS.get(who)
            self._known[who] = hold(self.owner) if hold else organization.colleague(*role)
        return self._known[who]

    def send(self, who: str, method: str, path: str, body: Any) -> TestResponse:
        """Send a request as somebody; a refresh token, which is good once, is put in here."""
        if path == REFRESH:
            body = {"refresh_token": self.owner.colleague("viewer").refresh_token}
        if path == TOKEN:
            # Whoever asks names the client in the form, and their own credential is not looked at.
            form = {"grant_type": "client_credentials", "client_id": self.key["id"]}
            return self.app.test_client().post(path, data={**form, "client_secret": self.key["secret"]})
        if who == "anonymous":
            return self.app.test_client().open(path, method=method, json=body)
        answer = self.somebody(who).call(method, path, body)
        if path in {LOGOUT, OWN_PASSWORD, OWN_FACTOR}:
            del self._known[who]
        return answer


def requests(world: World) -> dict[str, tuple[str, str, Any]]:
    """A good request for each operation, but for the refresh token; what would change something is only tried."""
    customer, draft = f"/v1/customers/{world.customer}", f"/v1/invoices/{world.draft}"
    invoice = {"customer_id": world.customer, "lines": []}
    issued, payment = f"/v1/invoices/{world.issued['id']}", f"/v1/payments/{world.payment}"
    product, tax_rate = f"/v1/products/{world.product}", f"/v1/tax-rates/{world.tax_rate}"
    money = {"amount": "1"}
    note, credit = f"/v1/credit-notes/{world.note}", {"invoice_id": world.unpaid, "reason": "Returned"}
    new = f"{uuid.uuid4()}@example.com"
    colleague, invitation = f"/v1/users/{world.colleague}", f"/v1/invitations/{world.invitation}"
    return {
        "acceptances_accept": ("POST", "/v1/auth/accept-invitation", {"token": "x", "name": "x", "password": PASSWORD}),
        "api_keys_create": ("POST", "/v1/api-keys?dry_run=true", {"name": "New", "scopes": ["customers:read"]}),
        "api_keys_read": ("GET", f"/v1/api-keys/{world.key['id']}", None),
        "api_keys_revoke": ("DELETE", f"/v1/api-keys/{world.key['id']}?dry_run=true", None),
        "api_keys_search": ("GET", "/v1/api-keys", None),
        "api_keys_update": ("PATCH", f"/v1/api-keys/{world.key['id']}?dry_run=true", {"name": "New"}),
        "auth_change_password": ("PUT", OWN_PASSWORD, {"current_password": PASSWORD, "new_password": f"{PASSWORD} 2"}),
        "auth_end_other_sessions": ("DELETE", "/v1/me/sessions?dry_run=true", None),
        "auth_end_session": ("DELETE", f"/v1/me/sessions/{uuid.uuid4()}?dry_run=true", None),
        "audit_log_read": ("GET", f"/v1/audit-log/{world.entry}", None),
        "audit_log_search": ("GET", "/v1/audit-log", None),
        "auth_login": ("POST", "/v1/auth/login", {"email": world.owner.email, "password": PASSWORD}),
        "auth_logout": ("POST", LOGOUT, None),
        "auth_me": ("GET", "/v1/me", None),
        "auth_refresh": ("POST", REFRESH, {}),
        "auth_rename": ("PATCH", "/v1/me?dry_run=true", {"name": "New"}),
        "auth_read_session": ("GET", f"/v1/me/sessions/{uuid.uuid4()}", None),
        "auth_search_sessions": ("GET", "/v1/me/sessions", None),
        "auth_sign_up": ("POST", "/v1/auth/sign-up", {**SIGN_UP, "email": new}),
        "contract_openapi": ("GET", "/openapi.json", None),
        "credit_notes_create": ("POST", "/v1/credit-notes?dry_run=true", credit),
        "credit_notes_preview": ("POST", "/v1/credit-notes/preview", credit),
        "credit_notes_read": ("GET", note, None),
        "credit_notes_refund": ("POST", f"{note}/refunds?dry_run=true", money),
        "credit_notes_revise": ("POST", f"/v1/invoices/{world.unpaid}/revise?dry_run=true", {"reason": "Wrong"}),
        "credit_notes_search": ("GET", "/v1/credit-notes", None),
        "credit_notes_update": ("PATCH", f"{note}?dry_run=true", {"metadata": {"case": "1"}}),
        "customers_anonymize": ("POST", f"{customer}/anonymize?dry_run=true", None),
        "customers_create": ("POST", "/v1/customers?dry_run=true", {"name": "New"}),
        "customers_create_bulk": ("POST", "/v1/customers/bulk?dry_run=true", {"items": [{"name": "New"}]}),
        "customers_delete": ("DELETE", f"{customer}?dry_run=true", None),
        "customers_read": ("GET", customer, None),
        "customers_replace": ("PUT", f"{customer}?dry_run=true", {"name": "New"}),
        "customers_search": ("GET", "/v1/customers", None),
        "customers_update": ("PATCH", f"{customer}?dry_run=true", {"name": "New"}),
        "customers_upsert": ("PUT", "/v1/customers/by-external-id/C-1?dry_run=true", {"name": "New"}),
        "events_list": ("GET", "/v1/events", None),
        "invitations_create": ("POST", "/v1/invitations?dry_run=true", {"email": new, "role": "viewer"}),
        "invitations_read": ("GET", invitation, None),
        "invitations_resend": ("POST", f"{invitation}/resend?dry_run=true", None),
        "invitations_revoke": ("DELETE", f"{invitation}?dry_run=true", None),
        "invitations_search": ("GET", "/v1/invitations", None),
        "invoices_calculation": ("GET", f"{draft}/calculation", None),
        "invoices_create": ("POST", "/v1/invoices?dry_run=true", invoice),
        "invoices_create_bulk": ("POST", "/v1/invoices/bulk?dry_run=true", {"items": [invoice]}),
        "invoices_delete": ("DELETE", f"{draft}?dry_run=true", None),
        "invoices_duplicate": ("POST", f"{issued}/duplicate?dry_run=true", None),
        "invoices_finalize": ("POST", f"{draft}/finalize?dry_run=true", {}),
        "invoices_mark_collectible": ("POST", f"{issued}/mark-collectible?dry_run=true", None),
        "invoices_mark_sent": ("POST", f"{issued}/mark-sent?dry_run=true", None),
        "invoices_mark_uncollectible": ("POST", f"{issued}/mark-uncollectible?dry_run=true", None),
        "invoices_history": ("GET", f"{draft}/events", None),
        "invoices_preview": ("POST", "/v1/invoices/preview", {"lines": []}),
        "invoices_read": ("GET", draft, None),
        "invoices_replace": ("PUT", f"{draft}?dry_run=true", invoice),
        "invoices_search": ("GET", "/v1/invoices", None),
        "invoices_update": ("PATCH", f"{draft}?dry_run=true", {"notes": "New"}),
        "invoices_void": ("POST", f"/v1/invoices/{world.unpaid}/void?dry_run=true", {"reason": "Issued twice"}),
        "ledger_search": ("GET", "/v1/ledger/entries", None),
        "number_series_audit": ("GET", f"{world.series}/audit", None),
        "number_series_read": ("GET", world.series, None),
        "number_series_search": ("GET", "/v1/number-series", None),
        "number_series_update": ("PATCH", f"{world.series}?dry_run=true", {"reset": "yearly"}),
        "oauth_issue": ("POST", TOKEN, None),
        "operations_index": ("GET", "/", None),
        "operations_key_set": ("GET", "/.well-known/jwks.json", None),
        "operations_live": ("GET", "/health/live", None),
        "operations_metrics": ("GET", "/metrics", None),
        "operations_problem": ("GET", "/problems/not-found", None),
        "operations_ready": ("GET", "/health/ready", None),
        "organization_close": ("POST", "/v1/organization/close?dry_run=true", {"name": "Analytical Engines"}),
        "organization_read": ("GET", "/v1/organization", None),
        "organization_update": ("PATCH", "/v1/organization?dry_run=true", {"phone": "1"}),
        "password_resets_confirm": ("POST", f"{RESET}/confirm", {"token": "x", "password": PASSWORD}),
        "password_resets_request": ("POST", RESET, {"email": new}),
        "payments_apply_balance": ("POST", f"{issued}/apply-balance?dry_run=true", {}),
        "payments_create": (
            "POST", "/v1/payments?dry_run=true", {**money, "customer_id": world.customer, "currency": "EUR"},
        ),
        "payments_pay": ("POST", f"{issued}/payments?dry_run=true", money),
        "payments_read": ("GET", payment, None),
        "payments_read_refund": ("GET", f"/v1/refunds/{world.refund}", None),
        "payments_refund": ("POST", f"{payment}/refunds?dry_run=true", money),
        "payments_refund_invoice": ("POST", f"/v1/invoices/{world.owed['id']}/refunds?dry_run=true", money),
        "payments_reverse": ("POST", f"/v1/payments/{world.whole}/reverse?dry_run=true", {"reason": "Sent back"}),
        "payments_search": ("GET", "/v1/payments", None),
        "payments_search_refunds": ("GET", "/v1/refunds", None),
        "products_create": ("POST", "/v1/products?dry_run=true", {"name": "New", "unit_price": "1"}),
        "products_delete": ("DELETE", f"{product}?dry_run=true", None),
        "products_read": ("GET", product, None),
        "products_replace": ("PUT", f"{product}?dry_run=true", {"name": "New", "unit_price": "1"}),
        "products_search": ("GET", "/v1/products", None),
        "products_update": ("PATCH", f"{product}?dry_run=true", {"name": "New"}),
        "second_factor_begin": ("POST", OWN_FACTOR, {"password": PASSWORD}),
        "second_factor_disable": ("POST", f"{OWN_FACTOR}/disable", {"password": PASSWORD, "code": "000000"}),
        "second_factor_read": ("GET", OWN_FACTOR, None),
        "second_factor_renew_recovery_codes": (
            "POST", f"{OWN_FACTOR}/recovery-codes", {"password": PASSWORD, "code": "000000"},
        ),
        "second_factor_verify": ("POST", f"{OWN_FACTOR}/verify", {"code": "000000"}),
        "tax_rates_create": ("POST", "/v1/tax-rates?dry_run=true", {"name": "New", "rate": "19"}),
        "tax_rates_delete": ("DELETE", f"{tax_rate}?dry_run=true", None),
        "tax_rates_read": ("GET", tax_rate, None),
        "tax_rates_replace": ("PUT", f"{tax_rate}?dry_run=true", {"name": "New", "rate": "19"}),
        "tax_rates_search": ("GET", "/v1/tax-rates", None),
        "tax_rates_update": ("PATCH", f"{tax_rate}?dry_run=true", {"name": "New"}),
        "payments_update": ("PATCH", f"{payment}?dry_run=true", {"reference": "1"}),
        "reports_balance": ("GET", f"{customer}/balance", None),
        "reports_statement": ("GET", f"{customer}/statement", None),
        "reports_tax_summary": ("GET", "/v1/reports/tax-summary", None),
        "reports_trial_balance": ("GET", "/v1/reports/trial-balance", None),
        "users_delete": ("DELETE", f"{colleague}?dry_run=true", None),
        "users_read": ("GET", colleague, None),
        "users_remove_second_factor": ("DELETE", f"{colleague}/second-factor?dry_run=true", None),
        "users_search": ("GET", "/v1/users", None),
        "users_update": ("PATCH", f"{colleague}?dry_run=true", {"name": "New"}),
    }  # fmt: skip


OF_ALL = ("id", "organization_id", "version", "created_at", "updated_at", "links", "tenant", "__class__", "constructor")
OF_INVOICES = (
    "number", "number_key", "status", "subtotal", "total", "tax_total", "total_without_tax", "payable_amount",
    "amount_paid", "amount_due", "amount_credited", "tax_breakdown", "seller", "buyer", "finalized_at", "paid_at",
    "sequence_value", "series_id", "actions", "request",
)  # fmt: skip
OF_PAYMENTS = (
    "status", "type", "amount_allocated", "amount_refunded", "amount_available", "amount_reversed", "dated_on",
    "reversed_at", "reversal_reason",
)  # fmt: skip
OF_CREDIT_NOTES = (
    "number", "status", "type", "subtotal", "total", "tax_total", "payable_amount", "amount", "amount_allocated",
    "amount_refunded", "amount_available", "tax_breakdown", "seller", "buyer", "allocations", "dated_on", "series_id",
)  # fmt: skip
OF_USERS = ("role", "status", "scope", "password_hash", "email_key", "user_id", "is_admin")
OF_FACTORS = (
    "secret",
    "pending_secret",
    "pending_at",
    "enrolled_at",
    "last_step",
    "recovery_codes",
    "user_id",
    "digest",
    "used_at",
)
OF_INVITATIONS = ("digest", "token", "status", "expires_at", "accepted_at", "user_id", "invited_by_id", "email_key")
PROTECTED = {
    "acceptances_accept": (*OF_ALL, *OF_USERS, *(set(OF_INVITATIONS) - {"token"}), "email"),
    "api_keys_create": (*OF_ALL, "secret", "digest", "hint", "last_used_at", "revoked_at", "created_by_id"),
    "api_keys_update": (*OF_ALL, "secret", "digest", "scopes", "expires_at", "revoked_at"),
    "auth_change_password": (*OF_ALL, *OF_USERS, "email", "session"),
    "auth_sign_up": (*OF_ALL, *OF_USERS),
    "auth_login": (*OF_ALL, *OF_USERS),
    "auth_refresh": (*OF_ALL, *OF_USERS, "expires_at", "session_id"),
    "auth_rename": (*OF_ALL, *OF_USERS, "email", "password"),
    "credit_notes_create": (*OF_ALL, *OF_CREDIT_NOTES, "customer"),
    "credit_notes_preview": (*OF_ALL, *OF_CREDIT_NOTES, "customer"),
    "credit_notes_refund": (*OF_ALL, "source", "source_id", "customer_id", "currency"),
    "credit_notes_revise": (*OF_ALL, "lines", "revision_of_id", "revised_by_id", "voided_at"),
    "credit_notes_update": (*OF_ALL, *OF_CREDIT_NOTES, "reason", "lines", "issue_date", "invoice_id", "customer_id"),
    "customers_create": (*OF_ALL, "email_key", "balance", "search"),
    "customers_create_bulk": (*OF_ALL, "atomic", "index"),
    "customers_replace": (*OF_ALL, "email_key", "balance", "search", "anonymized_at"),
    "customers_update": (*OF_ALL, "email_key", "balance", "search", "anonymized_at"),
    "customers_upsert": (*OF_ALL, "email_key", "balance", "search", "external_id"),
    "invitations_create": (*OF_ALL, *OF_INVITATIONS),
    "invoices_create": (*OF_ALL, *OF_INVOICES),
    "invoices_create_bulk": (*OF_ALL, "atomic", "index"),
    "invoices_preview": (*OF_ALL, *OF_INVOICES),
    "invoices_replace": (*OF_ALL, *OF_INVOICES, "finalize"),
    "invoices_update": (*OF_ALL, *OF_INVOICES, "finalize"),
    "invoices_finalize": (*OF_ALL, *OF_INVOICES, "lines", "customer_id"),
    "invoices_void": (*OF_ALL, "voided_at", "status"),
    "password_resets_confirm": (*OF_ALL, *OF_USERS, "email", "expires_at"),
    "password_resets_request": (*OF_ALL, *OF_USERS, "token", "recipient", "url"),
    "payments_apply_balance": (*OF_ALL, "customer_id", "source_id"),
    "payments_create": (*OF_ALL, *OF_PAYMENTS, "invoice_id"),
    "payments_pay": (*OF_ALL, *OF_PAYMENTS, "allocations", "customer_id", "invoice_id"),
    "payments_refund": (*OF_ALL, "source", "source_id", "customer_id", "currency"),
    "payments_refund_invoice": (*OF_ALL, "source", "source_id", "customer_id", "currency"),
    "payments_reverse": (*OF_ALL, "reversed_at", "amount"),
    "products_create": (*OF_ALL, "external_key", "in_use"),
    "products_replace": (*OF_ALL, "external_key", "in_use"),
    "products_update": (*OF_ALL, "external_key", "in_use"),
    "tax_rates_create": (*OF_ALL, "in_use"),
    "tax_rates_replace": (*OF_ALL, "in_use"),
    "tax_rates_update": (*OF_ALL, "in_use"),
    "payments_update": (*OF_ALL, *OF_PAYMENTS, "amount", "currency", "payment_date", "method", "allocations"),
    "organization_close": (*OF_ALL, "closed_at", "email"),
    "organization_update": (*OF_ALL, "owner", "event_counter", "closed_at"),
    "second_factor_begin": (*OF_ALL, *OF_FACTORS),
    "second_factor_disable": (*OF_ALL, *OF_FACTORS),
    "second_factor_renew_recovery_codes": (*OF_ALL, *OF_FACTORS),
    "second_factor_verify": (*OF_ALL, *OF_FACTORS),
    "users_update": (*OF_ALL, *(set(OF_USERS) - {"role", "status"}), "email", "password"),
    "number_series_update": (
        *OF_ALL, "document_type", "next_number", "last_number", "last_value", "last_issue_date", "upcoming", "period",
    ),
}  # fmt: skip
