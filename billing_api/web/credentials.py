"""From what a request brings along to whom it speaks for: an access token, an API key, or the cookies of a session."""

import re
import uuid
from collections.abc import Callable
from functools import lru_cache

from jwt.exceptions import ExpiredSignatureError, PyJWTError

from billing_api.domain.access import SCOPES, Principal, role_of
from billing_api.errors import Malformed, Unauthenticated
from billing_api.web import cookies
from billing_api.web.app import SAFE
from billing_api.web.request import Request, current_request
from billing_api.web.tokens import CLIENT_ID, REMEMBERED, Claims, verified

_BEARER = re.compile(r"(?i:Bearer) ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
"""One token in the compact form (RFC 7515) and nothing beside it, behind the scheme in any letters (RFC 9110, section
11.1). A list of credentials is none."""

_ELSEWHERE = "This is no access token: send `Authorization: Bearer <access token>`, or an API key in `X-API-Key`."


class SeveralCredentials(Malformed):
    """One request may carry one credential. Send `Authorization` or `X-API-Key`, and not both."""

    code = "several-credentials"
    title = "More than one credential"


_loaders: list[Callable[[str], Principal | None]] = []


def on_api_key(load: Callable[[str], Principal | None]) -> None:
    """Have API keys looked up by a resource, which this room does not know."""
    _loaders.append(load)


def is_named() -> bool:
    """Whether the request names a credential itself; then no cookie is looked at."""
    headers = current_request().headers
    return "Authorization" in headers or "X-API-Key" in headers


def authenticate(request: Request) -> Principal:
    """The principal of a request's credential.

    Raises:
        Unauthenticated: there is none, or it is forged, expired, of another kind or for another service.
        SeveralCredentials: there is more than one.
        CsrfTokenMismatch: it comes with cookies, writes, and no page of the session has sent it.
    """
    authorization, key = request.headers.get("Authorization"), request.headers.get("X-API-Key")
    if authorization is not None and key is not None:
        raise SeveralCredentials()
    if key is not None:
        request.credential_type = "api_key"
        return _by_key(key)
    if authorization is not None:
        bearer = _BEARER.fullmatch(authorization)
        if bearer is None:
            raise _rejected(_ELSEWHERE)
        return by_token(bearer[1])
    return _by_cookie(request)


def by_token(token: str) -> Principal:
    """The principal of an access token. Raises Unauthenticated."""
    try:
        claims = verified(token)
    except ExpiredSignatureError:
        # Only a signature of ours is looked at for its time, so that this tells a forger nothing.
        raise _rejected("The access token has expired. Refresh it, log in, or exchange the API key again.") from None
    except (PyJWTError, ValueError, TypeError):
        raise _rejected() from None
    return _principal(claims)


def _by_key(secret: str) -> Principal:
    for load in _loaders:
        if principal := load(secret):
            return principal
    raise Unauthenticated("The API key is not valid: it is unknown, has expired or was revoked.")


def _by_cookie(request: Request) -> Principal:
    token = cookies.access_token()
    if token is None:
        raise Unauthenticated("Send a credential: `Authorization: Bearer <access token>`, or `X-API-Key`.")
    principal = by_token(token)
    if request.method not in SAFE:
        cookies.check(principal.session_id)
    request.credential_type = "cookie"
    return principal


@lru_cache(maxsize=REMEMBERED)
def _principal(claims: Claims) -> Principal:
    """Of whom a token speaks, which is as long the same as its claims are remembered. What raises is not."""
    is_service = claims["client_id"] != CLIENT_ID
    try:
        principal = Principal(
            organization_id=uuid.UUID(claims["org"]),
            actor_type="api_key" if is_service else "user",
            actor_id=uuid.UUID(claims["sub"]),
            session_id=None if is_service else uuid.UUID(claims["sid"]),
            scopes=frozenset(claims["scope"].split()),
            client_id=claims["client_id"],
        )
    except ValueError:
        raise _rejected() from None
    # A login gives the scopes of a role, all of them, and the database compares the role with the user's own; or none,
    # while the user lacks a second factor that is demanded. A key gives what was asked for of its own scopes, which
    # never change, and names itself as client (RFC 9068, section 3).
    names_itself = claims["sub"] == claims["client_id"] == claims["sid"] and principal.scopes <= SCOPES
    if not (names_itself if is_service else principal.is_limited or role_of(principal.scopes)):
        raise _rejected()
    return principal


def _rejected(
    detail: str = "The access token is not valid. Log in, and send `Authorization: Bearer <access token>`.",
) -> Unauthenticated:
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
