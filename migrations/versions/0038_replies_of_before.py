"""Replies that were stored before say whom they are about, too.

In a step of its own: in the one that adds the column, everybody who writes would wait until all rows are read.
"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# A reply that names a customer is about them; a customer's own names nobody, and has no id but theirs.
ABOUT = """
UPDATE idempotency_keys SET about_id = coalesce(
    substring(encode(body, 'escape') FROM '"customer_id": ?"([0-9a-f-]{36})"'),
    substring(encode(body, 'escape') FROM '"id": ?"([0-9a-f-]{36})"'))::uuid
WHERE about_id IS NULL
"""


def upgrade() -> None:
    op.execute(ABOUT)


def downgrade() -> None:
    """What they say is right, with or without this step."""
