"""A stored reply keeps the scopes of whom it was given to, in a column of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable: those of before stand in the fingerprint, where processes that still run the old code go on to put them.
    op.add_column("idempotency_keys", sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("idempotency_keys", "scopes")
