"""What one object has is looked up by the trait itself, and not by reading all of its traits.

The indexes are built while the tables are written, and one that was left unfinished is built again.
"""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

TABLES = ("customer_traits", "product_traits", "invoice_traits", "payment_traits", "credit_note_traits")
OBJECT = ("organization_id", "object_id")
TRAIT = (*OBJECT, "key", "value")


def upgrade() -> None:
    _replace(OBJECT, TRAIT)


def downgrade() -> None:
    _replace(TRAIT, OBJECT)


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    with op.get_context().autocommit_block():
        for table in TABLES:
            name = f"ix_{table}_{'_'.join(new)}"
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
            op.create_index(name, table, list(new), postgresql_concurrently=True)
            op.drop_index(f"ix_{table}_{'_'.join(old)}", table, postgresql_concurrently=True, if_exists=True)
