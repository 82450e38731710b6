"""An invoice that is issued as it is made is written once, and gets its parts in the transaction that makes it.

What nobody else has seen yet is changed by nobody: so the guard of its parts asks who made it, and not only whether it
is a draft. It looks the invoices of parts up one after the other, as a rule one: asked for all at once, they were
planned anew each time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
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

MAKER = sa.text("((pg_current_xact_id())::text)::bigint")


def upgrade() -> None:
    # Not written into the rows that are there: the default is the same for all of them.
    op.add_column("invoices", sa.Column("made_in", sa.BigInteger, server_default=MAKER, nullable=False))
    op.execute(FREEZE_PARTS)


def downgrade() -> None:
    op.execute(FREEZE_PARTS_BEFORE)
    op.drop_column("invoices", "made_in")
