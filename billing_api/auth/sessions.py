"""The life of a session: opened by a login, kept alive by refresh tokens, ended."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api import clock, opaque_tokens
from billing_api.audit_log.service import note, record_and_note
from billing_api.auth import second_factors
from billing_api.auth.models import RefreshToken, Session, User
from billing_api.database import db, enter, find, reveal
from billing_api.domain.access import NO_ROLE, Principal, scope_text
from billing_api.errors import Forbidden, NotFound, Unauthenticated
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
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


class NeedsPerson(Forbidden):
    """This is about a person's own account: their sessions and their password. An API key has neither; log in."""

    code = "needs-person"
    title = "Only a person has this"


_TWINS_APART = dt.timedelta(milliseconds=100)
"""How far apart a client may send two of several requests that it means to send at one moment."""
_TWINS_WITHIN = dt.timedelta(seconds=2)
"""How long after the exchange the last of them may be sent. Without an end, a thief who goes on sending would put off
the end of the session for ever."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a session is held: how its tokens travel, `body` or `cookie`, and how long a refresh token is good."""

    carrier: str
    lifetime: dt.timedelta


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login gives: whom it is for, and the refresh token, which is shown this once."""

    organization: Organization
    user: User
    session: Session
    refresh_token: str
    role: str
    """The user's own, or NO_ROLE where they lack the second factor that the organization demands."""

    @property
    def scope(self) -> str:
        """How far it reaches, as OAuth 2 writes it."""
        return scope_text(self.role)


def start(organization: Organization, user: User, terms: Terms) -> Grant:
    """A new session of a user of the entered organization."""
    session = Session(id=uuid7(), user_id=user.id, carrier=terms.carrier)
    db.session.add(session)
    db.session.flush()
    record_and_note("session.created", session, user_id=str(user.id))
    return _granted(organization, user, session, terms)


def refresh(token: str, terms: Terms) -> Grant:
    """Exchange a refresh token for its successor.

    A token that comes back after it was spent is in two hands: the session ends. One that was sent before its twin was
    done with, as the tabs of a browser do, is refused and ends nothing.

    Raises:
        InvalidRefreshToken, RefreshTokenInExchange, RefreshTokenReused
    """
    held = _held(token)
    # Expired, it may be deleted at any moment, with its session.
    if held.expires_at <= clock.now():
        raise InvalidRefreshToken()
    was_unused = held.used_at is None
    enter(held.organization_id)
    # The lock of the session is what makes one of many first; what stood before it is only a hint.
    session = _locked(held.session_id)
    db.session.refresh(held)
    user = find(User, session.user_id)
    unit().actor = Actor("user", user.id)
    organization = organizations.current()
    if organization.closed_at is not None or session.ended_at is not None or user.status != "active":
        raise InvalidRefreshToken()
    if session.carrier != terms.carrier:
        # What a cookie keeps from the scripts of a page must not be had in a body.
        raise InvalidRefreshToken()
    if held.used_at is not None:
        if was_unused or unit().started_at <= held.used_at:
            _await_more_twins(held)
            raise RefreshTokenInExchange()
        note("session.refresh_reused", session, user_id=str(user.id))
        _end(session, "refresh token reused")
        raise RefreshTokenReused()
    grant = _granted(organization, user, session, terms)
    # As late as can be: what was sent up to here cannot have seen the successor.
    held.used_at = clock.now()
    return grant


def logout(principal: Principal) -> None:
    """End the session of this credential: its access tokens and its refresh tokens are refused from now on."""
    if principal.session_id is None:
        raise NeedsPerson()
    session = find(Session, principal.session_id, lock=True)
    if session.ended_at is None:
        _end(session, "logout")


def person(principal: Principal) -> uuid.UUID:
    """The user that a credential speaks for. Raises NeedsPerson."""
    if principal.actor_type != "user":
        raise NeedsPerson()
    return principal.actor_id


def search(principal: Principal) -> sa.Select[Session]:
    """The principal's own sessions that are alive. Raises NeedsPerson."""
    return sa.select(Session).where(
        Session.organization_id == unit().tenant,
        Session.user_id == person(principal),
        Session.ended_at.is_(None),
        sa.or_(Session.expires_at.is_(None), Session.expires_at > clock.now()),
    )


def read(principal: Principal, id: uuid.UUID) -> Session:
    """One of the principal's own sessions that are alive. Raises NotFound, NeedsPerson."""
    session = db.session.scalars(search(principal).where(Session.id == id)).one_or_none()
    if session is None:
        raise NotFound()
    return session


def end(principal: Principal, id: uuid.UUID) -> None:
    """End one of the principal's own sessions.

    Raises:
        NotFound: it is somebody else's, or has ended.
        NeedsPerson: an API key has none.
    """
    user_id = person(principal)
    session = find(Session, id, lock=True)
    if session.user_id != user_id or session.ended_at is not None:
        raise NotFound()
    _end(session, "ended by its user")


def end_others(principal: Principal) -> None:
    """End all of the principal's own sessions but the one that asks. Raises NeedsPerson."""
    user = find(User, person(principal), lock=True)
    end_all(user.id, "ended by its user", but=principal.session_id)


def end_all(user_id: uuid.UUID, reason: str, *, but: uuid.UUID | None = None) -> None:
    """End all sessions of a user, `but` one. Whoever opens one at the same time locks the user, as the caller must."""
    query = sa.select(Session).where(
        Session.organization_id == unit().tenant, Session.user_id == user_id, Session.ended_at.is_(None)
    )
    query = query.order_by(Session.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    for session in db.session.scalars(query).all():
        if session.id != but:
            _end(session, reason)


def delete_all(user_id: uuid.UUID) -> None:
    """Delete all sessions of a user, whom the caller has locked, with their tokens."""
    tenant = unit().tenant
    query = sa.select(Session.id).where(Session.organization_id == tenant, Session.user_id == user_id)
    # Locked first, as by a refresh, which then has added its token, or finds no session.
    ids = db.session.scalars(query.order_by(Session.id).with_for_update()).all()
    for model, column in ((RefreshToken, RefreshToken.session_id), (Session, Session.id)):
        gone = sa.delete(model).where(model.organization_id == tenant, column.in_(ids))
        db.session.execute(gone.execution_options(synchronize_session=False))


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
    sessions = db.session.scalars(idle.with_for_update(skip_locked=True)).all()
    gone = sa.delete(RefreshToken).where(
        RefreshToken.organization_id == tenant,
        RefreshToken.id.in_(tokens),
        RefreshToken.session_id.in_(sessions),
        RefreshToken.expires_at < before,
    )
    left = sa.exists().where(RefreshToken.organization_id == tenant, RefreshToken.session_id == Session.id)
    over = sa.delete(Session).where(Session.organization_id == tenant, Session.id.in_(sessions), ~left)
    count = len(db.session.scalars(gone.returning(RefreshToken.id)).all())
    db.session.execute(over.execution_options(synchronize_session=False))
    return count


def _granted(organization: Organization, user: User, session: Session, terms: Terms) -> Grant:
    is_limited = organization.require_second_factor and second_factors.active(user.id) is None
    token = _new_token(session, terms.lifetime)
    return Grant(organization, user, session, token, NO_ROLE if is_limited else user.role)


def _new_token(session: Session, lifetime: dt.timedelta) -> str:
    token = opaque_tokens.new("rt")
    now = clock.now()
    session.last_used_at, session.expires_at = now, now + lifetime
    session.address, session.agent = unit().client.address, unit().client.agent
    digest = opaque_tokens.digest(token)
    db.session.add(RefreshToken(session_id=session.id, digest=digest, created_at=now, expires_at=now + lifetime))
    db.session.flush()
    return token


def _held(token: str) -> RefreshToken:
    """The refresh token as it is kept, looked for across tenants. Raises InvalidRefreshToken."""
    digest = opaque_tokens.digest(token)
    reveal("token_digest", digest)
    held = db.session.scalars(sa.select(RefreshToken).where(RefreshToken.digest == digest)).one_or_none()
    if held is None:
        raise InvalidRefreshToken()
    return held


def _locked(id: uuid.UUID) -> Session:
    """The session, and nobody else's until the commit. Raises InvalidRefreshToken where its user was removed."""
    try:
        return find(Session, id, lock=True)
    except NotFound:
        raise InvalidRefreshToken() from None


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
    record_and_note("session.ended", session, user_id=str(session.user_id), reason=reason)
    db.session.flush()
