"""Number series, their counters, and the register of every number that a document has."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Model, Owned, Versioned, owned_by


class NumberSeries(Owned, Versioned, Model):
    """How documents of one type are numbered."""

    __tablename__ = "number_series"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "document_type"),
        sa.CheckConstraint("document_type IN ('invoice', 'credit_note')", name="document_type_known"),
        sa.CheckConstraint("reset IN ('never', 'yearly')", name="reset_known"),
        sa.CheckConstraint("start_value >= 1", name="start_value_positive"),
        sa.CheckConstraint("upcoming_reset IN ('never', 'yearly')", name="upcoming_reset_known"),
        sa.CheckConstraint(
            "num_nulls(upcoming_pattern, upcoming_reset, upcoming_from) IN (0, 3)", name="upcoming_complete"
        ),
    )

    document_type: Mapped[str] = mapped_column(sa.Text)
    pattern: Mapped[str] = mapped_column(sa.Text)
    reset: Mapped[str] = mapped_column(sa.Text)
    start_value: Mapped[int] = mapped_column(sa.BigInteger, default=1)
    """The value with which the first period begins, or the one that `start_period` names; every other begins with 1."""
    start_period: Mapped[str | None] = mapped_column(sa.Text)
    upcoming_pattern: Mapped[str | None] = mapped_column(sa.Text)
    upcoming_reset: Mapped[str | None] = mapped_column(sa.Text)
    upcoming_from: Mapped[dt.date | None] = mapped_column(sa.Date)
    """The first date of issue that is numbered by the upcoming pattern: the first day of a period without numbers."""


class NumberCounter(Model):
    """The last number of a series in a period: a row and not a sequence, because a sequence leaves a gap when a
    transaction is undone."""

    __tablename__ = "number_counters"
    __table_args__ = (
        owned_by("number_series", "series_id"),
        sa.CheckConstraint("last_value >= 0", name="last_value_not_negative"),
        sa.CheckConstraint("first_value BETWEEN 1 AND last_value", name="first_value_range"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    series_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    period: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    last_value: Mapped[int] = mapped_column(sa.BigInteger)
    last_issue_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    first_value: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The first value that was given here; none while the period has only imported numbers."""


class DocumentNumber(Model):
    """A number that a document has, given here or brought along. Never changed or deleted; it is voided once at most.

    It is written with the counter and has no foreign key to its document, which is of one of several kinds."""

    __tablename__ = "document_numbers"
    __table_args__ = (
        owned_by("number_series", "series_id"),
        sa.UniqueConstraint("organization_id", "series_id", "period", "sequence_value"),
        sa.UniqueConstraint("organization_id", "document_id"),
        sa.CheckConstraint("document_type IN ('invoice', 'credit_note')", name="document_type_known"),
        sa.CheckConstraint("char_length(number) BETWEEN 1 AND 64", name="number_length"),
        sa.CheckConstraint("sequence_value >= 1", name="sequence_value_positive"),
        sa.CheckConstraint(
            "(period IS NULL) = (sequence_value IS NULL) AND (is_imported OR sequence_value IS NOT NULL)",
            name="placed_when_given",
        ),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    number_key: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    """The number without its capitals: what is one over all documents of the organization."""
    number: Mapped[str] = mapped_column(sa.Text)
    series_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    period: Mapped[str | None] = mapped_column(sa.Text)
    sequence_value: Mapped[int | None] = mapped_column(sa.BigInteger)
    """None for an imported number that does not fit its series."""
    issue_date: Mapped[dt.date] = mapped_column(sa.Date)
    document_type: Mapped[str] = mapped_column(sa.Text)
    document_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    is_imported: Mapped[bool] = mapped_column(default=False)
    voided_at: Mapped[Instant | None] = mapped_column()
