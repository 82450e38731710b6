"""Users prove that they have something beside the password."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("pending_secret", sa.Text(), nullable=True),
        sa.Column("enrolled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(secret IS NULL) = (enrolled_at IS NULL) AND (secret IS NULL) = (last_step IS NULL)",
            name=op.f("ck_second_factors_enrolled_whole"),
        ),
        sa.CheckConstraint(
            "secret IS NOT NULL OR pending_secret IS NOT NULL", name=op.f("ck_second_factors_has_secret")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["users.organization_id", "users.id"],
            name=op.f("fk_second_factors_organization_id_user_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_second_factors_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_second_factors")),
        sa.UniqueConstraint("organization_id", "user_id", name=op.f("uq_second_factors_organization_id_user_id")),
    )
    wall("second_factors")
    grant("second_factors")
    op.create_table(
        "recovery_codes",
        sa.Column("second_factor_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "second_factor_id"],
            ["second_factors.organization_id", "second_factors.id"],
            name=op.f("fk_recovery_codes_organization_id_second_factor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_recovery_codes_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint(
            "organization_id",
            "second_factor_id",
            "digest",
            name=op.f("uq_recovery_codes_organization_id_second_factor_id_digest"),
        ),
    )
    wall("recovery_codes")
    grant("recovery_codes")
    op.execute(
        "CREATE TRIGGER spent_for_good BEFORE UPDATE ON recovery_codes FOR EACH ROW "
        "WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS NULL) EXECUTE FUNCTION refuse_return()"
    )


def downgrade() -> None:
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
