"""Any exception becomes one JSON shape: RFC 9457's `application/problem+json`."""

import orjson
import psycopg2
import structlog
from flask import Flask, g
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from billing_api.database import Silence
from billing_api.errors import (
    BillingError,
    Conflict,
    Fault,
    HeldByAnother,
    InternalError,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    tree,
)
from billing_api.preparing import FORGOTTEN
from billing_api.violations import constraint_of, refusal_of
from billing_api.web.fault_codes import FAULT_CODES, FaultCode
from billing_api.web.observation import place
from billing_api.web.request import current_request
from billing_api.web.response import Response

PROBLEM_JSON = "application/problem+json"

log = structlog.get_logger()

unforeseen_data = Counter(
    "billing_data_errors_total", "Values that only the database refused; each is a gap in a schema"
)

_BY_STATUS: dict[int, type[BillingError]] = {
    kind.status: kind
    for kind in (
        Malformed,
        NotFound,
        MethodNotAllowed,
        NotAcceptable,
        Conflict,
        PreconditionFailed,
        PayloadTooLarge,
        UnsupportedMediaType,
        Invalid,
    )
}

LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK, _SERIALIZATION, _SESSION_ENDED, _DOCUMENT_FROZEN = "40P01", "40001", "BA401", "BA409"
_OF_OTHERS = frozenset({"23503", "23505"})
"""Foreign keys and uniqueness: what another row forbids. Any other constraint that breaks is a fault of the program."""
_AWAY = ("08", "53", "57", "58", "25006", "40")
"""SQLSTATEs that mean: not now. Connection, resources, operator, system, read-only, rollback."""

_ENDED = {
    "access_token": "The session of the access token has ended or has another reach now. Refresh it, or log in.",
    "cookie": "The session of the cookies has ended or has another reach now. Refresh it, or log in.",
    "api_key": "The API key does not hold any more. Ask for another key.",
    "client": "The API key that the access token was exchanged for does not hold any more. Ask for another key.",
}
"""What is told of a credential that was good once."""


class DocumentIsFrozen(Conflict):
    """An issued document cannot be changed; the database itself refuses it. Correct it with a credit note."""

    code = "document-is-frozen"
    title = "An issued document cannot be changed"


def init_app(app: Flask) -> None:
    """Let this module answer every exception."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The response to any exception; what the client cannot help is logged, without values and without SQL."""
    refusal = refusal_for(error)
    if refusal.status >= 500:
        _report(error, refusal)
    return problem(refusal)


def problem(error: BillingError) -> Response:
    """A refusal as a response in the form of RFC 9457, where the view has none of its own."""
    tell = getattr(current_request().view, "tells", None)
    if tell is not None:
        told_otherwise: Response = tell(error)
        return told_otherwise
    response = Response(orjson.dumps(told(error), default=str), status=error.status, mimetype=PROBLEM_JSON)
    response.headers.update(error.headers)
    if error.status == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response


def told(error: BillingError) -> dict[str, object]:
    """The members of a problem (RFC 9457) about this request."""
    request = current_request()
    return members_of(error, request.path, request.id or None)


def members_of(error: BillingError, instance: str, request_id: str | None) -> dict[str, object]:
    """The members of a problem about the request with this path and id."""
    code, title, detail = _named(error)
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": error.status,
        "code": code,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
        **error.members,
        "errors": [_fault(fault) for fault in error.faults],
    }


def refusal_for(error: Exception) -> BillingError:
    """The refusal that an exception amounts to."""
    if isinstance(error, BillingError):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, DBAPIError):
        return _of_database(error)
    if isinstance(error, PoolTimeout):
        return Unavailable("Too many requests are waiting for the database.")
    if isinstance(error, psycopg2.OperationalError):
        return Unavailable()
    if isinstance(error, StaleDataError):
        return PreconditionFailed()
    return InternalError()


def is_passing(error: DBAPIError) -> bool:
    """Whether the same request may simply run again: all was undone, and the fault was one of the moment.

    A lost connection counts; a database that has fallen silent does not, because the client's patience is used up.
    """
    if isinstance(error.orig, Silence):
        return False
    return error.connection_invalidated or sqlstate(error) in {_DEADLOCK, _SERIALIZATION, *FORGOTTEN}


def sqlstate(error: DBAPIError) -> str:
    """The five characters that name a database error, or an empty text where the connection itself broke."""
    return getattr(error.orig, "pgcode", None) or ""


def _named(error: BillingError) -> tuple[str, str, str]:
    """Code, title and detail. What has no name of its own takes that of its faults, where these are all of one kind."""
    codes = {fault.code for fault in error.faults}
    known = _known(next(iter(codes))) if len(codes) == 1 else None
    if known is None or type(error) not in {Invalid, Malformed}:
        return error.code, error.title, error.detail
    if len(error.faults) == 1:
        return known.code, known.title, error.faults[0].detail
    is_told = error.detail != f"{error.title}."
    return known.code, known.title, error.detail if is_told else f"{known.title}."


def _known(code: str) -> FaultCode | type[BillingError] | None:
    """What a code of faults is called: in the catalogue, or by the refusal that bears it."""
    return FAULT_CODES.get(code) or next((kind for kind in tree(Invalid) if kind.code == code), None)


def _fault(fault: Fault) -> dict[str, str]:
    place = {"pointer": fault.pointer} if fault.parameter is None else {"parameter": fault.parameter}
    return {**{name: value or "" for name, value in place.items()}, "code": fault.code, "detail": fault.detail}


def _of_http(error: HTTPException) -> BillingError:
    kind = _BY_STATUS.get(error.code or 500, InternalError)
    if kind is PayloadTooLarge:
        return PayloadTooLarge(current_request().max_content_length or 0)
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    allowed = headers.get("Allow")
    refusal = kind(f"Allowed here: {allowed}.") if allowed and kind is MethodNotAllowed else kind()
    refusal.headers |= headers
    return refusal


def _of_database(error: DBAPIError) -> BillingError:
    state = sqlstate(error)
    if isinstance(error, IntegrityError):
        return refusal_of(constraint_of(error)) or (Conflict() if state in _OF_OTHERS else InternalError())
    if state == _SESSION_ENDED:
        return Unauthenticated(_ENDED[_credential()])
    if state == _DOCUMENT_FROZEN:
        return DocumentIsFrozen()
    if state == LOCK_NOT_AVAILABLE:
        return HeldByAnother()
    if state.startswith("22"):
        unforeseen_data.inc()
        return Invalid("A value is out of range.")
    if not state or state.startswith(_AWAY) or state in FORGOTTEN or error.connection_invalidated:
        return Unavailable()
    return InternalError()


def _credential() -> str:
    """The kind of this request's credential, as far as it was looked at."""
    kind = current_request().credential_type
    is_of_key = getattr(g.get("principal"), "actor_type", None) == "api_key"
    return "client" if is_of_key and kind == "access_token" else kind


def _report(error: Exception, refusal: BillingError) -> None:
    """Log where it happened. The exception's own text stays out: it may quote SQL and personal data."""
    # Flask wraps what was raised while a request was being answered, and not by its view.
    error = getattr(error, "original_exception", None) or error
    log.error(
        "failure",
        code=refusal.code,
        exception=type(error).__name__,
        sqlstate=sqlstate(error) if isinstance(error, DBAPIError) else None,
        at=place(error.__traceback__),
    )
