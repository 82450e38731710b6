"""What migrations say in new columns of rows that were there before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade, upgrade
from psycopg2 import sql

from billing_api.embedded import Addresses
from billing_api.importing import Job, of_invoices, run
from billing_api.intake import Record
from billing_api.web.written import Shelf
from config import Config
from tests.factories import sign_up
from tests.schema import TRAITS, application, as_superuser, connected, definitions, scratch
from tests.test_migrations import SCRIPTS

Database = tuple[Flask, Addresses]


@pytest.fixture
def used(config: Config, addresses: Addresses, newest: str, tmp_path: Path) -> Iterator[Database]:
    """A database of its own at its newest, and the application on it."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path) as app:
        yield app, there


def go_back_and_on(app: Flask, revision: str) -> None:
    """Down to where the columns were not there yet, and up again."""
    with app.app_context():
        downgrade(revision=revision)
        upgrade()
    # A service that is begun with what has been migrated has nothing of before.
    app.extensions["shelf"] = Shelf()


def test_an_invoice_that_came_back_before_it_said_so_says_it_from_its_history(used: Database) -> None:
    app, _ = used
    owner = sign_up(app)
    paths = [owner.invoice()["links"]["self"] for _ in range(3)]
    for path in paths[:2]:
        for deed in ("mark-uncollectible", "mark-collectible"):
            owner.post(f"{path}/{deed}")
    payment = owner.payment(owner.get(paths[0]).json)
    owner.post(f"/v1/payments/{payment['id']}/reverse", {"reason": "Sent back"})
    said = [owner.get(path).json for path in paths]
    go_back_and_on(app, "0021")
    for path, before in zip(paths, said, strict=True):
        after = owner.get(path).json
        for moment in ("reopened_at", "marked_collectible_at"):
            # The fact is written a moment after it was so.
            assert (after[moment] is None) == (before[moment] is None)
            assert (before[moment] or "") <= (after[moment] or "")
    assert [one["reopened_at"] is None for one in said] == [False, True, True]


def test_replies_that_were_stored_before_say_whom_they_are_about(used: Database) -> None:
    app, there = used
    owner = sign_up(app)
    customer = owner.post("/v1/customers", {"name": "Ada"}, Idempotency_Key="a-customer").json["id"]
    owner.post("/v1/invoices", owner.invoice_body(customer_id=customer), Idempotency_Key="a-draft")
    query = "SELECT key, about_id::text FROM idempotency_keys WHERE organization_id = %s"
    go_back_and_on(app, "0031")
    with connected(there.owner) as cursor:
        cursor.execute(query, [str(owner.organization_id)])
        assert dict(cursor.fetchall()) == {"a-customer": customer, "a-draft": customer}


def test_what_was_there_before_is_found_by_its_words_and_metadata(
    used: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, there = used
    owner, others = sign_up(app), sign_up(app)
    for tenant in (owner, others):
        for name in ("Red Works", "Blue Works", "Green Works"):
            contact = {"name": f"Ada of {name}", "email": "ada@works.example"}
            buyer = tenant.customer(name=name, contact=contact)["id"]
            invoice = tenant.invoice(customer_id=buyer, metadata={"order": name})
        tenant.product(sku="S-1", metadata={"order": "1"})
        tenant.payment(invoice, amount="1.00", reference="Wire 7", metadata={"order": "2"})
        note = {"invoice_id": invoice["id"], "reason": "Returned", "metadata": {"order": "3"}}
        assert tenant.post("/v1/credit-notes", note).status_code == 201

    def traits() -> dict[str, list[tuple[object, ...]]]:
        found = {}
        with connected(there.owner) as cursor:
            for table in TRAITS:
                cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY 1, 2, 3, 4, 5").format(sql.Identifier(table)))
                found[table] = cursor.fetchall()
        return found

    before = traits()
    assert all(before.values())
    for step in ("0043", "0044"):
        monkeypatch.setattr(SCRIPTS.get_revision(step).module, "AT_ONCE", 2)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _: SCRIPTS)
    for step in ("0043", "0041"):
        go_back_and_on(app, step)
        assert traits() == before


def test_nobody_is_found_by_a_contact_where_the_step_was_taken_back(used: Database) -> None:
    """Plant the flaw by leaving out of the way down that the traits of contacts go."""
    app, there = used
    owner = sign_up(app)
    customer = owner.customer(name="Ada Works", contact={"name": "Ada Byron", "email": "ada@works.example"})
    with app.app_context():
        downgrade(revision="0043")
    with connected(there.owner) as cursor:
        query = "SELECT value FROM customer_traits WHERE object_id = %s AND value !~ 'example' ORDER BY 1"
        cursor.execute(query, [customer["id"]])
        assert cursor.fetchall() == [("ada works",), ("works",)]
        for contact in ("Grace", "Ada"):
            cursor.execute("UPDATE customers SET contact = jsonb_build_object('name', %s)", [contact])
        cursor.execute(query, [customer["id"]])
        assert cursor.fetchall() == [("ada works",), ("works",)]


def test_an_index_that_an_interrupted_step_has_finished_stays_and_one_that_it_has_begun_is_built_again(
    used: Database,
) -> None:
    """Plant the flaw by dropping each index before it is built, or by building only those that are not there."""
    app, there = used
    names = [f"ix_{table}_organization_id_object_id_key_value" for table in sorted(TRAITS)[:2]]
    query = (
        "SELECT relname, relfilenode, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indexrelid "
        "WHERE relname = ANY(%s)"
    )

    def found(cursor: Any) -> dict[str, tuple[int, bool]]:
        cursor.execute(query, [names])
        return {name: (file, is_valid) for name, file, is_valid in cursor.fetchall()}

    with app.app_context(), as_superuser(there) as cursor:
        downgrade(revision="0044")
        assert found(cursor) == {}
        for name in names:
            table = name.removeprefix("ix_").removesuffix("_organization_id_object_id_key_value")
            cursor.execute(f"CREATE INDEX {name} ON {table} (organization_id, object_id, key, value)")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [names[0]])
        before = found(cursor)
        upgrade()
        after = found(cursor)
    assert [is_valid for _, is_valid in after.values()] == [True, True]
    assert [after[name] == before[name] for name in names] == [False, True]


def test_references_that_an_interrupted_step_has_let_go_or_taken_back_are_taken_up_again(used: Database) -> None:
    """Plant the flaw by adding those that are there."""
    app, there = used
    sign_up(app).invoice()
    unfinished = """
        UPDATE alembic_version SET version_num = '0050';
        ALTER TABLE invoice_lines ADD CONSTRAINT fk_invoice_lines_organization_id
            FOREIGN KEY (organization_id) REFERENCES organizations (id)"""
    with app.app_context(), as_superuser(there) as cursor:
        newest = definitions(cursor)
        downgrade(revision="0050")
        before = definitions(cursor)
        cursor.execute("UPDATE alembic_version SET version_num = '0051'")
        downgrade(revision="0050")
        assert definitions(cursor) == before != newest
        upgrade()
        cursor.execute(unfinished)
        upgrade()
        assert definitions(cursor) == newest


def test_invoices_that_were_imported_before_count_as_sent(used: Database) -> None:
    app, there = used
    owner = sign_up(app)
    buyer = owner.customer()["id"]
    body = {**owner.invoice_body(customer_id=buyer), "issue_date": "2025-01-31"}
    rows = [{**body, "number": "A-1"}, {**body, "number": "A-2", "status": "void"}]
    with app.app_context():
        run(Job(of_invoices(), owner.organization_id), [Record(at, row) for at, row in enumerate(rows, start=1)])
    own = owner.invoice(customer_id=buyer)
    with connected(there.owner) as cursor:
        cursor.execute("UPDATE invoices SET sent_at = NULL")
    go_back_and_on(app, "0023")
    shown = {one["number"]: one for one in owner.get("/v1/invoices").json["data"]}
    assert shown["A-1"]["sent_at"] == shown["A-1"]["imported_at"] is not None
    assert (shown["A-2"]["sent_at"], shown[own["number"]]["sent_at"]) == (None, None)


def test_a_second_factor_that_was_begun_before_was_begun_when_it_was_last_touched(used: Database) -> None:
    app, there = used
    owner = sign_up(app, is_ready=False)
    colleague = owner.colleague("viewer")
    colleague.second_factor()
    owner.begin_second_factor()
    go_back_and_on(app, "0038")
    with connected(there.owner) as cursor:
        cursor.execute("SELECT user_id::text, pending_at IS NULL, pending_at = updated_at FROM second_factors")
        assert {user: rest for user, *rest in cursor.fetchall()} == {
            str(colleague.user_id): [True, None],
            str(owner.user_id): [False, True],
        }
