"""A mail in the outbox: sealed until it is sent, and blank from then on."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned

KEPT = dt.timedelta(days=7)
"""For how long it can be looked up that a mail was sent, or given up, and why."""


class Mail(Owned, Model):
    """One mail. Recipient, subject and text stand sealed in `letter`, for the text may hold a secret."""

    __tablename__ = "mails"
    __table_args__ = (
        sa.CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        sa.CheckConstraint("sent_at IS NULL OR abandoned_at IS NULL", name="one_end"),
        sa.CheckConstraint("(letter IS NULL) = (coalesce(sent_at, abandoned_at) IS NOT NULL)", name="blank_at_end"),
        sa.Index(
            "ix_mails_organization_id_due_at",
            "organization_id",
            "due_at",
            postgresql_where=sa.text("sent_at IS NULL AND abandoned_at IS NULL"),
        ),
        sa.Index("ix_mails_organization_id_kind_created_at", "organization_id", "kind", "created_at"),
    )

    kind: Mapped[str] = mapped_column(sa.Text)
    letter: Mapped[str | None] = mapped_column(sa.Text)
    addressee: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    """What its recipient is known again by, also when the letter is blank; it names nobody."""
    created_at: Mapped[Instant] = mapped_column()
    due_at: Mapped[Instant] = mapped_column()
    """When it is tried next. While a worker has it, that is when the worker is taken to be dead."""
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    sent_at: Mapped[Instant | None] = mapped_column()
    abandoned_at: Mapped[Instant | None] = mapped_column()
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    """A short code such as `smtp-451`; never the server's own words, which quote the recipient."""
