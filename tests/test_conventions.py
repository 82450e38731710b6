"""What every table has: names by the convention, keys and indexes that begin with the tenant, exact types."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from tests.schema import TENANTLESS, TRAITS, connected, references, tenant_tables

NOT_BY_TENANT = {
    "pk_organizations", "uq_users_email_key", "uq_refresh_tokens_digest", "uq_api_keys_digest", "uq_invitations_digest",
    "uq_password_resets_digest", "pk_login_attempts", "pk_mail_quotas",
}  # fmt: skip
"""What is one over the whole service: the tenant itself, a user's address, the digest of a secret, and what is counted
at an address, which may be nobody's."""
OF_REAPERS = {
    "ix_idempotency_keys_created_at",
    "ix_refresh_tokens_expires_at",
    "ix_password_resets_expires_at",
    "ix_invitations_expires_at",
}
"""What is looked for over all tenants, because it is over; the deletion goes by the key, inside the tenant."""
LONGEST = 63
EXACT = {
    "invoices": {"exchange_rate"},
    "invoice_lines": {
        "quantity", "unit_price", "gross_price", "price_discount", "base_quantity", "credited_quantity",
    },
    "invoice_line_taxes": {"rate"},
    "invoice_adjustments": {"percent", "tax_rate"},
    "invoice_tax_groups": {"rate"},
    "ledger_postings": {"tax_rate"},
    "credit_notes": {"exchange_rate"},
    "credit_note_lines": {"quantity", "unit_price", "base_quantity"},
    "credit_note_adjustments": {"tax_rate"},
    "credit_note_tax_groups": {"rate"},
    "products": {"unit_price", "base_quantity", "tax_rate"},
    "tax_rates": {"rate"},
}  # fmt: skip
"""Quantities, prices per unit, rates and percentages: no amounts of money, which are counted in minor units."""
SMALL = {"version", "attempts", "position", "net_terms_days", "status", "in_row"}
"""Integers that are no amounts."""


@pytest.fixture
def cursor(addresses: Addresses, app: Flask) -> Iterator[Any]:
    with connected(addresses.owner) as found:
        yield found


def constraints(cursor: Any) -> list[tuple[str, str, str, list[str]]]:
    """Name, kind, table and columns of each constraint."""
    cursor.execute("""
        SELECT conname::text, contype::text, conrelid::regclass::text,
               ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, o)
                     JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
          AND conrelid <> 'alembic_version'::regclass""")
    found: list[tuple[str, str, str, list[str]]] = cursor.fetchall()
    return found


def indexes(cursor: Any) -> list[tuple[str, str, list[str | None]]]:
    """Name, table and columns of each index; None stands for an expression."""
    cursor.execute("""
        SELECT i.relname::text, t.relname::text,
               ARRAY(SELECT attname::text FROM unnest(x.indkey::int[]) WITH ORDINALITY k(n, o)
                     LEFT JOIN pg_attribute ON attrelid = x.indrelid AND attnum = n ORDER BY o)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version'""")
    found: list[tuple[str, str, list[str | None]]] = cursor.fetchall()
    return found


def fits(name: str, wanted: str) -> bool:
    """Whether this is the name; one that the database would cut off is shortened to the same beginning and a sum."""
    return name == wanted if len(wanted) <= LONGEST else len(name) <= LONGEST and name.startswith(wanted[:50])


def test_every_constraint_has_its_name_by_the_convention(cursor: Any) -> None:
    for name, kind, table, columns in constraints(cursor):
        joined = "_".join(columns)
        if kind == "c":
            assert name.startswith(f"ck_{table}_"), name
        else:
            wanted = {"p": f"pk_{table}", "f": f"fk_{table}_{joined}", "u": f"uq_{table}_{joined}"}[kind]
            assert fits(name, wanted), (name, wanted)


def test_every_index_is_named_after_its_table_and_begins_with_the_tenant(cursor: Any) -> None:
    found = indexes(cursor)
    assert len(found) > 30
    for name, table, columns in found:
        if name in OF_REAPERS:
            continue
        assert name.startswith((f"ix_{table}_organization_id_", f"uq_{table}_", f"pk_{table}")), name
        assert (columns[0] == "organization_id") == (name not in NOT_BY_TENANT), name


def test_every_key_begins_with_the_tenant(cursor: Any) -> None:
    found = [(table, columns) for _, kind, table, columns in constraints(cursor) if kind == "p"]
    keys = {table: columns for table, columns in found if table not in TENANTLESS}
    assert keys.keys() == set(tenant_tables(cursor))
    for table, columns in keys.items():
        assert columns[0] == ("id" if table == "organizations" else "organization_id")


def test_every_table_leads_to_its_organization(cursor: Any) -> None:
    """By a reference of its own, or by one to what leads there; each carries it, and none of its columns is empty."""
    cursor.execute("""
        SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint f
        JOIN pg_attribute o ON o.attrelid = conrelid AND o.attnum = conkey[1] AND o.attname = 'organization_id'
        WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_attribute n WHERE n.attrelid = conrelid AND n.attnum = ANY (conkey) AND NOT n.attnotnull)""")
    references = set(cursor.fetchall())
    leading = {"organizations"}
    while more := {table for table, target in references if target in leading} - leading:
        leading |= more
    assert leading == set(tenant_tables(cursor)) - TRAITS
    assert len({table for table, target in references if target == "organizations"}) > 10


def test_every_reference_is_served_by_an_index(cursor: Any) -> None:
    """Else each delete of what is referred to would read the whole table."""
    served = {(table, *columns[:count]) for _, table, columns in indexes(cursor) for count in (2, 3)}
    for table, _, columns, _ in references(cursor):
        assert (table, *columns) in served, (table, columns)


def test_every_column_has_an_exact_type(cursor: Any) -> None:
    cursor.execute("""
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version'""")
    columns = cursor.fetchall()
    numeric: dict[str, set[str]] = {}
    for table, column, kind in columns:
        assert kind in {
            "uuid", "text", "boolean", "date", "timestamp with time zone", "integer", "bigint", "smallint", "numeric",
            "jsonb", "json", "bytea", "ARRAY",
        }, (table, column, kind)  # fmt: skip
        if kind == "numeric":
            numeric.setdefault(table, set()).add(column)
        assert kind not in {"integer", "smallint"} or column in SMALL, f"{table}.{column}: money is counted in bigint"
    assert numeric == EXACT


def test_every_key_is_a_uuid_of_version_7(tenant: Any, cursor: Any) -> None:
    payment = tenant.payment(tenant.invoice(allowances=[{"percent": "1"}]), amount="900.00", overpayment="balance")
    assert tenant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00"}).status_code == 201
    credited = tenant.invoice(charges=[{"amount": "9.00", "tax_category": "S", "tax_rate": "7"}])
    assert tenant.post("/v1/credit-notes", {"invoice_id": credited["id"], "reason": "None"}).status_code == 201
    tenant.product(tax_rate_id=tenant.tax_rate()["id"])
    tenant.mail()
    tenant.colleague("viewer").second_factor()
    assert tenant.post("/v1/invitations", {"email": f"guest-{tenant.email}", "role": "viewer"}).status_code == 201
    assert tenant.client.post("/v1/auth/password-reset", json={"email": tenant.email}).status_code == 202
    assert tenant.post("/v1/api-keys", {"name": "A shop", "scopes": ["events:read"]}).status_code == 201
    seen = 0
    for table in tenant_tables(cursor):
        cursor.execute("SELECT FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'id'", [table])
        if cursor.fetchone() is not None:
            cursor.execute(f"SELECT DISTINCT substring(id::text, 15, 1) FROM {table}")  # noqa: S608 - our own tables
            assert cursor.fetchall() == [("7",)], table
            seen += 1
    assert seen >= 21
