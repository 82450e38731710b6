"""The audit log: who did what that matters to the safety of an organization, and from where."""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned


class AuditEntry(Owned, Model):
    """One deed. Never changed, never deleted. It knows people by their ids; of a request it keeps the address and the
    name of the program that it came from."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        sa.CheckConstraint("action ~ '^[a-z_]{1,40}[.][a-z_]{1,40}$'", name="action_form"),
        sa.CheckConstraint("actor_type IN ('user', 'api_key', 'system')", name="actor_type_known"),
        sa.CheckConstraint("(actor_type = 'system') = (actor_id IS NULL)", name="actor_named"),
        sa.CheckConstraint("(object_type IS NULL) = (object_id IS NULL)", name="object_named"),
        sa.Index("ix_audit_entries_organization_id_created_at", "organization_id", "created_at", "id"),
        *(
            sa.Index(f"ix_audit_entries_organization_id_{column}", "organization_id", column, "created_at", "id")
            for column in ("action", "actor_id", "object_id")
        ),
    )

    action: Mapped[str] = mapped_column(sa.Text)
    actor_type: Mapped[str] = mapped_column(sa.Text)
    actor_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    object_type: Mapped[str | None] = mapped_column(sa.Text)
    object_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    address: Mapped[str | None] = mapped_column(sa.Text)
    user_agent: Mapped[str | None] = mapped_column(sa.Text)
    request_id: Mapped[str | None] = mapped_column(sa.Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[Instant] = mapped_column()

    @property
    def actor(self) -> dict[str, Any]:
        """Who did it."""
        return {"type": self.actor_type, "id": self.actor_id}

    @property
    def object(self) -> dict[str, Any] | None:
        """What it was done to, where that is one object."""
        return {"type": self.object_type, "id": self.object_id} if self.object_id else None
