"""Objects are found by words of their names and numbers, and by their metadata."""

import sqlalchemy as sa
from alembic import op

from billing_api.tenancy import grant, wall

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

# By table: the word for one of its objects, the texts whose words it is found by, and the columns that these stand in.
FOUND_BY = {
    "customers": (
        "customer",
        "ARRAY[NEW.name, NEW.legal_name, NEW.email, NEW.external_id] || "
        "ARRAY(SELECT jsonb_array_elements_text(NEW.billing_emails))",
        ("name", "legal_name", "email", "external_id", "billing_emails"),
    ),
    "products": ("product", "ARRAY[NEW.name, NEW.sku, NEW.external_id]", ("name", "sku", "external_id")),
    "invoices": ("invoice", "ARRAY[NEW.number]", ("number",)),
    "payments": ("payment", "ARRAY[NEW.reference]", ("reference",)),
    "credit_notes": ("credit_note", "ARRAY[NEW.number]", ("number",)),
}
# A payment and a credit note are sources of money, and were made when these were.
OF_SOURCE = "(SELECT created_at FROM sources WHERE (organization_id, id) = (NEW.organization_id, NEW.id))"

# Capitals, accents and punctuation do not count: all that is no letter and no digit in ASCII, in Latin-1 and among the
# general and the CJK punctuation is a blank. What is nothing but that is no word, and null.
PLAIN = r"""
CREATE FUNCTION search_plain(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN nullif(trim(regexp_replace(
    regexp_replace(replace(lower(normalize(said, NFKD)), 'ß', 'ss'), '[\u0300-\u036f]', '', 'g'),
    '[[:space:]!-/:-@\[-`{-~\u0080-\u00bf\u2000-\u206f\u3000-\u303f]+', ' ', 'g')), '')
"""
# As long as a word is kept.
FOLD = """
CREATE FUNCTION search_fold(said text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rtrim(left(search_plain(said), 64))
"""
# What stands in a text from each of its first words on: `INV-2026-0815` can be looked for by its end, too.
WORDS = """
CREATE FUNCTION search_words(said text[]) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT rtrim(left(array_to_string(parts[start:], ' '), 64))
    FROM unnest(said) AS one, string_to_array(search_plain(one), ' ') AS parts,
        generate_series(1, least(coalesce(cardinality(parts), 0), 16)) AS start
$$
"""
# As its owner: the service reads traits, and writes none but through what they are traits of.
KEEP = """
CREATE FUNCTION keep_{one}_traits() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM {one}_traits WHERE organization_id = OLD.organization_id AND object_id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {one}_traits (organization_id, key, value, created_at, object_id)
        SELECT NEW.organization_id, key, value, {moment}, NEW.id FROM (
            SELECT '' AS key, word AS value FROM search_words({texts}) AS word
            UNION ALL SELECT key, value FROM jsonb_each_text(NEW.metadata)
        ) AS traits;
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    for function in (PLAIN, FOLD, WORDS):
        op.execute(function)
    for table, (one, texts, columns) in FOUND_BY.items():
        _create(f"{one}_traits")
        moment = OF_SOURCE if table in {"payments", "credit_notes"} else "NEW.created_at"
        op.execute(KEEP.format(one=one, texts=texts, moment=moment))
        told = (*columns, "metadata")
        changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in told)
        keep = f"FOR EACH ROW {{}} EXECUTE FUNCTION keep_{one}_traits()"
        op.execute(f"CREATE TRIGGER traits_made AFTER INSERT ON {table} {keep.format('')}")
        update = f"UPDATE OF {', '.join(told)} ON {table}"
        op.execute(f"CREATE TRIGGER traits_changed AFTER {update} {keep.format(f'WHEN ({changed})')}")
        op.execute(f"CREATE TRIGGER traits_gone AFTER DELETE ON {table} {keep.format('')}")


def _create(table: str) -> None:
    op.create_table(
        table,
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", "value", "created_at", "object_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(f"ix_{table}_organization_id_object_id", table, ["organization_id", "object_id"])
    wall(table)
    grant(table, "SELECT")


def downgrade() -> None:
    for table, (one, _, _) in FOUND_BY.items():
        for trigger in ("traits_made", "traits_changed", "traits_gone"):
            op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION keep_{one}_traits")
        op.drop_table(f"{one}_traits")
    for function in ("search_words", "search_fold", "search_plain"):
        op.execute(f"DROP FUNCTION {function}")
