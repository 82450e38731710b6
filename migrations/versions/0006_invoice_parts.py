"""The parts of invoices: lines, their taxes, allowances and charges, and the tax breakdown."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _make_lines()
    _make_line_taxes()
    _make_adjustments()
    _make_tax_groups()


def downgrade() -> None:
    op.drop_table("invoice_tax_groups")
    op.drop_table("invoice_adjustments")
    op.drop_table("invoice_line_taxes")
    op.drop_table("invoice_lines")


def _make_lines() -> None:
    op.create_table(
        "invoice_lines",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("order_line_reference", sa.Text(), nullable=True),
        sa.Column("quantity", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=23, scale=8), nullable=False),
        sa.Column("gross_price", sa.Numeric(precision=23, scale=8), nullable=True),
        sa.Column("price_discount", sa.Numeric(precision=23, scale=8), nullable=True),
        sa.Column("base_quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("billing_period_start", sa.Date(), nullable=True),
        sa.Column("billing_period_end", sa.Date(), nullable=True),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("exemption_reason_code", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allowance_total", sa.BigInteger(), nullable=False),
        sa.Column("charge_total", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("gross", sa.BigInteger(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_checks(
            "invoice_lines",
            {
                "position_range": "position BETWEEN 1 AND 1000",
                "base_quantity_positive": "base_quantity > 0",
                "net_adds_up": "gross IS NOT NULL OR net = amount - allowance_total + charge_total",
                "prices_agree": "(gross_price IS NULL) = (price_discount IS NULL) "
                "AND unit_price = gross_price - price_discount "
                "AND (gross_price IS NULL OR unit_price BETWEEN 0 AND gross_price)",
                "amounts_in_range": _in_range("amount", "allowance_total", "charge_total", "net", "gross"),
                "billing_period_runs_forward": "(billing_period_start IS NULL) = (billing_period_end IS NULL) "
                "AND billing_period_start <= billing_period_end",
            },
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_lines_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_lines_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_lines")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "position",
            name=op.f("uq_invoice_lines_organization_id_invoice_id_position"),
        ),
    )
    wall("invoice_lines")
    grant("invoice_lines")


def _make_line_taxes() -> None:
    op.create_table(
        "invoice_line_taxes",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_checks("invoice_line_taxes", {"position_not_negative": "position >= 0", **_taxed()}),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_line_taxes_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "line_id"],
            ["invoice_lines.organization_id", "invoice_lines.id"],
            name=op.f("fk_invoice_line_taxes_organization_id_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_line_taxes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_line_taxes")),
        sa.UniqueConstraint(
            "organization_id",
            "line_id",
            "position",
            name=op.f("uq_invoice_line_taxes_organization_id_line_id_position"),
        ),
    )
    op.create_index(
        "ix_invoice_line_taxes_organization_id_invoice_id",
        "invoice_line_taxes",
        ["organization_id", "invoice_id"],
        unique=False,
    )
    wall("invoice_line_taxes")
    grant("invoice_line_taxes")


def _make_adjustments() -> None:
    op.create_table(
        "invoice_adjustments",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=True),
        sa.Column("is_charge", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.Numeric(precision=12, scale=4), nullable=True),
        sa.Column("base_amount", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("tax_category", sa.Text(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_checks(
            "invoice_adjustments",
            {
                "position_not_negative": "position >= 0",
                **_taxed("tax_"),
                "tax_rate_has_category": "tax_rate IS NULL OR tax_category IS NOT NULL",
                "tax_on_document_only": "line_id IS NULL OR tax_category IS NULL",
                "amounts_in_range": _in_range("amount", "base_amount"),
            },
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_adjustments_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "line_id"],
            ["invoice_lines.organization_id", "invoice_lines.id"],
            name=op.f("fk_invoice_adjustments_organization_id_line_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_adjustments_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_adjustments")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "line_id",
            "is_charge",
            "position",
            name=op.f("uq_invoice_adjustments_organization_id_invoice_id_line_id_is_charge_position"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "ix_invoice_adjustments_organization_id_line_id",
        "invoice_adjustments",
        ["organization_id", "line_id"],
        unique=False,
    )
    wall("invoice_adjustments")
    grant("invoice_adjustments")


def _make_tax_groups() -> None:
    op.create_table(
        "invoice_tax_groups",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("taxable_amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount_in_tax_currency", sa.BigInteger(), nullable=True),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("exemption_reason_code", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_checks(
            "invoice_tax_groups",
            {
                "position_not_negative": "position >= 0",
                **_taxed(),
                "no_tax_without_rate": "coalesce(rate, 0) > 0 OR tax_amount = 0",
                "amounts_in_range": _in_range("taxable_amount", "tax_amount", "tax_amount_in_tax_currency"),
            },
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "invoice_id"],
            ["invoices.organization_id", "invoices.id"],
            name=op.f("fk_invoice_tax_groups_organization_id_invoice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_invoice_tax_groups_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invoice_tax_groups")),
        sa.UniqueConstraint(
            "organization_id",
            "invoice_id",
            "position",
            name=op.f("uq_invoice_tax_groups_organization_id_invoice_id_position"),
        ),
    )
    wall("invoice_tax_groups")
    grant("invoice_tax_groups")


def _checks(table: str, conditions: dict[str, str]) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in conditions.items()]


def _in_range(*names: str) -> str:
    return " AND ".join(f"{name} BETWEEN {-(10**15)} AND {10**15}" for name in names)


def _taxed(prefix: str = "") -> dict[str, str]:
    """What a category demands of the rate beside it; the prefix is that of both columns."""
    category, rate = f"{prefix}category", f"{prefix}rate"
    return {
        f"{category}_known": f"{category} IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B')",
        "only_out_of_scope_has_no_rate": f"({category} = 'O') = ({rate} IS NULL)",
        "rate_fits_category": f"{rate} BETWEEN 0 AND 1000 AND ({category} <> 'S' OR {rate} > 0) "
        f"AND ({category} NOT IN ('Z', 'E', 'AE', 'K', 'G') OR {rate} = 0)",
    }
