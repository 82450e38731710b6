"""What one object has is looked up by the trait itself, and not by reading all of its traits.

The indexes are built while the tables are written. What an interrupted run has finished stays, and what it has begun is
built again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

TABLES = ("customer_traits", "product_traits", "invoice_traits", "payment_traits", "credit_note_traits")
OBJECT = ("organization_id", "object_id")
TRAIT = (*OBJECT, "key", "value")
BEGUN = sa.text("SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)")
PATIENCE = sa.text("SELECT set_config('lock_timeout', :patience, false)")


def upgrade() -> None:
    _replace(OBJECT, TRAIT)


def downgrade() -> None:
    _replace(TRAIT, OBJECT)


def _replace(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    with op.get_context().autocommit_block():
        bind = op.get_bind()
        patience = bind.scalar(sa.text("SHOW lock_timeout"))
        # It waits for all older transactions, and holds up nobody meanwhile.
        bind.execute(PATIENCE, {"patience": "0"})
        for table in TABLES:
            name = f"ix_{table}_{'_'.join(new)}"
            if bind.scalar(BEGUN, {"name": name}):
                op.drop_index(name, table, postgresql_concurrently=True)
            op.create_index(name, table, list(new), postgresql_concurrently=True, if_not_exists=True)
            op.drop_index(f"ix_{table}_{'_'.join(old)}", table, postgresql_concurrently=True, if_exists=True)
        bind.execute(PATIENCE, {"patience": patience})
