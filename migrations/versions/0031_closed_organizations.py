"""Organizations can be closed."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ASSERT_SESSION = """
CREATE OR REPLACE FUNCTION assert_session(session_id uuid, member_id uuid, member_role text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sessions s
        JOIN users u ON u.organization_id = s.organization_id AND u.id = s.user_id{join}
        WHERE s.id = session_id AND s.user_id = member_id AND s.ended_at IS NULL
          AND u.status = 'active' AND u.role = member_role{condition}
    ) THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""
ASSERT_API_KEY = """
CREATE OR REPLACE FUNCTION assert_api_key(key_id uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM api_keys k{join}
        WHERE k.id = key_id AND k.revoked_at IS NULL{condition}
    ) THEN
        RAISE EXCEPTION 'the API key was revoked' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""
JOIN = "\n        JOIN organizations o ON o.id = {}.organization_id"
CONDITION = " AND o.closed_at IS NULL"

# Whoever came in before the closing, and wants to commit after it. All that state a fact take the counter's row, so
# that they stand in line with the closing, which states one too; and a statement of this function sees what has been
# committed by the time that the row was had. The last fact is looked at because the closing itself must get through.
REFUSE_CLOSED = """
CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM organizations o
        JOIN events e ON e.organization_id = o.id AND e.sequence = OLD.last_sequence
        WHERE o.id = OLD.organization_id AND o.closed_at IS NOT NULL AND e.type = 'organization.closed'
    ) THEN
        RAISE EXCEPTION 'the organization is closed' USING ERRCODE = 'BA401';
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.add_column("organizations", sa.Column("closed_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.execute(ASSERT_SESSION.format(join=JOIN.format("s"), condition=CONDITION))
    op.execute(ASSERT_API_KEY.format(join=JOIN.format("k"), condition=CONDITION))
    op.execute(REFUSE_CLOSED)
    op.execute(
        "CREATE TRIGGER closed_for_all BEFORE UPDATE ON event_counters FOR EACH ROW EXECUTE FUNCTION refuse_closed()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER closed_for_all ON event_counters")
    op.execute("DROP FUNCTION refuse_closed")
    for function in (ASSERT_SESSION, ASSERT_API_KEY):
        op.execute(function.format(join="", condition=""))
    op.drop_column("organizations", "closed_at")
