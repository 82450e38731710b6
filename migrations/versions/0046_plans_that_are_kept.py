"""What keeps the parts of issued invoices as they are is planned once in each connection, and not with each statement.

A tax is of the line that it names and of that line's invoice, says its foreign key, so that the line need not be looked
up for it.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

FREEZE_PARTS = """
CREATE OR REPLACE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenants uuid[];
    wholes uuid[];
    movable CONSTANT text[] := ARRAY['credited_quantity', 'credited_amount'];
    free text[] := ARRAY['draft'];
    found record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (
            SELECT FROM touched t LEFT JOIN previous p USING (organization_id, id)
            WHERE to_jsonb(t) - movable IS DISTINCT FROM to_jsonb(p) - movable OR to_jsonb(t) = to_jsonb(p)
        ) THEN
            free := ARRAY['draft', 'open', 'paid', 'uncollectible'];
        END IF;
        SELECT array_agg(DISTINCT organization_id), array_agg(DISTINCT invoice_id) INTO tenants, wholes FROM (
            SELECT organization_id, invoice_id FROM touched UNION ALL SELECT organization_id, invoice_id FROM previous
        ) AS parts;
    ELSE
        SELECT array_agg(DISTINCT organization_id), array_agg(DISTINCT invoice_id) INTO tenants, wholes FROM touched;
    END IF;
    FOR found IN SELECT status FROM invoices i
        WHERE i.organization_id = ANY (tenants) AND i.id = ANY (wholes) FOR SHARE OF i
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
    tenants uuid[];
    wholes uuid[];
    lines uuid[];
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
    EXECUTE 'SELECT array_agg(DISTINCT organization_id), array_agg(DISTINCT invoice_id) FROM (' || parts || ') p'
        INTO tenants, wholes;
    IF TG_ARGV[0] = 'of_a_line' THEN
        EXECUTE 'SELECT array_agg(DISTINCT line_id) FROM (' || parts || ') p' INTO lines;
        wholes := wholes || ARRAY(
            SELECT DISTINCT l.invoice_id FROM invoice_lines l
            WHERE l.organization_id = ANY (tenants) AND l.id = ANY (lines)
        );
    END IF;
    FOR found IN SELECT status FROM invoices i
        WHERE i.organization_id = ANY (tenants) AND i.id = ANY (wholes) FOR SHARE OF i
    LOOP
        IF found.status <> ALL (free) THEN
            RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(FREEZE_PARTS)


def downgrade() -> None:
    op.execute(FREEZE_PARTS_BEFORE)
