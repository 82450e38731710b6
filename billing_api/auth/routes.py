"""`/v1/auth/*` and `/v1/me`: from a password to tokens, and back out."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from flask import current_app, g

from billing_api.auth import refresh_tokens, service, sessions
from billing_api.auth.models import EmailRegistered, Session, User
from billing_api.auth.schemas import (
    GrantOutput,
    LoginInput,
    MeEdit,
    MeOutput,
    PasswordInput,
    RefreshInput,
    SessionOutput,
    SessionQuery,
    SignUpInput,
)
from billing_api.auth.sessions import Terms
from billing_api.errors import Fault, Invalid
from billing_api.web import cookies, credentials, grants
from billing_api.web.api import Blueprint
from billing_api.web.auth import public, requires
from billing_api.web.components import header
from billing_api.web.cookies import CsrfTokenMismatch
from billing_api.web.pagination import SortKey, page_of, paginate
from billing_api.web.preconditions import etag, expected_version
from billing_api.web.request import current_request

blueprint = Blueprint("auth", __name__, url_prefix="/v1", description="Sign up, log in, and keep a session alive.")

Shown = tuple[dict[str, Any], int, dict[str, str]]

TAGGED = {"ETag": header("ETag")}
SORT_KEYS = {"created_at": SortKey(Session.created_at, dt.datetime.fromisoformat)}


@blueprint.route("/auth/sign-up", methods=["POST"])
@public(403, EmailRegistered)
@blueprint.arguments(SignUpInput())
@blueprint.response(201, GrantOutput())
def sign_up(values: dict[str, Any]) -> Any:
    """Sign up

    Founds an organization with its owner, who is logged in at once. The service's operator may have closed this door.
    """
    if current_app.config["BILLING_SIGN_UP"] == "closed":
        raise service.SignUpClosed()
    return grants.shown(service.sign_up(values, _terms(values))), 201, {"Location": "/v1/me"}


@blueprint.route("/auth/login", methods=["POST"])
@public(401)
@blueprint.arguments(LoginInput())
@blueprint.response(200, GrantOutput())
def login(values: dict[str, Any]) -> dict[str, Any]:
    """Log in

    A refusal is the same for every reason, but for these: where the password is right and the user has a second factor,
    it is `second-factor-required` until a `code` comes along, and `second-factor-refused` where that is not good. Ten
    failures in 15 minutes close the address until they are over; after a hundred in a row it takes a new password.

    Where the organization demands a second factor that the user has not, the session is limited: its `scope` is empty,
    and it opens `/v1/me` and what is below it alone.
    """
    return grants.shown(service.login(values["email"], values["password"], _terms(values), values["code"]))


@blueprint.route("/auth/refresh", methods=["POST"])
@public(401, CsrfTokenMismatch)
@blueprint.arguments(RefreshInput())
@blueprint.response(200, GrantOutput())
def refresh(values: dict[str, Any]) -> dict[str, Any]:
    """Exchange a refresh token

    Each refresh token works once and gives its successor. One that is used again ends the session. Where it is in a
    cookie, the body is empty, and `X-CSRF-Token` is sent along.
    """
    if token := values["refresh_token"]:
        return grants.shown(refresh_tokens.exchange(token, _held_in("body")))
    token = None if credentials.is_named() else cookies.refresh_token()
    if token is None:
        raise Invalid(faults=[Fault("required", "This member is required, where no cookie has it.", "/refresh_token")])
    cookies.claimed_session()
    grant = refresh_tokens.exchange(token, _held_in("cookie"))
    cookies.check(grant.session.id)
    return grants.shown(grant)


@blueprint.route("/auth/logout", methods=["POST"])
@requires(stores=False, refusals=(403,))
@blueprint.response(204)
def logout() -> None:
    """Log out

    Ends the session: its access token and its refresh token are refused from now on.
    """
    sessions.logout(g.principal)
    if current_request().is_by_cookie:
        cookies.take_back()


@blueprint.route("/me")
@requires()
@blueprint.response(200, MeOutput(), headers=TAGGED)
def me() -> Shown:
    """Read who I am

    The user and the organization that the credential speaks for, and its scopes. `user` is null for an API key. The
    ETag is that of the user, for `If-Match`: organization and scopes change without it, so that nothing answers 304.
    """
    return _me()


@blueprint.route("/me", methods=["PATCH"])
@requires(refusals=(403,))
@blueprint.edits(MeEdit())
@blueprint.response(200, MeOutput(), headers=TAGGED)
def rename(change: Callable[[User], dict[str, Any]]) -> Shown:
    """Change my name

    Roles are given by others: `PATCH /v1/users/{id}`. `If-Match` names the version of the user.
    """
    service.rename(g.principal, change, expected_version())
    return _me()


@blueprint.route("/me/password", methods=["PUT"])
@requires(stores=False, matches=False, asks_first=False, refusals=(403,))
@blueprint.arguments(PasswordInput())
@blueprint.response(200, GrantOutput())
def change_password(values: dict[str, Any]) -> dict[str, Any]:
    """Change my password

    Ends every session of the user at once, this one too, and gives the credentials of a new one.
    """
    terms = _held_in("cookie" if current_request().is_by_cookie else "body")
    return grants.shown(service.change_password(g.principal, values["current_password"], values["new_password"], terms))


@blueprint.route("/me/sessions")
@requires(refusals=(403,))
@blueprint.arguments(SessionQuery(), location="query")
@blueprint.response(200, page_of(SessionOutput(), "SessionPage"))
def search_sessions(query: dict[str, Any]) -> dict[str, Any]:
    """List my sessions

    Those that are alive: one for each login, wherever it was made.
    """
    return paginate(lambda _: sessions.search(g.principal), query, SORT_KEYS)


@blueprint.route("/me/sessions/<uuid:session_id>")
@requires(refusals=(403,))
@blueprint.response(200, SessionOutput())
def read_session(session_id: uuid.UUID) -> Session:
    """Read one of my sessions

    While it is alive.
    """
    return sessions.read(g.principal, session_id)


@blueprint.route("/me/sessions", methods=["DELETE"])
@requires(matches=False, refusals=(403,))
@blueprint.response(204)
def end_other_sessions() -> None:
    """End my other sessions

    All but the one that asks: whoever holds their tokens is logged out at once.
    """
    sessions.end_others(g.principal)


@blueprint.route("/me/sessions/<uuid:session_id>", methods=["DELETE"])
@requires(matches=False, refusals=(403,))
@blueprint.response(204)
def end_session(session_id: uuid.UUID) -> None:
    """End one of my sessions

    Its access token and its refresh token are refused from now on.
    """
    sessions.end_own(g.principal, session_id)


def _me() -> Shown:
    principal, request = g.principal, current_request()
    organization, user = service.spoken_for(principal)
    shown = {
        "user": user,
        "organization": organization,
        "scope": " ".join(sorted(principal.scopes)),
        "credential": {
            "type": request.credential_type,
            "session_id": principal.session_id,
            "client_id": principal.client_id,
            "csrf_token": cookies.csrf_token(principal.session_id) if request.is_by_cookie else None,
        },
    }
    # Of all this the user alone can be changed here, and it is one object under two addresses: what was read as
    # `/v1/users/{id}` can be changed here under the tag that it had there.
    return shown, 200, {"ETag": etag(user.version)} if user else {}


def _terms(values: dict[str, Any]) -> Terms:
    return _held_in(grants.carrier(values["session"]))


def _held_in(carrier: str) -> Terms:
    return Terms(carrier, grants.lifetime())
