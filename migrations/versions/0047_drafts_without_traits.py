"""A draft without a number has no traits, unless somebody gave it metadata, and nobody looks for them."""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

TRAITS_MADE = """
CREATE OR REPLACE TRIGGER traits_made AFTER INSERT ON invoices FOR EACH ROW {condition}
EXECUTE FUNCTION keep_invoice_traits()
"""
HAS_TRAITS = "WHEN (NEW.number IS NOT NULL OR NEW.metadata <> '{}'::jsonb)"


def upgrade() -> None:
    op.execute(TRAITS_MADE.format(condition=HAS_TRAITS))


def downgrade() -> None:
    op.execute(TRAITS_MADE.format(condition=""))
