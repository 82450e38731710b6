"""Events with their counters, and stored replies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'BA409';
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "event_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last_sequence >= 0", name=op.f("ck_event_counters_last_sequence_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_event_counters_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_event_counters")),
    )
    wall("event_counters")
    grant("event_counters", "SELECT, INSERT, UPDATE")
    op.execute(
        "CREATE TRIGGER never_backwards BEFORE UPDATE ON event_counters FOR EACH ROW "
        "WHEN (NEW.last_sequence < OLD.last_sequence) EXECUTE FUNCTION refuse_return()"
    )
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("changed", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("actor_type", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(actor_type = 'system') = (actor_id IS NULL)", name=op.f("ck_events_actor_named")),
        sa.CheckConstraint("actor_type IN ('user', 'api_key', 'system')", name=op.f("ck_events_actor_type_known")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_events_sequence_positive")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_events_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_events")),
        sa.UniqueConstraint("organization_id", "sequence", name=op.f("uq_events_organization_id_sequence")),
    )
    op.create_index(
        "ix_events_organization_id_object_id", "events", ["organization_id", "object_id", "sequence"], unique=False
    )
    wall("events")
    grant("events", "SELECT, INSERT")
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_keys_key_length")),
        sa.CheckConstraint("status BETWEEN 200 AND 299", name=op.f("ck_idempotency_keys_status_is_success")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_idempotency_keys_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "actor_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(
        "ix_idempotency_keys_organization_id_created_at",
        "idempotency_keys",
        ["organization_id", "created_at"],
        unique=False,
    )
    wall("idempotency_keys")
    grant("idempotency_keys")
    op.execute(REFUSE_CHANGE)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys")
    op.drop_table("events")
    op.drop_table("event_counters")
    op.execute("DROP FUNCTION refuse_change")
