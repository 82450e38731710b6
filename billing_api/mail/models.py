"""A mail in the outbox: sealed until it is sent, and blank from then on."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
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
    )

    kind: Mapped[str] = mapped_column(sa.Text)
    letter: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[Instant] = mapped_column()
    due_at: Mapped[Instant] = mapped_column()
    """When it is tried next. While a worker has it, that is when the worker is taken to be dead."""
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    sent_at: Mapped[Instant | None] = mapped_column()
    abandoned_at: Mapped[Instant | None] = mapped_column()
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    """A short code such as `smtp-451`; never the server's own words, which quote the recipient."""


class MailQuota(Model):
    """When mails went out of which some are enough, such as invitations: of an organization, or to an address, which
    `subject` is the fingerprint of. It belongs to no tenant, because strangers have as many as they like."""

    __tablename__ = "mail_quotas"
    __table_args__ = (
        sa.CheckConstraint("length(subject) = 32", name="subject_is_fingerprint"),
        sa.CheckConstraint("cardinality(taken_at) BETWEEN 1 AND 100", name="last_hundred"),
    )

    subject: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    taken_at: Mapped[list[dt.datetime]] = mapped_column(postgresql.ARRAY(sa.TIMESTAMP(timezone=True)))
