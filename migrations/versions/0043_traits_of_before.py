"""What was there before is found by its words and its metadata, too.

In steps of their own, each with the rows locked that it reads: all others are read and written meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

AT_ONCE = 5000
NOBODY = "00000000-0000-0000-0000-000000000000"
# By table: the word for one of its objects, its texts, and whence its moment comes.
OF_SOURCE = "(SELECT s.created_at FROM sources s WHERE (s.organization_id, s.id) = (o.organization_id, o.id))"
FOUND_BY = {
    "customers": (
        "customer",
        "ARRAY[o.name, o.legal_name, o.email, o.external_id] || "
        "ARRAY(SELECT jsonb_array_elements_text(o.billing_emails))",
        "o.created_at",
    ),
    "products": ("product", "ARRAY[o.name, o.sku, o.external_id]", "o.created_at"),
    "invoices": ("invoice", "ARRAY[o.number]", "o.created_at"),
    "payments": ("payment", "ARRAY[o.reference]", OF_SOURCE),
    "credit_notes": ("credit_note", "ARRAY[o.number]", OF_SOURCE),
}
FILL = """
WITH read AS MATERIALIZED (
    SELECT * FROM {table} WHERE (organization_id, id) > (:organization_id, :id)
    ORDER BY organization_id, id LIMIT :at_once FOR SHARE
), filled AS (
    INSERT INTO {one}_traits (organization_id, key, value, created_at, object_id)
    SELECT o.organization_id, t.key, t.value, {moment}, o.id FROM read o, LATERAL (
        SELECT '' AS key, word AS value FROM search_words({texts}) AS word
        UNION ALL SELECT key, value FROM jsonb_each_text(o.metadata)
    ) AS t
    ON CONFLICT DO NOTHING
)
SELECT organization_id, id FROM read ORDER BY organization_id DESC, id DESC LIMIT 1
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, (one, texts, moment) in FOUND_BY.items():
            fill = sa.text(FILL.format(table=table, one=one, texts=texts, moment=moment))
            last = {"organization_id": NOBODY, "id": NOBODY}
            while row := op.get_bind().execute(fill, {**last, "at_once": AT_ONCE}).mappings().first():
                last = {name: str(value) for name, value in row.items()}


def downgrade() -> None:
    # They go with their tables.
    pass
