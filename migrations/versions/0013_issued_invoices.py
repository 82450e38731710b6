"""What happens to issued invoices: sent, credited, revised, declared void for a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CHECKS = {
    "never_credited_twice": "total_credited BETWEEN 0 AND greatest(total + rounding_amount, 0) "
    "AND (status <> 'void' OR total_credited = 0)",
    "void_has_its_reason": "(void_reason IS NULL) = (voided_at IS NULL)",
    "void_is_not_settled": "status <> 'void' OR (amount_paid = 0 AND amount_credited = 0)",
    "draft_stays_inside": "status <> 'draft' OR num_nonnulls(sent_at, revised_by_id) = 0",
}

# What becomes of an issued invoice; everything else stands for ever. `issued_on` is computed from the date of issue,
# and only after this trigger has run. The way from a status to another is that of the program's own table.
FREEZE_INVOICE = """
CREATE OR REPLACE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    movable CONSTANT text[] := ARRAY[
        'status', 'version', 'updated_at', 'amount_paid', 'amount_credited', 'total_credited', 'paid_at', 'voided_at',
        'void_reason', 'marked_uncollectible_at', 'sent_at', 'revised_by_id', 'issued_on'
    ];
    ways CONSTANT text[] := ARRAY[
        'open paid', 'open uncollectible', 'open void', 'paid open', 'paid uncollectible',
        'uncollectible paid', 'uncollectible open', 'uncollectible void'
    ];
BEGIN
    IF OLD.status = 'draft' AND (TG_OP = 'DELETE' OR NEW.status IN ('draft', 'open', 'paid')) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - movable = to_jsonb(NEW) - movable
        AND (NEW.status = OLD.status OR OLD.status || ' ' || NEW.status = ANY (ways))
        AND (OLD.status <> 'void' OR to_jsonb(OLD) - ARRAY['version', 'updated_at', 'revised_by_id', 'issued_on']
            = to_jsonb(NEW) - ARRAY['version', 'updated_at', 'revised_by_id', 'issued_on'])
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
END
$$
"""

FREEZE_INVOICE_BEFORE = """
CREATE OR REPLACE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    movable CONSTANT text[] := ARRAY[
        'status', 'version', 'updated_at', 'amount_paid', 'amount_credited',
        'paid_at', 'voided_at', 'marked_uncollectible_at', 'issued_on'
    ];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft' AND to_jsonb(OLD) - movable = to_jsonb(NEW) - movable THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
END
$$
"""


def upgrade() -> None:
    op.add_column("invoices", sa.Column("total_credited", sa.BigInteger(), nullable=False, server_default="0"))
    op.alter_column("invoices", "total_credited", server_default=None)
    op.add_column("invoices", sa.Column("void_reason", sa.Text(), nullable=True))
    op.add_column("invoices", sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("invoices", sa.Column("revision_of_id", sa.Uuid(), nullable=True))
    op.add_column("invoices", sa.Column("revised_by_id", sa.Uuid(), nullable=True))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_invoices_{name}"), "invoices", condition)
    for column, leaving in (("revision_of_id", None), ("revised_by_id", "SET NULL (revised_by_id)")):
        op.create_foreign_key(
            op.f(f"fk_invoices_organization_id_{column}"),
            "invoices",
            "invoices",
            ["organization_id", column],
            ["organization_id", "id"],
            ondelete=leaving,
        )
        op.create_index(
            op.f(f"ix_invoices_organization_id_{column}"),
            "invoices",
            ["organization_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.execute(FREEZE_INVOICE)


def downgrade() -> None:
    op.execute(FREEZE_INVOICE_BEFORE)
    for column in ("revised_by_id", "revision_of_id"):
        op.drop_index(op.f(f"ix_invoices_organization_id_{column}"), "invoices")
        op.drop_constraint(op.f(f"fk_invoices_organization_id_{column}"), "invoices")
    for name in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_invoices_{name}"), "invoices")
    for column in ("revised_by_id", "revision_of_id", "sent_at", "void_reason", "total_credited"):
        op.drop_column("invoices", column)
