"""What a login answers: the tokens of a session, in the body or in cookies."""

import datetime as dt
import uuid
from typing import Any, Protocol

from flask import current_app

from billing_api.web import cookies, tokens


class _Row(Protocol):
    @property
    def id(self) -> uuid.UUID: ...


class _Session(_Row, Protocol):
    @property
    def carrier(self) -> str: ...


class _User(_Row, Protocol):
    @property
    def organization_id(self) -> uuid.UUID: ...


class Grant(Protocol):
    """A session that was opened or kept alive, and whom it is for."""

    @property
    def organization(self) -> _Row: ...

    @property
    def user(self) -> _User: ...

    @property
    def session(self) -> _Session: ...

    @property
    def refresh_token(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def scope(self) -> str: ...


def carrier(session: str) -> str:
    """How tokens travel that a client asks for as `token` or `cookie`."""
    return "cookie" if session == "cookie" else "body"


def lifetime() -> dt.timedelta:
    """How long a refresh token is good."""
    return dt.timedelta(seconds=current_app.config["BILLING_REFRESH_TOKEN_SECONDS"])


def shown(grant: Grant) -> dict[str, Any]:
    """The members of the answer; where cookies carry the tokens, the answer gets them too."""
    user, session = grant.user, grant.session
    access = tokens.mint(user.organization_id, user.id, session.id, grant.role)
    members: dict[str, Any] = {
        "organization": grant.organization,
        "user": user,
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(current_app.config["JWT_ACCESS_TOKEN_EXPIRES"].total_seconds()),
        "refresh_token": grant.refresh_token,
        "csrf_token": None,
        "scope": grant.scope,
    }
    if session.carrier == "cookie":
        cookies.hand_over(session.id, access, grant.refresh_token, int(lifetime().total_seconds()))
        members |= {"access_token": None, "refresh_token": None, "csrf_token": cookies.csrf_token(session.id)}
    return members
