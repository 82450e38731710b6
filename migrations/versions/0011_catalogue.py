"""Products and tax rates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tax_rates",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=8, scale=4), nullable=True),
        sa.Column("components", postgresql.JSONB(), nullable=False),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("exemption_reason_code", sa.Text(), nullable=True),
        *_common("tax_rates", _taxed()),
    )
    op.create_table(
        "products",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=23, scale=8), nullable=False),
        sa.Column("base_quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("tax_rate_id", sa.Uuid(), nullable=True),
        sa.Column("tax_category", sa.Text(), nullable=True),
        sa.Column("tax_rate", sa.Numeric(precision=8, scale=4), nullable=True),
        *_common(
            "products",
            {
                "currency_form": "currency ~ '^[A-Z]{3}$'",
                "base_quantity_positive": "base_quantity > 0",
                **_taxed("tax_"),
                "tax_rate_has_category": "tax_rate IS NULL OR tax_category IS NOT NULL",
                "taxed_in_one_way": "tax_rate_id IS NULL OR tax_category IS NULL",
            },
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "tax_rate_id"],
            ["tax_rates.organization_id", "tax_rates.id"],
            name=op.f("fk_products_organization_id_tax_rate_id"),
            deferrable=False,
        ),
        sa.UniqueConstraint("organization_id", "external_id", name=op.f("uq_products_organization_id_external_id")),
    )
    for table in ("tax_rates", "products"):
        _index(table, "created_at")
        _index(table, "updated_at")
        _index(table, "name")
        _index(table, "archived", "created_at", where="archived IS true")
        wall(table)
        grant(table)
    _index("products", "sku", "sku", "created_at")
    _index("products", "tax_rate_id", "tax_rate_id", "created_at")


def downgrade() -> None:
    op.drop_table("products")
    op.drop_table("tax_rates")


def _common(table: str, checks: dict[str, str]) -> list[sa.schema.SchemaItem]:
    """What both tables have alike."""
    checks = {**checks, "version_positive": "version >= 1"}
    return [
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        *(sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}")) for name, text in checks.items()),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f(f"pk_{table}")),
    ]


def _index(table: str, name: str, *columns: str, where: str | None = None) -> None:
    op.create_index(
        f"ix_{table}_organization_id_{name}",
        table,
        ["organization_id", *(columns or (name,)), "id"],
        unique=False,
        postgresql_where=sa.text(where) if where else None,
    )


def _taxed(prefix: str = "") -> dict[str, str]:
    """What a category demands of the rate beside it; the prefix is that of both columns."""
    category, rate = f"{prefix}category", f"{prefix}rate"
    return {
        f"{category}_known": f"{category} IN ('S', 'Z', 'E', 'AE', 'K', 'G', 'O', 'L', 'M', 'B')",
        "only_out_of_scope_has_no_rate": f"({category} = 'O') = ({rate} IS NULL)",
        "rate_fits_category": f"{rate} BETWEEN 0 AND 1000 AND ({category} <> 'S' OR {rate} > 0) "
        f"AND ({category} NOT IN ('Z', 'E', 'AE', 'K', 'G') OR {rate} = 0)",
    }
