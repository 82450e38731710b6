"""Lines of invoices name products and tax rates, and keep the components of combined rates."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

REFERENCES = (("invoice_lines", "product_id", "products"), ("invoice_line_taxes", "tax_rate_id", "tax_rates"))
SPLIT = ("invoice_line_taxes", "invoice_tax_groups")


def upgrade() -> None:
    for table, column, target in REFERENCES:
        op.add_column(table, sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_organization_id_{column}"),
            table,
            target,
            ["organization_id", column],
            ["organization_id", "id"],
            deferrable=False,
        )
        op.create_index(
            f"ix_{table}_organization_id_{column}",
            table,
            ["organization_id", column],
            unique=False,
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    # What is there already came from no product and has no components; a default says so without touching a row.
    _add("invoice_lines", sa.Column("tax_from_product", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table in SPLIT:
        _add(table, sa.Column("components", postgresql.JSONB(), nullable=False, server_default="[]"))
    op.create_check_constraint(
        op.f("ck_invoice_lines_tax_from_product_needs_one"),
        "invoice_lines",
        "product_id IS NOT NULL OR NOT tax_from_product",
    )


def downgrade() -> None:
    for table in SPLIT:
        op.drop_column(table, "components")
    op.drop_constraint(op.f("ck_invoice_lines_tax_from_product_needs_one"), "invoice_lines", type_="check")
    op.drop_column("invoice_lines", "tax_from_product")
    for table, column, _ in REFERENCES:
        op.drop_column(table, column)


def _add(table: str, column: sa.Column[object]) -> None:
    op.add_column(table, column)
    op.alter_column(table, column.name, server_default=None)
