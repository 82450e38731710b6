"""What every answer carries: a request id, security headers, and for configured origins CORS."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from flask import current_app
from uuid_utils import uuid7
from werkzeug.exceptions import SecurityError
from werkzeug.routing import Map

from billing_api.errors import Fault, Malformed, NotAcceptable
from billing_api.web import csv, observation
from billing_api.web.errors import PROBLEM_JSON
from billing_api.web.parser import MERGE_PATCH, check_target
from billing_api.web.request import Request
from billing_api.web.response import Response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACE_PARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PATCHES = ("Accept-Patch", f"{MERGE_PATCH}, application/json")
_BY_ORIGIN = ("Vary", "Origin")
_JSON = ("application/json",)
_TABLES = (*_JSON, csv.CSV)

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_SECURITY = [(name.lower(), (name, value)) for name, value in SECURITY.items()]
_ALLOWED_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key, X-CSRF-Token, X-Request-Id, "
    "traceparent, tracestate"
)
_EXPOSED_HEADERS = (
    "Accept-Patch, Allow, Dry-Run, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, WWW-Authenticate, X-Cache, X-Request-Id"
)
"""All that the OpenAPI document names, and `Allow`, of methods that it does not name."""


def number(request: Request) -> None:
    """Give the request its id, and let each line of the log carry it, with the trace that it continues."""
    given = request.headers.get("X-Request-Id", "")
    request.id = given if _REQUEST_ID.fullmatch(given) else str(uuid7())
    trace = _TRACE_PARENT.fullmatch(request.headers.get("traceparent", ""))
    # All zeros is what a trace may not be (W3C Trace Context, section 3.2.2.3).
    trace_id = trace[1] if trace and trace[1].strip("0") else None
    observation.name(request, trace_id)


def look(request: Request) -> Response | None:
    """Refuse what no view could answer. A preflight is answered here.

    Raises:
        Malformed: the target is no text, or the host none of ours.
        NotAcceptable: the address answers in no form that the client takes.
    """
    check_target(request)
    if isinstance(request.routing_exception, SecurityError):
        raise Malformed(
            "This host is not served here.",
            faults=[Fault("unknown-host", "This host is not served here.", parameter="Host")],
        )
    if request.method == "OPTIONS":
        # The answer is in its headers, so that there is no form of it to ask for.
        return Response(status=204) if "Access-Control-Request-Method" in request.headers else None
    offered = _offered(request.view)
    if request.path.startswith("/v1/") and csv.accepted(request, offered) is None and not _names_problems(request):
        raise NotAcceptable(f"This address answers in {' and '.join(offered)}.")
    return None


def _names_problems(request: Request) -> bool:
    """Whether `Accept` has the form of refusals by its name: some clients list that alone, and read all JSON."""
    return any(kind.partition(";")[0].strip() == PROBLEM_JSON for kind, quality in request.accept_mimetypes if quality)


@cache
def _offered(view: Callable[..., Any] | None) -> tuple[str, ...]:
    """The media types in which a view can answer; those of lists and reports stand in a table too."""
    _, schema = getattr(view, "answers_with", (200, None))
    return _TABLES if csv.is_tabular(schema) else _JSON


def dress(request: Request, response: Response) -> None:
    """Put on an answer what every answer carries."""
    _share(request, response)
    if response.status_code in {204, 304}:
        # There is no content, so it is of no type; werkzeug would call it HTML.
        response.headers.pop("Content-Type", None)
    present = {name.lower() for name, _ in response.headers}
    beside = [("X-Request-Id", request.id)]
    if (rule := request.url_rule) and rule.rule in _patchable(rule.map):
        beside.append(_PATCHES)
    # By origin for everybody, or a cache would mix the answers.
    if "vary" in present:
        response.vary.add("Origin")
    else:
        beside.append(_BY_ORIGIN)
    response.beside += (*beside, *(header for name, header in _SECURITY if name not in present))


@lru_cache(maxsize=8)
def _patchable(rules: Map) -> frozenset[str]:
    """The rules under which a PATCH is understood; they are complete with the first request."""
    return frozenset(rule.rule for rule in rules.iter_rules() if "PATCH" in (rule.methods or ()))


def _share(request: Request, response: Response) -> None:
    """CORS: exact origins only."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    origins: tuple[str, ...] = current_app.config["BILLING_CORS_ORIGINS"]
    if not ("*" in origins or origin in origins):
        return
    response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
    if "*" not in origins:
        # Only a page that was named may have the cookies of a session sent along.
        response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE"
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
