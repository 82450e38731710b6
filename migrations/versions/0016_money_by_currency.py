"""Money is found by its currency, and payments by whether they were reversed."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_sources_organization_id_currency", "sources", ["organization_id", "type", "currency", "created_at", "id"]
    )
    for table in ("ledger_entries", "refunds"):
        name = f"ix_{table}_organization_id_currency"
        op.create_index(name, table, ["organization_id", "currency", "created_at", "id"])
    op.create_index(
        "ix_payments_organization_id_reversed",
        "payments",
        ["organization_id", "id"],
        postgresql_where=sa.text("reversed_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_payments_organization_id_reversed", "payments")
    for table in ("refunds", "ledger_entries", "sources"):
        op.drop_index(f"ix_{table}_organization_id_currency", table)
