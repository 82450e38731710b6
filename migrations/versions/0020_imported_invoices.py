"""Invoices that were issued elsewhere: when they came in, from which day the books have them, and what was settled
before; their numbers may fit no series."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NUMBERED = (
    "num_nulls(finalized_at, number, number_key, series_id) = CASE status WHEN 'draft' THEN 4 ELSE 0 END "
    "AND num_nulls(number_period, sequence_value) IN (CASE status WHEN 'draft' THEN 2 ELSE 0 END, "
    "CASE WHEN status = 'draft' OR imported_at IS NOT NULL THEN 2 ELSE 0 END)"
)
NUMBERED_BEFORE = (
    "num_nulls(finalized_at, number, number_key, series_id, number_period, sequence_value) "
    "= CASE status WHEN 'draft' THEN 6 ELSE 0 END"
)
CHECKS = {
    "imported_whole": "(imported_at IS NULL) = (opening_date IS NULL) "
    "AND (imported_at IS NULL OR (status <> 'draft' AND opening_date >= issue_date))",
    "settled_before_import": "amount_settled_before BETWEEN least(payable_amount, 0) AND greatest(payable_amount, 0) "
    "AND (amount_settled_before = 0 OR imported_at IS NOT NULL) "
    "AND (payable_amount < 0 OR amount_paid >= amount_settled_before)",
}


def upgrade() -> None:
    op.add_column("invoices", sa.Column("imported_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("invoices", sa.Column("opening_date", sa.Date(), nullable=True))
    op.add_column("invoices", sa.Column("amount_settled_before", sa.BigInteger(), nullable=False, server_default="0"))
    op.alter_column("invoices", "amount_settled_before", server_default=None)
    _number(NUMBERED)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_invoices_{name}"), "invoices", condition)


def downgrade() -> None:
    for name in reversed(CHECKS):
        op.drop_constraint(op.f(f"ck_invoices_{name}"), "invoices")
    _number(NUMBERED_BEFORE)
    for column in ("amount_settled_before", "opening_date", "imported_at"):
        op.drop_column("invoices", column)


def _number(condition: str) -> None:
    op.drop_constraint(op.f("ck_invoices_numbered_when_issued"), "invoices")
    op.create_check_constraint(op.f("ck_invoices_numbered_when_issued"), "invoices", condition)
