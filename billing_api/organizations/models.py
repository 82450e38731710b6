"""The organization: the tenant, and the seller on its documents."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api.database import Instant, Key, Model, Versioned


class Organization(Versioned, Model):
    """A seller. Its id is the tenant of all that belongs to it."""

    __tablename__ = "organizations"
    __table_args__ = (
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_form"),
        sa.CheckConstraint("default_currency ~ '^[A-Z]{3}$'", name="default_currency_form"),
        sa.CheckConstraint("tax_currency IS NULL OR tax_currency ~ '^[A-Z]{3}$'", name="tax_currency_form"),
        sa.CheckConstraint("net_terms_days BETWEEN 0 AND 3650", name="net_terms_days_range"),
        sa.CheckConstraint("cancellation_mode IN ('credit_note', 'void')", name="cancellation_mode_known"),
    )

    id: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    legal_name: Mapped[str | None] = mapped_column(sa.Text)
    address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    country: Mapped[str] = mapped_column(sa.Text)
    tax_ids: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    registration_number: Mapped[str | None] = mapped_column(sa.Text)
    tax_registered: Mapped[bool] = mapped_column(default=True)
    exemption_reason: Mapped[str | None] = mapped_column(sa.Text)
    time_zone: Mapped[str] = mapped_column(sa.Text)
    default_currency: Mapped[str] = mapped_column(sa.Text)
    tax_currency: Mapped[str | None] = mapped_column(sa.Text)
    net_terms_days: Mapped[int] = mapped_column(sa.Integer, default=30)
    bank_account: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    email: Mapped[str | None] = mapped_column(sa.Text)
    phone: Mapped[str | None] = mapped_column(sa.Text)
    contact: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    electronic_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    legal_notice: Mapped[str | None] = mapped_column(sa.Text)
    books_locked_until: Mapped[dt.date | None] = mapped_column(sa.Date)
    cancellation_mode: Mapped[str] = mapped_column(sa.Text)
    require_if_match: Mapped[bool] = mapped_column(default=False)
    require_second_factor: Mapped[bool] = mapped_column(default=False)
    closed_at: Mapped[Instant | None] = mapped_column()
