"""Start and operations: what the service is, whether it lives, whether it can work, and what its refusals mean."""

import html
import ipaddress
import secrets
from inspect import cleandoc
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from sqlalchemy.exc import SQLAlchemyError

from billing_api.database import db
from billing_api.errors import Forbidden, NotFound, Unavailable, tree
from billing_api.web import tokens

blueprint = Blueprint("health", __name__)


@blueprint.get("/")
def index() -> dict[str, Any]:
    """Where everything is."""
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


@blueprint.get("/health/live")
def live() -> dict[str, str]:
    """The process answers; it asks nobody else, so that an outage elsewhere restarts nothing."""
    return {"status": "ok"}


@blueprint.get("/health/ready")
def ready() -> dict[str, str]:
    """The service can work: it is not stopping, the database answers, and its schema is the one this code needs."""
    if (Path(current_app.config["BILLING_RUN_DIR"]) / "draining").exists():
        raise Unavailable("The service is stopping.")
    try:
        head = db.session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        raise Unavailable("The database does not answer.") from None
    if head != current_app.config["BILLING_MIGRATION_HEAD"]:
        raise Unavailable(f"The database stands at migration {head}; run `billing-api db upgrade`.")
    return {"status": "ok", "migration": head}


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counters for Prometheus; from this machine, or with the metrics token as bearer."""
    token = current_app.config["BILLING_METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    is_known = token is not None and secrets.compare_digest(given.encode(), token.encode())
    if not is_known and not (token is None and _is_local()):
        raise Forbidden("Metrics are for this machine, or for the bearer of BILLING_METRICS_TOKEN.")
    registry = REGISTRY
    if current_app.config["BILLING_METRICS_DIR"]:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(  # type: ignore[no-untyped-call]  # the library has few types
            registry, path=current_app.config["BILLING_METRICS_DIR"]
        )
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/.well-known/jwks.json")
def key_set() -> Response:
    """The keys that verify access tokens, for services that do it themselves."""
    answer = jsonify(tokens.key_set())
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@blueprint.get("/problems/<code>")
def problem(code: str) -> Response:
    """What a refusal means and what to do about it; a page for people, JSON for programs that ask for it."""
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
