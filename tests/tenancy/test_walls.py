"""The wall between tenants as the database itself keeps it: policies, rights, references and unique rules."""

import re
import uuid
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2 import sql

from billing_api import checking
from billing_api.database import Base, db, transaction
from config import ROOT
from tests.schema import BOOKKEEPING, TENANTLESS, bare_tables, counted, references, tenant_tables
from tests.tenancy.conftest import Pair

ENTER = "SELECT set_config('app.organization_id', %s, false)"
UNHELD = {
    "api_keys.created_by_id": "a user or another key; a user may be gone",
    "audit_entries.actor_id": "a user or a key; a user may be gone, and what they did stays",
    "audit_entries.object_id": "of whatever kind object_type says; it may be gone",
    "document_numbers.document_id": "an invoice or a credit note",
    "events.actor_id": "a user or a key; a user may be gone, and what they did stays",
    "events.object_id": "of whatever kind object_type says; it may be gone",
    "idempotency_keys.about_id": "of whatever kind the reply shows; it may be gone",
    "idempotency_keys.actor_id": "a user or a key; a user may be gone before the reply is",
    "invitations.invited_by_id": "a user or a key; a user may be gone, and the invitation stand",
    "ledger_entries.object_id": "of whatever kind object_type says",
}
"""Columns that name a row and are held by no foreign key, each for a reason."""
(NO_REFERENCE,) = [one for one in checking.stated() if one.name == "reference-is-held"]


def unheld(cursor: Any, query: str) -> set[str]:
    cursor.execute(query)
    return {detail for _, _, detail in cursor}


def test_without_a_tenant_every_table_is_empty(pair: Pair, owner_cursor: Any, service_cursor: Any) -> None:
    everything = counted(owner_cursor)
    assert all(everything.values()), "a table that is empty for everybody proves nothing"
    assert counted(service_cursor) == dict.fromkeys(everything, 0)
    for setting in ("", str(uuid.uuid4())):
        service_cursor.execute(ENTER, [setting])
        assert counted(service_cursor) == dict.fromkeys(everything, 0), setting


def test_with_a_tenant_every_table_shows_its_rows_only(pair: Pair, owner_cursor: Any, service_cursor: Any) -> None:
    mine = str(pair[0].organization_id)
    service_cursor.execute(ENTER, [mine])
    for table in tenant_tables(owner_cursor):
        names = {"table": sql.Identifier(table), "of": sql.Identifier(_owner_of(table))}
        owner_cursor.execute(sql.SQL("SELECT count(*) FROM {table} WHERE {of} = %s").format(**names), [mine])
        seen = sql.SQL("SELECT count(*), count(DISTINCT {of}), min({of}::text) FROM {table}")
        service_cursor.execute(seen.format(**names))
        assert service_cursor.fetchone() == (owner_cursor.fetchone()[0], 1, mine), table


def test_a_query_that_forgets_the_tenant_finds_nothing_and_an_insert_fails(app: Flask, pair: Pair) -> None:
    customer = pair[0].customer()
    models = [one.class_ for one in Base.registry.mappers if one.class_.__tablename__ not in TENANTLESS]
    assert len(models) >= 14
    with app.app_context():
        for model in models:
            with transaction():
                assert db.session.scalars(db.select(model)).all() == [], model
        for statement in (
            "INSERT INTO customers SELECT * FROM jsonb_populate_record(NULL::customers, CAST(:row AS jsonb))",
            "INSERT INTO event_counters VALUES (:organization, 0)",
        ):
            given = {"organization": str(uuid.uuid4()), "row": f'{{"id": "{customer["id"]}"}}'}
            with pytest.raises(db.exc.ProgrammingError, match="row-level security"), transaction():
                db.session.execute(db.text(statement), {name: given[name] for name in given if f":{name}" in statement})


def test_no_table_is_without_a_forced_policy(owner_cursor: Any) -> None:
    assert bare_tables(owner_cursor) == []


@pytest.mark.parametrize(
    ("flaw", "bare"),
    [
        ("ALTER TABLE events NO FORCE ROW LEVEL SECURITY", ["events"]),
        ("ALTER TABLE events DISABLE ROW LEVEL SECURITY", ["events"]),
        ("DROP POLICY tenant ON invoice_lines", ["invoice_lines"]),
        ("ALTER POLICY tenant ON customers USING (true)", ["customers"]),
        ("ALTER POLICY tenant ON customers WITH CHECK (true)", ["customers"]),
        ("CREATE TABLE forgotten (id int)", ["forgotten"]),
    ],
)
def test_a_table_whose_wall_was_taken_down_is_found(owner_cursor: Any, flaw: str, bare: list[str]) -> None:
    owner_cursor.execute("BEGIN")
    owner_cursor.execute(flaw)
    assert bare_tables(owner_cursor) == bare
    owner_cursor.execute("ROLLBACK")


def test_what_belongs_to_no_tenant_names_none(owner_cursor: Any, service_cursor: Any) -> None:
    owner_cursor.execute(
        "SELECT relname, attname::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
        "WHERE relname = ANY (%s) AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum",
        [list(TENANTLESS)],
    )
    assert owner_cursor.fetchall() == [
        *(("login_attempts", name) for name in ("subject", "failed_at", "in_row")),
        *(("mail_quotas", name) for name in ("subject", "taken_at")),
    ]
    for table in TENANTLESS:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            service_cursor.execute(sql.SQL("UPDATE {} SET subject = subject").format(sql.Identifier(table)))
        service_cursor.execute("ROLLBACK")


def test_rows_are_seen_across_tenants_for_a_named_secret_or_job_only_and_never_changed(owner_cursor: Any) -> None:
    owner_cursor.execute(
        "SELECT polrelid::regclass::text, polname::text, polcmd::text FROM pg_policy WHERE polname <> 'tenant'"
    )
    assert sorted(owner_cursor.fetchall()) == [
        ("api_keys", "revealed", "r"),
        ("idempotency_keys", "reaped", "r"),
        ("invitations", "reaped", "r"),
        ("invitations", "revealed", "r"),
        ("mails", "queued", "r"),
        ("mails", "reaped", "r"),
        ("password_resets", "reaped", "r"),
        ("password_resets", "revealed", "r"),
        ("refresh_tokens", "reaped", "r"),
        ("refresh_tokens", "revealed", "r"),
        ("users", "revealed", "r"),
    ]


def test_each_look_across_tenants_is_made_in_one_place() -> None:
    calls = re.compile(r"(?<!def )\breveal\((f?\"[^\"]*\")")
    found = {
        path.relative_to(ROOT / "billing_api").as_posix(): calls.findall(path.read_text(encoding="utf-8"))
        for path in (ROOT / "billing_api").rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names} == {
        "api_keys/service.py": ['"api_key_digest"'],
        "auth/resets.py": ['"password_reset_digest"'],
        "auth/service.py": ['"email"'],
        "auth/refresh_tokens.py": ['"token_digest"'],
        "invitations/service.py": ['"invitation_digest"'],
        "mail/service.py": ['"queue"'],
        "reaping.py": ['f"reaped_{leftover.table}"'],
    }


def test_a_named_secret_reveals_one_row_and_lets_it_be_read_only(pair: Pair, service_cursor: Any) -> None:
    service_cursor.execute("SELECT set_config('app.email', %s, false)", [pair[0].email])
    service_cursor.execute("SELECT email FROM users")
    assert service_cursor.fetchall() == [(pair[0].email,)]
    service_cursor.execute("UPDATE users SET role = 'owner'")
    assert service_cursor.rowcount == 0


def test_the_services_role_is_bound_by_the_wall(app: Flask, service_cursor: Any) -> None:
    service_cursor.execute("""
        SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication,
               EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid),
               EXISTS (SELECT FROM pg_class WHERE relowner = r.oid),
               has_schema_privilege('public', 'CREATE')
        FROM pg_roles r WHERE rolname = current_user
    """)
    assert service_cursor.fetchone() == (False,) * 8
    for statement in (
        "TRUNCATE events",
        "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON events",
        "SET session_replication_role = replica",
        "DELETE FROM events",
        "UPDATE events SET type = 'x'",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            service_cursor.execute(statement)


def test_every_reference_carries_the_organization(owner_cursor: Any) -> None:
    found = references(owner_cursor)
    assert len(found) >= 10
    for table, target, columns, targets in found:
        # What stands between is a whole that both rows belong to.
        assert (columns[0], targets) == ("organization_id", [*columns[:-1], "id"]), (table, target)


def test_every_column_that_names_a_row_is_held_by_a_reference(owner_cursor: Any) -> None:
    """One that nothing holds may name another tenant's row, or one that is gone; no reference is there to be judged."""
    assert unheld(owner_cursor, NO_REFERENCE.query) == set()
    assert unheld(owner_cursor, re.sub(r"'\w+\.\w+'", "''", NO_REFERENCE.query)) == UNHELD.keys()


@pytest.mark.parametrize(
    ("flaw", "column"),
    [
        ("ALTER TABLE sessions DROP CONSTRAINT fk_sessions_organization_id_user_id", "sessions.user_id"),
        ("ALTER TABLE mails DROP CONSTRAINT fk_mails_organization_id", "mails.organization_id"),
        ("ALTER TABLE ledger_entries DROP CONSTRAINT fk_ledger_entries_organization_id_customer_id, "
         "ADD FOREIGN KEY (organization_id) REFERENCES organizations (id)", "ledger_entries.customer_id"),
        ("ALTER TABLE invoices ALTER customer_id DROP NOT NULL", "invoices.organization_id"),
        ("ALTER TABLE refunds ADD COLUMN carried_out_by uuid", "refunds.carried_out_by"),
        ("ALTER TABLE invoices ADD COLUMN paid_by_ids uuid[]", "invoices.paid_by_ids"),
        ("CREATE TABLE forgotten (organization_id uuid)", "forgotten.organization_id"),
    ],
)  # fmt: skip
def test_a_column_that_no_reference_holds_is_found(owner_cursor: Any, flaw: str, column: str) -> None:
    owner_cursor.execute("BEGIN")
    owner_cursor.execute(flaw)
    assert unheld(owner_cursor, NO_REFERENCE.query) == {column}
    owner_cursor.execute("ROLLBACK")


def refusal_of_a_foreign_row(cursor: Any, pair: Pair, table: str, target: str, column: str) -> str | None:
    """Point one row of the first tenant to a row of the second, as the owner, for whom there is no wall, and with the
    triggers that freeze documents out of the way; the constraint that refuses it."""
    mine, theirs = (str(one.organization_id) for one in pair)
    names = {"table": sql.Identifier(table), "target": sql.Identifier(target), "column": sql.Identifier(column)}
    cursor.execute(sql.SQL("SELECT id FROM {target} WHERE organization_id = %s LIMIT 1").format(**names), [theirs])
    (foreign,) = cursor.fetchone()
    cursor.execute(sql.SQL("BEGIN; ALTER TABLE {table} DISABLE TRIGGER USER").format(**names))
    change = sql.SQL(
        "UPDATE {table} SET {column} = %s WHERE ctid = (SELECT ctid FROM {table} "
        "WHERE organization_id = %s ORDER BY {column} IS NULL, ctid DESC LIMIT 1)"
    )
    try:
        cursor.execute(change.format(**names), [foreign, mine])
        assert cursor.rowcount == 1, f"no row of {table} has a {column}"
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg2.errors.ForeignKeyViolation as error:
        return str(error.diag.constraint_name)
    finally:
        cursor.execute("ROLLBACK")
    return None


def test_a_reference_to_another_tenants_row_is_refused(pair: Pair, owner_cursor: Any) -> None:
    found = references(owner_cursor)
    for table, target, columns, _ in found:
        refused = refusal_of_a_foreign_row(owner_cursor, pair, table, target, columns[-1])
        # A row that would leave its whole, or take another id, may be held by its own parts first.
        parts = [(part, names) for part, whole, names, _ in found if whole == table]
        moves = columns[-1] == "id"
        held = {f"fk_{part}_{'_'.join(names)}" for part, names in parts if moves or len(names) > 2}
        assert refused in {f"fk_{table}_{'_'.join(columns)}"} | held


def test_a_reference_whose_constraint_was_dropped_is_noticed(pair: Pair, owner_cursor: Any) -> None:
    owner_cursor.execute("BEGIN; ALTER TABLE sessions DROP CONSTRAINT fk_sessions_organization_id_user_id")
    assert refusal_of_a_foreign_row(owner_cursor, pair, "sessions", "users", "user_id") is None


def test_a_row_cannot_be_written_for_another_tenant(pair: Pair, service_cursor: Any) -> None:
    mine, theirs = (str(one.organization_id) for one in pair)
    service_cursor.execute(ENTER, [mine])
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="row-level security"):
        service_cursor.execute("UPDATE customers SET organization_id = %s", [theirs])
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="row-level security"):
        service_cursor.execute("INSERT INTO event_counters VALUES (%s, 0)", [theirs])


def test_unique_rules_are_per_tenant(owner_cursor: Any) -> None:
    """But for what must be one over the whole service: a user's address, and the digest of a secret."""
    owner_cursor.execute("""
        SELECT c.relname || '.' || a.attname FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND a.attname <> 'organization_id'
    """)
    found = {name for (name,) in owner_cursor} - {f"{table}.version_num" for table in BOOKKEEPING}
    one_of_all = {
        "users.email_key", "refresh_tokens.digest", "api_keys.digest", "login_attempts.subject", "mail_quotas.subject",
        "invitations.digest",
        "password_resets.digest",
    }  # fmt: skip
    assert found == {"organizations.id", *one_of_all}


def _owner_of(table: str) -> str:
    return "id" if table == "organizations" else "organization_id"
