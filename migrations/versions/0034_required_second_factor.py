"""An organization may demand a second factor of its users; a session of one who has none opens their account alone."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# No role: a session that opens nothing but its user's own account, for which no second factor is needed.
ASSERT_SESSION = """
CREATE OR REPLACE FUNCTION assert_session(session_id uuid, member_id uuid, member_role text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sessions s
        JOIN users u ON u.organization_id = s.organization_id AND u.id = s.user_id
        JOIN organizations o ON o.id = s.organization_id
        WHERE s.id = session_id
          AND s.user_id = member_id
          AND s.ended_at IS NULL
          AND o.closed_at IS NULL
          AND u.status = 'active'
          AND member_role IN (u.role, '')
          AND (member_role = '' OR NOT o.require_second_factor OR EXISTS (
              SELECT FROM second_factors f
              WHERE f.organization_id = u.organization_id AND f.user_id = u.id AND f.enrolled_at IS NOT NULL))
    ) THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""

ASSERT_SESSION_BEFORE = """
CREATE OR REPLACE FUNCTION assert_session(session_id uuid, member_id uuid, member_role text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sessions s
        JOIN users u ON u.organization_id = s.organization_id AND u.id = s.user_id
        JOIN organizations o ON o.id = s.organization_id
        WHERE s.id = session_id AND s.user_id = member_id AND s.ended_at IS NULL
          AND u.status = 'active' AND u.role = member_role AND o.closed_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""


def upgrade() -> None:
    op.add_column(
        "organizations",
        sa.Column("require_second_factor", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    # Nobody demanded one before; whoever founds an organization from now on says so.
    op.alter_column("organizations", "require_second_factor", server_default=None)
    op.execute(ASSERT_SESSION)


def downgrade() -> None:
    op.execute(ASSERT_SESSION_BEFORE)
    op.drop_column("organizations", "require_second_factor")
