"""When an invoice came back: paid, and owed again; given up, and expected again."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

NOT_SETTLED = "status <> 'draft' OR (num_nonnulls({moments}) = 0 AND amount_paid = 0 AND amount_credited = 0)"
MOMENTS = ("paid_at", "voided_at", "marked_uncollectible_at")
# Each column with the fact by which it was known before; a void invoice stays as it is.
RETURNS = {"reopened_at": "invoice.reopened", "marked_collectible_at": "invoice.marked_collectible"}
BEFORE = "'marked_uncollectible_at', "
AFTER = "'marked_uncollectible_at', 'reopened_at', 'marked_collectible_at', "
REMEMBER = """
UPDATE invoices i SET {column} = e.moment
FROM (SELECT organization_id, object_id, max(created_at) AS moment FROM events WHERE type = '{type}' GROUP BY 1, 2) e
WHERE (e.organization_id, e.object_id) = (i.organization_id, i.id) AND i.status <> 'void'
"""


def upgrade() -> None:
    for column in RETURNS:
        op.add_column("invoices", sa.Column(column, sa.TIMESTAMP(timezone=True), nullable=True))
    _redefine("freeze_invoice", BEFORE, AFTER)
    for column, type in RETURNS.items():
        op.execute(REMEMBER.format(column=column, type=type))
    _settle(*MOMENTS, *RETURNS)


def downgrade() -> None:
    _settle(*MOMENTS)
    _redefine("freeze_invoice", AFTER, BEFORE)
    for column in reversed(RETURNS):
        op.drop_column("invoices", column)


def _settle(*moments: str) -> None:
    name = op.f("ck_invoices_draft_is_not_settled")
    op.drop_constraint(name, "invoices")
    op.create_check_constraint(name, "invoices", NOT_SETTLED.format(moments=", ".join(moments)))


def _redefine(function: str, before: str, after: str) -> None:
    """Change a word in a function of the database, and leave the rest of it as it stands."""
    source = op.get_bind().scalar(sa.text("SELECT pg_get_functiondef(to_regproc(:name))"), {"name": function})
    if source is None or source.count(before) != 1:
        raise LookupError(f"{function} does not say {before!r} once")
    op.get_bind().exec_driver_sql(source.replace(before, after))
