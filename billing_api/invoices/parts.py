"""The parts of an invoice: lines, their taxes, allowances and charges."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api.belonging import Belonging
from billing_api.catalog.models import taxed
from billing_api.database import Amount, Model, owned_by
from billing_api.domain.money import AMOUNT_LIMIT, subtract
from billing_api.domain.tax import Component, Tax

if TYPE_CHECKING:
    from billing_api.invoices.models import Invoice


def amounts_in_range(*names: str) -> sa.CheckConstraint:
    """No amount lies further from zero than the arithmetic lets it."""
    each = (f"{name} BETWEEN {-AMOUNT_LIMIT} AND {AMOUNT_LIMIT}" for name in names)
    return sa.CheckConstraint(" AND ".join(each), name="amounts_in_range")


def period_runs_forward() -> sa.CheckConstraint:
    """A billing period has both its days, and ends no earlier than it begins."""
    return sa.CheckConstraint(
        "(billing_period_start IS NULL) = (billing_period_end IS NULL) AND billing_period_start <= billing_period_end",
        name="billing_period_runs_forward",
    )


def of_invoice() -> sa.ForeignKeyConstraint:
    """A part goes with its whole: only drafts are ever deleted."""
    return sa.ForeignKeyConstraint(
        ["organization_id", "invoice_id"], ["invoices.organization_id", "invoices.id"], ondelete="CASCADE"
    )


def _of_line() -> sa.ForeignKeyConstraint:
    """The line is one of the same invoice, so that no part can hang on the line of another."""
    names = ("organization_id", "invoice_id")
    return sa.ForeignKeyConstraint(
        [*names, "line_id"], [*(f"invoice_lines.{name}" for name in names), "invoice_lines.id"], ondelete="CASCADE"
    )


class InvoiceLine(Belonging, Model):
    """A line. Prices are exact, per base quantity; `net` is without tax."""

    __tablename__ = "invoice_lines"
    __table_args__ = (
        of_invoice(),
        owned_by("products", "product_id"),
        sa.UniqueConstraint("organization_id", "invoice_id", "position"),
        # What a part of the line refers to, so that it is one of the same invoice.
        sa.UniqueConstraint("organization_id", "invoice_id", "id"),
        sa.CheckConstraint("position BETWEEN 1 AND 1000", name="position_range"),
        sa.CheckConstraint("base_quantity > 0", name="base_quantity_positive"),
        sa.CheckConstraint("gross IS NOT NULL OR net = amount - allowance_total + charge_total", name="net_adds_up"),
        sa.CheckConstraint(
            "(gross_price IS NULL) = (price_discount IS NULL) AND unit_price = gross_price - price_discount "
            "AND (gross_price IS NULL OR unit_price BETWEEN 0 AND gross_price)",
            name="prices_agree",
        ),
        amounts_in_range("amount", "allowance_total", "charge_total", "net", "gross"),
        sa.CheckConstraint(f"shared_amount BETWEEN {-AMOUNT_LIMIT} AND {AMOUNT_LIMIT}", name="shared_amount_in_range"),
        sa.CheckConstraint(
            "credited_quantity BETWEEN least(quantity, 0) AND greatest(quantity, 0) "
            "AND credited_amount BETWEEN least(coalesce(gross, net) + shared_amount, 0) "
            "AND greatest(coalesce(gross, net) + shared_amount, 0)",
            name="credited_within_line",
        ),
        period_runs_forward(),
        sa.CheckConstraint("product_id IS NOT NULL OR NOT tax_from_product", name="tax_from_product_needs_one"),
        sa.Index(
            "ix_invoice_lines_organization_id_product_id",
            "organization_id",
            "product_id",
            postgresql_where=sa.text("product_id IS NOT NULL"),
        ),
    )

    invoice_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    position: Mapped[int] = mapped_column(sa.Integer)
    product_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    tax_from_product: Mapped[bool] = mapped_column()
    """Whether neither the line nor the customer said how it is taxed, so that it was its product that did."""
    description: Mapped[str | None] = mapped_column(sa.Text)
    details: Mapped[str | None] = mapped_column(sa.Text)
    sku: Mapped[str | None] = mapped_column(sa.Text)
    order_line_reference: Mapped[str | None] = mapped_column(sa.Text)
    quantity: Mapped[Decimal] = mapped_column(sa.Numeric(18, 6))
    unit: Mapped[str] = mapped_column(sa.Text)
    unit_price: Mapped[Decimal] = mapped_column(sa.Numeric(23, 8))
    gross_price: Mapped[Decimal | None] = mapped_column(sa.Numeric(23, 8))
    price_discount: Mapped[Decimal | None] = mapped_column(sa.Numeric(23, 8))
    base_quantity: Mapped[Decimal] = mapped_column(sa.Numeric(20, 8))
    billing_period_start: Mapped[dt.date | None] = mapped_column(sa.Date)
    billing_period_end: Mapped[dt.date | None] = mapped_column(sa.Date)
    exemption_reason: Mapped[str | None] = mapped_column(sa.Text)
    exemption_reason_code: Mapped[str | None] = mapped_column(sa.Text)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)
    amount: Mapped[Amount] = mapped_column()
    allowance_total: Mapped[Amount] = mapped_column()
    charge_total: Mapped[Amount] = mapped_column()
    net: Mapped[Amount] = mapped_column()
    gross: Mapped[Amount | None] = mapped_column()
    shared_amount: Mapped[Amount] = mapped_column(default=0)
    """Its share of the document's charges less that of its allowances, in the price mode of the document."""
    credited_quantity: Mapped[Decimal] = mapped_column(sa.Numeric(18, 6), default=Decimal(0))
    credited_amount: Mapped[Amount] = mapped_column(default=0)
    """What credit notes have taken of it, shares included."""

    invoice: Mapped["Invoice"] = relationship(back_populates="lines", lazy="raise_on_sql")
    taxes: Mapped[list["InvoiceLineTax"]] = relationship(
        order_by="InvoiceLineTax.position", cascade="all, delete-orphan", lazy="raise_on_sql", passive_deletes=True
    )

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.invoice.currency

    @property
    def allowances(self) -> list["InvoiceAdjustment"]:
        """What makes the line cheaper."""
        return self.invoice.adjustments_of(self.id, is_charge=False)

    @property
    def charges(self) -> list["InvoiceAdjustment"]:
        """What makes the line dearer."""
        return self.invoice.adjustments_of(self.id, is_charge=True)

    @property
    def tax_category(self) -> str | None:
        """The category of the line's one tax; None where it has none yet, or several."""
        return self.taxes[0].category if len(self.taxes) == 1 else None

    @property
    def tax_rate(self) -> Decimal | None:
        """The rate of the line's one tax, in percent."""
        return self.taxes[0].rate if len(self.taxes) == 1 else None

    @property
    def tax_rate_id(self) -> uuid.UUID | None:
        """The rate of the organization from which the line's one tax was taken."""
        return self.taxes[0].tax_rate_id if len(self.taxes) == 1 else None

    @property
    def stated(self) -> int:
        """What it comes to, in the price mode of the document."""
        return self.net if self.gross is None else self.gross

    @property
    def creditable_quantity(self) -> Decimal:
        """How much of its quantity can still be credited."""
        return subtract(self.quantity, self.credited_quantity) if self.invoice.is_creditable else Decimal(0)

    @property
    def creditable_net(self) -> int:
        """How much of its amount can still be credited, in the price mode of the document."""
        return self.stated + self.shared_amount - self.credited_amount if self.invoice.is_creditable else 0

    @property
    def billing_period(self) -> dict[str, dt.date | None] | None:
        """The period that the line covers."""
        if self.billing_period_start is None and self.billing_period_end is None:
            return None
        return {"start_date": self.billing_period_start, "end_date": self.billing_period_end}


class InvoiceLineTax(Belonging, Model):
    """A tax upon a line."""

    __tablename__ = "invoice_line_taxes"
    __table_args__ = (
        _of_line(),
        owned_by("tax_rates", "tax_rate_id"),
        sa.UniqueConstraint("organization_id", "line_id", "position"),
        sa.Index(
            "ix_invoice_line_taxes_organization_id_invoice_id_line_id", "organization_id", "invoice_id", "line_id"
        ),
        sa.Index(
            "ix_invoice_line_taxes_organization_id_tax_rate_id",
            "organization_id",
            "tax_rate_id",
            postgresql_where=sa.text("tax_rate_id IS NOT NULL"),
        ),
        sa.CheckConstraint("position >= 0", name="position_not_negative"),
        *taxed(),
    )

    line_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    # Known through the line as well; here it lets one statement guard the parts of issued invoices.
    invoice_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    position: Mapped[int] = mapped_column(sa.Integer)
    category: Mapped[str] = mapped_column(sa.Text)
    rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    name: Mapped[str | None] = mapped_column(sa.Text)
    tax_rate_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    components: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """`{name, rate}` of a combined rate, the rate as text."""

    @property
    def tax(self) -> Tax:
        """The tax as it counts in the arithmetic."""
        components = (Component(name=one["name"], rate=Decimal(one["rate"])) for one in self.components)
        return Tax(category=self.category, rate=self.rate, name=self.name, components=tuple(components))


class InvoiceAdjustment(Belonging, Model):
    """An allowance or a charge, of a line or, without `line_id`, of the document; `parts` shows how one without a
    category was split over the tax groups."""

    __tablename__ = "invoice_adjustments"
    __table_args__ = (
        of_invoice(),
        _of_line(),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "line_id",
            "is_charge",
            "position",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("position >= 0", name="position_not_negative"),
        *taxed("tax_"),
        sa.CheckConstraint("tax_rate IS NULL OR tax_category IS NOT NULL", name="tax_rate_has_category"),
        sa.CheckConstraint("line_id IS NULL OR tax_category IS NULL", name="tax_on_document_only"),
        amounts_in_range("amount", "base_amount"),
        sa.CheckConstraint("NOT stands_alone OR line_id IS NULL", name="only_document_stands_alone"),
        sa.CheckConstraint(
            "credited_amount = 0 OR (stands_alone AND CASE WHEN is_charge "
            "THEN credited_amount BETWEEN least(amount, 0) AND greatest(amount, 0) "
            "ELSE credited_amount BETWEEN least(-amount, 0) AND greatest(-amount, 0) END)",
            name="credited_within_adjustment",
        ),
    )

    invoice_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    line_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    is_charge: Mapped[bool] = mapped_column()
    position: Mapped[int] = mapped_column(sa.Integer)
    amount: Mapped[Amount] = mapped_column()
    percent: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 4))
    base_amount: Mapped[Amount | None] = mapped_column()
    reason: Mapped[str | None] = mapped_column(sa.Text)
    reason_code: Mapped[str | None] = mapped_column(sa.Text)
    tax_category: Mapped[str | None] = mapped_column(sa.Text)
    tax_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    stands_alone: Mapped[bool] = mapped_column(default=False)
    """Whether no line shares it, so that it is credited by itself."""
    credited_amount: Mapped[Amount] = mapped_column(default=0)
    """What credit notes have taken of it, signed as it counts in the total: an allowance is negative."""

    invoice: Mapped["Invoice"] = relationship(back_populates="adjustments", lazy="raise_on_sql")
    # Never read: it lets the session delete the line last.
    line: Mapped[InvoiceLine | None] = relationship(lazy="raise_on_sql", overlaps="adjustments,invoice")

    @property
    def signed_amount(self) -> int:
        """The amount as it counts in the total."""
        return self.amount if self.is_charge else -self.amount

    @property
    def creditable_amount(self) -> int | None:
        """How much of it can still be credited, signed as it counts in the total; None where lines share it."""
        if not self.stands_alone:
            return None
        return self.signed_amount - self.credited_amount if self.invoice.is_creditable else 0

    @property
    def currency(self) -> str:
        """The currency of its amounts."""
        return self.invoice.currency
