"""`/v1/auth/*` and `/v1/me`: from a password to tokens, and back out."""

import datetime as dt
from typing import Any

from flask import current_app, g

from billing_api.auth import service, sessions
from billing_api.auth.schemas import GrantOutput, LoginInput, MeOutput, RefreshInput, SignUpInput
from billing_api.auth.sessions import Grant
from billing_api.web import tokens
from billing_api.web.api import Blueprint
from billing_api.web.auth import public, requires

blueprint = Blueprint("auth", __name__, url_prefix="/v1", description="Sign up, log in, and keep a session alive.")


@blueprint.route("/auth/sign-up", methods=["POST"])
@public(409)
@blueprint.arguments(SignUpInput())
@blueprint.response(201, GrantOutput())
def sign_up(values: dict[str, Any]) -> Any:
    """Sign up

    Founds an organization with its owner, who is logged in at once.
    """
    return _granted(service.sign_up(values, _lifetime())), 201, {"Location": "/v1/me"}


@blueprint.route("/auth/login", methods=["POST"])
@public(401)
@blueprint.arguments(LoginInput())
@blueprint.response(200, GrantOutput())
def login(values: dict[str, Any]) -> dict[str, Any]:
    """Log in

    A refusal is the same for every reason.
    """
    return _granted(service.login(values["email"], values["password"], _lifetime()))


@blueprint.route("/auth/refresh", methods=["POST"])
@public(401)
@blueprint.arguments(RefreshInput())
@blueprint.response(200, GrantOutput())
def refresh(values: dict[str, Any]) -> dict[str, Any]:
    """Exchange a refresh token

    Each refresh token works once and gives its successor. One that is used again ends the session.
    """
    return _granted(sessions.refresh(values["refresh_token"], _lifetime()))


@blueprint.route("/auth/logout", methods=["POST"])
@requires(stores=False)
@blueprint.response(204)
def logout() -> None:
    """Log out

    Ends the session: its access token and its refresh token are refused from now on.
    """
    sessions.logout(g.principal)


@blueprint.route("/me")
@requires()
@blueprint.response(200, MeOutput())
def me() -> dict[str, Any]:
    """Read who I am

    The user and the organization that the credential speaks for, and its scopes.
    """
    principal = g.principal
    return {
        "user": service.user_of(principal),
        "organization": service.organization_of(principal),
        "scope": " ".join(sorted(principal.scopes)),
        "credential": {
            "type": "access_token",
            "session_id": principal.session_id,
            "client_id": principal.client_id,
        },
    }


def _lifetime() -> dt.timedelta:
    return dt.timedelta(seconds=current_app.config["BILLING_REFRESH_TOKEN_SECONDS"])


def _granted(grant: Grant) -> dict[str, Any]:
    user = grant.user
    return {
        "organization": grant.organization,
        "user": user,
        "access_token": tokens.mint(user.organization_id, user.id, grant.session.id, user.role),
        "token_type": "Bearer",
        "expires_in": int(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"].total_seconds()),
        "refresh_token": grant.refresh_token,
        "scope": grant.scope,
    }
