"""A draft that is deleted is let go of by the service, which also records it, and no more by the reference as well.

A database that is distributed by organization takes no reference that carries it and empties a column.
"""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _refer(leaving=None)


def downgrade() -> None:
    _refer(leaving="SET NULL (revised_by_id)")


def _refer(leaving: str | None) -> None:
    """Few invoices have a revision, and an index finds them: the rows that are there are looked at in no time."""
    name = op.f("fk_invoices_organization_id_revised_by_id")
    op.drop_constraint(name, "invoices")
    op.create_foreign_key(
        name, "invoices", "invoices", ["organization_id", "revised_by_id"], ["organization_id", "id"], ondelete=leaving
    )
