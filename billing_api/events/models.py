"""The append-only record of every fact, numbered without gaps for each organization."""

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned


class EventCounter(Model):
    """The last sequence number of an organization. Its own row, so that counting does not lock the organization."""

    __tablename__ = "event_counters"
    __table_args__ = (sa.CheckConstraint("last_sequence >= 0", name="last_sequence_not_negative"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("organizations.id"), primary_key=True)
    last_sequence: Mapped[int] = mapped_column(sa.BigInteger, default=0)


class Event(Owned, Model):
    """One fact about one object. Never changed, never deleted; no personal data."""

    __tablename__ = "events"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "sequence"),
        sa.CheckConstraint("sequence > 0", name="sequence_positive"),
        sa.CheckConstraint("actor_type IN ('user', 'api_key', 'system')", name="actor_type_known"),
        sa.CheckConstraint("(actor_type = 'system') = (actor_id IS NULL)", name="actor_named"),
        sa.Index("ix_events_organization_id_object_id", "organization_id", "object_id", "sequence"),
        sa.Index("ix_events_organization_id_type", "organization_id", "type", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    type: Mapped[str] = mapped_column(sa.Text)
    object_type: Mapped[str] = mapped_column(sa.Text)
    object_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    changed: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor_type: Mapped[str] = mapped_column(sa.Text)
    actor_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    request_id: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[Instant] = mapped_column()

    @property
    def object(self) -> dict[str, Any]:
        """What the fact is about."""
        return {"type": self.object_type, "id": self.object_id}

    @property
    def actor(self) -> dict[str, Any]:
        """Who did it."""
        return {"type": self.actor_type, "id": self.actor_id}
