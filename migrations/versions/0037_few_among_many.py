"""Keys that were not revoked and invitations that were accepted are found among many others."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

FEW = {"api_keys": ("alive", "revoked_at IS NULL"), "invitations": ("accepted", "accepted_at IS NOT NULL")}
ORDER = ["organization_id", "created_at", "id"]


def upgrade() -> None:
    for table, (word, condition) in FEW.items():
        op.create_index(f"ix_{table}_organization_id_{word}", table, ORDER, postgresql_where=sa.text(condition))


def downgrade() -> None:
    for table, (word, _) in FEW.items():
        op.drop_index(f"ix_{table}_organization_id_{word}", table)
