"""The taxes, allowances and charges of a line belong to the invoice of that line."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PARTS = ("invoice_line_taxes", "invoice_adjustments")
KEY = ["organization_id", "invoice_id", "id"]


def upgrade() -> None:
    op.create_unique_constraint(op.f("uq_invoice_lines_organization_id_invoice_id_id"), "invoice_lines", KEY)
    for table in PARTS:
        name = op.f(f"fk_{table}_organization_id_invoice_id_line_id")
        columns = ["organization_id", "invoice_id", "line_id"]
        op.create_foreign_key(name, table, "invoice_lines", columns, KEY, ondelete="CASCADE")
        op.drop_constraint(op.f(f"fk_{table}_organization_id_line_id"), table, type_="foreignkey")
    # The unique rule of the adjustments begins with these columns.
    op.drop_index("ix_invoice_adjustments_organization_id_line_id", "invoice_adjustments")
    op.drop_index("ix_invoice_line_taxes_organization_id_invoice_id", "invoice_line_taxes")
    op.create_index(
        "ix_invoice_line_taxes_organization_id_invoice_id_line_id",
        "invoice_line_taxes",
        ["organization_id", "invoice_id", "line_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_invoice_line_taxes_organization_id_invoice_id_line_id", "invoice_line_taxes")
    for table, column in (("invoice_line_taxes", "invoice_id"), ("invoice_adjustments", "line_id")):
        op.create_index(
            f"ix_{table}_organization_id_{column}",
            table,
            ["organization_id", column],
            unique=False,
        )
    for table in PARTS:
        name = op.f(f"fk_{table}_organization_id_line_id")
        columns = ["organization_id", "line_id"]
        op.create_foreign_key(name, table, "invoice_lines", columns, ["organization_id", "id"], ondelete="CASCADE")
        op.drop_constraint(op.f(f"fk_{table}_organization_id_invoice_id_line_id"), table, type_="foreignkey")
    op.drop_constraint(op.f("uq_invoice_lines_organization_id_invoice_id_id"), "invoice_lines", type_="unique")
