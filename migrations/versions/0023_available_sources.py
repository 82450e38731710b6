"""Credit notes of which something is available are found without those that are used, and the other way round."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

CONDITIONS = {"available": "amount_available > 0", "used": "amount_available = 0"}


def upgrade() -> None:
    for word, condition in CONDITIONS.items():
        op.create_index(
            f"ix_sources_organization_id_type_{word}",
            "sources",
            ["organization_id", "type", "created_at", "id"],
            unique=False,
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    for word in CONDITIONS:
        op.drop_index(f"ix_sources_organization_id_type_{word}", "sources")
