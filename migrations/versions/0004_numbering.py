"""Number series and their counters."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "number_series",
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("reset", sa.Text(), nullable=False),
        sa.Column("start_value", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_number_series_version_positive")),
        sa.CheckConstraint(
            "document_type IN ('invoice', 'credit_note')", name=op.f("ck_number_series_document_type_known")
        ),
        sa.CheckConstraint("reset IN ('never', 'yearly')", name=op.f("ck_number_series_reset_known")),
        sa.CheckConstraint("start_value >= 1", name=op.f("ck_number_series_start_value_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_number_series_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_number_series")),
        sa.UniqueConstraint(
            "organization_id", "document_type", name=op.f("uq_number_series_organization_id_document_type")
        ),
    )
    wall("number_series")
    grant("number_series", "SELECT, INSERT, UPDATE")
    op.create_table(
        "number_counters",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("last_value", sa.BigInteger(), nullable=False),
        sa.Column("last_issue_date", sa.Date(), nullable=True),
        sa.CheckConstraint("last_value >= 0", name=op.f("ck_number_counters_last_value_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id", "series_id"],
            ["number_series.organization_id", "number_series.id"],
            name=op.f("fk_number_counters_organization_id_series_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_number_counters_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", "series_id", "period", name=op.f("pk_number_counters")),
    )
    wall("number_counters")
    grant("number_counters", "SELECT, INSERT, UPDATE")
    op.execute(
        "CREATE TRIGGER never_backwards BEFORE UPDATE ON number_counters FOR EACH ROW "
        "WHEN (NEW.last_value < OLD.last_value OR NEW.last_issue_date < OLD.last_issue_date "
        "OR (NEW.last_issue_date IS NULL AND OLD.last_issue_date IS NOT NULL) "
        "OR (NEW.series_id, NEW.period) IS DISTINCT FROM (OLD.series_id, OLD.period)) "
        "EXECUTE FUNCTION refuse_return()"
    )


def downgrade() -> None:
    op.drop_table("number_counters")
    op.drop_table("number_series")
