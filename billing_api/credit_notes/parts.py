"""The parts of a credit note: lines, allowances and charges of its invoice, and the rows of the tax breakdown."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api.belonging import Belonging
from billing_api.database import Amount, Model, owned_by
from billing_api.invoices.breakdown import TaxGroupRow
from billing_api.invoices.parts import amounts_in_range

if TYPE_CHECKING:
    from billing_api.credit_notes.models import CreditNote


class CreditNoteLine(Belonging, Model):
    """A line. One that credits by amount has neither a quantity nor a price. Its amount is that of its price and
    quantity; whatever else is credited, such as less for a share in a discount, stands beside it as an allowance or a
    charge, so that the line adds up by itself."""

    __tablename__ = "credit_note_lines"
    __table_args__ = (
        owned_by("credit_notes", "credit_note_id"),
        owned_by("invoice_lines", "invoice_line_id"),
        sa.UniqueConstraint("organization_id", "credit_note_id", "position"),
        sa.CheckConstraint("position BETWEEN 1 AND 1000", name="position_range"),
        sa.CheckConstraint("(quantity IS NULL) = (unit_price IS NULL)", name="price_has_its_quantity"),
        sa.CheckConstraint("gross IS NOT NULL OR net = amount - allowance_total + charge_total", name="net_adds_up"),
        amounts_in_range("amount", "allowance_total", "charge_total", "net", "gross"),
        sa.Index("ix_credit_note_lines_organization_id_invoice_line_id", "organization_id", "invoice_line_id"),
    )

    credit_note_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    position: Mapped[int] = mapped_column(sa.Integer)
    invoice_line_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    description: Mapped[str] = mapped_column(sa.Text)
    details: Mapped[str | None] = mapped_column(sa.Text)
    sku: Mapped[str | None] = mapped_column(sa.Text)
    order_line_reference: Mapped[str | None] = mapped_column(sa.Text)
    quantity: Mapped[Decimal | None] = mapped_column(sa.Numeric(18, 6))
    unit: Mapped[str] = mapped_column(sa.Text)
    unit_price: Mapped[Decimal | None] = mapped_column(sa.Numeric(23, 8))
    base_quantity: Mapped[Decimal] = mapped_column(sa.Numeric(20, 8))
    amount: Mapped[Amount] = mapped_column()
    allowance_total: Mapped[Amount] = mapped_column()
    charge_total: Mapped[Amount] = mapped_column()
    net: Mapped[Amount] = mapped_column()
    gross: Mapped[Amount | None] = mapped_column()
    taxes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    exemption_reason: Mapped[str | None] = mapped_column(sa.Text)
    exemption_reason_code: Mapped[str | None] = mapped_column(sa.Text)
    billing_period_start: Mapped[dt.date | None] = mapped_column(sa.Date)
    billing_period_end: Mapped[dt.date | None] = mapped_column(sa.Date)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)

    credit_note: Mapped["CreditNote"] = relationship(back_populates="lines", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.credit_note.currency

    @property
    def tax_category(self) -> str | None:
        """The category of the line's one tax; None where it has several."""
        return self.taxes[0]["category"] if len(self.taxes) == 1 else None

    @property
    def tax_rate(self) -> str | None:
        """The rate of the line's one tax, in percent."""
        return self.taxes[0]["rate"] if len(self.taxes) == 1 else None

    @property
    def tax_rate_id(self) -> str | None:
        """The rate of the organization from which the line's one tax was taken."""
        return self.taxes[0]["tax_rate_id"] if len(self.taxes) == 1 else None

    @property
    def billing_period(self) -> dict[str, dt.date | None] | None:
        """The period that the line covers."""
        if self.billing_period_start is None and self.billing_period_end is None:
            return None
        return {"start_date": self.billing_period_start, "end_date": self.billing_period_end}


class CreditNoteAdjustment(Belonging, Model):
    """What is credited of an allowance or a charge of the invoice that no line shares."""

    __tablename__ = "credit_note_adjustments"
    __table_args__ = (
        owned_by("credit_notes", "credit_note_id"),
        owned_by("invoice_adjustments", "adjustment_id"),
        sa.UniqueConstraint("organization_id", "credit_note_id", "position"),
        sa.CheckConstraint("position >= 0", name="position_not_negative"),
        amounts_in_range("amount", "net"),
        sa.Index("ix_credit_note_adjustments_organization_id_adjustment", "organization_id", "adjustment_id"),
    )

    credit_note_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    position: Mapped[int] = mapped_column(sa.Integer)
    adjustment_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    is_charge: Mapped[bool] = mapped_column()
    amount: Mapped[Amount] = mapped_column()
    net: Mapped[Amount] = mapped_column()
    reason: Mapped[str | None] = mapped_column(sa.Text)
    reason_code: Mapped[str | None] = mapped_column(sa.Text)
    tax_category: Mapped[str | None] = mapped_column(sa.Text)
    tax_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))

    credit_note: Mapped["CreditNote"] = relationship(back_populates="adjustments", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.credit_note.currency


class CreditNoteTaxGroup(TaxGroupRow, Belonging, Model):
    """A row of the tax breakdown of a credit note."""

    __tablename__ = "credit_note_tax_groups"
    __table_args__ = (
        owned_by("credit_notes", "credit_note_id"),
        sa.UniqueConstraint("organization_id", "credit_note_id", "position"),
        sa.CheckConstraint("position >= 0", name="position_not_negative"),
        amounts_in_range("taxable_amount", "tax_amount", "tax_amount_in_tax_currency"),
    )

    credit_note_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    credit_note: Mapped["CreditNote"] = relationship(back_populates="tax_breakdown", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.credit_note.currency
