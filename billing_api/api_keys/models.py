"""API keys: credentials of services and scripts, which speak for themselves."""

import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned, Versioned


class ApiKey(Owned, Versioned, Model):
    """A key by its digest; the secret is known to its holder alone, but for the `hint`, with which it begins.

    What a key may do, and until when, never changes, so that what a process remembers of it stays true.
    """

    __allow_unmapped__ = True
    __tablename__ = "api_keys"
    __table_args__ = (
        # Over the whole service and not per organization: the secret is all that a request brings along.
        sa.UniqueConstraint("digest"),
        sa.CheckConstraint("cardinality(scopes) > 0", name="has_scopes"),
        sa.Index("ix_api_keys_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index(
            "ix_api_keys_organization_id_alive",
            "organization_id",
            "created_at",
            "id",
            postgresql_where=sa.text("revoked_at IS NULL"),
        ),
    )

    name: Mapped[str] = mapped_column(sa.Text)
    hint: Mapped[str] = mapped_column(sa.Text)
    digest: Mapped[str] = mapped_column(sa.Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    expires_at: Mapped[Instant | None] = mapped_column()
    revoked_at: Mapped[Instant | None] = mapped_column()
    last_used_at: Mapped[Instant | None] = mapped_column()
    last_used_address: Mapped[str | None] = mapped_column(sa.Text)
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    secret: str | None = None
    """The secret itself, of a key that was made just now; no column keeps it."""
