"""The life of an invitation: mailed, mailed again, taken back, accepted once.

An address that somebody has elsewhere is invited like any other, with the same answer; only the mail differs, which
nobody reads but who has the address.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api import clock, opaque_tokens
from billing_api.audit_log.service import record_and_note
from billing_api.auth import passwords, sessions
from billing_api.auth import service as auth
from billing_api.auth.models import EmailRegistered, User
from billing_api.auth.sessions import Grant, Terms
from billing_api.database import db, enter, find, reveal, transaction
from billing_api.domain.access import ROLES, Principal
from billing_api.domain.emails import fold
from billing_api.errors import Conflict, Fault, Invalid, NotFound
from billing_api.invitations import sending
from billing_api.invitations.models import Invitation
from billing_api.organizations import service as organizations
from billing_api.unit_of_work import Actor, unit
from billing_api.users import service as users

LIFETIME = dt.timedelta(days=7)


class UserExists(Conflict):
    """Somebody in your organization has this address already. Change their role with `PATCH /v1/users/{id}`; if they
    were disabled, make them active there."""

    code = "user-exists"
    title = "This address belongs to one of your people"


class InvitationAccepted(Conflict):
    """The invitation was accepted, and who was invited is a user now: change or remove them at `/v1/users`."""

    code = "invitation-accepted"
    title = "The invitation was accepted already"


class InvalidInvitation(Invalid):
    """The token of the invitation is unknown, used, expired, or was taken back or replaced by a newer one. Ask whoever
    invited you for another."""

    code = "invalid-invitation"
    title = "The invitation is not valid"


def create(values: Mapping[str, Any], principal: Principal, front_end: str | None) -> Invitation:
    """Invite somebody, by a mail that carries a token.

    Raises:
        RoleOutOfReach: the role is beyond the principal's.
        UserExists: they are there already.
        InvitationPending: they are invited already.
        TooManyInvitations
    """
    users.hold(principal)
    users.refuse_beyond(principal, values["role"])
    key = fold(values["email"])
    has_account = _refuse_present(values["email"])
    token, now = opaque_tokens.new("inv"), clock.now()
    _make_room(key, now)
    invitation = Invitation(
        id=uuid7(),
        email=values["email"],
        email_key=key,
        name=values["name"],
        role=values["role"],
        digest=opaque_tokens.digest(token),
        expires_at=now + LIFETIME,
        invited_by_id=unit().actor.id,
    )
    db.session.add(invitation)
    db.session.flush()
    record_and_note("invitation.created", invitation, role=invitation.role)
    sending.send(invitation, token, front_end, has_account=has_account)
    return invitation


def search(filters: Mapping[str, Any]) -> sa.Select[Invitation]:
    """The invitations that match."""
    query = sa.select(Invitation).where(Invitation.organization_id == unit().tenant)
    if (status := filters.get("status")) is None:
        return query
    now, is_open = clock.now(), Invitation.accepted_at.is_(None)
    conditions = {
        "accepted": Invitation.accepted_at.is_not(None),
        "pending": sa.and_(is_open, Invitation.expires_at > now),
        "expired": sa.and_(is_open, Invitation.expires_at <= now),
    }
    return query.where(sa.or_(*(conditions[word] for word in status.split(","))))


def read(id: uuid.UUID) -> Invitation:
    """An invitation. Raises NotFound."""
    return find(Invitation, id)


def resend(
    id: uuid.UUID, principal: Principal, front_end: str | None, expected: Collection[int] | None = None
) -> Invitation:
    """Mail a new token, which holds for seven days from now; the old one is refused.

    Raises:
        NotFound, PreconditionFailed, RoleOutOfReach, InvitationAccepted, UserExists, TooManyInvitations
    """
    invitation = _open(id, principal, expected)
    has_account = _refuse_present(invitation.email)
    token = opaque_tokens.new("inv")
    invitation.digest, invitation.expires_at = opaque_tokens.digest(token), clock.now() + LIFETIME
    record_and_note("invitation.resent", invitation)
    db.session.flush()
    sending.send(invitation, token, front_end, has_account=has_account)
    return invitation


def revoke(id: uuid.UUID, principal: Principal, expected: Collection[int] | None = None) -> None:
    """Take an invitation back. Raises NotFound, PreconditionFailed, RoleOutOfReach, InvitationAccepted."""
    invitation = _open(id, principal, expected)
    record_and_note("invitation.revoked", invitation)
    db.session.delete(invitation)
    db.session.flush()


def accept(token: str, name: str | None, password: str, *, carrier: str, lifetime: dt.timedelta) -> Grant:
    """Make a user of who was invited, and log them in.

    Raises:
        InvalidInvitation: whatever is wrong with the token.
        PasswordTooWeak: it would be guessed early. The invitation holds on.
        EmailRegistered: they have an account elsewhere by now.
    """
    # A unit of its own, so that no connection is held while the password is hashed.
    with transaction():
        known = _held(token)
        enter(known.organization_id)
        organization = organizations.current()
        if organization.closed_at is not None:
            raise _invalid()
    name = name or known.name
    if name is None:
        raise Invalid(faults=[Fault("required", "This member is required: the invitation names nobody.", "/name")])
    passwords.refuse_weak(password, known.email, name, organization.name)
    password_hash = passwords.digest(password)
    user_id = uuid7()
    enter(known.organization_id, Actor("user", user_id))
    invitation = _locked(known)
    if auth.by_email(invitation.email) is not None:
        raise EmailRegistered()
    user = auth.add(user_id, invitation.role, email=invitation.email, name=name, password_hash=password_hash)
    invitation.accepted_at, invitation.user_id = clock.now(), user_id
    record_and_note("invitation.accepted", invitation, user_id=str(user_id))
    return sessions.start(organizations.current(), user, Terms(carrier, lifetime))


def withdraw(inviter_id: uuid.UUID, scopes: frozenset[str]) -> None:
    """Take back what a person or a key has sent for roles that they could not give any more, having these scopes: who
    is sent away must not come in again by another address."""
    beyond = [role for role, needed in ROLES.items() if not needed <= scopes]
    query = sa.select(Invitation).where(
        Invitation.organization_id == unit().tenant,
        Invitation.invited_by_id == inviter_id,
        Invitation.accepted_at.is_(None),
        Invitation.role.in_(beyond),
    )
    query = query.order_by(Invitation.id).with_for_update().execution_options(populate_existing=True)
    for invitation in db.session.scalars(query).all():
        record_and_note("invitation.revoked", invitation)
        db.session.delete(invitation)
    db.session.flush()


@users.on_reach
def _withdraw(user: User, scopes: frozenset[str]) -> None:
    withdraw(user.id, scopes)


@users.on_removed
def _forget(user: User) -> None:
    """The invitation by which somebody came keeps their address: it goes with them, and so do others to that one."""
    theirs = sa.or_(Invitation.user_id == user.id, Invitation.email_key == user.email_key)
    gone = sa.delete(Invitation).where(Invitation.organization_id == unit().tenant, theirs)
    db.session.execute(gone.execution_options(synchronize_session=False))


def _open(id: uuid.UUID, principal: Principal, expected: Collection[int] | None) -> Invitation:
    """An invitation that the principal may deal with and that nobody has accepted, locked."""
    users.hold(principal)
    invitation = find(Invitation, id, lock=True, expected=expected)
    users.refuse_beyond(principal, invitation.role)
    if invitation.accepted_at is not None:
        raise InvitationAccepted()
    return invitation


def _make_room(key: str, now: dt.datetime) -> None:
    """Delete an invitation of this address whose time is over: there is one for each at a time."""
    over = sa.delete(Invitation).where(
        Invitation.organization_id == unit().tenant,
        Invitation.email_key == key,
        Invitation.accepted_at.is_(None),
        Invitation.expires_at <= now,
    )
    db.session.execute(over.execution_options(synchronize_session=False))


def _refuse_present(email: str) -> bool:
    """Whether somebody has an account with this address in another organization. Raises UserExists."""
    user = auth.by_email(email)
    if user is not None and user.organization_id == unit().tenant:
        raise UserExists(faults=[Fault("user-exists", "Somebody of yours has this address.", "/email")])
    return user is not None


def _held(token: str) -> Invitation:
    """The invitation as it is kept, looked for across tenants. Raises InvalidInvitation."""
    digest = opaque_tokens.digest(token)
    reveal("invitation_digest", digest)
    held = db.session.scalars(sa.select(Invitation).where(Invitation.digest == digest)).one_or_none()
    if held is None or held.status != "pending":
        raise _invalid()
    return held


def _locked(known: Invitation) -> Invitation:
    """The same, to be accepted by nobody else. Raises InvalidInvitation where somebody was quicker."""
    try:
        invitation = find(Invitation, known.id, lock=True)
    except NotFound:
        raise _invalid() from None
    if invitation.status != "pending" or invitation.digest != known.digest:
        raise _invalid()
    return invitation


def _invalid() -> InvalidInvitation:
    return InvalidInvitation(faults=[Fault("invalid-invitation", "It is not, or no longer, good.", "/token")])
