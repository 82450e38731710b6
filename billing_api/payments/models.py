"""Payments, which are sources of money, and refunds, which give it back."""

import datetime as dt
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from billing_api import clock
from billing_api.belonging import Belonging
from billing_api.database import Amount, Instant, Model, owned_by
from billing_api.domain.methods import METHODS
from billing_api.ledger.models import Source
from billing_api.traits import traits_of

_METHODS = ", ".join(f"'{method}'" for method in METHODS)


class Payment(Source):
    """Money that came in. Its amounts are those of the source that it is."""

    __tablename__ = "payments"
    __table_args__: tuple[sa.schema.SchemaItem, ...] = (
        sa.ForeignKeyConstraint(["organization_id", "id"], ["sources.organization_id", "sources.id"]),
        sa.CheckConstraint(f"method IN ({_METHODS})", name="method_known"),
        sa.CheckConstraint("(reversed_at IS NULL) = (reversal_reason IS NULL)", name="reversal_has_its_reason"),
        sa.Index(
            "ix_payments_organization_id_reversed",
            "organization_id",
            "id",
            postgresql_where=sa.text("reversed_at IS NOT NULL"),
        ),
    )
    __mapper_args__ = {"polymorphic_identity": "payment"}

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    method: Mapped[str] = mapped_column(sa.Text)
    reference: Mapped[str | None] = mapped_column(sa.Text)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)
    reversed_at: Mapped[Instant | None] = mapped_column()
    reversal_reason: Mapped[str | None] = mapped_column(sa.Text)

    @property
    def status(self) -> str:
        """`received`, or `reversed` when it turned out that it was not."""
        return "received" if self.reversed_at is None else "reversed"


class Refund(Belonging, Model):
    """Money that went back to the customer, out of a source. It stands as it is."""

    __tablename__ = "refunds"
    __table_args__ = (
        owned_by("sources", "source_id"),
        owned_by("customers", "customer_id"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("source_type IN ('payment', 'credit_note', 'invoice')", name="source_type_known"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.CheckConstraint(f"method IN ({_METHODS})", name="method_known"),
        sa.Index("ix_refunds_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index("ix_refunds_organization_id_currency", "organization_id", "currency", "created_at", "id"),
        sa.Index("ix_refunds_organization_id_payment_date", "organization_id", "payment_date", "id"),
        sa.Index("ix_refunds_organization_id_customer_id", "organization_id", "customer_id", "created_at", "id"),
        sa.Index("ix_refunds_organization_id_source_id", "organization_id", "source_id", "created_at", "id"),
    )

    source_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    source_type: Mapped[str] = mapped_column(sa.Text)
    customer_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    currency: Mapped[str] = mapped_column(sa.Text)
    amount: Mapped[Amount] = mapped_column()
    payment_date: Mapped[dt.date] = mapped_column(sa.Date)
    method: Mapped[str] = mapped_column(sa.Text)
    reference: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[Instant] = mapped_column(default=clock.now)

    @property
    def source(self) -> dict[str, object]:
        """The document that it was paid out of."""
        return {"type": self.source_type, "id": self.source_id}


PAYMENT_TRAITS = traits_of("payment")
