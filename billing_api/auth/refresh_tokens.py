"""Refresh tokens: each is exchanged once for its successor, and one that comes back ends its session."""

import datetime as dt
import uuid
from collections.abc import Collection

import sqlalchemy as sa

from billing_api import clock, opaque_tokens
from billing_api.audit_log.service import note
from billing_api.auth import sessions
from billing_api.auth.models import RefreshToken, Session, User
from billing_api.auth.sessions import Grant, Terms
from billing_api.database import db, enter, find, reveal
from billing_api.errors import NotFound, Unauthenticated
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import Actor, unit


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


def exchange(token: str, terms: Terms) -> Grant:
    """Exchange a refresh token for its successor.

    A token that comes back after it was spent is in two hands: the session ends. One that was sent before its twin was
    done with, as the tabs of a browser do, is refused and ends nothing.

    Raises:
        InvalidRefreshToken, RefreshTokenInExchange, RefreshTokenReused
    """
    held = _held(token)
    was_unused = held.used_at is None
    enter(held.organization_id)
    session = _locked(held)
    user = find(User, session.user_id)
    unit().actor = Actor("user", user.id)
    organization = organizations.current()
    if organization.closed_at is not None or user.status != "active" or session.ended_at is not None:
        raise InvalidRefreshToken()
    if session.carrier != terms.carrier:
        # What a cookie keeps from the scripts of a page must not be had in a body.
        raise InvalidRefreshToken()
    if held.used_at is not None:
        raise _spent(held, session, is_twin=was_unused or unit().started_at <= held.used_at)
    grant = sessions.grant(organization, user, session, terms.lifetime)
    # As late as can be: what was sent up to here cannot have seen the successor.
    held.used_at = clock.now()
    return grant


def forget(tokens: Collection[uuid.UUID], before: dt.datetime) -> int:
    """Delete those of these refresh tokens of the entered organization that expired before then, and each session with
    its last one; how many tokens were deleted.

    A session in which somebody is at work is left for another time.
    """
    tenant = unit().tenant
    of_tokens = sa.select(RefreshToken.session_id).where(
        RefreshToken.organization_id == tenant, RefreshToken.id.in_(tokens), RefreshToken.expires_at < before
    )
    idle = sa.select(Session.id).where(Session.organization_id == tenant, Session.id.in_(of_tokens))
    found = db.session.scalars(idle.with_for_update(skip_locked=True)).all()
    gone = sa.delete(RefreshToken).where(
        RefreshToken.organization_id == tenant,
        RefreshToken.id.in_(tokens),
        RefreshToken.session_id.in_(found),
        RefreshToken.expires_at < before,
    )
    left = sa.exists().where(RefreshToken.organization_id == tenant, RefreshToken.session_id == Session.id)
    over = sa.delete(Session).where(Session.organization_id == tenant, Session.id.in_(found), ~left)
    count = len(db.session.scalars(gone.returning(RefreshToken.id)).all())
    db.session.execute(over.execution_options(synchronize_session=False))
    return count


def _held(token: str) -> RefreshToken:
    """The refresh token as it is kept, looked for across tenants. Raises InvalidRefreshToken."""
    digest = opaque_tokens.digest(token)
    reveal("token_digest", digest)
    held = db.session.scalars(sa.select(RefreshToken).where(RefreshToken.digest == digest)).one_or_none()
    # Expired, it may be deleted at any moment, with its session.
    if held is None or held.expires_at <= clock.now():
        raise InvalidRefreshToken()
    return held


def _locked(held: RefreshToken) -> Session:
    """The token's session, and nobody else's until the commit. Raises InvalidRefreshToken where its user was removed.

    The lock is what makes one of many first: of the token, what was read before it is only a hint.
    """
    try:
        session = find(Session, held.session_id, lock=True)
    except NotFound:
        raise InvalidRefreshToken() from None
    db.session.refresh(held)
    return session


def _spent(held: RefreshToken, session: Session, *, is_twin: bool) -> InvalidRefreshToken:
    """The refusal of a token that was used before; where it is in two hands, it ends the session."""
    if is_twin:
        _await_more_twins(held)
        return RefreshTokenInExchange()
    note("session.refresh_reused", session, user_id=str(session.user_id))
    sessions.end(session, "refresh token reused")
    return RefreshTokenReused()


def _await_more_twins(spent: RefreshToken) -> None:
    """Where there is one twin there may be more: whoever is sent until shortly after this one is a twin too."""
    successors = sa.select(sa.func.min(RefreshToken.created_at)).where(
        RefreshToken.organization_id == unit().tenant,
        RefreshToken.session_id == spent.session_id,
        RefreshToken.created_at > spent.created_at,
    )
    exchanged_at = db.session.scalar(successors) or clock.now()
    spent.used_at = min(clock.now() + _TWINS_APART, exchanged_at + _TWINS_WITHIN)
