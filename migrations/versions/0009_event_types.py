"""Events are found by their type, in order."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_events_organization_id_type", "events", ["organization_id", "type", "sequence"])


def downgrade() -> None:
    op.drop_index("ix_events_organization_id_type", "events")
