"""What the database says about itself, and databases of a test's own on the server of the tests."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask
from psycopg2 import sql
from sqlalchemy.engine import make_url

from billing_api import create_app
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from config import Config

BOOKKEEPING = {"alembic_version"}
"""Tables that are none of the service's."""
TENANTLESS = {"login_attempts", "mail_quotas"}
"""Tables that belong to no tenant, each for a reason. Attempts to log in: most of the addresses that are tried are
nobody's, and those that are somebody's must not be told from them; a row names no address without the secret key."""
TRAITS = {"customer_traits", "product_traits", "invoice_traits", "payment_traits", "credit_note_traits"}
"""Tables that no foreign key holds: nobody but a trigger of the table that they speak of can write them."""

_DEFINITIONS = {
    "column": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated::text,
               pg_get_expr(d.adbin, d.adrelid), co.collname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace""",
    "constraint": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "index": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "policy": """
        SELECT polrelid::regclass::text, polname, polcmd::text, polpermissive, pg_get_expr(polqual, polrelid),
               pg_get_expr(polwithcheck, polrelid) FROM pg_policy""",
    "wall": """
        SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace""",
    "trigger": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "function": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "right": """
        SELECT c.relname, grantee::regrole::text, privilege_type FROM pg_class c, aclexplode(c.relacl)
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace""",
}


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A cursor of a connection of its own; each statement commits, unless BEGIN was sent."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        yield cursor


def superuser_of(addresses: Addresses) -> Addresses:
    """The addresses with a superuser's that leads into the same database."""
    database = make_url(addresses.owner).database
    superuser = make_url(addresses.superuser).set(database=database).render_as_string(hide_password=False)
    return replace(addresses, superuser=superuser)


@contextmanager
def as_superuser(addresses: Addresses) -> Iterator[Any]:
    """A cursor of somebody whom no wall holds, in the database of these addresses; each statement commits."""
    with connected(superuser_of(addresses).superuser) as cursor:
        yield cursor


@contextmanager
def scratch(addresses: Addresses, template: str = "template1") -> Iterator[Addresses]:
    """A new database beside that of the tests, which may be spoilt; gone afterwards.

    It is a copy of `template`, to which nobody may be connected; of PostgreSQL's own, it is before its first migration.
    """
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    words = (name, template, make_url(addresses.owner).username or "postgres")
    with connected(addresses.superuser) as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*map(sql.Identifier, words)))
        try:
            yield addresses.on(name)
        finally:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def application(config: Config, addresses: Addresses, instance: Path) -> Iterator[Flask]:
    """The application on another database; its connections are closed afterwards."""
    app = create_app(
        replace(
            config,
            instance=instance,
            jwt_keys=instance / "keys",
            database_url=addresses.service,
            migration_database_url=addresses.owner,
        )
    )
    with app.app_context():
        engine = db.engine
    try:
        yield app
    finally:
        engine.dispose()


def tenant_tables(cursor: Any) -> list[str]:
    cursor.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace")
    return sorted({name for (name,) in cursor} - BOOKKEEPING - TENANTLESS)


def counted(cursor: Any) -> dict[str, int]:
    """How many rows each table has, as far as the role sees them."""
    found = {}
    for table in tenant_tables(cursor):
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        found[table] = cursor.fetchone()[0]
    return found


def definitions(cursor: Any, *kinds: str) -> dict[str, list[tuple[Any, ...]]]:
    """The whole schema, or these kinds of its parts, in an order that does not depend on when they were made."""
    found = {}
    for kind in kinds or _DEFINITIONS:
        cursor.execute(_DEFINITIONS[kind])
        found[kind] = sorted((row for row in cursor if row[0] not in BOOKKEEPING), key=repr)
    return found


def bare_tables(cursor: Any) -> list[str]:
    """Tables without the wall: row-level security on, forced, for all commands, both for what is read and written."""
    cursor.execute("""
        SELECT relname FROM pg_class c
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT (
            relrowsecurity AND relforcerowsecurity AND EXISTS (
                SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND polcmd = '*' AND polpermissive
                  AND pg_get_expr(polqual, polrelid) LIKE '%app.organization_id%'
                  AND pg_get_expr(polwithcheck, polrelid) LIKE '%app.organization_id%'))
    """)
    return sorted({name for (name,) in cursor} - BOOKKEEPING - TENANTLESS)


def references(cursor: Any) -> list[tuple[str, str, list[str], list[str]]]:
    """Every foreign key between tables of tenants: its table, its target, their columns."""
    cursor.execute("""
        SELECT conrelid::regclass::text, confrelid::regclass::text,
          ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, o)
                JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o),
          ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k(n, o)
                JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY o)
        FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
    """)
    return [row for row in cursor.fetchall() if row[1] != "organizations"]
