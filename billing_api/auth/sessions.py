"""The life of a session: opened by a login, kept alive by refresh tokens, looked at, ended."""

import datetime as dt
import uuid
from dataclasses import dataclass

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api import clock, opaque_tokens
from billing_api.audit_log.service import record_and_note
from billing_api.auth import second_factors
from billing_api.auth.models import RefreshToken, Session, User
from billing_api.database import db, find
from billing_api.domain.access import NO_ROLE, Principal, scope_text
from billing_api.errors import Forbidden, NotFound
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import unit


class NeedsPerson(Forbidden):
    """This is about a person's own account: their sessions and their password. An API key has neither; log in."""

    code = "needs-person"
    title = "Only a person has this"


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
    session = Session(id=uuid7(), user_id=user.id, carrier=terms.carrier, created_at=clock.now())
    db.session.add(session)
    record_and_note("session.created", session, user_id=str(user.id), carrier=terms.carrier)
    return grant(organization, user, session, terms.lifetime)


def grant(organization: Organization, user: User, session: Session, lifetime: dt.timedelta) -> Grant:
    """Let a session, which is used now and from here, live for so long again, and give its holder a refresh token that
    is good for as long."""
    now = clock.now()
    session.last_used_at, session.expires_at = now, now + lifetime
    session.address, session.agent = unit().client.address, unit().client.agent
    # Ahead of its token, which refers to it.
    db.session.flush()
    token = opaque_tokens.new("rt")
    digest = opaque_tokens.digest(token)
    db.session.add(RefreshToken(session_id=session.id, digest=digest, created_at=now, expires_at=session.expires_at))
    is_limited = organization.require_second_factor and second_factors.active(user.id) is None
    return Grant(organization, user, session, token, NO_ROLE if is_limited else user.role)


def logout(principal: Principal) -> None:
    """End the session of this credential. Raises NeedsPerson."""
    if principal.session_id is None:
        raise NeedsPerson()
    session = find(Session, principal.session_id, lock=True)
    if session.ended_at is None:
        end(session, "logout")


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


def end(session: Session, reason: str) -> None:
    """End a session that the caller has locked: its access tokens and its refresh tokens are refused from now on."""
    session.ended_at, session.end_reason = clock.now(), reason
    record_and_note("session.ended", session, user_id=str(session.user_id), reason=reason)


def end_own(principal: Principal, id: uuid.UUID) -> None:
    """End one of the principal's own sessions.

    Raises:
        NotFound: it is somebody else's, or has ended.
        NeedsPerson: an API key has none.
    """
    user_id = person(principal)
    session = find(Session, id, lock=True)
    if session.user_id != user_id or session.ended_at is not None:
        raise NotFound()
    end(session, "ended by its user")


def end_others(principal: Principal) -> None:
    """End all of the principal's own sessions but the one that asks. Raises NeedsPerson."""
    user = find(User, person(principal), lock=True)
    end_all(user.id, "ended by its user", but=principal.session_id)


def end_all(user_id: uuid.UUID, reason: str, *, but: uuid.UUID | None = None) -> None:
    """End all sessions of a user, `but` one. Whoever opens one at the same time locks the user, as the caller must."""
    query = sa.select(Session).where(
        Session.organization_id == unit().tenant,
        Session.user_id == user_id,
        Session.ended_at.is_(None),
        Session.id.is_distinct_from(but),
    )
    query = query.order_by(Session.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    for session in db.session.scalars(query).all():
        end(session, reason)


def delete_all(user_id: uuid.UUID) -> None:
    """Delete all sessions of a user, whom the caller has locked, with their tokens."""
    tenant = unit().tenant
    query = sa.select(Session.id).where(Session.organization_id == tenant, Session.user_id == user_id)
    # Locked first, as by a refresh, which then has added its token, or finds no session.
    ids = db.session.scalars(query.order_by(Session.id).with_for_update()).all()
    for model, column in ((RefreshToken, RefreshToken.session_id), (Session, Session.id)):
        gone = sa.delete(model).where(model.organization_id == tenant, column.in_(ids))
        db.session.execute(gone.execution_options(synchronize_session=False))
