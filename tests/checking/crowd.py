"""Copies of one invoice with all that hangs on it, by the hundred thousand: all figures and numbers stay right."""

from typing import Any

from psycopg2 import sql

from billing_api.embedded import Addresses
from tests.factories import Tenant, line
from tests.reports.deeds import pay
from tests.schema import connected
from tests.traits import fill_traits

FOLLOWING = ("id", "invoice_id", "line_id", "source_id", "entry_id", "object_id", "document_id")
"""Columns that lead to what is copied too; the customer, the series and the organization are shared."""
COPIED = {
    "invoices": "id = %(invoice)s",
    "invoice_lines": "invoice_id = %(invoice)s",
    "invoice_line_taxes": "invoice_id = %(invoice)s",
    "invoice_adjustments": "invoice_id = %(invoice)s",
    "invoice_tax_groups": "invoice_id = %(invoice)s",
    "document_numbers": "document_id = %(invoice)s",
    "sources": "id = %(payment)s",
    "payments": "id = %(payment)s",
    "allocations": "invoice_id = %(invoice)s",
    "ledger_entries": "object_id IN (%(invoice)s, %(payment)s)",
    "ledger_postings": "entry_id IN (SELECT id FROM ledger_entries WHERE object_id IN (%(invoice)s, %(payment)s))",
    "events": "object_id IN (%(invoice)s, %(payment)s)",
}
OTHERWISE = {
    "number": "'X-' || n",
    "number_key": "'x-' || n",
    "sequence_value": "one.sequence_value + n",
    "sequence": "%(last)s + row_number() OVER (ORDER BY n, sequence)",
    "data": "CASE WHEN data ? 'number' THEN data || jsonb_build_object('number', 'X-' || n) ELSE data END",
}
COUNTED = (
    "UPDATE event_counters SET last_sequence = (SELECT max(sequence) FROM events e WHERE e.organization_id = %(id)s) "
    "WHERE organization_id = %(id)s",
    "UPDATE number_counters SET last_value = last_value + %(count)s WHERE organization_id = %(id)s",
)
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""


def crowd(tenant: Tenant, there: Addresses, count: int, *, is_paid: bool = False) -> dict[str, Any]:
    """Let a tenant have so many more invoices of two lines, each paid in part or whole; returns the first one."""
    lines = [line(allowances=[{"amount": "1.00"}]), line(tax_rate="7")]
    invoice = tenant.invoice(lines=lines, allowances=[{"percent": "1"}])
    payment = pay(tenant, invoice, invoice["amount_due"] if is_paid else "50.00")
    given: dict[str, Any] = {"invoice": invoice["id"], "payment": payment["id"], "count": count}
    with connected(there.superuser) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SELECT last_sequence FROM event_counters WHERE organization_id = %s", [_id(tenant)])
        given["last"] = cursor.fetchone()[0]
        for table, which in COPIED.items():
            cursor.execute(COLUMNS, [table])
            if columns := [name for (name,) in cursor]:
                cursor.execute(_copy(table, columns, which).as_string(cursor), given)
        fill_traits(cursor)
        for statement in COUNTED:
            cursor.execute(statement, {**given, "id": _id(tenant)})
        cursor.execute("ANALYZE")
    return invoice


def _id(tenant: Tenant) -> str:
    return str(tenant.organization_id)


def _copy(table: str, columns: list[str], which: str) -> sql.Composed:
    values = [
        sql.SQL("md5(one.{}::text || n)::uuid").format(sql.Identifier(name))
        if name in FOLLOWING
        else sql.SQL(OTHERWISE.get(name, "one.{}")).format(sql.Identifier(name))
        for name in columns
    ]
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} one, generate_series(1, %(count)s) n WHERE {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(values),
        sql.Identifier(table),
        sql.SQL("one." + which),
    )
