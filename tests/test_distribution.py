"""What a PostgreSQL that is distributed by organization (Citus) asks of the schema, so that each organization has its
place on one server, with all that it owns: whatever is unique, or refers to something, carries the organization."""

from collections.abc import Iterator
from typing import Any

import pytest

from billing_api.embedded import Addresses
from tests.schema import BOOKKEEPING, TENANTLESS, connected, scratch, tenant_tables

COPIED = {
    "organizations", "users", "sessions", "refresh_tokens", "second_factors", "recovery_codes", "api_keys",
    "invitations", "password_resets", *TENANTLESS,
}  # fmt: skip
"""Whoever comes is looked up here before it is known of which organization they are: addresses and the digests of
secrets are unique over the whole service. These tables grow with people and not with documents, and stand as a copy on
every server (Citus: reference tables)."""
UNIQUE = """
SELECT t.relname::text, i.relname::text FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE (x.indisunique OR x.indisexclusion) AND t.relnamespace = 'public'::regnamespace AND NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = x.indrelid AND attname = 'organization_id' AND attnum = ANY (x.indkey::int[]))
"""
REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text, conname::text, EXISTS (
    SELECT FROM unnest(conkey, confkey) AS pair(own, theirs)
    JOIN pg_attribute o ON o.attrelid = conrelid AND o.attnum = own AND o.attname = 'organization_id'
    JOIN pg_attribute t ON t.attrelid = confrelid AND t.attnum = theirs AND t.attname = 'organization_id'),
    confdeltype IN ('n', 'd') OR confupdtype IN ('n', 'd', 'c')
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
OWNED = """
SELECT attrelid::regclass::text FROM pg_attribute
WHERE attname = 'organization_id' AND attnotnull AND atttypid = 'uuid'::regtype
"""


@pytest.fixture
def cursor(addresses: Addresses, newest: str) -> Iterator[Any]:
    """In a database without rows: what others left behind would keep a flaw from being made."""
    with scratch(addresses, newest) as empty, connected(empty.owner) as found:
        yield found


def rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def placed(cursor: Any) -> set[str]:
    """The tables whose rows have their place by their organization."""
    return set(tenant_tables(cursor)) - COPIED


def ambiguous(cursor: Any) -> set[str]:
    """What is unique, or excludes others, beyond one organization: no server could tell by itself."""
    within = placed(cursor)
    return {name for table, name in rows(cursor, UNIQUE) if table in within}


def straying(cursor: Any) -> set[str]:
    """References that could lead to another server: those to placed tables that do not carry the organization on both
    sides, in the same place, and all that come from copies."""
    within = placed(cursor)
    return {
        name
        for table, target, name, carries, _ in rows(cursor, REFERENCES)
        if target in within and not (table in within and carries)
    }


def emptying(cursor: Any) -> set[str]:
    """References that change a column when what they lead to goes, or is another: Citus takes none that carries the
    organization, even of those that leave the organization alone."""
    within = placed(cursor)
    return {name for table, _, name, _, changes in rows(cursor, REFERENCES) if table in within and changes}


def homeless(cursor: Any) -> set[str]:
    """Tables with rows that may have no organization, or one that is written in another way than elsewhere."""
    return placed(cursor) - {table for (table,) in rows(cursor, OWNED)}


RULES = (ambiguous, straying, emptying, homeless)


def test_each_organization_can_have_its_place_on_one_server(cursor: Any) -> None:
    assert {rule.__name__: rule(cursor) for rule in RULES} == {rule.__name__: set() for rule in RULES}
    assert len(placed(cursor)) > 25


def test_nothing_is_copied_to_every_server_but_what_tells_the_organization(cursor: Any) -> None:
    """What is unique over the service, and what refers to it or is referred to by it."""
    unique = {table for table, _ in rows(cursor, UNIQUE)} - BOOKKEEPING
    pairs = {frozenset(row[:2]) for row in rows(cursor, REFERENCES) if {*row[:2]} <= COPIED - {"organizations"}}
    assert unique | frozenset().union(*pairs) == COPIED


@pytest.mark.parametrize(
    ("flaw", "rule", "name"),
    [
        ("CREATE UNIQUE INDEX flaw ON customers (email)", ambiguous, "flaw"),
        ("CREATE UNIQUE INDEX flaw ON invoices (number) WHERE number IS NOT NULL", ambiguous, "flaw"),
        ("ALTER TABLE customers ADD CONSTRAINT flaw EXCLUDE (email WITH =)", ambiguous, "flaw"),
        ("ALTER TABLE refunds ADD CONSTRAINT flaw FOREIGN KEY (id, organization_id) "
         "REFERENCES customers (organization_id, id)", straying, "flaw"),
        ("ALTER TABLE users ADD FOREIGN KEY (organization_id, id) REFERENCES customers (organization_id, id) NOT VALID",
         straying, "users_organization_id_id_fkey"),
        ("ALTER TABLE invoices ADD CONSTRAINT flaw FOREIGN KEY (organization_id, customer_id) "
         "REFERENCES customers (organization_id, id) ON DELETE SET NULL (customer_id)", emptying, "flaw"),
        ("ALTER TABLE events DROP CONSTRAINT pk_events, ALTER organization_id DROP NOT NULL", homeless, "events"),
        ("CREATE TABLE flaw (id uuid PRIMARY KEY)", homeless, "flaw"),
    ],
)  # fmt: skip
def test_a_rule_that_reaches_beyond_the_organization_is_found(cursor: Any, flaw: str, rule: Any, name: str) -> None:
    cursor.execute(flaw)
    assert rule(cursor) == {name}
