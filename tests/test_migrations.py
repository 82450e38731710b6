"""The migrations: one line of steps, each of which goes up and down on a database that is in use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy.exc import DBAPIError

from billing_api.database import Base
from billing_api.embedded import Addresses
from billing_api.provisioning import MIGRATIONS
from config import Config
from tests.factories import BUYER_ADDRESS, PASSWORD, line
from tests.schema import application, connected, counted, definitions, scratch
from tests.tenancy.conftest import furnished

SCRIPTS = ScriptDirectory(str(MIGRATIONS))
STEPS = [step.revision for step in reversed(list(SCRIPTS.walk_revisions()))]
LOST = {
    **{f"{number:04}": set() for number in range(43, 53)},
    "0042": {"customer_traits", "product_traits", "invoice_traits", "payment_traits", "credit_note_traits"},
    "0041": set(),
    "0040": set(),
    "0039": set(),
    "0038": set(),
    "0037": set(),
    "0036": set(),
    "0035": {"password_resets", "invitations"},
    "0034": set(),
    "0033": {"second_factors", "recovery_codes"},
    "0032": set(),
    "0031": set(),
    "0030": {"audit_entries"},
    "0029": set(),
    "0028": set(),
    "0027": {"mails"},
    "0026": {"api_keys"},
    "0025": set(),
    "0024": set(),
    "0023": set(),
    "0022": set(),
    "0021": set(),
    "0020": set(),
    "0019": set(),
    "0018": {"credit_notes", "credit_note_lines", "credit_note_adjustments", "credit_note_tax_groups"},
    "0017": set(),
    "0016": set(),
    "0015": {"payments", "refunds"},
    "0014": {"sources", "allocations", "ledger_entries", "ledger_postings"},
    "0013": set(),
    "0012": set(),
    "0011": {"products", "tax_rates"},
    "0010": set(),
    "0009": set(),
    "0008": {"document_numbers"},
    "0007": set(),
    "0006": {"invoice_lines", "invoice_line_taxes", "invoice_adjustments", "invoice_tax_groups"},
    "0005": {"invoices"},
    "0004": {"number_series", "number_counters"},
    "0003": {"customers"},
    "0002": {"event_counters", "events", "idempotency_keys"},
    "0001": {"organizations", "users", "sessions", "refresh_tokens"},
}
"""What each step takes with it on its way down. Everything else is kept, row by row."""
ADDED = {
    "0048": {"invoices": ["made_in"]},
    "0040": {"idempotency_keys": ["scopes"]},
    "0039": {"second_factors": ["pending_at"]},
    "0034": {"organizations": ["require_second_factor"]},
    "0032": {"customers": ["anonymized_at"], "idempotency_keys": ["about_id"]},
    "0031": {"organizations": ["closed_at"]},
    "0025": {"sessions": ["carrier", "address", "agent", "last_used_at", "expires_at"]},
    "0022": {"invoices": ["reopened_at", "marked_collectible_at"]},
    "0020": {"invoices": ["imported_at", "opening_date", "amount_settled_before"]},
    "0017": {
        "invoices": ["taxes_credited"],
        "invoice_lines": ["shared_amount", "credited_quantity", "credited_amount"],
        "invoice_adjustments": ["stands_alone", "credited_amount"],
    },
    "0013": {"invoices": ["total_credited", "void_reason", "sent_at", "revision_of_id", "revised_by_id"]},
    "0012": {
        "invoice_lines": ["product_id", "tax_from_product"],
        "invoice_line_taxes": ["tax_rate_id", "components"],
        "invoice_tax_groups": ["components"],
    },
    "0008": {
        "number_counters": ["first_value"],
        "number_series": ["start_period", "upcoming_pattern", "upcoming_reset", "upcoming_from"],
    },
}
"""The columns that a step adds to tables that were there before it; their rows are kept without them."""
FILLED = {"0008": {"document_numbers": "document_type = 'invoice'"}}
"""Tables that a step fills from those that were there before it, with the very rows that going down took, as far as
their documents were still there."""

REFUSED = {"0014": "issued before there were books", "0017": "issued before credits"}
"""The steps that issued invoices keep from going up, and what they say."""

Database = tuple[Flask, Addresses]


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> Iterator[None]:
    """Alembic reads all steps anew for each of the hundreds that are taken here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", lambda _: SCRIPTS)
        yield


@pytest.fixture
def empty(config: Config, addresses: Addresses, tmp_path: Path) -> Iterator[Database]:
    """A database before its first migration, and the application on it."""
    with scratch(addresses) as there, application(config, there, tmp_path) as app:
        yield app, there


@pytest.fixture
def used(config: Config, addresses: Addresses, newest: str, tmp_path: Path) -> Iterator[Database]:
    """A database at its newest, with two tenants who own one of everything."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path) as app:
        furnished(app)
        yield app, there


def migrate(app: Flask, target: str) -> None:
    with app.app_context():
        (downgrade if target == "base" or target.startswith("-") else upgrade)(revision=target)


def schema(there: Addresses) -> dict[str, list[tuple[Any, ...]]]:
    with connected(there.owner) as cursor:
        return definitions(cursor)


def rows(there: Addresses) -> dict[str, int]:
    with connected(there.owner) as cursor:
        return counted(cursor)


def checksums(there: Addresses, step: str = "") -> dict[str, str]:
    """A sum over all columns of all rows of each table, in no order; without those that the step has added."""
    found = {}
    with connected(there.owner) as cursor:
        for table in counted(cursor):
            text = "hashtextextended((to_jsonb(t) - %s::text[])::text, 0)"
            some = FILLED.get(step, {}).get(table, "true")
            query = f"SELECT coalesce(sum({text}), 0)::text FROM {table} t WHERE {some}"  # noqa: S608 - our own
            cursor.execute(query, [ADDED.get(step, {}).get(table, [])])
            found[table] = cursor.fetchone()[0]
    return found


def at(there: Addresses) -> str | None:
    with connected(there.owner) as cursor:
        cursor.execute("SELECT (SELECT version_num FROM alembic_version)")
        found: str | None = cursor.fetchone()[0]
        return found


def test_the_steps_stand_in_one_line_and_are_numbered() -> None:
    assert len(SCRIPTS.get_heads()) == len(SCRIPTS.get_bases()) == 1
    assert [f"{number:04}" for number in range(1, len(STEPS) + 1)] == STEPS
    for step in SCRIPTS.walk_revisions():
        assert Path(step.path).name.startswith(f"{step.revision}_")
        assert step.doc
    assert LOST.keys() == set(STEPS)


def test_each_step_goes_down_and_up_again_on_an_empty_database(empty: Database) -> None:
    app, there = empty
    before = {"base": schema(there)}
    for step in STEPS:
        migrate(app, step)
        before[step] = schema(there)
    for step, previous in zip(reversed(STEPS), [*reversed(STEPS[:-1]), "base"], strict=True):
        migrate(app, "-1")
        assert schema(there) == before[previous]
        migrate(app, "+1")
        assert schema(there) == before[step]
        migrate(app, "-1")
    assert at(there) is None
    assert not any(schema(there).values())


def test_each_step_down_takes_its_own_tables_and_leaves_all_other_rows_as_they_were(used: Database) -> None:
    app, there = used
    assert all(rows(there).values()), "a table without a row proves nothing"
    for step in reversed(STEPS):
        before = checksums(there, step)
        kept = {table: value for table, value in before.items() if table not in LOST[step]}
        assert len(before) == len(kept) + len(LOST[step])
        migrate(app, "-1")
        assert checksums(there) == kept
        if step in REFUSED:
            with pytest.raises(DBAPIError, match=REFUSED[step]):
                migrate(app, "+1")
            assert checksums(there) == kept
            continue
        migrate(app, "+1")
        made = {table: before[table] if table in FILLED.get(step, ()) else "0" for table in LOST[step]}
        assert checksums(there, step) == kept | made
        migrate(app, "-1")


def test_all_the_way_down_and_up_again_ends_where_it_began(used: Database) -> None:
    app, there = used
    newest = schema(there)
    migrate(app, "base")
    migrate(app, "head")
    assert schema(there) == newest
    assert not any(rows(there).values())
    furnished(app)
    assert all(rows(there).values())


def test_after_the_invoices_were_taken_down_and_up_the_numbers_go_on(used: Database) -> None:
    """The counters stay, so that no number is given twice."""
    app, there = used
    with app.app_context():
        downgrade(revision="0004")
    assert "invoices" not in rows(there)
    migrate(app, "head")
    with connected(there.owner) as cursor:
        cursor.execute("SELECT email FROM users LIMIT 1")
        (email,) = cursor.fetchone()
    client = app.test_client()
    token = client.post("/v1/auth/login", json={"email": email, "password": PASSWORD}).json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    buyer = client.post("/v1/customers", json={"name": "B", "billing_address": BUYER_ADDRESS}, headers=headers).json
    body = {"customer_id": buyer["id"], "lines": [line()], "finalize": True}
    issued = client.post("/v1/invoices", json=body, headers=headers).json
    assert issued["number"].endswith("0003")


def test_a_step_that_broke_half_way_left_nothing_and_the_next_run_succeeds(empty: Database) -> None:
    """A table stands in the way of the last one that a step makes."""
    app, there = empty
    migrate(app, "0005")
    before = schema(there)
    with connected(there.owner) as cursor:
        cursor.execute("CREATE TABLE invoice_tax_groups (id int)")
    with pytest.raises(sa.exc.ProgrammingError, match="already exists"):
        migrate(app, "0006")
    with connected(there.owner) as cursor:
        cursor.execute("DROP TABLE invoice_tax_groups")
    assert (schema(there), at(there)) == (before, "0005")
    migrate(app, "0006")
    assert at(there) == "0006"


def test_models_and_migrations_do_not_differ(app: Flask, addresses: Addresses) -> None:
    engine = sa.create_engine(addresses.owner, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_models_and_migrations_make_the_same_tables(app: Flask, addresses: Addresses) -> None:
    """Also what the comparison above does not look at: CHECKs, collations, computed columns, conditions of indexes."""
    kinds = ("column", "constraint", "index")
    with scratch(addresses) as there:
        engine = sa.create_engine(there.owner, poolclass=sa.NullPool)
        Base.metadata.create_all(engine)
        with connected(there.owner) as modelled, connected(addresses.owner) as migrated:
            assert definitions(modelled, *kinds) == definitions(migrated, *kinds)


def test_a_difference_would_be_noticed(app: Flask, addresses: Addresses) -> None:
    with connected(addresses.owner) as cursor:
        before = definitions(cursor)
        cursor.execute("BEGIN")
        for change in (
            "ALTER TABLE invoices DROP CONSTRAINT ck_invoices_sums_add_up",
            "ALTER POLICY tenant ON events USING (true)",
            "ALTER TABLE invoices DISABLE TRIGGER keep_frozen; DROP TRIGGER keep_frozen ON invoices",
            "DROP INDEX ix_events_organization_id_object_id",
            "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE customers ALTER name SET DEFAULT 'x'",
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "GRANT DELETE ON events TO PUBLIC",
        ):
            cursor.execute(change)
        after = definitions(cursor)
        cursor.execute("ROLLBACK")
    assert [kind for kind in before if before[kind] == after[kind]] == []
