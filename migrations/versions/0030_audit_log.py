"""The audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("object_type", sa.Text(), nullable=True),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("action ~ '^[a-z_]{1,40}[.][a-z_]{1,40}$'", name=op.f("ck_audit_entries_action_form")),
        sa.CheckConstraint(
            "actor_type IN ('user', 'api_key', 'system')", name=op.f("ck_audit_entries_actor_type_known")
        ),
        sa.CheckConstraint("(actor_type = 'system') = (actor_id IS NULL)", name=op.f("ck_audit_entries_actor_named")),
        sa.CheckConstraint("(object_type IS NULL) = (object_id IS NULL)", name=op.f("ck_audit_entries_object_named")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_audit_entries_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        "ix_audit_entries_organization_id_created_at", "audit_entries", ["organization_id", "created_at", "id"]
    )
    for column in ("action", "actor_id", "object_id"):
        name = f"ix_audit_entries_organization_id_{column}"
        op.create_index(name, "audit_entries", ["organization_id", column, "created_at", "id"])
    wall("audit_entries")
    grant("audit_entries", "SELECT, INSERT")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    # For the owner, and whoever was granted it: emptied at once, no row would be asked.
    op.execute(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("audit_entries")
