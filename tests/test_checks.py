"""Every CHECK of the database refuses what it is there for; a new one without its cases fails the test."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2 import sql

from billing_api.embedded import Addresses
from tests.factories import Tenant, line, sign_up
from tests.schema import connected

AMOUNTS = (
    "subtotal", "allowance_total", "charge_total", "total_without_tax", "tax_total", "total", "prepaid_amount",
    "rounding_amount", "payable_amount", "amount_paid", "amount_credited",
)  # fmt: skip

CASES = {
    "ck_customers_currency_form": ["currency = 'eur'", "currency = 'EURO'", "currency = ''", "currency = 'EUR '"],
    "ck_customers_email_has_key": ["email_key = NULL", "email = NULL"],
    "ck_customers_net_terms_days_range": ["net_terms_days = -1", "net_terms_days = 3651"],
    "ck_customers_tax_treatment_known": ["tax_treatment = 'none'", "tax_treatment = ''"],
    "ck_customers_type_known": ["type = 'company'"],
    "ck_event_counters_last_sequence_not_negative": ["last_sequence = -1"],
    "ck_events_actor_named": ["actor_id = NULL", "actor_type = 'system'"],
    "ck_events_actor_type_known": ["actor_type = 'robot'"],
    "ck_events_sequence_positive": ["sequence = 0", "sequence = -1"],
    "ck_idempotency_keys_key_length": ["key = ''", "key = repeat('k', 256)"],
    "ck_idempotency_keys_status_is_success": ["status = 199", "status = 300", "status = 409", "status = 500"],
    "ck_invoice_adjustments_tax_category_known": ["line_id = NULL, tax_category = 'X'"],
    "ck_invoice_adjustments_tax_on_document_only": [
        "tax_category = 'S', line_id = (SELECT id FROM invoice_lines l "
        "WHERE l.organization_id = invoice_adjustments.organization_id LIMIT 1)"
    ],
    "ck_invoice_line_taxes_category_known": ["category = 'X'", "category = 's'"],
    "ck_invoice_line_taxes_only_out_of_scope_has_no_rate": ["category = 'O'", "category = 'E', rate = NULL"],
    "ck_invoice_line_taxes_rate_fits_category": ["rate = -1", "rate = 0, category = 'S'"],
    "ck_invoice_lines_base_quantity_positive": ["base_quantity = 0", "base_quantity = -1"],
    "ck_invoice_lines_billing_period_runs_forward": [
        "billing_period_start = '2026-02-01', billing_period_end = '2026-01-31'"
    ],
    "ck_invoice_lines_net_adds_up": ["net = net + 1", "amount = amount - 1", "allowance_total = allowance_total + 1"],
    "ck_invoice_lines_position_range": ["position = 0", "position = 1001"],
    "ck_invoice_tax_groups_category_known": ["category = 'X'"],
    "ck_invoice_tax_groups_only_out_of_scope_has_no_rate": ["category = 'O'", "category = 'E', rate = NULL"],
    "ck_invoices_amount_due_not_negative": ["amount_paid = payable_amount + 1", "amount_credited = payable_amount + 1"],
    "ck_invoices_amounts_in_range": [f"{name} = {sign}1000000000000001" for name in AMOUNTS for sign in ("", "-")],
    "ck_invoices_billing_period_runs_forward": [
        "billing_period_start = '2026-02-01', billing_period_end = '2026-01-31'"
    ],
    "ck_invoices_currency_form": ["currency = 'eur'", "currency = 'EU'", "currency = 'EURO'"],
    "ck_invoices_draft_has_no_number": [
        "number = NULL", "number_key = NULL", "sequence_value = NULL", "finalized_at = NULL", "status = 'draft'"
    ],
    "ck_invoices_due_after_issue": ["due_date = issue_date - 1"],
    "ck_invoices_issued_is_complete": ["issue_date = NULL", "seller = NULL", "buyer = NULL"],
    "ck_invoices_settled_not_negative": ["amount_paid = -1", "amount_credited = -1"],
    "ck_invoices_status_known": ["status = 'finalized'", "status = 'Open'"],
    "ck_invoices_sums_add_up": ["tax_total = tax_total + 1", "payable_amount = payable_amount - 1"],
    "ck_number_counters_last_value_not_negative": ["last_value = -1"],
    "ck_number_series_document_type_known": ["document_type = 'receipt'"],
    "ck_number_series_reset_known": ["reset = 'monthly'"],
    "ck_number_series_start_value_positive": ["start_value = 0"],
    "ck_organizations_cancellation_mode_known": ["cancellation_mode = 'delete'"],
    "ck_organizations_country_form": ["country = 'de'", "country = 'DEU'", "country = ''"],
    "ck_organizations_default_currency_form": ["default_currency = 'eur'", "default_currency = ''"],
    "ck_organizations_net_terms_days_range": ["net_terms_days = -1", "net_terms_days = 3651"],
    "ck_organizations_tax_currency_form": ["tax_currency = 'usd'", "tax_currency = ''"],
    "ck_sessions_end_has_reason": ["ended_at = now(), end_reason = NULL", "ended_at = NULL, end_reason = 'logout'"],
    "ck_users_role_known": ["role = 'root'", "role = ''"],
    "ck_users_status_known": ["status = 'deleted'"],
}  # fmt: skip
"""What breaks a CHECK, by its name: what is set in the rows of a tenant who owns one of everything."""


@pytest.fixture(scope="module")
def furnished(app: Flask) -> Tenant:
    tenant = sign_up(app)
    customer = tenant.customer(email="buyer@example.com")["id"]
    assert tenant.post("/v1/customers", {"name": "Stored"}, Idempotency_Key="a-key").status_code == 201
    tenant.invoice(customer_id=customer, lines=[line(allowances=[{"amount": "1.00"}])], allowances=[{"amount": "1.00"}])
    return tenant


@pytest.fixture
def cursor(addresses: Addresses, app: Flask) -> Iterator[Any]:
    """The owner's, in a transaction that is undone; nothing but CHECKs stands in the way of a change."""
    with connected(addresses.owner) as found:
        found.execute("BEGIN")
        yield found


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
    some = f"SELECT ctid FROM {table} WHERE {owner} = %s LIMIT %s"  # noqa: S608 - our own tables
    cursor.execute(f"UPDATE {table} SET {case} WHERE ctid IN ({some})", [str(tenant.organization_id), rows])  # noqa: S608
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
