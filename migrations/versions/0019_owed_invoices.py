"""What a customer owes is found without reading what they have paid."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_invoices_organization_id_owed",
        "invoices",
        ["organization_id", "customer_id", "currency"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'uncollectible')"),
    )


def downgrade() -> None:
    op.drop_index("ix_invoices_organization_id_owed", "invoices")
