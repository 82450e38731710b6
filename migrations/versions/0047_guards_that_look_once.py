"""What guards an invoice as it is made does no more than it has to.

The invoices of parts are looked up one after the other, as a rule one: asked for all at once, each was planned anew.
And a draft without a number has no traits, unless somebody gave it metadata.
"""

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

FREEZE_PARTS = """
CREATE OR REPLACE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenants uuid[];
    wholes uuid[];
    movable CONSTANT text[] := ARRAY['credited_quantity', 'credited_amount'];
    free text[] := ARRAY['draft'];
    state text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS (
            SELECT FROM touched t LEFT JOIN previous p USING (organization_id, id)
            WHERE to_jsonb(t) - movable IS DISTINCT FROM to_jsonb(p) - movable OR to_jsonb(t) = to_jsonb(p)
        ) THEN
            free := ARRAY['draft', 'open', 'paid', 'uncollectible'];
        END IF;
        SELECT array_agg(organization_id), array_agg(invoice_id) INTO tenants, wholes FROM (
            SELECT organization_id, invoice_id FROM touched UNION SELECT organization_id, invoice_id FROM previous
        ) AS parts;
    ELSE
        SELECT array_agg(organization_id), array_agg(invoice_id) INTO tenants, wholes FROM (
            SELECT DISTINCT organization_id, invoice_id FROM touched
        ) AS parts;
    END IF;
    FOR n IN 1 .. coalesce(cardinality(wholes), 0) LOOP
        SELECT status INTO state FROM invoices i
            WHERE i.organization_id = tenants[n] AND i.id = wholes[n] FOR SHARE OF i;
        IF state <> ALL (free) THEN
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

TRAITS_MADE = """
CREATE OR REPLACE TRIGGER traits_made AFTER INSERT ON invoices FOR EACH ROW {condition}
EXECUTE FUNCTION keep_invoice_traits()
"""
HAS_TRAITS = "WHEN (NEW.number IS NOT NULL OR NEW.metadata <> '{}'::jsonb)"


def upgrade() -> None:
    op.execute(FREEZE_PARTS)
    op.execute(TRAITS_MADE.format(condition=HAS_TRAITS))


def downgrade() -> None:
    op.execute(TRAITS_MADE.format(condition=""))
    op.execute(FREEZE_PARTS_BEFORE)
