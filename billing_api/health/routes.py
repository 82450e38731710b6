"""Start and operations: what the service is, whether it lives, whether it can work, and what its refusals mean."""

import html
import ipaddress
import secrets
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

blueprint = Blueprint("operations", __name__, description="What runs the service, watches it, or explains it.")


@blueprint.route("/")
@public()
@blueprint.response(200, IndexOutput())
def index() -> dict[str, Any]:
    """Find everything

    The addresses at which to begin.
    """
    paths = {
        "customers": "/v1/customers",
        "docs": "/docs",
        "events": "/v1/events",
        "invoices": "/v1/invoices",
        "jwks": "/.well-known/jwks.json",
        "live": "/health/live",
        "login": "/v1/auth/login",
        "me": "/v1/me",
        "openapi": "/openapi.json",
        "organization": "/v1/organization",
        "ready": "/health/ready",
        "sign_up": "/v1/auth/sign-up",
    }
    return {"name": "billing_api", "version": current_app.config["API_VERSION"], "links": paths}


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

    From the same machine, or with the metrics token where one is set.
    """
    token = current_app.config["BILLING_METRICS_TOKEN"]
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    is_known = token is not None and is_bearer and secrets.compare_digest(given.encode(), token.encode())
    if not is_known and not (token is None and _is_local()):
        raise Forbidden("Metrics are for this machine, or for the bearer of BILLING_METRICS_TOKEN.")
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
    kind = next((kind for kind in tree() if kind.code == code and kind.__doc__), None)
    if kind is None:
        raise NotFound()
    text = " ".join(cleandoc(kind.__doc__ or "").split())
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify({"code": code, "title": kind.title, "status": kind.status, "detail": text})
    title, body = html.escape(kind.title), html.escape(text)
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<h1>{title}</h1><p><code>{html.escape(code)}</code> &middot; HTTP {kind.status}</p><p>{body}</p></html>"
    )
    return Response(page, mimetype="text/html")


def _is_local() -> bool:
    """Whether the request comes from this machine and through no proxy, which would look like one."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
