"""People are listed, invited, and removed, and set a new password when they forgot theirs."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, reap, revoke, wall

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

LISTED_BY = ("role", "status")


def upgrade() -> None:
    op.create_table(
        "password_resets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_password_resets_organization_id_user_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_password_resets_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_password_resets")),
        sa.UniqueConstraint("digest", name=op.f("uq_password_resets_digest")),
    )
    op.create_index(
        "ix_password_resets_organization_id_user_id",
        "password_resets",
        ["organization_id", "user_id", "created_at"],
        unique=False,
    )
    op.create_index("ix_password_resets_expires_at", "password_resets", ["expires_at"], unique=False)
    wall("password_resets", reveal="digest = nullif(current_setting('app.password_reset_digest', true), '')")
    reap("password_resets", "expires_at")
    grant("password_resets", "SELECT, INSERT, UPDATE (ended_at), DELETE")
    op.execute(
        "CREATE TRIGGER ended_for_good BEFORE UPDATE ON password_resets FOR EACH ROW "
        "WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) "
        "EXECUTE FUNCTION refuse_return()"
    )
    _create_invitations()
    grant("users", "DELETE")
    op.create_index(
        "ix_users_organization_id_created_at", "users", ["organization_id", "created_at", "id"], unique=False
    )
    for column in LISTED_BY:
        op.create_index(
            f"ix_users_organization_id_{column}", "users", ["organization_id", column, "created_at", "id"], unique=False
        )


def _create_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("invited_by_id", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_invitations_version_positive")),
        sa.CheckConstraint(
            "role IN ('viewer', 'accountant', 'admin', 'owner')", name=op.f("ck_invitations_role_known")
        ),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (user_id IS NULL)", name=op.f("ck_invitations_accepted_by_somebody")
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invitations_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
    )
    op.create_index(
        "uq_invitations_organization_id_email_key",
        "invitations",
        ["organization_id", "email_key"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL"),
    )
    op.create_index(
        "ix_invitations_organization_id_created_at",
        "invitations",
        ["organization_id", "created_at", "id"],
        unique=False,
    )
    op.create_index("ix_invitations_expires_at", "invitations", ["expires_at"], unique=False)
    wall("invitations", reveal="digest = nullif(current_setting('app.invitation_digest', true), '')")
    reap("invitations", "expires_at")
    grant("invitations")
    # Whatever is done to the service, an invitation brings in one person.
    op.execute(
        "CREATE TRIGGER accepted_for_good BEFORE UPDATE ON invitations FOR EACH ROW "
        "WHEN (OLD.accepted_at IS NOT NULL AND NEW.accepted_at IS DISTINCT FROM OLD.accepted_at) "
        "EXECUTE FUNCTION refuse_return()"
    )


def downgrade() -> None:
    op.drop_table("invitations")
    op.drop_table("password_resets")
    for column in LISTED_BY:
        op.drop_index(f"ix_users_organization_id_{column}", "users")
    op.drop_index("ix_users_organization_id_created_at", "users")
    revoke("users", "DELETE")
