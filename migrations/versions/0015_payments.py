"""Payments and refunds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from billing_api.tenancy import grant, wall

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

METHODS = "'bank_transfer', 'card', 'direct_debit', 'cash', 'cheque', 'withholding_tax', 'offset', 'other'"

# A payment is reversed once, and how it came in stands.
KEEP_PAYMENT = """
CREATE TRIGGER keep_as_made BEFORE UPDATE ON payments FOR EACH ROW
WHEN ((NEW.organization_id, NEW.id, NEW.method) IS DISTINCT FROM (OLD.organization_id, OLD.id, OLD.method)
    OR (OLD.reversed_at IS NOT NULL AND (NEW.reversed_at, NEW.reversal_reason)
        IS DISTINCT FROM (OLD.reversed_at, OLD.reversal_reason)))
EXECUTE FUNCTION refuse_return()
"""


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("reversed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reversal_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(f"method IN ({METHODS})", name=op.f("ck_payments_method_known")),
        sa.CheckConstraint(
            "(reversed_at IS NULL) = (reversal_reason IS NULL)", name=op.f("ck_payments_reversal_has_its_reason")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "id"],
            ["sources.organization_id", "sources.id"],
            name=op.f("fk_payments_organization_id_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_payments_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_payments")),
    )
    wall("payments")
    grant("payments", "SELECT, INSERT, UPDATE")
    op.execute(KEEP_PAYMENT)
    _make_refunds()
    wall("refunds")
    grant("refunds", "SELECT, INSERT")
    op.execute(
        "CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON refunds FOR EACH ROW EXECUTE FUNCTION refuse_return()"
    )


def downgrade() -> None:
    op.drop_table("refunds")
    op.drop_table("payments")


def _make_refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("payment_date", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_positive")),
        sa.CheckConstraint(
            "source_type IN ('payment', 'credit_note', 'invoice')", name=op.f("ck_refunds_source_type_known")
        ),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_refunds_currency_form")),
        sa.CheckConstraint(f"method IN ({METHODS})", name=op.f("ck_refunds_method_known")),
        sa.ForeignKeyConstraint(
            ["organization_id", "source_id"],
            ["sources.organization_id", "sources.id"],
            name=op.f("fk_refunds_organization_id_source_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "customer_id"],
            ["customers.organization_id", "customers.id"],
            name=op.f("fk_refunds_organization_id_customer_id"),
        ),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_refunds_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_refunds")),
    )
    for name, columns in {
        "created_at": ("created_at", "id"),
        "payment_date": ("payment_date", "id"),
        "customer_id": ("customer_id", "created_at", "id"),
        "source_id": ("source_id", "created_at", "id"),
    }.items():
        op.create_index(f"ix_refunds_organization_id_{name}", "refunds", ["organization_id", *columns])
