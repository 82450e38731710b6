"""Setting a new password without the old one: a mail to the address that is known, with a token that works once.

Whether somebody has an address is not told: not by the answer, not by the number of statements, and not by a wait for
the disk.
"""

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from billing_api import clock, opaque_tokens
from billing_api.audit_log.service import note, note_nothing
from billing_api.auth import lockout, passwords, sessions
from billing_api.auth.models import PasswordReset, User
from billing_api.database import db, enter, find, reveal, transaction
from billing_api.errors import Fault, Invalid
from billing_api.events.service import record
from billing_api.mail import service as mail
from billing_api.mail import wording
from billing_api.organizations import service as organizations
from billing_api.organizations.models import Organization
from billing_api.unit_of_work import Actor, unit

LIFETIME = dt.timedelta(hours=1)
MOST = 3
WITHIN = dt.timedelta(hours=1)
"""So many mails go to one address in this time; whoever asks for more gets none, and ends no token that was mailed."""
_NOBODY = "nobody@example.com"
"""To whom a mail is written, and not posted, where nobody has the address."""


class InvalidPasswordReset(Invalid):
    """The token of the reset is unknown, used, expired, or a newer one was asked for since. Ask for another with `POST
    /v1/auth/password-reset`."""

    code = "invalid-password-reset"
    title = "The token of the reset is not valid"


def request(known: User | None, front_end: str | None) -> None:
    """Mail a token to this user, at the address that is kept of them; for nobody, or somebody disabled, do as much and
    mail nothing. It is a unit of work that has not entered a tenant yet."""
    user_id, recipient = (known.id, known.email) if known else (uuid.uuid4(), _NOBODY)
    # A tenant that does not exist has nothing to find, and costs what another costs.
    enter(known.organization_id if known else uuid.uuid4())
    # Without it the commit would wait for the disk only where there is somebody.
    note_nothing()
    # Of several requests at once each counts the others.
    _lock(user_id)
    token, reset_id, now = opaque_tokens.new("pr"), uuid7(), clock.now()
    _issue(reset_id, user_id, token, now)
    is_issued = sa.exists().where(PasswordReset.organization_id == unit().tenant, PasswordReset.id == reset_id)
    older = _alive(user_id).where(PasswordReset.id != reset_id, is_issued)
    db.session.execute(older.values(ended_at=now))
    mail.post_where(is_issued, "password_reset", recipient, "Set a new password", _text(token, front_end))


def confirm(token: str, password: str) -> None:
    """Set the password of the one who was mailed this token. All sessions end, and so do all tokens of this kind; the
    second factor, where there is one, stays.

    Raises:
        InvalidPasswordReset: whatever is wrong with the token.
        PasswordTooWeak: it would be guessed early. The token holds on.
        PasswordUnchanged: it is the present one. The token holds on.
    """
    # A unit of its own, so that no connection is held while the password is hashed.
    with transaction():
        reset, known, organization = _held(token)
    passwords.refuse_weak(password, known.email, known.name, organization.name)
    passwords.refuse_kept(known.password_hash, password)
    password_hash = passwords.digest(password)
    enter(reset.organization_id, Actor("user", reset.user_id))
    # The lock under which tokens are made and ended, so that of many at once one is the first.
    user = _lock(reset.user_id)
    if user is None or not _is_good(find(PasswordReset, reset.id)):
        raise _invalid()
    user.password_hash = password_hash
    record("user.password_changed", user)
    note("user.password_reset", user)
    lockout.forget_all(user.email, user.id)
    end_all(user.id)
    sessions.end_all(user.id, "password reset")


def end_all(user_id: uuid.UUID) -> None:
    """End all tokens that were mailed to a user, whom the caller has locked."""
    db.session.execute(_alive(user_id).values(ended_at=clock.now()))


def delete_all(user_id: uuid.UUID) -> None:
    """Delete all tokens of a user, whom the caller has locked."""
    gone = sa.delete(PasswordReset).where(
        PasswordReset.organization_id == unit().tenant, PasswordReset.user_id == user_id
    )
    db.session.execute(gone.execution_options(synchronize_session=False))


def _lock(user_id: uuid.UUID) -> User | None:
    """The user, if they are active, and nobody else's until the commit."""
    query = sa.select(User).where(User.organization_id == unit().tenant, User.id == user_id, User.status == "active")
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return db.session.scalars(query).one_or_none()


def _issue(id: uuid.UUID, user_id: uuid.UUID, token: str, now: dt.datetime) -> None:
    """Keep the token's digest, for an active user of an open organization who was not mailed too many; else the
    statement finds nobody."""
    is_open = sa.exists().where(Organization.id == User.organization_id, Organization.closed_at.is_(None))
    recent = (
        sa.select(sa.func.count())
        .select_from(PasswordReset)
        .where(
            PasswordReset.organization_id == unit().tenant,
            PasswordReset.user_id == user_id,
            PasswordReset.created_at > now - WITHIN,
        )
        .scalar_subquery()
    )
    digest = opaque_tokens.digest(token)
    row: dict[str, Any] = {"id": id, "digest": digest, "created_at": now, "expires_at": now + LIFETIME}
    values = sa.select(
        User.organization_id,
        User.id,
        *(sa.literal(value, PasswordReset.__table__.c[name].type) for name, value in row.items()),
    ).where(User.organization_id == unit().tenant, User.id == user_id, User.status == "active", is_open, recent < MOST)
    db.session.execute(sa.insert(PasswordReset).from_select(["organization_id", "user_id", *row], values))


def _alive(user_id: uuid.UUID) -> Any:
    """The change of a user's tokens that still hold."""
    return (
        sa.update(PasswordReset)
        .where(
            PasswordReset.organization_id == unit().tenant,
            PasswordReset.user_id == user_id,
            PasswordReset.ended_at.is_(None),
        )
        .execution_options(synchronize_session=False)
    )


def _held(token: str) -> tuple[PasswordReset, User, Organization]:
    """The token as it is kept, looked for across tenants, and whom it was mailed to. Raises InvalidPasswordReset."""
    digest = opaque_tokens.digest(token)
    reveal("password_reset_digest", digest)
    reset = db.session.scalars(sa.select(PasswordReset).where(PasswordReset.digest == digest)).one_or_none()
    if reset is None or not _is_good(reset):
        raise _invalid()
    enter(reset.organization_id)
    user, organization = find(User, reset.user_id), organizations.current()
    if organization.closed_at is not None:
        raise _invalid()
    return reset, user, organization


def _is_good(reset: PasswordReset) -> bool:
    return reset.ended_at is None and reset.expires_at > clock.now()


def _invalid() -> InvalidPasswordReset:
    return InvalidPasswordReset(faults=[Fault("invalid-password-reset", "It is not, or no longer, good.", "/token")])


def _text(token: str, front_end: str | None) -> str:
    return wording.paragraphs(
        "Somebody, most likely you, asked to set a new password for the account with this address. To set it, "
        + wording.way(front_end, "reset-password", token, "/v1/auth/password-reset/confirm", '"password": "..."'),
        "This works once, and within an hour. A new password ends all sessions.",
        "If it was not you, do nothing: the password stays as it is.",
    )
