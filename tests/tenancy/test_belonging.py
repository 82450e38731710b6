"""No row is without its organization, though most of them refer to it through others."""

import uuid
from typing import Any

import psycopg2

from tests.schema import TRAITS, tenant_tables
from tests.tenancy.conftest import Pair
from tests.test_distribution import COPIED


def copied_to_nobody(cursor: Any, table: str, mine: str) -> str | None:
    """Write a row of this tenant again, for an organization that is not there; the reference that refuses it."""
    cursor.execute("BEGIN; SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute "
                   "WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''", [table])  # fmt: skip
    (names,) = cursor.fetchone()
    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    copy = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, ("  # noqa: S608
        "SELECT jsonb_agg(to_jsonb(one) || jsonb_build_object('organization_id', %s::text)) "
        f"FROM (SELECT * FROM {table} WHERE organization_id = %s LIMIT 1) AS one))"
    )
    try:
        cursor.execute(copy, [str(uuid.uuid4()), mine])
        assert cursor.rowcount == 1
    except psycopg2.errors.ForeignKeyViolation as error:
        return str(error.diag.constraint_name)
    finally:
        cursor.execute("ROLLBACK")
    return None


def test_there_is_no_row_without_its_organization(pair: Pair, owner_cursor: Any) -> None:
    """Those that are unique over the whole service, such as users, have a reference of their own."""
    mine = str(pair[0].organization_id)
    tables = set(tenant_tables(owner_cursor)) - TRAITS - COPIED
    assert len(tables) > 20
    for table in tables:
        assert (copied_to_nobody(owner_cursor, table, mine) or "").startswith(f"fk_{table}_organization_id"), table
