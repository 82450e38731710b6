"""The parts of an invoice that is made in the same transaction are seen to be so in one look, and it is not locked.

Nobody else sees it yet, so nobody can change it meanwhile. All other parts are looked at as before.
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

OF_NEW = """
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM touched t WHERE NOT EXISTS (
            SELECT FROM invoices i
            WHERE i.organization_id = t.organization_id AND i.id = t.invoice_id
              AND i.made_in = pg_current_xact_id()::text::bigint)
    ) THEN
        RETURN NULL;
    END IF;"""
FREEZE_PARTS = """
CREATE OR REPLACE FUNCTION freeze_parts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenants uuid[];
    wholes uuid[];
    movable CONSTANT text[] := ARRAY['credited_quantity', 'credited_amount'];
    free text[] := ARRAY['draft'];
    found record;
BEGIN{of_new}
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
        SELECT status, made_in INTO found FROM invoices i
            WHERE i.organization_id = tenants[n] AND i.id = wholes[n] FOR SHARE OF i;
        IF found.status <> ALL (free)
            AND NOT (TG_OP = 'INSERT' AND found.made_in = pg_current_xact_id()::text::bigint)
        THEN
            RAISE EXCEPTION 'an issued invoice cannot be changed' USING ERRCODE = 'BA409';
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.execute(FREEZE_PARTS.format(of_new=OF_NEW))


def downgrade() -> None:
    op.execute(FREEZE_PARTS.format(of_new=""))
