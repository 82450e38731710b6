"""The buyers of invoices that were issued elsewhere have them."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Those that were void when they came in need not have been; a void invoice stays as it is.
SENT = """
UPDATE invoices SET sent_at = imported_at WHERE imported_at IS NOT NULL AND sent_at IS NULL AND status <> 'void'
"""


def upgrade() -> None:
    op.execute(SENT)


def downgrade() -> None:
    """What was sent was sent."""
