"""Customers are found by the name and the address of their contact, too.

Those that were there before get these traits in steps of their own, each with the rows locked that it reads: all others
are read and written meanwhile.
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

AT_ONCE = 5000
NOBODY = "00000000-0000-0000-0000-000000000000"
COLUMNS = ("name", "legal_name", "email", "external_id", "billing_emails", "metadata")
# Of a row that has another name here, and with what else is looked at or without.
TEXTS = (
    "ARRAY[{row}.name, {row}.legal_name, {row}.email, {row}.external_id{more}] || "
    "ARRAY(SELECT jsonb_array_elements_text({row}.billing_emails))"
)
MORE = ", {row}.contact ->> 'name', {row}.contact ->> 'email'"
KEEP = """
CREATE OR REPLACE FUNCTION keep_customer_traits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM customer_traits WHERE organization_id = OLD.organization_id AND object_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO customer_traits (organization_id, key, value, created_at, object_id)
        SELECT NEW.organization_id, key, value, NEW.created_at, NEW.id FROM (
            SELECT '' AS key, word AS value FROM search_words({texts}) AS word
            UNION ALL SELECT key, value FROM jsonb_each_text(NEW.metadata)
        ) AS traits;
    END IF;
    RETURN NULL;
END
$$
"""
TOLD = """
CREATE OR REPLACE TRIGGER traits_changed AFTER UPDATE OF {columns} ON customers
FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION keep_customer_traits()
"""
FILL = """
WITH read AS MATERIALIZED (
    SELECT * FROM customers WHERE (organization_id, id) > (:organization_id, :id)
    ORDER BY organization_id, id LIMIT :at_once FOR SHARE
), filled AS (
    INSERT INTO customer_traits (organization_id, key, value, created_at, object_id)
    SELECT o.organization_id, '', word, o.created_at, o.id
    FROM read o, search_words(ARRAY[o.contact ->> 'name', o.contact ->> 'email']) AS word
    ON CONFLICT DO NOTHING
)
SELECT organization_id, id FROM read ORDER BY organization_id DESC, id DESC LIMIT 1
"""
EMPTY = """
DELETE FROM customer_traits t USING customers o
WHERE (o.organization_id, o.id) = (t.organization_id, t.object_id) AND o.contact IS NOT NULL AND t.key = ''
  AND t.value NOT IN (SELECT search_words({texts}))
"""


def upgrade() -> None:
    _keep(MORE, (*COLUMNS, "contact"))
    with op.get_context().autocommit_block():
        last = {"organization_id": NOBODY, "id": NOBODY}
        while row := op.get_bind().execute(sa.text(FILL), {**last, "at_once": AT_ONCE}).mappings().first():
            last = {name: str(value) for name, value in row.items()}


def downgrade() -> None:
    _keep("", COLUMNS)
    op.execute(EMPTY.format(texts=TEXTS.format(row="o", more="")))


def _keep(more: str, columns: tuple[str, ...]) -> None:
    op.execute(KEEP.format(texts=TEXTS.format(row="NEW", more=more.format(row="NEW"))))
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    op.execute(TOLD.format(columns=", ".join(columns), changed=changed))
