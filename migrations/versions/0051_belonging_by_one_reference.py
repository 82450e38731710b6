"""A row that another row of its organization stands behind refers to that row, and no more to the organization as well.

Nothing else can come of it: the reference that stays carries the organization, none of its columns may be empty, and
the row that it leads to is held in the same way. Each reference was looked up with each insert, so that an issued
invoice of three lines asked for its organization nine times, and locked it.

Each step is a short transaction of its own, and locks the two tables in the order of requests, what is referred to
first: to let go of a reference PostgreSQL locks both. An interrupted run is taken up again.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

BELONGING = (
    "number_counters", "document_numbers", "invoices", "invoice_lines", "invoice_line_taxes", "invoice_adjustments",
    "invoice_tax_groups", "sources", "allocations", "ledger_entries", "ledger_postings", "payments", "refunds",
    "credit_notes", "credit_note_lines", "credit_note_adjustments", "credit_note_tax_groups",
)  # fmt: skip
TO_ORGANIZATION = "FOREIGN KEY (organization_id) REFERENCES organizations (id)"
TO_INVOICE = "FOREIGN KEY (organization_id, invoice_id) REFERENCES invoices (organization_id, id) ON DELETE CASCADE"
IS_THERE = sa.text("SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(:table) AND conname = :name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, name, whole, _ in _implied():
            lock = f"LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"
            op.execute(f"{lock}; ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table, name, _, reference in _implied():
            if not op.get_bind().scalar(IS_THERE, {"table": table, "name": name}):
                op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {reference} NOT VALID")
            # Looks at all rows, and lets them be written meanwhile.
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _implied() -> Iterator[tuple[str, str, str, str]]:
    """A table, the name of its reference, the table that it leads to, and what it says."""
    for table in BELONGING:
        yield table, f"fk_{table}_organization_id", "organizations", TO_ORGANIZATION
    # A line is one of the invoice that a tax upon it names, says the tax's reference to it.
    yield "invoice_line_taxes", "fk_invoice_line_taxes_organization_id_invoice_id", "invoices", TO_INVOICE
