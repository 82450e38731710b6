"""The parts of an invoice hang together in the database itself, whatever is sent to it."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask

from billing_api.embedded import Addresses
from tests.factories import Tenant, line
from tests.schema import connected


@pytest.fixture
def cursor(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """The owner's, for whom there is no wall, in a transaction that is undone."""
    with connected(addresses.owner) as found:
        found.execute("BEGIN")
        yield found


@pytest.mark.parametrize("table", ["invoice_line_taxes", "invoice_adjustments"])
def test_a_part_of_a_line_cannot_hang_on_the_line_of_another_draft(tenant: Tenant, cursor: Any, table: str) -> None:
    mine, theirs = (tenant.draft(lines=[line(allowances=[{"amount": "1.00"}])]) for _ in range(2))
    move = f"UPDATE {table} SET line_id = %s, position = 7 WHERE invoice_id = %s AND line_id IS NOT NULL"  # noqa: S608 - two tables
    with pytest.raises(psycopg2.errors.ForeignKeyViolation) as caught:
        cursor.execute(move, [theirs["lines"][0]["id"], mine["id"]])
    assert caught.value.diag.constraint_name == f"fk_{table}_organization_id_invoice_id_line_id"


def test_a_part_cannot_go_to_another_draft_without_its_line(tenant: Tenant, cursor: Any) -> None:
    mine, theirs = (tenant.draft() for _ in range(2))
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        cursor.execute(
            "UPDATE invoice_line_taxes SET invoice_id = %s, position = 7 WHERE invoice_id = %s",
            [theirs["id"], mine["id"]],
        )


def test_a_draft_goes_with_all_its_parts(tenant: Tenant, cursor: Any) -> None:
    draft = tenant.draft(lines=[line(allowances=[{"amount": "1.00"}])], charges=[{"amount": "1.00"}])
    assert tenant.delete(draft["links"]["self"]).status_code == 204
    for table in ("invoice_lines", "invoice_line_taxes", "invoice_adjustments", "invoice_tax_groups"):
        cursor.execute(f"SELECT count(*) FROM {table} WHERE invoice_id = %s", [draft["id"]])  # noqa: S608 - four tables
        assert cursor.fetchone() == (0,)
