"""A second factor knows when it was begun: its row is touched at each login, too."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("second_factors", sa.Column("pending_at", sa.TIMESTAMP(timezone=True), nullable=True))
    # No CHECK ties it to the secret: until the new code starts, the old one begins factors without it. Those are begun
    # again.
    op.execute("UPDATE second_factors SET pending_at = updated_at WHERE pending_secret IS NOT NULL")


def downgrade() -> None:
    op.drop_column("second_factors", "pending_at")
