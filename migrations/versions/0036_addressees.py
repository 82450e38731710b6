"""Mails are counted by their kind and by their recipient, who is known again by a fingerprint."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mails", sa.Column("addressee", sa.LargeBinary(), nullable=True))
    op.create_index("ix_mails_organization_id_kind_created_at", "mails", ["organization_id", "kind", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_mails_organization_id_kind_created_at", "mails")
    op.drop_column("mails", "addressee")
