"""The application class: one request, one transaction."""

import datetime as dt
from collections.abc import Callable
from typing import Any, cast

import flask
from flask import Flask, g
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.routing import MapAdapter

from billing_api import clock
from billing_api.database import Overtaken, enter, transaction
from billing_api.fault_points import reach
from billing_api.unit_of_work import UnitOfWork
from billing_api.violations import is_unlooked
from billing_api.web import csv, edge
from billing_api.web.arrival import arrived_at, client
from billing_api.web.errors import is_passing
from billing_api.web.json import ExactJson
from billing_api.web.request import Request, current_request
from billing_api.web.response import Response

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTEMPTS = 3
_PATIENCE = dt.timedelta(seconds=4)
"""How old a request may be to run again; its client waits, and others wait for its thread."""


class _NoSessions(SessionInterface):
    """Nothing is kept in a cookie of Flask's, so none is looked for."""

    _none = NullSession()

    def open_session(self, app: Flask, request: flask.Request) -> NullSession:
        return self._none


class BillingApi(Flask):
    """Flask with a transaction around each view.

    It is opened here and not in `after_request`, which runs after errors have become answers: a constraint that fails
    at COMMIT must still become a clean refusal, and a refused request must not commit what it had written.
    """

    json_provider_class = ExactJson
    session_interface = _NoSessions()
    request_class = Request
    response_class = Response

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """A host has no capitals (RFC 9110, section 4.2.3); werkzeug compares it with the trusted ones as it stands."""
        if request is not None and "HTTP_HOST" in request.environ:
            request.environ["HTTP_HOST"] = request.environ["HTTP_HOST"].lower()
        return super().create_url_adapter(request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """As it is: no view of ours is a coroutine, which Flask would look for a dozen times in each request."""
        return func

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Hand the request to the edge itself: a hook of Flask's own would have to look for it."""
        return edge.arrive(current_request()) or super().preprocess_request()

    def process_response(self, response: flask.Response) -> flask.Response:
        """Hand the answer to the edge, after those who asked for this one."""
        return edge.leave(current_request(), cast(Response, super().process_response(response)))

    def dispatch_request(self) -> ResponseReturnValue:
        """Run the view in its transaction; what was overtaken, or undone by a passing fault, is run again."""
        request = current_request()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._in_transaction(request, again=attempt > 1)
            except (DBAPIError, Overtaken) as error:
                is_late = clock.now() - arrived_at(request) > _PATIENCE
                if attempt == _ATTEMPTS or is_late or not _is_worth_another(error, attempt):
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def log_exception(self, exc_info: object) -> None:
        """Leave it to `web.errors`, whose line quotes neither the path nor the exception's own text."""

    def _in_transaction(self, request: Request, *, again: bool) -> flask.Response:
        is_dry_run = request.method not in SAFE and request.args.get("dry_run") == "true"
        with transaction(
            read_only=request.method in SAFE,
            dry_run=is_dry_run,
            request_id=request.id,
            again=again,
        ) as here:
            here.started_at, here.client = arrived_at(request), client(request)
            answer = self.make_response(super().dispatch_request())
        if export := g.pop("export", None):
            _tell_export(export, here)
        if is_dry_run and answer.status_code < 400:
            answer.headers["Dry-Run"] = "true"
            answer.headers.pop("Location", None)
        reach("before_response")
        return answer

    def make_default_options_response(self) -> flask.Response:
        """OPTIONS answers with `Allow` and no body."""
        answer = super().make_default_options_response()
        answer.status_code = 204
        answer.headers.pop("Content-Type", None)
        return answer


def _is_worth_another(error: DBAPIError | Overtaken, attempt: int) -> bool:
    """Whether to run the view again: the fault has passed, or the view has not looked yet at what is in its way."""
    return isinstance(error, Overtaken) or is_passing(error) or (attempt == 1 and is_unlooked(error))


def _tell_export(export: csv.Export, read: UnitOfWork) -> None:
    """In a unit of its own, because reads write nothing; and before the answer, so that nothing leaves untold."""
    with transaction(request_id=read.request_id) as here:
        here.client = read.client
        enter(read.tenant, read.actor)
        csv.tell(export)
