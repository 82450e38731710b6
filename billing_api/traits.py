"""By what objects are found: the words of their names and numbers, and their metadata.

Each trait is a row beside the object, written and deleted by triggers of the object's own table and by nothing else.
Under row-level security only plain comparisons may use an index, so that no text search and no operator on JSON could
serve a list. Capitals, accents and punctuation do not count in words: `search_fold` takes them out of what is kept, and
out of what is asked.
"""

import sqlalchemy as sa

from billing_api.database import Model

_OF_ONE = ("organization_id", "object_id", "key", "value")
"""By these it is seen whether an object has a trait."""


def traits_of(one: str) -> sa.Table:
    """The table of the traits of such objects, as `customer` or `credit_note`.

    No foreign key holds its rows, because nobody but their trigger writes them; `billing-api check` looks after them.
    """
    return sa.Table(
        f"{one}_traits",
        Model.metadata,
        sa.Column("organization_id", sa.Uuid, primary_key=True),
        sa.Column("key", sa.Text(collation="C"), primary_key=True),
        sa.Column("value", sa.Text(collation="C"), primary_key=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), primary_key=True),
        sa.Column("object_id", sa.Uuid, primary_key=True),
        sa.Index(f"ix_{one}_traits_{'_'.join(_OF_ONE)}", *_OF_ONE),
    )
