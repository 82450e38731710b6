"""The register of numbers, and changes of a series that wait for its next period."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NEVER_BACKWARDS = (
    "CREATE TRIGGER never_backwards BEFORE UPDATE ON number_counters FOR EACH ROW "
    "WHEN (NEW.last_value < OLD.last_value OR NEW.last_issue_date < OLD.last_issue_date "
    "OR (NEW.last_issue_date IS NULL AND OLD.last_issue_date IS NOT NULL) {further}"
    "OR (NEW.series_id, NEW.period) IS DISTINCT FROM (OLD.series_id, OLD.period)) "
    "EXECUTE FUNCTION refuse_return()"
)
FIRST_STAYS = "OR (OLD.first_value IS NOT NULL AND NEW.first_value IS DISTINCT FROM OLD.first_value) "

# What a number is stays for ever; that it was voided is said once.
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE ON document_numbers FOR EACH ROW
WHEN (OLD.voided_at IS NOT NULL OR (
    NEW.organization_id, NEW.number_key, NEW.number, NEW.series_id, NEW.period, NEW.sequence_value, NEW.issue_date,
    NEW.document_type, NEW.document_id, NEW.is_imported
) IS DISTINCT FROM (
    OLD.organization_id, OLD.number_key, OLD.number, OLD.series_id, OLD.period, OLD.sequence_value, OLD.issue_date,
    OLD.document_type, OLD.document_id, OLD.is_imported
)) EXECUTE FUNCTION refuse_change()
"""

REGISTER = """
INSERT INTO document_numbers (organization_id, number_key, number, series_id, period, sequence_value, issue_date,
                              document_type, document_id, is_imported, voided_at)
SELECT organization_id, number_key, number, series_id, number_period, sequence_value, issue_date, 'invoice', id, false,
       CASE status WHEN 'void' THEN voided_at END
FROM invoices WHERE status <> 'draft'
"""
# Until now every period of a series began with its start value.
FIRST_VALUES = """
UPDATE number_counters c SET first_value = s.start_value FROM number_series s
WHERE (s.organization_id, s.id) = (c.organization_id, c.series_id) AND c.last_value >= s.start_value
"""


def upgrade() -> None:
    _widen_series()
    op.add_column("number_counters", sa.Column("first_value", sa.BigInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_number_counters_first_value_range"), "number_counters", "first_value BETWEEN 1 AND last_value"
    )
    op.execute(FIRST_VALUES)
    op.execute("DROP TRIGGER never_backwards ON number_counters")
    op.execute(NEVER_BACKWARDS.format(further=FIRST_STAYS))
    _make_register()
    op.execute(REGISTER)
    op.execute(APPEND_ONLY)
    op.execute(
        "CREATE TRIGGER never_deleted BEFORE DELETE ON document_numbers FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    wall("document_numbers")
    grant("document_numbers", "SELECT, INSERT, UPDATE (voided_at)")


def downgrade() -> None:
    op.drop_table("document_numbers")
    op.execute("DROP TRIGGER never_backwards ON number_counters")
    op.execute(NEVER_BACKWARDS.format(further=""))
    op.drop_column("number_counters", "first_value")
    for column in ("upcoming_from", "upcoming_reset", "upcoming_pattern", "start_period"):
        op.drop_column("number_series", column)


def _widen_series() -> None:
    op.add_column("number_series", sa.Column("start_period", sa.Text(), nullable=True))
    op.add_column("number_series", sa.Column("upcoming_pattern", sa.Text(), nullable=True))
    op.add_column("number_series", sa.Column("upcoming_reset", sa.Text(), nullable=True))
    op.add_column("number_series", sa.Column("upcoming_from", sa.Date(), nullable=True))
    op.create_check_constraint(
        op.f("ck_number_series_upcoming_reset_known"), "number_series", "upcoming_reset IN ('never', 'yearly')"
    )
    op.create_check_constraint(
        op.f("ck_number_series_upcoming_complete"),
        "number_series",
        "num_nulls(upcoming_pattern, upcoming_reset, upcoming_from) IN (0, 3)",
    )


def _make_register() -> None:
    op.create_table(
        "document_numbers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number_key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("sequence_value", sa.BigInteger(), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("is_imported", sa.Boolean(), nullable=False),
        sa.Column("voided_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "document_type IN ('invoice', 'credit_note')", name=op.f("ck_document_numbers_document_type_known")
        ),
        sa.CheckConstraint("char_length(number) BETWEEN 1 AND 64", name=op.f("ck_document_numbers_number_length")),
        sa.CheckConstraint("sequence_value >= 1", name=op.f("ck_document_numbers_sequence_value_positive")),
        sa.CheckConstraint(
            "(period IS NULL) = (sequence_value IS NULL) AND (is_imported OR sequence_value IS NOT NULL)",
            name=op.f("ck_document_numbers_placed_when_given"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_document_numbers_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "series_id"],
            ["number_series.organization_id", "number_series.id"],
            name=op.f("fk_document_numbers_organization_id_series_id"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "number_key", name=op.f("pk_document_numbers")),
        sa.UniqueConstraint(
            "organization_id",
            "series_id",
            "period",
            "sequence_value",
            name=op.f("uq_document_numbers_organization_id_series_id_period_sequence_value"),
        ),
        sa.UniqueConstraint(
            "organization_id", "document_id", name=op.f("uq_document_numbers_organization_id_document_id")
        ),
    )
