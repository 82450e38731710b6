"""Signing up, logging in, and the life of a session."""

import datetime as dt
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api import clock
from billing_api.auth import passwords
from billing_api.auth.models import RefreshToken, Session, User
from billing_api.database import db, enter, find, reveal, transaction
from billing_api.domain.access import Principal, scope_text
from billing_api.domain.emails import fold
from billing_api.errors import NotFound, Unauthenticated
from billing_api.events.service import record
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import Actor, unit


class InvalidCredentials(Unauthenticated):
    """The login was refused. Why is not said: an unknown address, a wrong password and a disabled user look alike."""

    code = "invalid-credentials"
    title = "These credentials are not valid"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, spent, expired, or its session has ended. Log in again."""

    code = "invalid-refresh-token"
    title = "The refresh token is not valid"


class RefreshTokenInExchange(InvalidRefreshToken):
    """Another request was exchanging this refresh token at the same moment, and has its successor. Use that one."""

    code = "refresh-token-in-exchange"
    title = "The refresh token is being exchanged by another request"
    keeps = True


class RefreshTokenReused(InvalidRefreshToken):
    """A refresh token was used a second time, so two parties hold it; the session was ended. Log in again."""

    code = "refresh-token-reused"
    title = "The refresh token was used before"
    keeps = True


_TWINS_APART = dt.timedelta(milliseconds=100)
"""How far apart a client may send two of several requests that it means to send at one moment."""
_TWINS_WITHIN = dt.timedelta(seconds=2)
"""How long after the exchange the last of them may be sent. Without an end, a thief who goes on sending would put off
the end of the session for ever."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login gives: whom it is for, and the refresh token, which is shown this once."""

    organization: Organization
    user: User
    session: Session
    refresh_token: str

    @property
    def scope(self) -> str:
        """How far it reaches, as OAuth 2 writes it."""
        return scope_text(self.user.role)


def sign_up(values: dict[str, Any], lifetime: dt.timedelta) -> Grant:
    """Found an organization with its owner, who is logged in at once. A taken address is refused (EmailRegistered)."""
    # Hashed before the first statement, so that no connection is held meanwhile.
    password_hash = passwords.digest(values["password"])
    organization_id, user_id = uuid7(), uuid7()
    enter(organization_id, Actor("user", user_id))
    organization = organizations.found(
        organization_id,
        name=values["organization_name"],
        country=values["country"],
        currency=values["currency"],
        time_zone=values["time_zone"],
    )
    user = User(
        id=user_id,
        email=values["email"],
        email_key=fold(values["email"]),
        name=values["name"],
        password_hash=password_hash,
        role="owner",
    )
    db.session.add(user)
    db.session.flush()
    record("user.created", user, role=user.role)
    return _open_session(organization, user, lifetime)


def login(email: str, password: str, lifetime: dt.timedelta) -> Grant:
    """Open a session.

    Raises:
        InvalidCredentials: for whatever reason.
    """
    # A unit of its own, so that no connection is held while the password is hashed.
    with transaction(read_only=False):
        known = _by_email(email)
    if not passwords.matches(known.password_hash if known else None, password) or known is None:
        raise InvalidCredentials()
    if known.status != "active":
        raise InvalidCredentials()
    enter(known.organization_id, Actor("user", known.id))
    return _open_session(organizations.current(), find(User, known.id), lifetime)


def open_session(email: str, lifetime: dt.timedelta) -> Grant:
    """A session for the user with this address, without their password: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
    """
    user = _by_email(email)
    if user is None:
        raise NotFound("No user has this e-mail address.")
    enter(user.organization_id, Actor("user", user.id))
    return _open_session(organizations.current(), user, lifetime)


def employer_of(email: str) -> uuid.UUID:
    """The organization of the user with this address: for the operator's own command line.

    Raises:
        NotFound: there is no such user.
    """
    user = _by_email(email)
    if user is None:
        raise NotFound("No user has this e-mail address.")
    return user.organization_id


def refresh(token: str, lifetime: dt.timedelta) -> Grant:
    """Exchange a refresh token for its successor.

    A token that comes back after it was spent is in two hands: the session ends. One that was sent before its twin was
    done with, as the tabs of a browser do, is refused and ends nothing.

    Raises:
        InvalidRefreshToken, RefreshTokenInExchange, RefreshTokenReused
    """
    held = _held(token)
    was_unused = held.used_at is None
    enter(held.organization_id)
    # The lock of the session is what makes one of many first; what stood before it is only a hint.
    session = find(Session, held.session_id, lock=True)
    db.session.refresh(held)
    user = find(User, session.user_id)
    unit().actor = Actor("user", user.id)
    if session.ended_at is not None or user.status != "active" or held.expires_at <= clock.now():
        raise InvalidRefreshToken()
    if held.used_at is not None:
        if was_unused or unit().started_at <= held.used_at:
            _await_more_twins(held)
            raise RefreshTokenInExchange()
        _end(session, "refresh token reused")
        raise RefreshTokenReused()
    grant = Grant(organizations.current(), user, session, _new_token(session, lifetime))
    # As late as can be: what was sent up to here cannot have seen the successor.
    held.used_at = clock.now()
    return grant


def logout(principal: Principal) -> None:
    """End the session of this credential: its access tokens and its refresh tokens are refused from now on."""
    if principal.session_id is None:
        return
    session = find(Session, principal.session_id, lock=True)
    if session.ended_at is None:
        _end(session, "logout")


def user_of(principal: Principal) -> User:
    """The user whom a credential speaks for."""
    return find(User, principal.actor_id)


def organization_of(_principal: Principal) -> Organization:
    """The organization that a credential speaks for: the one that the unit of work has entered with it."""
    return organizations.current()


def _by_email(email: str) -> User | None:
    """Look across tenants for the one user with this address."""
    key = fold(email)
    reveal("email", key)
    return db.session.scalars(sa.select(User).where(User.email_key == key)).one_or_none()


def _open_session(organization: Organization, user: User, lifetime: dt.timedelta) -> Grant:
    session = Session(id=uuid7(), user_id=user.id)
    db.session.add(session)
    db.session.flush()
    record("session.created", session, user_id=str(user.id))
    return Grant(organization, user, session, _new_token(session, lifetime))


def _new_token(session: Session, lifetime: dt.timedelta) -> str:
    token = f"rt_{secrets.token_urlsafe(32)}"
    now = clock.now()
    db.session.add(
        RefreshToken(session_id=session.id, digest=_digest(token), created_at=now, expires_at=now + lifetime)
    )
    db.session.flush()
    return token


def _held(token: str) -> RefreshToken:
    """The refresh token as it is kept, looked for across tenants. Raises InvalidRefreshToken."""
    digest = _digest(token)
    reveal("token_digest", digest)
    held = db.session.scalars(sa.select(RefreshToken).where(RefreshToken.digest == digest)).one_or_none()
    if held is None:
        raise InvalidRefreshToken()
    return held


def _await_more_twins(spent: RefreshToken) -> None:
    """Where there is one twin there may be more: whoever is sent until shortly after this one is a twin too."""
    successors = sa.select(sa.func.min(RefreshToken.created_at)).where(
        RefreshToken.organization_id == unit().tenant,
        RefreshToken.session_id == spent.session_id,
        RefreshToken.created_at > spent.created_at,
    )
    exchanged_at = db.session.scalar(successors) or clock.now()
    spent.used_at = min(clock.now() + _TWINS_APART, exchanged_at + _TWINS_WITHIN)


def _end(session: Session, reason: str) -> None:
    session.ended_at, session.end_reason = clock.now(), reason
    record("session.ended", session, user_id=str(session.user_id), reason=reason)
    db.session.flush()


def _digest(token: str) -> str:
    # A token of 256 random bits cannot be guessed from its digest; a slow hash would add nothing.
    return hashlib.sha256(token.encode()).hexdigest()
