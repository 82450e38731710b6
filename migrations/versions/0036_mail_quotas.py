"""Invitations are counted, for an organization and for whom they are mailed to, across all organizations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_quotas",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("taken_at", postgresql.ARRAY(sa.TIMESTAMP(timezone=True)), nullable=False),
        sa.CheckConstraint("length(subject) = 32", name=op.f("ck_mail_quotas_subject_is_fingerprint")),
        sa.CheckConstraint("cardinality(taken_at) BETWEEN 1 AND 100", name=op.f("ck_mail_quotas_last_hundred")),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_mail_quotas")),
    )
    grant("mail_quotas", "SELECT, INSERT, UPDATE (taken_at), DELETE")


def downgrade() -> None:
    op.drop_table("mail_quotas")
