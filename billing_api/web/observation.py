"""What operators see: one JSON line a request, and counters. No secret, no personal data: routes, ids and numbers."""

import contextlib
import functools
import logging
import sys
import time
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import orjson
import structlog
from flask import g
from prometheus_client import Counter, Histogram

from billing_api import clock
from billing_api.web.request import Request
from billing_api.web.response import Response

requests = Counter("billing_requests_total", "Requests answered", ["method", "route", "status"])
durations = Histogram(
    "billing_request_seconds",
    "Seconds from the first line read to the answer made",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Any other is counted as one: a client could make up a new one, and with it a new counter, for each request."""

_UNKNOWN = "unknown"
"""The route of what has none."""

_at_hand: ContextVar[Mapping[str, str | None]] = ContextVar("request at hand", default={})  # noqa: B039 - never changed
"""What each line says of the request that its thread is busy with."""

_threshold = logging.INFO
"""How grave an event must be to have a line."""

log = structlog.get_logger()


def configure(level: str) -> None:
    """One JSON object a line on standard output, for this program and, from warnings on, for its libraries."""
    global _threshold
    _threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[_complete, _RENDERER],
        wrapper_class=structlog.make_filtering_bound_logger(_threshold),
        logger_factory=lambda *_: _StandardOutput(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, LibraryLines)]:
        root.removeHandler(old)
    root.addHandler(LibraryLines())
    root.setLevel(max(_threshold, logging.WARNING))


def start(request: Request) -> None:
    """Begin to time a request, before anything else is done for it."""
    request.began = time.perf_counter()
    # The thread still knows the request before this one.
    _at_hand.set({})


def name(request: Request, trace_id: str | None) -> None:
    """Let each line from here on carry the id of the request, and of the trace that it continues."""
    _at_hand.set({"request_id": request.id, "trace_id": trace_id})


def finish(request: Request, response: Response) -> None:
    """Count a request and write its line, after everything else was done with its answer."""
    now = time.perf_counter()
    seconds = now - (request.began or now)
    method = request.method if request.method in _METHODS else "other"
    # The rule and not the path: a path may hold somebody's external id.
    route = request.url_rule.rule if request.url_rule else _UNKNOWN
    answered, lasted = _meters(method, route, response.status_code)
    answered.inc()
    lasted.observe(seconds)
    principal = g.get("principal")
    _tell_request(
        method=method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        organization_id=principal.organization_id if principal else None,
        actor_id=principal.actor_id if principal else None,
    )


class LibraryLines(logging.Handler):
    """What libraries log, as lines like our own."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[_complete, structlog.stdlib.add_logger_name],
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _place_of_exception, _RENDERER],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what cannot be put into a line is said to be so, and is no fault of the request."""
        try:
            line = self.format(record)
        except Exception:
            line = _line({"event": "a record that cannot be written", "logger": record.name, "level": "error"})
        _StandardOutput().msg(line)


def _tell_request(**facts: Any) -> None:
    """Write the line of a request, of which each has one: structlog would make a logger for it first."""
    if _threshold <= logging.INFO:
        _StandardOutput().msg(_line(_complete(None, "info", {**facts, "event": "request"})))


@functools.cache
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """What counts such a request, and what measures it; the library would look for them by their texts each time."""
    return requests.labels(method, route, status), durations.labels(method, route)


def note_unread(status: int, request_id: str, error: Exception) -> None:
    """Count a request that the HTTP server refused by itself, and write its line: when it began is not known, and what
    the error quotes may be anything that somebody sent."""
    # The thread still knows the request before this one.
    _at_hand.set({})
    requests.labels("other", _UNKNOWN, status).inc()
    told = {"request_id": request_id, "trace_id": None, "exception": type(error).__name__}
    if status == 500:
        log.error("failure", at=place(error.__traceback__), **told)
    _tell_request(method=None, route=_UNKNOWN, status=status, ms=None, organization_id=None, actor_id=None, **told)


def place(trace: TracebackType | None) -> list[str]:
    """Where an exception happened, without what it said: that may quote SQL and personal data."""
    frames = traceback.extract_tb(trace)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-6:]]


class _StandardOutput:
    """Each line in one piece, so that threads do not mix theirs; a full disk loses lines and no requests."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    debug = info = warning = error = critical = msg


def _complete(_logger: Any, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What every line says beside its event: of which request it is, how grave, and when."""
    moment = clock.now().replace(tzinfo=None).isoformat()
    return {**_at_hand.get(), **event, "level": level, "timestamp": f"{moment}Z"}


def _line(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


_RENDERER = structlog.processors.JSONRenderer(serializer=_line)


def _place_of_exception(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    kind, _, trace = event.pop("exc_info", None) or (None, None, None)
    if kind is not None:
        event.update(exception=kind.__name__, at=place(trace))
    return event
