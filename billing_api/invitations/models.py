"""An invitation: an address, the role that waits for it, and the digest of the token that was mailed to it."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from billing_api import clock
from billing_api.database import Instant, Model, Owned, Versioned, owned_by
from billing_api.domain.access import ROLES
from billing_api.errors import Conflict, Fault
from billing_api.violations import on_violation

_ROLES = ", ".join(f"'{role}'" for role in ROLES)
LISTED = dt.timedelta(days=30)
"""For how long after its time an invitation can be looked up."""


class InvitationPending(Conflict):
    """This address has been invited already. `POST /v1/invitations/{id}/resend` sends the mail again, with a new token;
    to invite it with another role, delete the invitation first."""

    code = "invitation-pending"
    title = "This address has an invitation already"


class Invitation(Owned, Versioned, Model):
    """An invitation, until it is accepted or its time is over. `email_key` is the address folded for comparison;
    `invited_by_id` is the user, or the API key, that sent it."""

    __tablename__ = "invitations"
    __table_args__ = (
        owned_by("users", "user_id"),
        sa.UniqueConstraint("digest"),
        sa.CheckConstraint(f"role IN ({_ROLES})", name="role_known"),
        sa.CheckConstraint("(accepted_at IS NULL) = (user_id IS NULL)", name="accepted_by_somebody"),
        sa.Index(
            "uq_invitations_organization_id_email_key",
            "organization_id",
            "email_key",
            unique=True,
            postgresql_where=sa.text("accepted_at IS NULL"),
        ),
        sa.Index("ix_invitations_organization_id_user_id", "organization_id", "user_id"),
        sa.Index("ix_invitations_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index(
            "ix_invitations_organization_id_accepted",
            "organization_id",
            "created_at",
            "id",
            postgresql_where=sa.text("accepted_at IS NOT NULL"),
        ),
        sa.Index("ix_invitations_expires_at", "expires_at"),
    )

    email: Mapped[str] = mapped_column(sa.Text)
    email_key: Mapped[str] = mapped_column(sa.Text)
    name: Mapped[str | None] = mapped_column(sa.Text)
    role: Mapped[str] = mapped_column(sa.Text)
    digest: Mapped[str] = mapped_column(sa.Text)
    expires_at: Mapped[Instant] = mapped_column()
    invited_by_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    accepted_at: Mapped[Instant | None] = mapped_column()
    user_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    """Who has accepted it."""

    @property
    def status(self) -> str:
        """How it stands at this moment."""
        if self.accepted_at is not None:
            return "accepted"
        return "pending" if self.expires_at > clock.now() else "expired"


on_violation(
    "uq_invitations_organization_id_email_key",
    lambda: InvitationPending(faults=[Fault("invitation-pending", "This address has been invited already.", "/email")]),
)
