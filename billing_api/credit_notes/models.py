"""Credit notes, which are sources of money. What one says stands as it was issued; only its metadata moves."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api.credit_notes.parts import CreditNoteAdjustment, CreditNoteLine, CreditNoteTaxGroup
from billing_api.database import Amount, owned_by
from billing_api.domain.money import AMOUNT_LIMIT
from billing_api.invoices.models import Invoice
from billing_api.ledger.models import Source
from billing_api.numbering.models import NumberSeries
from billing_api.traits import traits_of

SETTLEMENTS = ("balance", "refund")
"""What becomes of money that the note leaves beyond what its invoice still owed."""

_AMOUNTS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "rounding_amount",
    "tax_total_in_tax_currency",
)  # fmt: skip


class CreditNote(Source):
    """A credit note over an invoice, or by itself. Its figures are positive where those of the invoice are; what it
    comes to, and what became of that, are the amounts of the source that it is."""

    __tablename__ = "credit_notes"
    __table_args__: tuple[Any, ...] = (
        # By their models, so that the tables are there before the one that inherits is mapped.
        owned_by(Source.__tablename__, "id"),
        owned_by(Invoice.__tablename__, "invoice_id"),
        owned_by(NumberSeries.__tablename__, "series_id"),
        sa.UniqueConstraint("organization_id", "number_key"),
        sa.UniqueConstraint("organization_id", "series_id", "number_period", "sequence_value"),
        sa.CheckConstraint("sequence_value >= 1", name="sequence_value_positive"),
        sa.CheckConstraint("settlement IN ('balance', 'refund')", name="settlement_known"),
        sa.CheckConstraint(
            "total_without_tax = subtotal - allowance_total + charge_total AND total = total_without_tax + tax_total",
            name="sums_add_up",
        ),
        sa.CheckConstraint("total + rounding_amount >= 0", name="payable_not_negative"),
        sa.CheckConstraint(
            " AND ".join(f"{name} BETWEEN {-AMOUNT_LIMIT} AND {AMOUNT_LIMIT}" for name in _AMOUNTS),
            name="amounts_in_range",
        ),
        sa.Index("ix_credit_notes_organization_id_invoice_id", "organization_id", "invoice_id"),
        sa.Index("ix_credit_notes_organization_id_total", "organization_id", "total", "id"),
    )
    __mapper_args__ = {"polymorphic_identity": "credit_note"}

    organization_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    invoice_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    number: Mapped[str] = mapped_column(sa.Text)
    number_key: Mapped[str] = mapped_column(sa.Text)
    series_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    number_period: Mapped[str | None] = mapped_column(sa.Text)
    sequence_value: Mapped[int | None] = mapped_column(sa.BigInteger)

    reason: Mapped[str] = mapped_column(sa.Text)
    settlement: Mapped[str] = mapped_column(sa.Text)
    notes: Mapped[str | None] = mapped_column(sa.Text)
    purchase_order_reference: Mapped[str | None] = mapped_column(sa.Text)
    buyer_reference: Mapped[str | None] = mapped_column(sa.Text)
    contract_reference: Mapped[str | None] = mapped_column(sa.Text)
    project_reference: Mapped[str | None] = mapped_column(sa.Text)
    locale: Mapped[str | None] = mapped_column(sa.Text)
    preceding_invoices: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)

    prices_include_tax: Mapped[bool] = mapped_column()
    subtotal: Mapped[Amount] = mapped_column()
    allowance_total: Mapped[Amount] = mapped_column()
    charge_total: Mapped[Amount] = mapped_column()
    total_without_tax: Mapped[Amount] = mapped_column()
    tax_total: Mapped[Amount] = mapped_column()
    total: Mapped[Amount] = mapped_column()
    rounding_amount: Mapped[Amount] = mapped_column()
    tax_currency: Mapped[str | None] = mapped_column(sa.Text)
    exchange_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(20, 10))
    exchange_rate_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    exchange_rate_source: Mapped[str | None] = mapped_column(sa.Text)
    tax_total_in_tax_currency: Mapped[Amount | None] = mapped_column()

    seller: Mapped[dict[str, Any]] = mapped_column(JSONB)
    buyer: Mapped[dict[str, Any]] = mapped_column(JSONB)

    lines: Mapped[list[CreditNoteLine]] = relationship(
        order_by=CreditNoteLine.position, back_populates="credit_note", lazy="raise_on_sql"
    )
    adjustments: Mapped[list[CreditNoteAdjustment]] = relationship(
        order_by=CreditNoteAdjustment.position, back_populates="credit_note", lazy="raise_on_sql"
    )
    tax_breakdown: Mapped[list[CreditNoteTaxGroup]] = relationship(
        order_by=CreditNoteTaxGroup.position, back_populates="credit_note", lazy="raise_on_sql"
    )

    @property
    def status(self) -> str | None:
        """`available` while some of it can be applied or refunded, else `used`; None of what was not issued."""
        words = {True: "available", False: "used"}
        return words[self.amount_available > 0] if self.number else None

    @property
    def allowances(self) -> list[CreditNoteAdjustment]:
        """The allowances of the invoice that it takes back."""
        return [one for one in self.adjustments if not one.is_charge]

    @property
    def charges(self) -> list[CreditNoteAdjustment]:
        """The charges of the invoice that it credits by themselves."""
        return [one for one in self.adjustments if one.is_charge]

    @property
    def exchange(self) -> dict[str, Any] | None:
        """The rate by which the tax was converted."""
        if self.exchange_rate is None:
            return None
        return {"rate": self.exchange_rate, "date": self.exchange_rate_date, "source": self.exchange_rate_source}


CREDIT_NOTE_TRAITS = traits_of("credit_note")
