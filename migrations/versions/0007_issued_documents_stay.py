"""Issued documents stay as they are."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PARTS = {
    "invoice_lines": "",
    "invoice_line_taxes": "of_a_line",
    "invoice_adjustments": "of_a_line",
    "invoice_tax_groups": "",
}
# A transition table serves one event, so there are three triggers.
TOUCHED = {
    "INSERT": "NEW TABLE AS touched",
    "UPDATE": "OLD TABLE AS previous NEW TABLE AS touched",
    "DELETE": "OLD TABLE AS touched",
}

# What money does to an issued invoice; everything else stands for ever. `issued_on` is computed from the date of issue,
# and only after this trigger has run.
FREEZE_INVOICE = """
CREATE FUNCTION freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    movable CONSTANT text[] := ARRAY[
        'status', 'version', 'updated_at', 'amount_paid', 'amount_credited',
        'paid_at', 'voided_at', 'marked_uncollectible_at', 'issued_on'
    ];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft' AND to_jsonb(OLD) - movable = to_jsonb(NEW) - movable THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
END
$$
"""

# Once a statement and not once a row: a thousand lines ask once. FOR SHARE waits for a finalization that is under way,
# so that no part slips into an invoice while it is being issued. A whole that is gone takes its parts with it. A part
# counts to the invoice that it names and to the one of its line, and one that moves to the invoice that it leaves.
FREEZE_PARTS = """
CREATE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parts text := 'SELECT * FROM touched';
    wholes text := 'SELECT organization_id, invoice_id FROM parts';
    found record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        parts := parts || ' UNION ALL SELECT * FROM previous';
    END IF;
    IF TG_ARGV[0] = 'of_a_line' THEN
        wholes := wholes || ' UNION ALL SELECT l.organization_id, l.invoice_id FROM parts p '
            'JOIN invoice_lines l ON (l.organization_id, l.id) = (p.organization_id, p.line_id)';
    END IF;
    FOR found IN EXECUTE
        'WITH parts AS (' || parts || ') SELECT status FROM invoices i '
        'WHERE (i.organization_id, i.id) IN (' || wholes || ') FOR SHARE OF i'
    LOOP
        IF found.status <> 'draft' THEN
            RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(FREEZE_INVOICE)
    op.execute(
        "CREATE TRIGGER keep_frozen BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION freeze_invoice()"
    )
    op.execute(FREEZE_PARTS)
    for table, place in PARTS.items():
        _freeze(table, place)


def downgrade() -> None:
    for table in PARTS:
        for event in TOUCHED:
            op.execute(f"DROP TRIGGER keep_frozen_{event.lower()} ON {table}")
    op.execute("DROP TRIGGER keep_frozen ON invoices")
    op.execute("DROP FUNCTION freeze_parts")
    op.execute("DROP FUNCTION freeze_invoice")


def _freeze(table: str, place: str) -> None:
    """Refuse every statement that touches a part of an issued invoice."""
    for event, rows in TOUCHED.items():
        op.execute(
            f"CREATE TRIGGER keep_frozen_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION freeze_parts('{place}')"
        )
