"""What operators see: one JSON line a request, and counters. No secret, no personal data: routes, ids and numbers."""

import logging
import sys
import time

import orjson
import structlog
from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram

from billing_api.web.headers import trace_id

requests = Counter("billing_requests_total", "Requests answered", ["method", "route", "status"])
durations = Histogram(
    "billing_request_seconds",
    "Seconds from the first line read to the answer made",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

log = structlog.get_logger()


def configure(level: str) -> None:
    """One JSON object a line on standard output, for this program and for its libraries."""
    logging.basicConfig(stream=sys.stdout, level=level.upper(), format='{"event": "library", "level": "%(levelname)s"}')
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=str).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=False,
    )


def init_app(app: Flask) -> None:
    """Time each request and write its line. Registered after the headers, which number the request."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.get("request_id"), trace_id=trace_id())


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    # The rule and not the path: a path may hold somebody's external id.
    route = request.url_rule.rule if request.url_rule else "unknown"
    requests.labels(request.method, route, response.status_code).inc()
    durations.labels(request.method, route).observe(seconds)
    principal = g.get("principal")
    log.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        organization_id=principal.organization_id if principal else None,
        actor_id=principal.actor_id if principal else None,
    )
    return response
