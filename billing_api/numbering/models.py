"""Number series and their counters."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Model, Owned, Versioned, owned_by


class NumberSeries(Owned, Versioned, Model):
    """How documents of one type are numbered."""

    __tablename__ = "number_series"
    __table_args__ = (
        sa.UniqueConstraint("organization_id", "document_type"),
        sa.CheckConstraint("document_type IN ('invoice', 'credit_note')", name="document_type_known"),
        sa.CheckConstraint("reset IN ('never', 'yearly')", name="reset_known"),
        sa.CheckConstraint("start_value >= 1", name="start_value_positive"),
    )

    document_type: Mapped[str] = mapped_column(sa.Text)
    pattern: Mapped[str] = mapped_column(sa.Text)
    reset: Mapped[str] = mapped_column(sa.Text)
    start_value: Mapped[int] = mapped_column(sa.BigInteger, default=1)


class NumberCounter(Model):
    """The last number of a series in a period: a row and not a sequence, because a sequence leaves a gap when a
    transaction is undone."""

    __tablename__ = "number_counters"
    __table_args__ = (
        owned_by("number_series", "series_id"),
        sa.CheckConstraint("last_value >= 0", name="last_value_not_negative"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, sa.ForeignKey("organizations.id"), primary_key=True)
    series_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    period: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    last_value: Mapped[int] = mapped_column(sa.BigInteger)
    last_issue_date: Mapped[dt.date | None] = mapped_column(sa.Date)
