"""Sessions of pages in a browser: tokens in cookies that no script can read, and a second value that only a page of
ours can send (CSRF double submit).

The second value names the session and is signed, so that one who can plant cookies, as from a neighbouring subdomain,
cannot make up a pair that fits.
"""

import hashlib
import hmac
import uuid

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from billing_api.errors import Forbidden

_ACCESS, _REFRESH, _CSRF = "billing_access", "billing_refresh", "billing_csrf"
_REFRESH_PATH = "/v1/auth"
"""The refresh token goes nowhere else."""


class CsrfTokenMismatch(Forbidden):
    """A request with cookies that writes needs the `X-CSRF-Token` that login gave with them. Send `csrf_token` of the
    login, of the last refresh, or of `GET /v1/me`. Another page cannot know it, so this request may be one that you did
    not mean."""

    code = "csrf-token-mismatch"
    title = "The CSRF token is missing or another session's"


def access_token() -> str | None:
    """The access token of the request's cookie, if there is one."""
    return request.cookies.get(_name(_ACCESS))


def refresh_token() -> str | None:
    """The refresh token of the request's cookie, if there is one."""
    return request.cookies.get(_name(_REFRESH))


def csrf_token(session_id: uuid.UUID) -> str:
    """What a page sends along with the cookies of this session."""
    return str(_signer().dumps(str(session_id)))


def claimed_session() -> uuid.UUID:
    """The session that the page which sent this request belongs to. Raises CsrfTokenMismatch."""
    header, cookie = request.headers.get("X-CSRF-Token", ""), request.cookies.get(_name(_CSRF), "")
    if not hmac.compare_digest(header.encode(), cookie.encode()):
        raise CsrfTokenMismatch()
    try:
        return uuid.UUID(_signer().loads(header))
    except (BadSignature, ValueError, AttributeError):
        raise CsrfTokenMismatch() from None


def check(session_id: uuid.UUID | None) -> None:
    """Refuse a request that no page of this session has sent. Raises CsrfTokenMismatch."""
    if claimed_session() != session_id:
        raise CsrfTokenMismatch()


def hand_over(session_id: uuid.UUID, access: str, refresh: str, seconds: int) -> None:
    """Let this request's answer carry the session's cookies; the page has them for `seconds`, the life of the refresh
    token, and asks for a new access token when the old one has expired."""

    @after_this_request
    def carry(response: Response) -> Response:
        if response.status_code < 300:
            for name, value, path, is_hidden in (
                (_ACCESS, access, "/", True),
                (_REFRESH, refresh, _REFRESH_PATH, True),
                (_CSRF, csrf_token(session_id), "/", False),
            ):
                response.set_cookie(
                    _name(name), value, seconds, path=path, secure=True, httponly=is_hidden, samesite="Strict"
                )
        return response


def take_back() -> None:
    """Let this request's answer remove the cookies."""

    @after_this_request
    def clear(response: Response) -> Response:
        for name, path in ((_ACCESS, "/"), (_REFRESH, _REFRESH_PATH), (_CSRF, "/")):
            response.delete_cookie(_name(name), path, secure=True, samesite="Strict")
        return response


def _name(name: str) -> str:
    """The cookie's name. With the prefix a browser takes it from nobody but this host, and over TLS; where the service
    is tried out without TLS, browsers would refuse the prefix."""
    if not current_app.config["BILLING_PUBLIC_URL"].startswith("https://"):
        return name
    return f"__Secure-{name}" if name == _REFRESH else f"__Host-{name}"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(
        current_app.config["SECRET_KEY"], salt="csrf", signer_kwargs={"digest_method": hashlib.sha256}
    )
