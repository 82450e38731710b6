"""Every CHECK of the database refuses what it is there for; a new one without its cases fails the test."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2 import sql

from billing_api.embedded import Addresses
from tests.check_cases import A_USER, CASES
from tests.factories import Tenant, line, sign_up
from tests.schema import TENANTLESS, connected


@pytest.fixture(scope="module")
def furnished(app: Flask) -> Tenant:
    tenant = sign_up(app)
    customer = tenant.customer(email="buyer@example.com")["id"]
    assert tenant.post("/v1/customers", {"name": "Stored"}, Idempotency_Key="a-key").status_code == 201
    tenant.mail()
    assert tenant.post("/v1/invitations", {"email": f"guest-{tenant.email}", "role": "viewer"}).status_code == 201
    assert tenant.client.post("/v1/auth/password-reset", json={"email": tenant.email}).status_code == 202
    assert tenant.post("/v1/api-keys", {"name": "A shop", "scopes": ["events:read"]}).status_code == 201
    tenant.tax_rate()
    tenant.product(tax_category="S", tax_rate="19")
    tenant.invoice(customer_id=customer)
    parts = {"lines": [line(allowances=[{"amount": "1.00"}])], "allowances": [{"amount": "1.00"}]}
    paid = tenant.payment(tenant.invoice(customer_id=customer, **parts), amount="200.00", overpayment="balance")
    assert tenant.post(f"/v1/payments/{paid['id']}/refunds", {"amount": "1.00"}).status_code == 201
    freight = {"amount": "9.00", "tax_category": "S", "tax_rate": "7"}
    credited = tenant.invoice(customer_id=customer, charges=[freight])
    body = {"invoice_id": credited["id"], "reason": "None"}
    some = {"lines": [{"invoice_line_id": credited["lines"][0]["id"], "quantity": "1"}]}
    assert tenant.post("/v1/credit-notes", {**body, **some}).status_code == 201
    assert tenant.post("/v1/credit-notes", body).status_code == 201
    failed = tenant.client.post("/v1/auth/login", json={"email": f"nobody.{tenant.email}", "password": "wrong"})
    assert failed.status_code == 401
    tenant.second_factor()
    # A counter that stands at its first value cannot go back for another reason too.
    return tenant


@pytest.fixture(scope="module")
def owner(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """One connection for hundreds of cases, most of whose time it would take to connect."""
    with connected(addresses.owner) as found:
        yield found


@pytest.fixture
def cursor(owner: Any) -> Iterator[Any]:
    """The owner's, in a transaction that is undone; nothing but CHECKs stands in the way of a change."""
    owner.execute("BEGIN")
    yield owner
    owner.execute("ROLLBACK")


def checks(cursor: Any) -> dict[str, str]:
    """The table of each CHECK."""
    cursor.execute("""
        SELECT conname::text, conrelid::regclass::text FROM pg_constraint
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace""")
    return dict(cursor.fetchall())


def leave_alone(cursor: Any, name: str | None, table: str) -> None:
    """Drop every other CHECK of the table, so that it is this one that refuses."""
    cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))
    for other, where in checks(cursor).items():
        if where == table and other != name:
            names = (sql.Identifier(table), sql.Identifier(other))
            cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(*names))


def change(cursor: Any, tenant: Tenant, table: str, case: str, *, rows: int) -> int:
    owner = "id" if table == "organizations" else "organization_id"
    mine = "true" if table in TENANTLESS else f"{owner} = '{tenant.organization_id}'"
    some = f"SELECT ctid FROM {table} WHERE {mine} LIMIT %s"  # noqa: S608 - our own tables
    cursor.execute(f"UPDATE {table} SET {case} WHERE ctid IN ({some})", [rows])  # noqa: S608
    return int(cursor.rowcount)


def test_every_check_has_its_cases(cursor: Any) -> None:
    assert checks(cursor).keys() == CASES.keys()


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases])
def test_a_check_refuses_what_it_is_there_for(cursor: Any, furnished: Tenant, name: str, case: str) -> None:
    table = checks(cursor)[name]
    leave_alone(cursor, name, table)
    with pytest.raises(psycopg2.errors.CheckViolation) as caught:
        change(cursor, furnished, table, case, rows=100)
    assert caught.value.diag.constraint_name == name


@pytest.mark.parametrize(("name", "case"), [(name, cases[0]) for name, cases in CASES.items()])
def test_nothing_but_the_check_refuses_it(cursor: Any, furnished: Tenant, name: str, case: str) -> None:
    """So that a CHECK which is taken out makes the test above fail."""
    table = checks(cursor)[name]
    leave_alone(cursor, None, table)
    assert change(cursor, furnished, table, case, rows=1) == 1


@pytest.mark.parametrize(
    ("trigger", "change", "before"),
    [
        ("never_backwards", "event_counters SET last_sequence = last_sequence - 1", None),
        ("never_backwards", "number_counters SET last_value = last_value - 1", None),
        ("never_backwards", "number_counters SET last_issue_date = last_issue_date - 1", None),
        ("never_backwards", "number_counters SET last_issue_date = NULL", None),
        ("never_backwards", "number_counters SET period = '1999'", None),
        ("never_backwards", "number_counters SET first_value = NULL", None),
        (
            "ended_for_good",
            "sessions SET ended_at = NULL, end_reason = NULL",
            "sessions SET ended_at = now(), end_reason = 'logout'",
        ),
        (
            "ended_for_good",
            "sessions SET ended_at = ended_at + interval '1 day'",
            "sessions SET ended_at = now(), end_reason = 'logout'",
        ),
        ("given_for_good", "api_keys SET scopes = scopes || '{owners:write}'", None),
        ("given_for_good", "api_keys SET expires_at = '2100-01-01'", None),
        ("given_for_good", "api_keys SET digest = digest || 'x'", None),
        ("given_for_good", "api_keys SET revoked_at = NULL", "api_keys SET revoked_at = now()"),
        (
            "accepted_for_good",
            "invitations SET accepted_at = NULL, user_id = NULL",
            f"invitations SET accepted_at = now(), user_id = ({A_USER})",
        ),
        ("ended_for_good", "password_resets SET ended_at = NULL", "password_resets SET ended_at = now()"),
        ("spent_for_good", "refresh_tokens SET used_at = NULL", "refresh_tokens SET used_at = now()"),
    ],
)
def test_nothing_goes_back(cursor: Any, furnished: Tenant, trigger: str, change: str, before: str | None) -> None:
    """The owner himself cannot; without the trigger it would pass."""
    mine = f"WHERE organization_id = '{furnished.organization_id}'"
    if before:
        cursor.execute(f"UPDATE {before} {mine}")
    cursor.execute("SAVEPOINT before")
    with pytest.raises(psycopg2.errors.CheckViolation) as caught:
        cursor.execute(f"UPDATE {change} {mine}")
    assert caught.value.diag.constraint_name == trigger
    cursor.execute("ROLLBACK TO before")
    cursor.execute(f"ALTER TABLE {change.partition(' ')[0]} DISABLE TRIGGER {trigger}")
    cursor.execute(f"UPDATE {change} {mine}")
    assert cursor.rowcount > 0


def test_two_allowances_do_not_have_one_place(cursor: Any, furnished: Tenant) -> None:
    leave_alone(cursor, None, "invoice_adjustments")
    copy = (
        "INSERT INTO invoice_adjustments SELECT (jsonb_populate_record(a, "
        "jsonb_build_object('id', gen_random_uuid()))).* FROM invoice_adjustments a WHERE organization_id = %s"
    )
    with pytest.raises(psycopg2.errors.UniqueViolation):
        cursor.execute(copy, [str(furnished.organization_id)])


def test_two_issued_invoices_do_not_have_one_place_in_a_series(cursor: Any, furnished: Tenant) -> None:
    cursor.execute(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
        "WHERE table_name = 'invoices' AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'number', 'number_key')"
    )
    (names,) = cursor.fetchone()
    copy = (
        f"INSERT INTO invoices (id, number, number_key, {names}) "  # noqa: S608 - names from the catalogue
        f"SELECT gen_random_uuid(), 'X', 'x', {names} FROM invoices WHERE organization_id = %s"
    )
    with pytest.raises(psycopg2.errors.UniqueViolation) as caught:
        cursor.execute(copy, [str(furnished.organization_id)])
    assert caught.value.diag.constraint_name.startswith("uq_invoices_organization_id_series_id_")
