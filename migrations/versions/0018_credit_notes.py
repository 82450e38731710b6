"""Credit notes and their parts."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

LIMIT = 10**15
PARTS = ("credit_note_lines", "credit_note_adjustments", "credit_note_tax_groups")

# Issued when it is made; of itself only the metadata moves.
KEEP_CREDIT_NOTE = """
CREATE FUNCTION keep_credit_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'metadata' IS DISTINCT FROM to_jsonb(OLD) - 'metadata' THEN
        RAISE EXCEPTION 'an issued credit note cannot be changed' USING ERRCODE = 'BA409';
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    _make_credit_notes()
    _make_lines()
    _make_adjustments()
    _make_tax_groups()
    op.execute(KEEP_CREDIT_NOTE)
    op.execute(
        "CREATE TRIGGER keep_as_made BEFORE UPDATE ON credit_notes FOR EACH ROW EXECUTE FUNCTION keep_credit_note()"
    )
    wall("credit_notes")
    grant("credit_notes", "SELECT, INSERT, UPDATE")
    for table in PARTS:
        wall(table)
        grant(table, "SELECT, INSERT")
        op.execute(
            f"CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION refuse_return()"
        )


def downgrade() -> None:
    for table in reversed(PARTS):
        op.drop_table(table)
    op.drop_table("credit_notes")
    op.execute("DROP FUNCTION keep_credit_note")


def _make_credit_notes() -> None:
    amounts = ("subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total")
    op.create_table(
        "credit_notes",
        *_identity(),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        *_texts("number", "number_key"),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        *_words("number_period"),
        sa.Column("sequence_value", sa.BigInteger(), nullable=True),
        *_texts("reason", "settlement"),
        *_words("notes", "purchase_order_reference", "buyer_reference", "contract_reference", "project_reference"),
        *_words("locale"),
        sa.Column("preceding_invoices", postgresql.JSONB(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        *_amounts(*amounts, "rounding_amount"),
        *_words("tax_currency"),
        sa.Column("exchange_rate", sa.Numeric(20, 10), nullable=True),
        sa.Column("exchange_rate_date", sa.Date(), nullable=True),
        *_words("exchange_rate_source"),
        sa.Column("tax_total_in_tax_currency", sa.BigInteger(), nullable=True),
        sa.Column("seller", postgresql.JSONB(), nullable=False),
        sa.Column("buyer", postgresql.JSONB(), nullable=False),
        *_checks(
            "credit_notes",
            sequence_value_positive="sequence_value >= 1",
            settlement_known="settlement IN ('balance', 'refund')",
            sums_add_up="total_without_tax = subtotal - allowance_total + charge_total "
            "AND total = total_without_tax + tax_total",
            payable_not_negative="total + rounding_amount >= 0",
            amounts_in_range=_in_range(*amounts, "rounding_amount", "tax_total_in_tax_currency"),
        ),
        _reference("credit_notes", "id", "sources"),
        *_keys("credit_notes", ("number_key",), ("series_id", "number_period", "sequence_value")),
        _reference("credit_notes", "invoice_id", "invoices"),
        _reference("credit_notes", "series_id", "number_series"),
    )
    op.create_index("ix_credit_notes_organization_id_invoice_id", "credit_notes", ["organization_id", "invoice_id"])
    op.create_index("ix_credit_notes_organization_id_total", "credit_notes", ["organization_id", "total", "id"])


def _make_lines() -> None:
    op.create_table(
        "credit_note_lines",
        *_identity(),
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoice_line_id", sa.Uuid(), nullable=True),
        *_texts("description"),
        *_words("details", "sku", "order_line_reference"),
        sa.Column("quantity", sa.Numeric(18, 6), nullable=True),
        *_texts("unit"),
        sa.Column("unit_price", sa.Numeric(23, 8), nullable=True),
        sa.Column("base_quantity", sa.Numeric(20, 8), nullable=False),
        *_amounts("amount", "allowance_total", "charge_total", "net"),
        sa.Column("gross", sa.BigInteger(), nullable=True),
        sa.Column("taxes", postgresql.JSONB(), nullable=False),
        *_words("exemption_reason", "exemption_reason_code"),
        sa.Column("billing_period_start", sa.Date(), nullable=True),
        sa.Column("billing_period_end", sa.Date(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        *_checks(
            "credit_note_lines",
            position_range="position BETWEEN 1 AND 1000",
            price_has_its_quantity="(quantity IS NULL) = (unit_price IS NULL)",
            net_adds_up="gross IS NOT NULL OR net = amount - allowance_total + charge_total",
            amounts_in_range=_in_range("amount", "allowance_total", "charge_total", "net", "gross"),
        ),
        *_keys("credit_note_lines", ("credit_note_id", "position")),
        _reference("credit_note_lines", "credit_note_id", "credit_notes"),
        _reference("credit_note_lines", "invoice_line_id", "invoice_lines"),
    )
    op.create_index(
        "ix_credit_note_lines_organization_id_invoice_line_id",
        "credit_note_lines",
        ["organization_id", "invoice_line_id"],
    )


def _make_adjustments() -> None:
    op.create_table(
        "credit_note_adjustments",
        *_identity(),
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("adjustment_id", sa.Uuid(), nullable=False),
        sa.Column("is_charge", sa.Boolean(), nullable=False),
        *_amounts("amount", "net"),
        *_words("reason", "reason_code", "tax_category"),
        sa.Column("tax_rate", sa.Numeric(8, 4), nullable=True),
        *_checks(
            "credit_note_adjustments",
            position_not_negative="position >= 0",
            amounts_in_range=_in_range("amount", "net"),
        ),
        *_keys("credit_note_adjustments", ("credit_note_id", "position")),
        _reference("credit_note_adjustments", "credit_note_id", "credit_notes"),
        _reference("credit_note_adjustments", "adjustment_id", "invoice_adjustments"),
    )
    op.create_index(
        "ix_credit_note_adjustments_organization_id_adjustment",
        "credit_note_adjustments",
        ["organization_id", "adjustment_id"],
    )


def _make_tax_groups() -> None:
    op.create_table(
        "credit_note_tax_groups",
        *_identity(),
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *_texts("category"),
        sa.Column("rate", sa.Numeric(8, 4), nullable=True),
        *_words("name"),
        *_amounts("taxable_amount", "tax_amount"),
        sa.Column("tax_amount_in_tax_currency", sa.BigInteger(), nullable=True),
        *_words("exemption_reason", "exemption_reason_code"),
        sa.Column("components", postgresql.JSONB(), nullable=False),
        *_checks(
            "credit_note_tax_groups",
            position_not_negative="position >= 0",
            amounts_in_range=_in_range("taxable_amount", "tax_amount", "tax_amount_in_tax_currency"),
        ),
        *_keys("credit_note_tax_groups", ("credit_note_id", "position")),
        _reference("credit_note_tax_groups", "credit_note_id", "credit_notes"),
    )


def _identity() -> tuple[sa.Column[Any], ...]:
    return sa.Column("organization_id", sa.Uuid(), nullable=False), sa.Column("id", sa.Uuid(), nullable=False)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _words(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=True) for name in names]


def _amounts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _in_range(*names: str) -> str:
    return " AND ".join(f"{name} BETWEEN {-LIMIT} AND {LIMIT}" for name in names)


def _checks(table: str, **conditions: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items()]


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column],
        [f"{target}.organization_id", f"{target}.id"],
        name=op.f(f"fk_{table}_organization_id_{column}"),
    )


def _keys(table: str, *unique: Sequence[str]) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
        *(
            sa.UniqueConstraint(
                "organization_id", *columns, name=op.f(f"uq_{table}_organization_id_{'_'.join(columns)}")
            )
            for columns in unique
        ),
    ]
