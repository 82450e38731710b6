"""By what objects are found that were put into the tables while all triggers rested."""

from typing import Any

_OF_SOURCE = "(SELECT * FROM {} JOIN sources USING (organization_id, id))"
_FOUND_BY = {
    "customer": ("customers", "ARRAY[o.name, o.email, o.external_id]"),
    "product": ("products", "ARRAY[o.name, o.sku, o.external_id]"),
    "invoice": ("invoices", "ARRAY[o.number]"),
    "payment": (_OF_SOURCE.format("payments"), "ARRAY[o.reference]"),
    "credit_note": (_OF_SOURCE.format("credit_notes"), "ARRAY[o.number]"),
}
_FILL = """
INSERT INTO {one}_traits SELECT o.organization_id, t.key, t.value, o.created_at, o.id FROM {objects} o, LATERAL (
    SELECT '' AS key, word AS value FROM search_words({texts}) AS word
    UNION ALL SELECT key, value FROM jsonb_each_text(o.metadata)
) AS t ON CONFLICT DO NOTHING
"""


def fill_traits(cursor: Any) -> None:
    """Write all traits at once, as their triggers would have done for each row, and let the planner know of them."""
    for one, (objects, texts) in _FOUND_BY.items():
        cursor.execute(_FILL.format(one=one, objects=objects, texts=texts))
        cursor.execute(f"ANALYZE {one}_traits")
