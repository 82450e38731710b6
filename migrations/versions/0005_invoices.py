"""Invoices."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AMOUNTS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
    "rounding_amount", "cash_rounding_increment", "payable_amount", "amount_paid", "amount_credited",
    "tax_total_in_tax_currency",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "invoices",
        *_identity(),
        *_words(),
        *_figures(),
        *_life(),
        *_checks_of_life(),
        *_checks_of_terms(),
        *_checks_of_figures(),
        *_keys(),
    )
    _make_indexes()
    wall("invoices")
    grant("invoices")


def downgrade() -> None:
    op.drop_table("invoices")


def _identity() -> tuple[sa.Column[Any], ...]:
    """Which invoice it is, of whom, and when."""
    return (
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("number_key", sa.Text(), nullable=True),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("number_period", sa.Text(), nullable=True),
        sa.Column("sequence_value", sa.BigInteger(), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column(
            "issued_on",
            sa.Date(),
            sa.Computed("coalesce(issue_date, '9999-12-31'::date)", persisted=True),
            nullable=False,
        ),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("net_terms_days", sa.Integer(), nullable=True),
        sa.Column("supply_date", sa.Date(), nullable=True),
        sa.Column("billing_period_start", sa.Date(), nullable=True),
        sa.Column("billing_period_end", sa.Date(), nullable=True),
    )


def _words() -> tuple[sa.Column[Any], ...]:
    """What it says beside its figures."""
    return (
        sa.Column("purchase_order_reference", sa.Text(), nullable=True),
        sa.Column("buyer_reference", sa.Text(), nullable=True),
        sa.Column("contract_reference", sa.Text(), nullable=True),
        sa.Column("project_reference", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("payment_terms", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("delivery", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("early_payment_discount", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("payment_instructions", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("preceding_invoices", postgresql.JSONB(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
    )


def _figures() -> tuple[sa.Column[Any], ...]:
    """Amounts, and the tax in a second currency."""
    return (
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("allowance_total", sa.BigInteger(), nullable=False),
        sa.Column("charge_total", sa.BigInteger(), nullable=False),
        sa.Column("total_without_tax", sa.BigInteger(), nullable=False),
        sa.Column("tax_total", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("prepaid_amount", sa.BigInteger(), nullable=False),
        sa.Column("rounding_amount", sa.BigInteger(), nullable=False),
        sa.Column("cash_rounding_increment", sa.BigInteger(), nullable=True),
        sa.Column("payable_amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid", sa.BigInteger(), nullable=False),
        sa.Column("amount_credited", sa.BigInteger(), nullable=False),
        sa.Column("tax_currency", sa.Text(), nullable=True),
        sa.Column("exchange_rate", sa.Numeric(precision=20, scale=10), nullable=True),
        sa.Column("exchange_rate_date", sa.Date(), nullable=True),
        sa.Column("exchange_rate_source", sa.Text(), nullable=True),
        sa.Column("tax_total_in_tax_currency", sa.BigInteger(), nullable=True),
    )


def _life() -> tuple[sa.Column[Any], ...]:
    """The parties as they stay, and what happened to it."""
    return (
        sa.Column("seller", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("buyer", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("finalized_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("paid_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("voided_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("marked_uncollectible_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )


def _checks_of_life() -> Iterator[sa.CheckConstraint]:
    """What goes with which status."""
    yield _check("status_known", "status IN ('draft', 'open', 'paid', 'uncollectible', 'void')")
    yield _check("type_code_known", "type_code IN ('380', '384', '386', '389')")
    yield _check(
        "numbered_when_issued",
        "num_nulls(finalized_at, number, number_key, series_id, number_period, sequence_value) "
        "= CASE status WHEN 'draft' THEN 6 ELSE 0 END",
    )
    yield _check("sequence_value_positive", "sequence_value >= 1")
    yield _check(
        "issued_is_complete",
        "status = 'draft' OR (num_nulls(issue_date, due_date, seller, buyer) = 0 "
        "AND num_nonnulls(supply_date, billing_period_start) > 0)",
    )
    yield _check(
        "draft_is_not_settled",
        "status <> 'draft' OR (num_nonnulls(paid_at, voided_at, marked_uncollectible_at) = 0 "
        "AND amount_paid = 0 AND amount_credited = 0)",
    )
    yield _check(
        "status_has_its_moment",
        "(status <> 'paid' OR paid_at IS NOT NULL) AND (status <> 'void' OR voided_at IS NOT NULL) "
        "AND (status <> 'uncollectible' OR marked_uncollectible_at IS NOT NULL)",
    )
    yield _check("paid_owes_nothing", "status <> 'paid' OR payable_amount - amount_paid - amount_credited = 0")
    yield _check("version_positive", "version >= 1")


def _checks_of_terms() -> Iterator[sa.CheckConstraint]:
    yield _check(
        "billing_period_runs_forward",
        "(billing_period_start IS NULL) = (billing_period_end IS NULL) AND billing_period_start <= billing_period_end",
    )
    yield _check("net_terms_days_range", "net_terms_days BETWEEN 0 AND 3650")
    yield _check("due_after_issue", "due_date IS NULL OR issue_date IS NULL OR due_date >= issue_date")
    yield _check("due_as_terms_say", "due_date = issue_date + net_terms_days")


def _checks_of_figures() -> Iterator[sa.CheckConstraint]:
    yield _check("currency_form", "currency ~ '^[A-Z]{3}$'")
    yield _check(
        "sums_add_up",
        "total_without_tax = subtotal - allowance_total + charge_total AND total = total_without_tax + tax_total "
        "AND payable_amount = total - prepaid_amount + rounding_amount",
    )
    yield _check("amounts_in_range", " AND ".join(f"{name} BETWEEN {-(10**15)} AND {10**15}" for name in AMOUNTS))
    yield _check("cash_rounding_increment_positive", "cash_rounding_increment > 0")
    yield _check("amount_due_not_negative", "status = 'draft' OR payable_amount - amount_paid - amount_credited >= 0")
    yield _check("settled_not_negative", "amount_paid >= least(payable_amount, 0) AND amount_credited >= 0")
    yield _check("tax_currency_form", "tax_currency ~ '^[A-Z]{3}$' AND tax_currency <> currency")
    yield _check("exchange_rate_positive", "exchange_rate > 0")
    yield _check(
        "exchange_rate_complete",
        "(exchange_rate IS NULL) = (exchange_rate_date IS NULL) "
        "AND (exchange_rate_source IS NULL OR exchange_rate IS NOT NULL)",
    )
    yield _check(
        "tax_in_tax_currency",
        "(tax_total_in_tax_currency IS NULL) = (tax_currency IS NULL OR exchange_rate IS NULL) "
        "AND (status = 'draft' OR tax_total = 0 OR tax_currency IS NULL OR exchange_rate IS NOT NULL)",
    )


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_invoices_{name}"))


def _keys() -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_invoices_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "series_id"],
            ["number_series.organization_id", "number_series.id"],
            name=op.f("fk_invoices_organization_id_series_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invoices_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("organization_id", "number_key", name=op.f("uq_invoices_organization_id_number_key")),
        sa.UniqueConstraint(
            "organization_id",
            "series_id",
            "number_period",
            "sequence_value",
            name=op.f("uq_invoices_organization_id_series_id_number_period_sequence_value"),
        ),
    )


def _make_indexes() -> None:
    op.create_index(
        "ix_invoices_organization_id_created_at", "invoices", ["organization_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_customer_id",
        "invoices",
        ["organization_id", "customer_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_invoices_organization_id_due_date", "invoices", ["organization_id", "due_date", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_issued_on", "invoices", ["organization_id", "issued_on", "id"], unique=False
    )
    op.create_index(
        "ix_invoices_organization_id_status",
        "invoices",
        ["organization_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_invoices_organization_id_currency", "invoices", ["organization_id", "currency", "total", "id"], unique=False
    )
    op.create_index("ix_invoices_organization_id_total", "invoices", ["organization_id", "total", "id"], unique=False)
    op.create_index(
        "ix_invoices_organization_id_updated_at", "invoices", ["organization_id", "updated_at", "id"], unique=False
    )
