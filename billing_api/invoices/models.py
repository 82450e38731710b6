"""An invoice and its parts: as it was asked for, as it was computed, and, once issued, as it stays for ever."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api import clock
from billing_api.belonging import Belonging
from billing_api.database import Amount, Instant, Model, Versioned, owned_by
from billing_api.domain import lifecycle
from billing_api.domain.document_types import INVOICE_TYPES
from billing_api.invoices.breakdown import InvoiceTaxGroup
from billing_api.invoices.import_checks import import_checks
from billing_api.invoices.life_checks import life_checks
from billing_api.invoices.parts import (
    InvoiceAdjustment,
    InvoiceLine,
    amounts_in_range,
    period_runs_forward,
)
from billing_api.traits import traits_of

_TYPES = ", ".join(f"'{code}'" for code in INVOICE_TYPES)
_AMOUNTS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
    "rounding_amount", "cash_rounding_increment", "payable_amount", "amount_paid", "amount_credited",
    "tax_total_in_tax_currency",
)  # fmt: skip


class Invoice(Belonging, Versioned, Model):
    """An invoice. Amounts are in minor units of `currency`; after finalization only what money does to it changes."""

    __tablename__ = "invoices"
    __table_args__ = (
        owned_by("customers", "customer_id"),
        owned_by("number_series", "series_id"),
        owned_by("invoices", "revision_of_id"),
        owned_by("invoices", "revised_by_id"),
        sa.UniqueConstraint("organization_id", "number_key"),
        sa.UniqueConstraint("organization_id", "series_id", "number_period", "sequence_value"),
        sa.CheckConstraint(f"type_code IN ({_TYPES})", name="type_code_known"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.CheckConstraint("sequence_value >= 1", name="sequence_value_positive"),
        sa.CheckConstraint(
            "total_without_tax = subtotal - allowance_total + charge_total AND total = total_without_tax + tax_total "
            "AND payable_amount = total - prepaid_amount + rounding_amount",
            name="sums_add_up",
        ),
        amounts_in_range(*_AMOUNTS),
        sa.CheckConstraint(
            "total_credited BETWEEN 0 AND greatest(total + rounding_amount, 0) "
            "AND (status <> 'void' OR total_credited = 0)",
            name="never_credited_twice",
        ),
        sa.CheckConstraint("cash_rounding_increment > 0", name="cash_rounding_increment_positive"),
        *life_checks(),
        *import_checks(),
        period_runs_forward(),
        sa.CheckConstraint("net_terms_days BETWEEN 0 AND 3650", name="net_terms_days_range"),
        sa.CheckConstraint("due_date IS NULL OR issue_date IS NULL OR due_date >= issue_date", name="due_after_issue"),
        sa.CheckConstraint("due_date = issue_date + net_terms_days", name="due_as_terms_say"),
        sa.CheckConstraint("tax_currency ~ '^[A-Z]{3}$' AND tax_currency <> currency", name="tax_currency_form"),
        sa.CheckConstraint("exchange_rate > 0", name="exchange_rate_positive"),
        sa.CheckConstraint(
            "(exchange_rate IS NULL) = (exchange_rate_date IS NULL) "
            "AND (exchange_rate_source IS NULL OR exchange_rate IS NOT NULL)",
            name="exchange_rate_complete",
        ),
        sa.CheckConstraint(
            "(tax_total_in_tax_currency IS NULL) = (tax_currency IS NULL OR exchange_rate IS NULL) "
            "AND (status = 'draft' OR tax_total = 0 OR tax_currency IS NULL OR exchange_rate IS NOT NULL)",
            name="tax_in_tax_currency",
        ),
        sa.Index("ix_invoices_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index("ix_invoices_organization_id_updated_at", "organization_id", "updated_at", "id"),
        sa.Index("ix_invoices_organization_id_customer_id", "organization_id", "customer_id", "created_at", "id"),
        sa.Index("ix_invoices_organization_id_status", "organization_id", "status", "created_at", "id"),
        sa.Index("ix_invoices_organization_id_due_date", "organization_id", "due_date", "id"),
        sa.Index("ix_invoices_organization_id_currency", "organization_id", "currency", "total", "id"),
        sa.Index("ix_invoices_organization_id_total", "organization_id", "total", "id"),
        sa.Index("ix_invoices_organization_id_issued_on", "organization_id", "issued_on", "id"),
        sa.Index(
            "ix_invoices_organization_id_owed",
            "organization_id",
            "customer_id",
            "currency",
            postgresql_where=sa.text("status IN ('open', 'uncollectible')"),
        ),
        *(
            sa.Index(
                f"ix_invoices_organization_id_{column}",
                "organization_id",
                column,
                postgresql_where=sa.text(f"{column} IS NOT NULL"),
            )
            for column in ("revision_of_id", "revised_by_id")
        ),
    )

    customer_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    status: Mapped[str | None] = mapped_column(sa.Text, default="draft", nullable=False)
    type_code: Mapped[str] = mapped_column(sa.Text)
    currency: Mapped[str] = mapped_column(sa.Text)

    number: Mapped[str | None] = mapped_column(sa.Text)
    number_key: Mapped[str | None] = mapped_column(sa.Text)
    series_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    number_period: Mapped[str | None] = mapped_column(sa.Text)
    sequence_value: Mapped[int | None] = mapped_column(sa.BigInteger)

    issue_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    issued_on: Mapped[dt.date] = mapped_column(
        sa.Date, sa.Computed("coalesce(issue_date, '9999-12-31'::date)", persisted=True)
    )
    """The date of issue to sort and filter by: a draft without one stands after all that have one. A column, because
    under row-level security an expression may sort by an index, but not search in it."""
    due_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    net_terms_days: Mapped[int | None] = mapped_column(sa.Integer)
    supply_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    billing_period_start: Mapped[dt.date | None] = mapped_column(sa.Date)
    billing_period_end: Mapped[dt.date | None] = mapped_column(sa.Date)

    purchase_order_reference: Mapped[str | None] = mapped_column(sa.Text)
    buyer_reference: Mapped[str | None] = mapped_column(sa.Text)
    contract_reference: Mapped[str | None] = mapped_column(sa.Text)
    project_reference: Mapped[str | None] = mapped_column(sa.Text)
    notes: Mapped[str | None] = mapped_column(sa.Text)
    payment_terms: Mapped[str | None] = mapped_column(sa.Text)
    locale: Mapped[str | None] = mapped_column(sa.Text)
    delivery: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    early_payment_discount: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    payment_instructions: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    preceding_invoices: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    metadata_: Mapped[dict[str, str]] = mapped_column("metadata", JSONB)

    prices_include_tax: Mapped[bool] = mapped_column()
    subtotal: Mapped[Amount] = mapped_column()
    allowance_total: Mapped[Amount] = mapped_column()
    charge_total: Mapped[Amount] = mapped_column()
    total_without_tax: Mapped[Amount] = mapped_column()
    tax_total: Mapped[Amount] = mapped_column()
    total: Mapped[Amount] = mapped_column()
    prepaid_amount: Mapped[Amount] = mapped_column()
    rounding_amount: Mapped[Amount] = mapped_column()
    cash_rounding_increment: Mapped[Amount | None] = mapped_column()
    payable_amount: Mapped[Amount] = mapped_column()
    amount_paid: Mapped[Amount] = mapped_column(default=0)
    amount_credited: Mapped[Amount] = mapped_column(default=0)
    amount_settled_before: Mapped[Amount] = mapped_column(default=0)
    total_credited: Mapped[Amount] = mapped_column(default=0)
    """What all its credit notes come to, whether they settle it or not."""
    taxes_credited: Mapped[dict[str, list[list[int]]] | None] = mapped_column(JSONB(none_as_null=True))
    """The tax that they have taken, as `domain.resuming` keeps it: of all `pools` and `components`."""

    tax_currency: Mapped[str | None] = mapped_column(sa.Text)
    exchange_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(20, 10))
    exchange_rate_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    exchange_rate_source: Mapped[str | None] = mapped_column(sa.Text)
    tax_total_in_tax_currency: Mapped[Amount | None] = mapped_column()

    seller: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    buyer: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The body as the client gave it: what a merge patch is merged into."""

    finalized_at: Mapped[Instant | None] = mapped_column()
    imported_at: Mapped[Instant | None] = mapped_column()
    opening_date: Mapped[dt.date | None] = mapped_column(sa.Date)
    paid_at: Mapped[Instant | None] = mapped_column()
    voided_at: Mapped[Instant | None] = mapped_column()
    void_reason: Mapped[str | None] = mapped_column(sa.Text)
    marked_uncollectible_at: Mapped[Instant | None] = mapped_column()
    reopened_at: Mapped[Instant | None] = mapped_column()
    marked_collectible_at: Mapped[Instant | None] = mapped_column()
    sent_at: Mapped[Instant | None] = mapped_column()
    revision_of_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    revised_by_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)

    made_in: Mapped[int] = mapped_column(
        sa.BigInteger, server_default=sa.text("((pg_current_xact_id())::text)::bigint")
    )
    """The transaction that made it, in which it gets its parts though it is issued already."""

    lines: Mapped[list[InvoiceLine]] = relationship(
        order_by=InvoiceLine.position, back_populates="invoice", cascade="all, delete-orphan", lazy="raise_on_sql",
        passive_deletes=True,
    )  # fmt: skip
    adjustments: Mapped[list[InvoiceAdjustment]] = relationship(
        order_by=InvoiceAdjustment.position, back_populates="invoice", cascade="all, delete-orphan",
        lazy="raise_on_sql", passive_deletes=True,
    )  # fmt: skip
    tax_breakdown: Mapped[list[InvoiceTaxGroup]] = relationship(
        order_by=InvoiceTaxGroup.position, back_populates="invoice", cascade="all, delete-orphan", lazy="raise_on_sql",
        passive_deletes=True,
    )  # fmt: skip

    @property
    def allowances(self) -> list[InvoiceAdjustment]:
        """The allowances of the document itself."""
        return self.adjustments_of(None, is_charge=False)

    @property
    def charges(self) -> list[InvoiceAdjustment]:
        """The charges of the document itself."""
        return self.adjustments_of(None, is_charge=True)

    def adjustments_of(self, line_id: uuid.UUID | None, *, is_charge: bool) -> list[InvoiceAdjustment]:
        """The allowances, or the charges, of a line, or of the document."""
        known = self.__dict__.get("_adjustments_by_place")
        # Gathered once for each list that the invoice holds: asked line by line, a thousand lines would cost a million.
        if known is None or known[0] is not self.adjustments or known[1] != len(self.adjustments):
            places: dict[tuple[uuid.UUID | None, bool], list[InvoiceAdjustment]] = {}
            for part in self.adjustments:
                places.setdefault((part.line_id, part.is_charge), []).append(part)
            known = self.__dict__["_adjustments_by_place"] = (self.adjustments, len(self.adjustments), places)
        found: list[InvoiceAdjustment] = known[2].get((line_id, is_charge), [])
        return found

    @property
    def amount_due(self) -> int:
        """What is still to be paid, expected or not; a draft owes nothing yet, and shows what it would."""
        if self.status == "void":
            return 0
        return self.payable_amount - (self.amount_paid or 0) - (self.amount_credited or 0)

    @property
    def amount_creditable(self) -> int:
        """What credit notes have left of an issued invoice, tax and rounding included."""
        return self.total + self.rounding_amount - self.total_credited if self.is_creditable else 0

    @property
    def is_creditable(self) -> bool:
        """Whether credit notes can be written over it at all: it is issued, not void, and comes to something."""
        return self.status not in {None, "draft", "void"} and self.total + self.rounding_amount > 0

    @property
    def has_credit_notes(self) -> bool:
        """Whether a credit note speaks of it, were it over nothing but units of a line that cost nothing."""
        return self.taxes_credited is not None

    @property
    def partially_paid(self) -> bool:
        """Whether a part of it was paid, and something is still due."""
        return (self.amount_paid or 0) > 0 and self.amount_due > 0

    @property
    def settled_by(self) -> str | None:
        """What has settled it: payment, credit, mixed or nothing; None while it is not paid."""
        return lifecycle.settled_by(self.status or "draft", self.amount_paid or 0, self.amount_credited or 0)

    @property
    def overdue(self) -> bool:
        """Whether money is due since before today, in the seller's time zone. Computed, so never stale."""
        if self.status != "open" or self.due_date is None or self.seller is None:
            return False
        return self.amount_due > 0 and self.due_date < clock.today(self.seller["time_zone"])

    @property
    def billing_period(self) -> dict[str, dt.date | None] | None:
        """The period that the invoice covers."""
        if self.billing_period_start is None and self.billing_period_end is None:
            return None
        return {"start_date": self.billing_period_start, "end_date": self.billing_period_end}

    @property
    def exchange(self) -> dict[str, Any] | None:
        """The rate by which the tax was converted."""
        if self.exchange_rate is None:
            return None
        return {"rate": self.exchange_rate, "date": self.exchange_rate_date, "source": self.exchange_rate_source}


INVOICE_TRAITS = traits_of("invoice")
