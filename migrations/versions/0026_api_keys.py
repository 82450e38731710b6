"""API keys, and the guard that refuses those which were revoked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ASSERT_API_KEY = """
CREATE FUNCTION assert_api_key(key_id uuid) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM api_keys k
        WHERE k.id = key_id AND k.revoked_at IS NULL
    ) THEN
        RAISE EXCEPTION 'the API key was revoked' USING ERRCODE = 'BA401';
    END IF;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_used_address", sa.Text(), nullable=True),
        sa.Column("created_by_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_api_keys_version_positive")),
        sa.CheckConstraint("cardinality(scopes) > 0", name=op.f("ck_api_keys_has_scopes")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_api_keys_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index(
        "ix_api_keys_organization_id_created_at", "api_keys", ["organization_id", "created_at", "id"], unique=False
    )
    wall("api_keys", reveal="digest = nullif(current_setting('app.api_key_digest', true), '')")
    grant("api_keys", "SELECT, INSERT, UPDATE")
    op.execute(ASSERT_API_KEY)
    # Whatever is done to the service, what a key may do and until when stays as it was given.
    op.execute(
        "CREATE TRIGGER given_for_good BEFORE UPDATE ON api_keys FOR EACH ROW "
        "WHEN (NEW.digest <> OLD.digest OR NEW.scopes <> OLD.scopes OR NEW.expires_at IS DISTINCT FROM OLD.expires_at "
        "OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)) "
        "EXECUTE FUNCTION refuse_return()"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION assert_api_key")
    op.drop_table("api_keys")
