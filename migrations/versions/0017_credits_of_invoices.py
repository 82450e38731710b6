"""What credit notes take of issued invoices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LIMIT = 10**15
CHECKS = {
    "invoice_lines": {
        "shared_amount_in_range": f"shared_amount BETWEEN {-LIMIT} AND {LIMIT}",
        "credited_within_line": "credited_quantity BETWEEN least(quantity, 0) AND greatest(quantity, 0) "
        "AND credited_amount BETWEEN least(coalesce(gross, net) + shared_amount, 0) "
        "AND greatest(coalesce(gross, net) + shared_amount, 0)",
    },
    "invoice_adjustments": {
        "only_document_stands_alone": "NOT stands_alone OR line_id IS NULL",
        "credited_within_adjustment": "credited_amount = 0 OR (stands_alone AND CASE WHEN is_charge "
        "THEN credited_amount BETWEEN least(amount, 0) AND greatest(amount, 0) "
        "ELSE credited_amount BETWEEN least(-amount, 0) AND greatest(-amount, 0) END)",
    },
}
# Lines without a share in allowances and charges of the document, which are nearly all, are right as they stand.
COLUMNS = {
    "invoice_lines": {
        "shared_amount": (sa.BigInteger(), "0"),
        "credited_quantity": (sa.Numeric(18, 6), "0"),
        "credited_amount": (sa.BigInteger(), "0"),
    },
    "invoice_adjustments": {"stands_alone": (sa.Boolean(), "false"), "credited_amount": (sa.BigInteger(), "0")},
}

# A credit note counts in the lines, allowances and charges that it credits: these columns move while the invoice
# stands, and no others.
FREEZE_PARTS = """
CREATE OR REPLACE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parts text := 'SELECT * FROM touched';
    wholes text := 'SELECT organization_id, invoice_id FROM parts';
    movable CONSTANT text[] := ARRAY['credited_quantity', 'credited_amount'];
    free text[] := ARRAY['draft'];
    found record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        parts := parts || ' UNION ALL SELECT * FROM previous';
        IF NOT EXISTS (
            SELECT FROM touched t LEFT JOIN previous p USING (organization_id, id)
            WHERE to_jsonb(t) - movable IS DISTINCT FROM to_jsonb(p) - movable OR to_jsonb(t) = to_jsonb(p)
        ) THEN
            free := ARRAY['draft', 'open', 'paid', 'uncollectible'];
        END IF;
    END IF;
    IF TG_ARGV[0] = 'of_a_line' THEN
        wholes := wholes || ' UNION ALL SELECT l.organization_id, l.invoice_id FROM parts p '
            'JOIN invoice_lines l ON (l.organization_id, l.id) = (p.organization_id, p.line_id)';
    END IF;
    FOR found IN EXECUTE
        'WITH parts AS (' || parts || ') SELECT status FROM invoices i '
        'WHERE (i.organization_id, i.id) IN (' || wholes || ') FOR SHARE OF i'
    LOOP
        IF found.status <> ALL (free) THEN
            RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""

FREEZE_PARTS_BEFORE = """
CREATE OR REPLACE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
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


# How allowances and charges of the document were shared by the lines of an issued invoice is not known afterwards.
REFUSE_SHARED = """
DO $$ BEGIN
    IF EXISTS (
        SELECT FROM invoices i
        JOIN invoice_adjustments a ON (a.organization_id, a.invoice_id) = (i.organization_id, i.id)
        WHERE i.status <> 'draft' AND a.line_id IS NULL
    ) THEN
        RAISE EXCEPTION 'invoices with shared allowances or charges were issued before credits: import them instead';
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(REFUSE_SHARED)
    for table, columns in COLUMNS.items():
        for name, (kind, default) in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
            op.alter_column(table, name, server_default=None)
        for name, condition in CHECKS[table].items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)
    op.add_column("invoices", sa.Column("taxes_credited", postgresql.JSONB(none_as_null=True), nullable=True))
    op.execute(FREEZE_PARTS)
    _redefine("freeze_invoice", "'total_credited', ", "'total_credited', 'taxes_credited', ")


def downgrade() -> None:
    _redefine("freeze_invoice", "'total_credited', 'taxes_credited', ", "'total_credited', ")
    op.execute(FREEZE_PARTS_BEFORE)
    op.drop_column("invoices", "taxes_credited")
    for table, columns in COLUMNS.items():
        for name in CHECKS[table]:
            op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
        for name in columns:
            op.drop_column(table, name)


def _redefine(function: str, before: str, after: str) -> None:
    """Change a word in a function of the database, and leave the rest of it as it stands."""
    source = op.get_bind().scalar(sa.text("SELECT pg_get_functiondef(to_regproc(:name))"), {"name": function})
    if source is None or source.count(before) != 1:
        raise LookupError(f"{function} does not say {before!r} once")
    op.get_bind().exec_driver_sql(source.replace(before, after))
