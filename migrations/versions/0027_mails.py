"""The outbox of mails, which the worker may look through across tenants."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

QUEUED = """
CREATE POLICY queued ON mails FOR SELECT USING (
    sent_at IS NULL AND abandoned_at IS NULL
    AND due_at <= nullif(current_setting('app.queue', true), '')::timestamptz
)
"""


def upgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("abandoned_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_mails_attempts_not_negative")),
        sa.CheckConstraint("sent_at IS NULL OR abandoned_at IS NULL", name=op.f("ck_mails_one_end")),
        sa.CheckConstraint(
            "(letter IS NULL) = (coalesce(sent_at, abandoned_at) IS NOT NULL)", name=op.f("ck_mails_blank_at_end")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_mails_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_mails")),
    )
    # Only what waits stands in it, so that a look for what is due, over all tenants, reads no more than that.
    op.create_index(
        "ix_mails_organization_id_due_at",
        "mails",
        ["organization_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL AND abandoned_at IS NULL"),
    )
    wall("mails")
    grant("mails", "SELECT, INSERT, UPDATE")
    op.execute(QUEUED)


def downgrade() -> None:
    op.drop_table("mails")
