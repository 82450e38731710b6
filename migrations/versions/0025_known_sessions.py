"""Sessions tell their user where they are held, and when they were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("carrier", sa.Text(), server_default="body", nullable=False))
    op.add_column("sessions", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("agent", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("last_used_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=True))
    # Those that are there already were all carried in bodies; whoever opens one from now on says how.
    op.alter_column("sessions", "carrier", server_default=None)
    op.create_check_constraint(op.f("ck_sessions_carrier_known"), "sessions", "carrier IN ('body', 'cookie')")
    op.create_index(
        "ix_sessions_organization_id_user_id_created_at",
        "sessions",
        ["organization_id", "user_id", "created_at", "id"],
        unique=False,
    )
    op.drop_index("ix_sessions_organization_id_user_id", "sessions")


def downgrade() -> None:
    op.create_index("ix_sessions_organization_id_user_id", "sessions", ["organization_id", "user_id"], unique=False)
    op.drop_index("ix_sessions_organization_id_user_id_created_at", "sessions")
    op.drop_constraint(op.f("ck_sessions_carrier_known"), "sessions")
    for column in ("expires_at", "last_used_at", "agent", "address", "carrier"):
        op.drop_column("sessions", column)
