"""The books: sources of money, what they were applied to, and the double entries that say so."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Mapped, mapped_column, relationship

from billing_api import clock
from billing_api.belonging import Belonging
from billing_api.customers.models import Customer
from billing_api.database import Amount, Instant, Model, Versioned, owned_by
from billing_api.domain.bookkeeping import ACCOUNTS, ENTRY_TYPES
from billing_api.domain.money import AMOUNT_LIMIT

_ACCOUNTS = ", ".join(f"'{account}'" for account in ACCOUNTS)
_TYPES = ", ".join(f"'{type}'" for type in ENTRY_TYPES)


class Source(Belonging, Versioned, Model):
    """Money that a customer has given, or is owed: a payment, a credit note, or an invoice of a negative amount. It
    has the id of that document. Amounts are in minor units of `currency`."""

    __tablename__ = "sources"
    __table_args__ = (
        # By its model, so that it is there before the models that inherit from this one are made.
        owned_by(Customer.__tablename__, "customer_id"),
        sa.CheckConstraint("type IN ('payment', 'credit_note', 'invoice')", name="type_known"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.CheckConstraint(f"amount BETWEEN 0 AND {AMOUNT_LIMIT}", name="amount_range"),
        sa.CheckConstraint("least(amount_allocated, amount_refunded, amount_reversed) >= 0", name="uses_not_negative"),
        sa.CheckConstraint(
            "amount_available >= 0 "
            "AND amount_available = amount - amount_allocated - amount_refunded - amount_reversed",
            name="never_used_twice",
        ),
        sa.Index("ix_sources_organization_id_type_created_at", "organization_id", "type", "created_at", "id"),
        sa.Index("ix_sources_organization_id_type_updated_at", "organization_id", "type", "updated_at", "id"),
        sa.Index("ix_sources_organization_id_type_dated_on", "organization_id", "type", "dated_on", "id"),
        sa.Index("ix_sources_organization_id_currency", "organization_id", "type", "currency", "created_at", "id"),
        sa.Index(
            "ix_sources_organization_id_customer_id", "organization_id", "customer_id", "type", "created_at", "id"
        ),
        *(
            sa.Index(
                f"ix_sources_organization_id_type_{word}",
                "organization_id",
                "type",
                "created_at",
                "id",
                postgresql_where=sa.text(condition),
            )
            for word, condition in (("available", "amount_available > 0"), ("used", "amount_available = 0"))
        ),
        sa.Index(
            "ix_sources_organization_id_available",
            "organization_id",
            "customer_id",
            "currency",
            "dated_on",
            "id",
            postgresql_where=sa.text("amount_available > 0"),
        ),
    )

    type: Mapped[str] = mapped_column(sa.Text)
    customer_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    currency: Mapped[str] = mapped_column(sa.Text)
    dated_on: Mapped[dt.date] = mapped_column(sa.Date)
    """The date of the payment, or of the issue; the oldest is applied first."""
    amount: Mapped[Amount] = mapped_column()
    amount_allocated: Mapped[Amount] = mapped_column(default=0)
    amount_refunded: Mapped[Amount] = mapped_column(default=0)
    amount_reversed: Mapped[Amount] = mapped_column(default=0)
    amount_available: Mapped[Amount] = mapped_column()

    allocations: Mapped[list["Allocation"]] = relationship(
        order_by="(Allocation.created_at, Allocation.id)", back_populates="source", lazy="raise_on_sql"
    )

    @orm.declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
        return {"version_id_col": cls.version, "polymorphic_on": "type", "polymorphic_identity": "invoice"}

    def use(self, *, allocated: int = 0, refunded: int = 0, reversed: int = 0) -> None:
        """Count what becomes of the money; below zero it comes back. The database refuses what is not there."""
        self.amount_allocated += allocated
        self.amount_refunded += refunded
        self.amount_reversed += reversed
        self.amount_available -= allocated + refunded + reversed


class Allocation(Belonging, Model):
    """An amount of a source that settles an invoice, until it is released."""

    __tablename__ = "allocations"
    __table_args__ = (
        owned_by("sources", "source_id"),
        owned_by("invoices", "invoice_id"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("(released_at IS NULL) = (released_on IS NULL)", name="released_whole"),
        sa.Index("ix_allocations_organization_id_source_id", "organization_id", "source_id", "created_at"),
        sa.Index("ix_allocations_organization_id_invoice_id", "organization_id", "invoice_id", "created_at"),
    )

    source_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    invoice_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    amount: Mapped[Amount] = mapped_column()
    allocated_on: Mapped[dt.date] = mapped_column(sa.Date)
    created_at: Mapped[Instant] = mapped_column(default=clock.now)
    released_on: Mapped[dt.date | None] = mapped_column(sa.Date)
    released_at: Mapped[Instant | None] = mapped_column()

    source: Mapped[Source] = relationship(back_populates="allocations", lazy="raise_on_sql")

    @property
    def currency(self) -> str:
        """The currency of its amount."""
        return self.source.currency


class LedgerEntry(Belonging, Model):
    """One deed in the books. Never changed, never deleted; a mistake is undone by another entry."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        owned_by("customers", "customer_id"),
        sa.CheckConstraint(f"type IN ({_TYPES})", name="type_known"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_form"),
        sa.Index("ix_ledger_entries_organization_id_created_at", "organization_id", "created_at", "id"),
        sa.Index("ix_ledger_entries_organization_id_entry_date", "organization_id", "entry_date", "id"),
        sa.Index("ix_ledger_entries_organization_id_currency", "organization_id", "currency", "created_at", "id"),
        sa.Index(
            "ix_ledger_entries_organization_id_customer_id",
            "organization_id",
            "customer_id",
            "currency",
            "entry_date",
            "id",
        ),
        sa.Index("ix_ledger_entries_organization_id_object_id", "organization_id", "object_id", "created_at", "id"),
    )

    type: Mapped[str] = mapped_column(sa.Text)
    entry_date: Mapped[dt.date] = mapped_column(sa.Date)
    customer_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    currency: Mapped[str] = mapped_column(sa.Text)
    object_type: Mapped[str] = mapped_column(sa.Text)
    object_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    """The document for which it was made."""
    created_at: Mapped[Instant] = mapped_column(default=clock.now)

    postings: Mapped[list["LedgerPosting"]] = relationship(
        order_by="LedgerPosting.position", back_populates="entry", lazy="raise_on_sql"
    )

    @property
    def object(self) -> dict[str, object]:
        """The document for which it was made."""
        return {"type": self.object_type, "id": self.object_id}


class LedgerPosting(Belonging, Model):
    """A line of an entry: a debit above zero, a credit below."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        owned_by("ledger_entries", "entry_id"),
        owned_by("invoices", "invoice_id"),
        owned_by("sources", "source_id"),
        sa.UniqueConstraint("organization_id", "entry_id", "position"),
        sa.CheckConstraint(f"account IN ({_ACCOUNTS})", name="account_known"),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
        sa.CheckConstraint(
            "(invoice_id IS NOT NULL) = (account IN ('accounts_receivable', 'bad_debt', 'opening_balance')) "
            "AND (source_id IS NOT NULL) = (account = 'customer_credit') "
            "AND (method IS NOT NULL) = (account = 'cash') "
            "AND (tax_category IS NOT NULL) = (account = 'tax_payable')",
            name="account_has_its_detail",
        ),
        sa.Index("ix_ledger_postings_organization_id_invoice_id", "organization_id", "invoice_id"),
        sa.Index("ix_ledger_postings_organization_id_source_id", "organization_id", "source_id"),
    )

    entry_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    position: Mapped[int] = mapped_column(sa.Integer)
    account: Mapped[str] = mapped_column(sa.Text)
    amount: Mapped[Amount] = mapped_column()
    invoice_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    source_id: Mapped[uuid.UUID | None] = mapped_column(sa.Uuid)
    method: Mapped[str | None] = mapped_column(sa.Text)
    tax_category: Mapped[str | None] = mapped_column(sa.Text)
    tax_rate: Mapped[Decimal | None] = mapped_column(sa.Numeric(8, 4))
    tax_name: Mapped[str | None] = mapped_column(sa.Text)

    entry: Mapped[LedgerEntry] = relationship(back_populates="postings", lazy="raise_on_sql")
