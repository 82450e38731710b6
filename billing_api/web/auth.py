"""The guard before every door: a credential becomes a principal, and the principal the tenant of the transaction."""

import re
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

import jwt
from flask import g, request
from flask_jwt_extended import decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from billing_api import database
from billing_api.domain.access import SCOPES, Principal, role_of
from billing_api.errors import Forbidden, Malformed, Unauthenticated
from billing_api.unit_of_work import Actor
from billing_api.web.app import SAFE
from billing_api.web.idempotency import once

TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a secret
REQUIRED_CLAIMS = frozenset(
    {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "type", "org", "sid", "scope", "client_id"}
)

_BEARER = re.compile(r"(?i:Bearer) ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
"""One token in the compact form (RFC 7515) and nothing beside it, behind the scheme in any letters (RFC 9110, section
11.1): Flask-JWT-Extended takes a list of credentials, verifies one of them, and knows one spelling of the scheme."""

View = Callable[..., Any]


class InsufficientScope(Forbidden):
    """The token is good, but does not carry all scopes that this operation asks for. `detail` names them; ask somebody
    with a higher role."""

    code = "insufficient-scope"
    title = "The token does not reach this far"


class SeveralCredentials(Malformed):
    """One request may carry one credential: `Authorization` or `X-API-Key`, not both."""

    code = "several-credentials"
    title = "More than one credential"


def requires(*scopes: str, stores: bool = True, refusals: tuple[int, ...] = ()) -> Callable[[View], View]:
    """Open a view to principals with all of these scopes; none asks for any good credential.

    A POST behind it honours Idempotency-Key, unless it `stores` nothing (a preview). `refusals` are statuses that it
    answers with beside those that follow from its form.

    The view raises Unauthenticated (401) without a good credential, InsufficientScope (403) without the scopes.
    """
    if unknown := set(scopes) - SCOPES:
        raise LookupError(f"there is no scope {', '.join(sorted(unknown))}")

    def decorator(view: View) -> View:
        inner = once(view) if stores else view

        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            admit(authenticate(), *scopes)
            return inner(*args, **kwargs) if request.method == "POST" else view(*args, **kwargs)

        guarded.required_scopes = scopes  # type: ignore[attr-defined]  # read by the document and by the test of doors
        guarded.is_guarded = True  # type: ignore[attr-defined]  # the same
        guarded.stores_replies = stores  # type: ignore[attr-defined]  # the same
        guarded.refusals = refusals  # type: ignore[attr-defined]  # the same
        return guarded

    return decorator


def public(*refusals: int) -> Callable[[View], View]:
    """Open a view to everybody, and name the refusals that it knows. Said aloud, so that no door is left open."""

    def decorator(view: View) -> View:
        view.refusals = refusals  # type: ignore[attr-defined]  # read by the document
        view.is_public = True  # type: ignore[attr-defined]  # read by the test of doors
        return view

    return decorator


def authenticate() -> Principal:
    """The principal of this request's credential.

    Raises:
        Unauthenticated: there is none, or it is forged, expired, of another kind or for another service.
        SeveralCredentials: there is more than one.
    """
    if "Authorization" in request.headers and "X-API-Key" in request.headers:
        raise SeveralCredentials()
    if "Authorization" not in request.headers:
        raise Unauthenticated("Send a credential: `Authorization: Bearer <access token>`.")
    bearer = _BEARER.fullmatch(request.headers["Authorization"])
    if bearer is None:
        raise _rejected()
    try:
        decode_token(bearer[1])
    except ExpiredSignatureError:
        # Only a signature of ours is looked at for its time, so that this tells a forger nothing.
        raise _rejected("The access token has expired. Refresh it, or log in again.") from None
    except (JWTExtendedException, PyJWTError, ValueError, TypeError, KeyError):
        raise _rejected() from None
    # Flask-JWT-Extended fills in a type and an id that are missing, so the claims are read as they were sent; the
    # signature over them has just been verified.
    claims = jwt.decode(bearer[1], options={"verify_signature": False})
    if str(jwt.get_unverified_header(bearer[1]).get("typ", "")).lower() != TOKEN_TYPE or not _is_complete(claims):
        raise _rejected()
    return _principal(claims)


def admit(principal: Principal, *scopes: str) -> None:
    """Let the principal in: its tenant becomes the transaction's. Raises InsufficientScope.

    The database refuses a session that has ended, or a role that has changed, with the first statement, so that a
    revoked token dies at once and it costs no round trip of its own. A write asks before anything else is looked at.
    """
    _insist(principal, scopes)
    g.principal = principal
    # Ids and a role name: nothing in this statement was written by a client.
    who = f"'{principal.session_id}', '{principal.actor_id}', '{role_of(principal.scopes) or ''}'"
    guard = f"SELECT assert_session({who}); "
    database.enter(principal.organization_id, Actor(principal.actor_type, principal.actor_id), guard=guard)
    if request.method not in SAFE:
        g.demands_if_match = database.announce()


def also_requires(*scopes: str) -> None:
    """Ask the principal of this request for more than its route does, where the body asks for more. Raises
    InsufficientScope."""
    _insist(g.principal, scopes)


def _insist(principal: Principal, scopes: tuple[str, ...]) -> None:
    if not all(principal.may(scope) for scope in scopes):
        raise InsufficientScope(
            f"This needs the scope{'s' * (len(scopes) > 1)} {' and '.join(scopes)}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'},
        )


def _is_complete(claims: dict[str, Any]) -> bool:
    """Whether these are the claims of an access token of ours; the library minds neither a type that it does not know
    nor a number that is a boolean."""
    numbers = all(type(claims.get(name)) is int for name in ("iat", "nbf", "exp"))
    names = all(isinstance(claims.get(name), str) and claims[name] for name in ("jti", "client_id"))
    return claims.keys() >= REQUIRED_CLAIMS and claims["type"] == "access" and numbers and names


def _principal(claims: dict[str, Any]) -> Principal:
    try:
        principal = Principal(
            organization_id=uuid.UUID(claims["org"]),
            actor_type="user",
            actor_id=uuid.UUID(claims["sub"]),
            session_id=uuid.UUID(claims["sid"]),
            scopes=frozenset(claims["scope"].split()),
            client_id=claims["client_id"],
        )
    except (ValueError, AttributeError, TypeError):
        raise _rejected() from None
    if role_of(principal.scopes) is None:
        # A login gives the scopes of a role, all of them; the database compares the role with the user's own.
        raise _rejected()
    return principal


def _rejected(
    detail: str = "The access token is not valid. Log in, and send `Authorization: Bearer <access token>`.",
) -> Unauthenticated:
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
