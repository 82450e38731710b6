"""Start and operations: what the service is, whether it lives, whether it can work, and what its refusals mean."""

import base64
import hashlib
import html
import ipaddress
import re
import secrets
from dataclasses import asdict
from inspect import cleandoc
from pathlib import Path
from typing import Any

from flask import Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

from billing_api.errors import Forbidden, NotFound, Unavailable, tree
from billing_api.health import service
from billing_api.health.schemas import IndexOutput, KeySetOutput, LiveOutput, ProblemPageOutput, ReadyOutput
from billing_api.web import tokens
from billing_api.web.api import Blueprint
from billing_api.web.auth import public
from billing_api.web.components import PROBLEM_CODE
from billing_api.web.fault_codes import FAULT_CODES

_CODE = re.compile(r"`([^`]+)`")
_STYLE = (
    "body{max-width:42rem;margin:3rem auto;padding:0 1rem;font:1.05rem/1.6 system-ui,sans-serif;color:#222}"
    "h1{font-size:1.6rem;line-height:1.25}code{background:#f1f1f4;padding:.1em .35em;border-radius:.25em}"
    "p.kind{color:#666}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page may be styled by what it came with, and by nothing else."""
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    f"<title>{{title}}</title><style>{_STYLE.replace('{', '{{').replace('}', '}}')}</style>"
    "<h1>{title}</h1><p class=kind><code>{code}</code> &middot; HTTP {status} {place}</p><p>{detail}</p>"
    '<p><a href="/docs">The documentation of the API</a></p></html>'
)

blueprint = Blueprint("operations", __name__, description="What runs the service, watches it, or explains it.")

PLACES = {
    "accept_invitation": "/v1/auth/accept-invitation",
    "api_keys": "/v1/api-keys",
    "audit_log": "/v1/audit-log",
    "change_password": "/v1/me/password",
    "confirm_password_reset": "/v1/auth/password-reset/confirm",
    "credit_note_preview": "/v1/credit-notes/preview",
    "credit_notes": "/v1/credit-notes",
    "customer_bulk": "/v1/customers/bulk",
    "customer_by_external_id": "/v1/customers/by-external-id/{external_id}",
    "customers": "/v1/customers",
    "docs": "/docs",
    "events": "/v1/events",
    "invitations": "/v1/invitations",
    "invoice_bulk": "/v1/invoices/bulk",
    "invoice_preview": "/v1/invoices/preview",
    "invoices": "/v1/invoices",
    "jwks": "/.well-known/jwks.json",
    "ledger_entries": "/v1/ledger/entries",
    "live": "/health/live",
    "login": "/v1/auth/login",
    "logout": "/v1/auth/logout",
    "me": "/v1/me",
    "metrics": "/metrics",
    "number_series": "/v1/number-series",
    "openapi": "/openapi.json",
    "organization": "/v1/organization",
    "organization_close": "/v1/organization/close",
    "password_reset": "/v1/auth/password-reset",
    "payments": "/v1/payments",
    "problem": "/problems/{code}",
    "products": "/v1/products",
    "ready": "/health/ready",
    "recovery_codes": "/v1/me/second-factor/recovery-codes",
    "refresh": "/v1/auth/refresh",
    "refunds": "/v1/refunds",
    "second_factor": "/v1/me/second-factor",
    "second_factor_disable": "/v1/me/second-factor/disable",
    "second_factor_verify": "/v1/me/second-factor/verify",
    "sessions": "/v1/me/sessions",
    "sign_up": "/v1/auth/sign-up",
    "tax_rates": "/v1/tax-rates",
    "tax_summary": "/v1/reports/tax-summary",
    "token": "/v1/auth/token",
    "trial_balance": "/v1/reports/trial-balance",
    "users": "/v1/users",
}
"""Where to begin."""


@blueprint.route("/")
@public()
@blueprint.response(200, IndexOutput())
def index() -> dict[str, Any]:
    """Find everything

    The addresses at which to begin; where one has braces, put in what they name (RFC 6570).
    """
    return {"name": "billing_api", "version": current_app.config["API_VERSION"], "links": PLACES}


@blueprint.route("/health/live")
@public()
@blueprint.response(200, LiveOutput())
def live() -> dict[str, str]:
    """Ask whether the process lives

    It asks nobody else, so that an outage elsewhere restarts nothing.
    """
    return {"status": "ok"}


@blueprint.route("/health/ready")
@public(503)
@blueprint.response(200, ReadyOutput())
def ready() -> dict[str, str | None]:
    """Ask whether the service can work

    It is not stopping, the database answers, and its schema is the one that this release needs.
    """
    if (Path(current_app.config["BILLING_RUN_DIR"]) / "draining").exists():
        raise Unavailable("The service is stopping.")
    head = service.migration()
    if head != current_app.config["BILLING_MIGRATION_HEAD"]:
        raise Unavailable(f"The database stands at migration {head}; run `billing-api db upgrade`.")
    return {"status": "ok", "migration": head}


@blueprint.route("/metrics")
@public(403)
@blueprint.response(200)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/plain", description="Counters.")
@blueprint.doc(security=[{}, {"metricsToken": []}])
def metrics() -> Response:
    """Read counters for Prometheus

    With the metrics token. Where none is set, from the same machine and through no proxy, but not in production.
    """
    token = current_app.config["BILLING_METRICS_TOKEN"]
    # A proxy on this machine that says nothing of itself looks like the machine.
    is_open_here = token is None and current_app.config["BILLING_ENV"] != "production"
    if not (_bears(token) or (is_open_here and _is_local())):
        raise Forbidden("Metrics are for the bearer of BILLING_METRICS_TOKEN, in development also for this machine.")
    registry = REGISTRY
    if current_app.config["BILLING_METRICS_DIR"]:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(  # type: ignore[no-untyped-call]  # the library has few types
            registry, path=current_app.config["BILLING_METRICS_DIR"]
        )
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@blueprint.route("/.well-known/jwks.json")
@public()
@blueprint.response(200, KeySetOutput())
def key_set() -> Response:
    """Read the public keys

    They verify access tokens, for services that do it themselves.
    """
    answer = jsonify(tokens.key_set())
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@blueprint.route("/problems/<code>", parameters=[PROBLEM_CODE])
@public()
@blueprint.response(200, ProblemPageOutput())
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/html", description="Its meaning.")
def problem(code: str) -> Response:
    """Explain a refusal

    What it means and what to do about it: a page for people, JSON for programs that ask for it.
    """
    found = _explained(code)
    if found is None:
        raise NotFound()
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        answer = jsonify({name: found[name] for name in ("code", "title", "status", "detail")})
    else:
        answer = _page(found)
    answer.vary.add("Accept")
    return answer


def _page(found: dict[str, Any]) -> Response:
    shown = {name: html.escape(str(value)) for name, value in found.items()}
    answer = Response(
        _PAGE.format(**{**shown, "detail": _CODE.sub(r"<code>\1</code>", shown["detail"])}), mimetype="text/html"
    )
    answer.headers["Content-Security-Policy"] = _PAGE_POLICY
    return answer


def _explained(code: str) -> dict[str, Any] | None:
    """What is known of a code: that of a refusal, or that of a fault in one."""
    if (fault := FAULT_CODES.get(code)) is not None:
        return {**asdict(fault), "place": "in a body; 400 in a query or a header" if fault.status == 422 else ""}
    kind = next((kind for kind in tree() if kind.code == code and kind.__doc__), None)
    if kind is None:
        return None
    text = " ".join(cleandoc(kind.__doc__ or "").split())
    return {"code": code, "title": kind.title, "status": kind.status, "detail": text, "place": ""}


def _bears(token: str | None) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_bearer = token is not None and scheme.lower() == "bearer"
    return is_bearer and secrets.compare_digest(given.encode(), str(token).encode())


def _is_local() -> bool:
    """Whether the request comes from this machine and through no proxy, which would look like it."""
    names = {name.lower() for name, _ in request.headers}
    if names & {"forwarded", "via", "x-real-ip"} or any(name.startswith("x-forwarded-") for name in names):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
