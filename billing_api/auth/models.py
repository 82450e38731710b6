"""Users, their second factors, their sessions, and the tokens that keep a session alive or reset a password."""

import datetime as dt
import uuid
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, column_property, mapped_column

from billing_api.database import Instant, Model, Owned, Timestamped, Versioned, owned_by
from billing_api.domain.access import ROLES
from billing_api.errors import Conflict, Fault
from billing_api.violations import on_violation

_ROLES = ", ".join(f"'{role}'" for role in ROLES)


class EmailRegistered(Conflict):
    """Somebody has signed up with this address already; an address belongs to one user of the service. Log in, or use
    another address."""

    code = "email-registered"
    title = "This e-mail address is registered already"


class User(Owned, Versioned, Model):
    """A person who belongs to one organization. `email_key` is the address folded for comparison."""

    __tablename__ = "users"
    __table_args__ = (
        # Over the whole service and not per organization: a person logs in with the address alone.
        sa.UniqueConstraint("email_key"),
        sa.CheckConstraint(f"role IN ({_ROLES})", name="role_known"),
        sa.CheckConstraint("status IN ('active', 'disabled')", name="status_known"),
        sa.Index("ix_users_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index("ix_users_organization_id_role", "organization_id", "role", "created_at", "id"),
        sa.Index("ix_users_organization_id_status", "organization_id", "status", "created_at", "id"),
    )

    email: Mapped[str] = mapped_column(sa.Text)
    email_key: Mapped[str] = mapped_column(sa.Text)
    name: Mapped[str] = mapped_column(sa.Text)
    password_hash: Mapped[str] = mapped_column(sa.Text)
    role: Mapped[str] = mapped_column(sa.Text)
    status: Mapped[str] = mapped_column(sa.Text, default="active")
    if TYPE_CHECKING:
        has_second_factor: Mapped[bool]


class Session(Owned, Timestamped, Model):
    """One login of a user: the family of its refresh tokens, and what its access tokens name as `sid`.

    `carrier` is how its tokens travel, `body` or `cookie`. Of those that were opened before they were written down, the
    address, the program, and when they were last used and expire are unknown.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        owned_by("users", "user_id"),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="end_has_reason"),
        sa.CheckConstraint("carrier IN ('body', 'cookie')", name="carrier_known"),
        sa.Index("ix_sessions_organization_id_user_id_created_at", "organization_id", "user_id", "created_at", "id"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    carrier: Mapped[str] = mapped_column(sa.Text)
    address: Mapped[str | None] = mapped_column(sa.Text)
    agent: Mapped[str | None] = mapped_column(sa.Text)
    last_used_at: Mapped[Instant | None] = mapped_column()
    expires_at: Mapped[Instant | None] = mapped_column()
    ended_at: Mapped[Instant | None] = mapped_column()
    end_reason: Mapped[str | None] = mapped_column(sa.Text)


class RefreshToken(Owned, Model):
    """A refresh token by its digest; the token itself is known to its holder alone."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        owned_by("sessions", "session_id"),
        sa.UniqueConstraint("digest"),
        sa.Index("ix_refresh_tokens_organization_id_session_id", "organization_id", "session_id"),
        sa.Index("ix_refresh_tokens_expires_at", "expires_at"),
    )

    session_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    digest: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[Instant] = mapped_column()
    expires_at: Mapped[Instant] = mapped_column()
    used_at: Mapped[Instant | None] = mapped_column()


class SecondFactor(Owned, Timestamped, Model):
    """What a user proves to have beside the password: an authenticator that shares a secret, which is sealed.

    A secret is `pending` until its first code has come; then it is theirs. `last_step` is the step of thirty seconds of
    the last code that was accepted; no code of it, or of one before, is accepted again.
    """

    __tablename__ = "second_factors"
    __table_args__ = (
        owned_by("users", "user_id"),
        sa.UniqueConstraint("organization_id", "user_id"),
        sa.CheckConstraint(
            "(secret IS NULL) = (enrolled_at IS NULL) AND (secret IS NULL) = (last_step IS NULL)", name="enrolled_whole"
        ),
        sa.CheckConstraint("secret IS NOT NULL OR pending_secret IS NOT NULL", name="has_secret"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    secret: Mapped[str | None] = mapped_column(sa.Text)
    pending_secret: Mapped[str | None] = mapped_column(sa.Text)
    pending_at: Mapped[Instant | None] = mapped_column()
    """Since when; where it is unknown, that is too long ago."""
    enrolled_at: Mapped[Instant | None] = mapped_column()
    last_step: Mapped[int | None] = mapped_column(sa.BigInteger)


User.has_second_factor = column_property(
    sa.exists()
    .where(
        SecondFactor.organization_id == User.organization_id,
        SecondFactor.user_id == User.id,
        SecondFactor.enrolled_at.is_not(None),
    )
    .correlate_except(SecondFactor),
    deferred=True,
)


class RecoveryCode(Owned, Timestamped, Model):
    """A code that lets its user in once without the authenticator, by its digest."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        owned_by("second_factors", "second_factor_id"),
        sa.UniqueConstraint("organization_id", "second_factor_id", "digest"),
    )

    second_factor_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    digest: Mapped[str] = mapped_column(sa.Text)
    used_at: Mapped[Instant | None] = mapped_column()


class PasswordReset(Owned, Model):
    """Leave to set a new password, by the digest of the token that was mailed. Those of the last hour are counted, so
    one that was used, or gave way to a newer one, ends and stays."""

    __tablename__ = "password_resets"
    __table_args__ = (
        owned_by("users", "user_id"),
        sa.UniqueConstraint("digest"),
        sa.Index("ix_password_resets_organization_id_user_id", "organization_id", "user_id", "created_at"),
        sa.Index("ix_password_resets_expires_at", "expires_at"),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    digest: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[Instant] = mapped_column()
    expires_at: Mapped[Instant] = mapped_column()
    ended_at: Mapped[Instant | None] = mapped_column()


class LoginAttempts(Model):
    """The failed attempts at one address, which may be nobody's: it belongs to no tenant, and is told by a fingerprint.
    A success takes the row away."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        sa.CheckConstraint("length(subject) = 32", name="subject_is_fingerprint"),
        sa.CheckConstraint("cardinality(failed_at) BETWEEN 1 AND 10", name="last_ten"),
        sa.CheckConstraint("in_row >= cardinality(failed_at)", name="all_in_row"),
    )

    subject: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    failed_at: Mapped[list[dt.datetime]] = mapped_column(postgresql.ARRAY(sa.TIMESTAMP(timezone=True)))
    """When the last of them were, up to ten, the oldest first."""
    in_row: Mapped[int] = mapped_column(sa.Integer)
    """How many there were since the last success."""


on_violation(
    "uq_users_email_key",
    lambda: EmailRegistered(faults=[Fault("email-registered", "This address is registered already.", "/email")]),
)
