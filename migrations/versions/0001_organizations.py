"""Organizations, their users, and sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ASSERT_SESSION = """
CREATE FUNCTION assert_session(session_id uuid, member_id uuid, member_role text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM sessions s
        JOIN users u ON u.organization_id = s.organization_id AND u.id = s.user_id
        WHERE s.id = session_id AND s.user_id = member_id AND s.ended_at IS NULL
          AND u.status = 'active' AND u.role = member_role
    ) THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""

# What a CHECK cannot say, because it does not know the row as it was; each trigger has its condition.
REFUSE_RETURN = """
CREATE FUNCTION refuse_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% does not go back', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "organizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=True),
        sa.Column("address", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("tax_ids", postgresql.JSONB(), nullable=False),
        sa.Column("registration_number", sa.Text(), nullable=True),
        sa.Column("tax_registered", sa.Boolean(), nullable=False),
        sa.Column("exemption_reason", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("default_currency", sa.Text(), nullable=False),
        sa.Column("tax_currency", sa.Text(), nullable=True),
        sa.Column("net_terms_days", sa.Integer(), nullable=False),
        sa.Column("bank_account", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("contact", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("electronic_address", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("legal_notice", sa.Text(), nullable=True),
        sa.Column("books_locked_until", sa.Date(), nullable=True),
        sa.Column("cancellation_mode", sa.Text(), nullable=False),
        sa.Column("require_if_match", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_organizations_version_positive")),
        sa.CheckConstraint(
            "cancellation_mode IN ('credit_note', 'void')", name=op.f("ck_organizations_cancellation_mode_known")
        ),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name=op.f("ck_organizations_country_form")),
        sa.CheckConstraint("default_currency ~ '^[A-Z]{3}$'", name=op.f("ck_organizations_default_currency_form")),
        sa.CheckConstraint(
            "tax_currency IS NULL OR tax_currency ~ '^[A-Z]{3}$'", name=op.f("ck_organizations_tax_currency_form")
        ),
        sa.CheckConstraint("net_terms_days BETWEEN 0 AND 3650", name=op.f("ck_organizations_net_terms_days_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizations")),
    )
    wall("organizations", column="id")
    grant("organizations", "SELECT, INSERT, UPDATE")
    op.create_table(
        "users",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_users_version_positive")),
        sa.CheckConstraint("role IN ('viewer', 'accountant', 'admin', 'owner')", name=op.f("ck_users_role_known")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_users_status_known")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_users_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    wall("users", reveal="email_key = nullif(current_setting('app.email', true), '')")
    grant("users", "SELECT, INSERT, UPDATE")
    op.create_table(
        "sessions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name=op.f("ck_sessions_end_has_reason")),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_sessions_organization_id_user_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_sessions_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_organization_id_user_id", "sessions", ["organization_id", "user_id"], unique=False)
    wall("sessions")
    grant("sessions", "SELECT, INSERT, UPDATE")
    op.create_table(
        "refresh_tokens",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "session_id"],
            ["sessions.organization_id", "sessions.id"],
            name=op.f("fk_refresh_tokens_organization_id_session_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_refresh_tokens_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_refresh_tokens_digest")),
    )
    op.create_index(
        "ix_refresh_tokens_organization_id_session_id",
        "refresh_tokens",
        ["organization_id", "session_id"],
        unique=False,
    )
    wall("refresh_tokens", reveal="digest = nullif(current_setting('app.token_digest', true), '')")
    grant("refresh_tokens", "SELECT, INSERT, UPDATE")
    op.execute(ASSERT_SESSION)
    op.execute(REFUSE_RETURN)
    op.execute(
        "CREATE TRIGGER ended_for_good BEFORE UPDATE ON sessions FOR EACH ROW "
        "WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) "
        "EXECUTE FUNCTION refuse_return()"
    )
    op.execute(
        "CREATE TRIGGER spent_for_good BEFORE UPDATE ON refresh_tokens FOR EACH ROW "
        "WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS NULL) EXECUTE FUNCTION refuse_return()"
    )
    # Readiness compares the schema with the one that the code needs.
    grant("alembic_version", "SELECT")


def downgrade() -> None:
    op.execute("DROP FUNCTION assert_session")
    op.drop_table("refresh_tokens")
    op.drop_table("sessions")
    op.drop_table("users")
    op.drop_table("organizations")
    op.execute("DROP FUNCTION refuse_return")
