"""Failed attempts to log in, which belong to no tenant: most addresses that are tried are nobody's."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("failed_at", postgresql.ARRAY(sa.TIMESTAMP(timezone=True)), nullable=False),
        sa.Column("in_row", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(subject) = 32", name=op.f("ck_login_attempts_subject_is_fingerprint")),
        sa.CheckConstraint("cardinality(failed_at) BETWEEN 1 AND 10", name=op.f("ck_login_attempts_last_ten")),
        sa.CheckConstraint("in_row >= cardinality(failed_at)", name=op.f("ck_login_attempts_all_in_row")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_attempts")),
    )
    grant("login_attempts", "SELECT, INSERT, UPDATE (failed_at, in_row), DELETE")


def downgrade() -> None:
    op.drop_table("login_attempts")
