"""What the database itself keeps, whatever the program does: issued documents stay as they are, and so do events."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2 import sql

from billing_api.embedded import Addresses
from tests.factories import Tenant, line, sign_up
from tests.schema import connected

PARTS = ("invoice_lines", "invoice_line_taxes", "invoice_adjustments", "invoice_tax_groups")
OF_A_LINE = ("invoice_line_taxes", "invoice_adjustments")
MOVABLE = {
    "status", "version", "updated_at", "amount_paid", "amount_credited", "total_credited", "taxes_credited", "paid_at",
    "voided_at", "void_reason", "marked_uncollectible_at", "reopened_at", "marked_collectible_at", "sent_at",
    "revised_by_id", "issued_on",
}  # fmt: skip
"""What money does to an issued invoice."""
CREDITED = {("invoice_lines", "credited_quantity"), ("invoice_lines", "credited_amount"),
            ("invoice_adjustments", "credited_amount")}  # fmt: skip
"""What credit notes move in the parts of an issued invoice."""
FROZEN = "BA409"
TORN = "23503"
"""A part would stand on another invoice than its line."""
BROKEN = "23514"
OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || 'x'",
    "boolean": "NOT {0}",
    "date": "coalesce({0}, '2026-01-01') + 1",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "numeric": "coalesce({0}, 0) + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 day'",
    "jsonb": """jsonb_build_object('changed', {0})""",
}
"""Another value of each type."""


class Issuer:
    """A tenant with an issued invoice and a draft that have every part, and the database as the service sees it."""

    def __init__(self, tenant: Tenant, cursor: Any) -> None:
        customer = tenant.customer()["id"]
        parts = {"lines": [line(allowances=[{"amount": "1.00"}])], "allowances": [{"amount": "1.00"}]}
        self.issued = tenant.invoice(customer_id=customer, **parts)["id"]
        self.draft = tenant.draft(customer_id=customer, **parts)["id"]
        self.cursor = cursor
        cursor.execute("SELECT set_config('app.organization_id', %s, false)", [str(tenant.organization_id)])

    def run(self, statement: str, *names: str, given: tuple[Any, ...] = ()) -> int:
        """Run it; how many rows it touched."""
        self.cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)), given)
        return int(self.cursor.rowcount)

    def refused(
        self, statement: str, *names: str, given: tuple[Any, ...] = (), by: tuple[str, ...] = (FROZEN,)
    ) -> bool:
        """Whether it is refused because the invoice is issued."""
        try:
            self.run(statement, *names, given=given)
        except psycopg2.Error as error:
            return error.pgcode in by
        return False

    def columns(self, table: str) -> dict[str, str]:
        self.cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s "
            "AND column_name NOT IN ('id', 'organization_id') AND is_generated = 'NEVER'",
            [table],
        )
        return dict(self.cursor.fetchall())


@pytest.fixture(scope="module")
def issuer(app: Flask, addresses: Addresses) -> Iterator[Issuer]:
    with connected(addresses.service) as cursor:
        yield Issuer(sign_up(app), cursor)


def test_no_column_of_an_issued_invoice_can_be_changed_but_those_that_money_moves(issuer: Issuer) -> None:
    columns = issuer.columns("invoices")
    assert columns.keys() > MOVABLE - {"issued_on"}
    for column, kind in columns.items():
        if column not in MOVABLE:
            change = f"UPDATE invoices SET {{}} = {OTHER[kind].format(column)} WHERE id = %s"  # noqa: S608 - our own
            assert issuer.refused(change, column, given=(issuer.issued,)), column


@pytest.mark.parametrize("status", ["draft", "open", "void", "paid", "uncollectible"])
def test_an_issued_invoice_cannot_be_deleted_nor_become_a_draft_again(issuer: Issuer, status: str) -> None:
    issuer.run("BEGIN")
    if status != "draft":
        settled = {
            "void": "voided_at = now(), void_reason = 'none'",
            "paid": "paid_at = now(), amount_paid = payable_amount",
            "uncollectible": "marked_uncollectible_at = now()",
        }
        change = f"UPDATE invoices SET status = %s, {settled.get(status, 'updated_at = now()')} WHERE id = %s"  # noqa: S608
        assert issuer.run(change, given=(status, issuer.issued)) == 1
        assert issuer.refused("DELETE FROM invoices WHERE id = %s", given=(issuer.issued,))
    else:
        assert issuer.refused("UPDATE invoices SET status = 'draft' WHERE id = %s", given=(issuer.issued,))
    issuer.run("ROLLBACK")


def test_no_part_of_an_issued_invoice_can_be_changed_or_deleted(issuer: Issuer) -> None:
    for table in PARTS:
        for column, kind in issuer.columns(table).items():
            if kind != "uuid" and (table, column) not in CREDITED:
                change = f"UPDATE {{}} SET {{}} = {OTHER[kind].format(column)} WHERE invoice_id = %s"  # noqa: S608 - our own
                # A CHECK may see it first.
                by = (FROZEN, BROKEN)
                assert issuer.refused(change, table, column, given=(issuer.issued,), by=by), (table, column)
        unchanged = "UPDATE {} SET position = position WHERE invoice_id = %s"
        assert issuer.refused(unchanged, table, given=(issuer.issued,)), table
        assert issuer.refused("DELETE FROM {} WHERE invoice_id = %s", table, given=(issuer.issued,)), table


def test_what_credit_notes_move_moves_alone_and_only_while_the_invoice_stands(issuer: Issuer) -> None:
    issuer.run("BEGIN")
    credit = "UPDATE invoice_lines SET credited_quantity = 1, credited_amount = 1 WHERE invoice_id = %s"
    assert issuer.run(credit, given=(issuer.issued,)) == 1
    issuer.run("SAVEPOINT credited")
    more = "UPDATE invoice_lines SET credited_amount = 2, description = 'x' WHERE invoice_id = %s"
    assert issuer.refused(more, given=(issuer.issued,))
    issuer.run("ROLLBACK TO credited")
    void = "UPDATE invoices SET status = 'void', voided_at = now(), void_reason = 'none' WHERE id = %s"
    assert issuer.run(void, given=(issuer.issued,)) == 1
    assert issuer.refused("UPDATE invoice_lines SET credited_amount = 2 WHERE invoice_id = %s", given=(issuer.issued,))
    issuer.run("ROLLBACK")


def test_no_part_can_be_slipped_into_an_issued_invoice(issuer: Issuer) -> None:
    """A copy of one of its own, one with a place of its own, and one that is moved over from a draft."""
    for table in PARTS:
        names = [name for name in issuer.columns(table) if name != "position"]
        listed = ", ".join(f'"{name}"' for name in names)
        copy = (
            f"INSERT INTO {{}} (organization_id, id, position, {listed}) "  # noqa: S608 - names from the catalogue
            f"SELECT organization_id, gen_random_uuid(), 77, {listed} FROM {{}} WHERE invoice_id = %s"
        )
        assert issuer.refused(copy, table, table, given=(issuer.issued,)), table
        move = "UPDATE {} SET invoice_id = %s, position = 78 WHERE invoice_id = %s"
        assert issuer.refused(move, table, given=(issuer.issued, issuer.draft), by=(FROZEN, TORN)), table


def test_what_is_made_as_issued_gets_its_parts_in_the_transaction_that_makes_it(issuer: Issuer) -> None:
    """In no later one: see above."""
    other = {"number": "'X-1'", "number_key": "'x-1'", "sequence_value": "77777", "invoice_id": "%s"}

    def copied(table: str, key: str) -> str:
        names = [name for name in issuer.columns(table) if name != "made_in"]
        values = ", ".join(other.get(name, f'"{name}"') for name in names)
        listed = ", ".join(f'"{name}"' for name in names)
        id = "%s" if table == "invoices" else "gen_random_uuid()"
        return (
            f"INSERT INTO {table} (organization_id, id, {listed}) "  # noqa: S608 - names from the catalogue
            f"SELECT organization_id, {id}, {values} FROM {table} WHERE {key} = %s"
        )

    made = str(uuid.uuid4())
    issuer.run("BEGIN")
    assert issuer.run(copied("invoices", "id"), given=(made, issuer.issued)) == 1
    issuer.run("SAVEPOINT made")
    for table in ("invoice_lines", "invoice_tax_groups"):
        assert issuer.run(copied(table, "invoice_id"), given=(made, issuer.issued)) == 1
        # But what is there stays as it is.
        assert issuer.refused("DELETE FROM {} WHERE invoice_id = %s", table, given=(made,))
        issuer.run("ROLLBACK TO made")
    issuer.run("ROLLBACK")


def test_no_part_can_be_taken_out_of_an_issued_invoice(issuer: Issuer) -> None:
    for table in PARTS:
        move = "UPDATE {} SET invoice_id = %s, position = 79 WHERE invoice_id = %s"
        assert issuer.refused(move, table, given=(issuer.draft, issuer.issued), by=(FROZEN, TORN)), table


def test_no_part_of_a_draft_can_be_hung_upon_a_line_of_an_issued_invoice(issuer: Issuer) -> None:
    """Read by its line, it would be a tax or an allowance of what was issued."""
    for table in OF_A_LINE:
        hang = (
            "UPDATE {} SET position = 80, line_id = (SELECT id FROM invoice_lines WHERE invoice_id = %s) "
            "WHERE invoice_id = %s AND line_id IS NOT NULL"
        )
        assert issuer.refused(hang, table, given=(issuer.issued, issuer.draft), by=(TORN,)), table


def test_nothing_is_emptied_at_once(issuer: Issuer) -> None:
    for table in ("invoices", "events", "number_counters", "document_numbers", *PARTS):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            issuer.run("TRUNCATE {} CASCADE", table)


def test_a_draft_is_free(issuer: Issuer) -> None:
    """Otherwise the refusals above would prove nothing."""
    issuer.run("BEGIN")
    assert issuer.run("UPDATE invoices SET notes = 'x' WHERE id = %s", given=(issuer.draft,)) == 1
    for table in reversed(PARTS):
        assert issuer.run("UPDATE {} SET position = 81 WHERE invoice_id = %s", table, given=(issuer.draft,)) > 0
        assert issuer.run("DELETE FROM {} WHERE invoice_id = %s", table, given=(issuer.draft,)) > 0
    assert issuer.run("DELETE FROM invoices WHERE id = %s", given=(issuer.draft,)) == 1
    issuer.run("ROLLBACK")


def test_events_are_only_ever_added(issuer: Issuer, addresses: Addresses) -> None:
    for statement in ("UPDATE events SET type = 'x'", "DELETE FROM events"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            issuer.run(statement)
        with connected(addresses.owner) as owner, pytest.raises(psycopg2.Error, match="append-only"):
            owner.execute(statement)


def test_a_frozen_invoice_stays_frozen_for_the_owner_too(issuer: Issuer, addresses: Addresses) -> None:
    with connected(addresses.owner) as owner:
        for statement in (
            "UPDATE invoices SET notes = 'x' WHERE id = %s",
            "DELETE FROM invoices WHERE id = %s",
            "DELETE FROM invoice_lines WHERE invoice_id = %s",
        ):
            with pytest.raises(psycopg2.Error) as caught:
                owner.execute(statement, [issuer.issued])
            assert caught.value.pgcode == FROZEN


def test_an_event_cannot_take_the_place_of_another(issuer: Issuer) -> None:
    copy = (
        "INSERT INTO events SELECT (jsonb_populate_record(e, jsonb_build_object('id', %s))).* FROM events e "
        "ORDER BY sequence LIMIT 1"
    )
    with pytest.raises(psycopg2.errors.UniqueViolation):
        issuer.run(copy, given=(str(uuid.uuid4()),))
