"""Every filter and every order of the lists is served by an index, under row-level security, as the service's role.

A page must cost the same whatever the size of the table, so what is held against a bound is how many rows the database
reads for it, which does not depend on the machine.
"""

from collections.abc import Iterator

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from config import Config
from tests.factories import Tenant, created, sign_up
from tests.schema import application, as_superuser, scratch
from tests.statements import nodes, plan_of, rows_read
from tests.traits import fill_traits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 20_000
MOST_READ = 700
"""For a page of 50, with what a rare value makes it sort; a scan of the table reads all of them."""

CUSTOMERS = """
INSERT INTO customers ({columns}) SELECT {columns} FROM (
SELECT made.* FROM customers one, generate_series(1, %(rows)s) n, LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'name', 'Customer ' || md5(n::text), 'email', n || '@example.com',
    'email_key', n || '@example.com', 'external_id', 'E' || n, 'archived', n %% 500 = 0, 'metadata', {metadata},
    'created_at', one.created_at - n * interval '7 minutes',
    'updated_at', one.updated_at - (n * 7919 %% 20011) * interval '7 minutes'
)) made WHERE one.id = %(id)s) rows
"""
INVOICES = """
INSERT INTO invoices ({columns}) SELECT {columns} FROM (
SELECT made.* FROM invoices one, generate_series(1, %(rows)s) n,
    (SELECT array_agg(id) ids FROM (SELECT * FROM customers WHERE organization_id = %(tenant)s LIMIT 1000) c) buyers,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'number', 'X-' || n, 'number_key', 'x-' || n, 'sequence_value', n + 100,
    'customer_id', (buyers.ids)[1 + n %% 1000],
    'status', CASE WHEN n %% 1000 = 0 THEN 'void' WHEN n %% 100 = 1 THEN 'open' ELSE 'paid' END,
    'currency', CASE WHEN n %% 200 = 0 THEN 'USD' ELSE 'EUR' END,
    'issue_date', date '2020-01-01' + (n * 7919 %% 1500), 'due_date', date '2020-02-01' + (n * 7919 %% 1500)
        + CASE WHEN n %% 100 = 1 AND n %% 300 <> 1 THEN 365000 ELSE 0 END,
    'subtotal', n * 7919 %% 20011, 'total_without_tax', n * 7919 %% 20011, 'tax_total', 0, 'total', n * 7919 %% 20011,
    'payable_amount', n * 7919 %% 20011, 'prepaid_amount', 0, 'rounding_amount', 0,
    'amount_paid', CASE WHEN n %% 100 = 1 OR n %% 1000 = 0 THEN 0 ELSE n * 7919 %% 20011 END,
    'net_terms_days', null, 'paid_at', CASE WHEN n %% 1000 <> 0 AND n %% 100 <> 1 THEN one.finalized_at END,
    'voided_at', CASE WHEN n %% 1000 = 0 THEN one.finalized_at END,
    'void_reason', CASE WHEN n %% 1000 = 0 THEN 'Twice' END, 'total_credited', 0, 'taxes_credited', null,
    'created_at', one.created_at - n * interval '7 minutes',
    'updated_at', one.updated_at - (n * 7919 %% 20011) * interval '7 minutes'
)) made WHERE one.id = %(id)s) rows
"""
EVENTS = """
INSERT INTO events ({columns}) SELECT {columns} FROM (
SELECT made.* FROM events one, generate_series(1, %(rows)s) n,
    (SELECT array_agg(gen_random_uuid()) known FROM generate_series(1, 2000)) ids,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'sequence', n + 1000, 'object_id', (ids.known)[1 + n * 7919 %% 2000],
    'type', CASE WHEN n %% 5000 = 0 THEN 'invoice.voided' WHEN n %% 500 = 1 THEN 'invoice.paid' ELSE one.type END
)) made WHERE one.object_id = %(id)s AND one.type = 'invoice.created') rows
"""
AUDIT = """
INSERT INTO audit_entries ({columns}) SELECT {columns} FROM (
SELECT made.* FROM audit_entries one, generate_series(1, %(rows)s) n,
    (SELECT array_agg(gen_random_uuid()) known FROM generate_series(1, 2000)) ids,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'actor_id', (ids.known)[1 + n %% 500], 'object_type', 'user',
    'object_id', (ids.known)[1 + n * 7919 %% 2000], 'created_at', one.created_at - n * interval '7 minutes',
    'action', CASE WHEN n %% 5000 = 0 THEN 'user.deleted' WHEN n %% 50 = 1 THEN 'login.refused' ELSE one.action END
)) made WHERE one.id = %(id)s) rows
"""
CATALOGUE = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM (
SELECT made.* FROM {table} one, generate_series(1, %(rows)s) n, LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', gen_random_uuid(), 'name', 'Name ' || md5(n::text), 'external_id', 'E' || n, 'sku', 'S' || n / 2,
    'metadata', {metadata}, 'archived', n %% 500 = 0,
    'tax_rate_id', CASE WHEN n %% 100 = 0 THEN to_jsonb(one) ->> 'tax_rate_id' END,
    'created_at', one.created_at - n * interval '7 minutes',
    'updated_at', one.updated_at - (n * 7919 %% 20011) * interval '7 minutes'
)) made WHERE one.id = %(id)s) rows
"""
MONEY = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM (
SELECT made.* FROM {table} one, generate_series(1, %(rows)s) n,
    (SELECT array_agg(id) ids FROM (SELECT * FROM customers WHERE organization_id = %(tenant)s LIMIT 1000) c) buyers,
    (SELECT array_agg(id) ids FROM (SELECT * FROM invoices WHERE organization_id = %(tenant)s LIMIT 1000) i) documents,
LATERAL jsonb_populate_record(one, jsonb_build_object(
    'id', '{kind}0000000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'invoice_id', documents.ids[1 + n %% 1000],
    'number', 'CN-' || n, 'number_key', 'cn-' || n, 'sequence_value', n + 100, 'tax_total', 0,
    'subtotal', n * 7919 %% 20011, 'total_without_tax', n * 7919 %% 20011, 'total', n * 7919 %% 20011,
    'reference', 'Wire ' || md5(n::text), 'metadata', {metadata},
    'source_id', '00000000-0000-7000-8000-' || lpad((n / 2 + 1)::text, 12, '0'),
    'object_id', '00000000-0000-7000-8000-' || lpad((n / 3)::text, 12, '0'),
    'customer_id', buyers.ids[1 + n %% 1000], 'currency', CASE WHEN n %% 400 = 0 THEN 'USD' ELSE 'EUR' END,
    'dated_on', date '2020-01-01' + (n * 7919 %% 1500), 'payment_date', date '2020-01-01' + (n * 7919 %% 1500),
    'entry_date', date '2020-01-01' + (n * 7919 %% 1500),
    'created_at', timestamptz '2026-01-01' - n * interval '7 minutes',
    'updated_at', timestamptz '2026-01-01' - (n * 7919 %% 20011) * interval '7 minutes'
)) made WHERE one.organization_id = %(tenant)s AND one.id = %(id)s) rows
"""
METADATA = "jsonb_build_object('order', n::text, 'shop', CASE WHEN n %% 2 = 0 THEN 'north' ELSE 'south' END)"
COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'
"""


@pytest.fixture(scope="module")
def big(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    """A tenant with 20,000 customers and as many invoices, in a database of its own: the planner knows how common a
    value is in the table, and not in a tenant, so what other tests left there would choose the plans."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("big")) as app:
        yield filled(app, there)


def filled(app: Flask, addresses: Addresses) -> Tenant:
    tenant = sign_up(app)
    invoice = tenant.invoice()
    # The planner must not find the tenant's own condition selective because nobody else is there.
    sign_up(app).invoice()
    product = tenant.product(tax_rate_id=tenant.tax_rate()["id"])
    payment = tenant.payment(invoice, amount="200.00", overpayment="balance")
    refund = created(tenant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": "1.00"}))["id"]
    note = {"invoice_id": invoice["id"], "reason": "Returned"}
    credited = created(tenant.post("/v1/credit-notes", note))["id"]
    entry = tenant.get("/v1/ledger/entries").json["data"][0]["id"]
    noted = tenant.get("/v1/audit-log?action=session.created").json["data"][0]["id"]
    given = {"rows": ROWS, "tenant": str(tenant.organization_id)}
    with as_superuser(addresses) as cursor:
        # All triggers rest: what they would do for each row takes minutes.
        cursor.execute("SET session_replication_role = replica")
        for table, insert, id in (
            ("customers", CUSTOMERS, invoice["customer_id"]),
            ("invoices", INVOICES, invoice["id"]),
            ("events", EVENTS, invoice["id"]),
            ("audit_entries", AUDIT, noted),
            ("products", CATALOGUE, product["id"]),
            ("tax_rates", CATALOGUE, product["tax_rate_id"]),
            ("sources", MONEY, payment["id"]),
            ("payments", MONEY, payment["id"]),
            ("allocations", MONEY, payment["allocations"][0]["id"]),
            ("refunds", MONEY, refund),
            ("ledger_entries", MONEY, entry),
            ("sources", MONEY, credited),
            ("credit_notes", MONEY, credited),
        ):
            cursor.execute(COLUMNS, [table])
            words = {"table": table, "columns": cursor.fetchone()[0], "kind": int(id == credited)}
            cursor.execute(insert.format(**words, metadata=METADATA), {**given, "id": id})
            cursor.execute(f"ANALYZE {table}")
        fill_traits(cursor)
    return tenant


INVOICE_QUERIES = [
    *[f"sort={sign}{key}" for key in ("created_at", "updated_at", "issue_date", "total") for sign in ("", "-")],
    "status=paid",
    "status=void",
    "status=open",
    "status=draft,void",
    "status=paid,open",
    "customer_id={customer}",
    "customer_id={customer}&status=paid",
    "customer_id={customer}&status=open",
    "customer_id={customer}&sort=-total",
    "currency=EUR",
    "currency=USD",
    "currency=JPY",
    "currency=EUR&sort=total",
    "currency=USD&sort=-total",
    "number=X-77",
    "number=nothing",
    "issue_date_from=2021-03-01&issue_date_to=2021-03-03",
    "issue_date_to=2020-01-02",
    "issue_date_from=2024-02-07",
    "issue_date_from=2020-01-01",
    "issue_date_from=2021-01-01&sort=issue_date",
    "issue_date_to=2021-01-01&sort=-issue_date",
    "due_date_from=2021-03-01&due_date_to=2021-03-03",
    "due_date_to=2020-02-02",
    "due_date_from=2020-01-01",
    "total_min=100.00&total_max=100.50&currency=EUR",
    "total_min=200.00&currency=EUR",
    "total_max=0.10&currency=EUR",
    "total_min=100.00&currency=USD",
    "overdue=true",
    "overdue=false",
    "updated_since={recently}",
    "updated_since=2000-01-01T00:00:00Z",
]
SORTS = [f"sort={sign}{key}" for key in ("created_at", "updated_at", "name") for sign in ("", "-")]
SINCE = ["updated_since={recently}", "updated_since=2000-01-01T00:00:00Z"]
CATALOGUE_QUERIES = [*SORTS, *[f"archived={word}&{sort}" for word in ("any", "true") for sort in SORTS], *SINCE]
PRODUCT_QUERIES = ["sku=S77", "sku=nothing", "external_id=E77", "tax_rate_id={rate}", *CATALOGUE_QUERIES]
CUSTOMER_QUERIES = [
    *[f"sort={sign}{key}" for key in ("created_at", "updated_at", "name") for sign in ("", "-")],
    *[f"archived=any&sort={sign}{key}" for key in ("created_at", "updated_at", "name") for sign in ("", "-")],
    *[f"archived=true&sort={sign}{key}" for key in ("created_at", "updated_at", "name") for sign in ("", "-")],
    "email=77@example.com",
    "email=nobody@example.com",
    "external_id=E77",
    "updated_since={recently}",
    "updated_since=2000-01-01T00:00:00Z",
]
EVENT_QUERIES = [
    "after=0",
    "after=20000",
    "type=invoice.created",
    "type=invoice.created&after=15000",
    "type=invoice.paid",
    "type=invoice.voided",
    "type=invoice.voided,invoice.paid,invoice.created",
    "type=invoice.voided,invoice.paid&after=15000",
    "type=customer.deleted",
    "object_id={object}",
    "object_id={object}&after=15000",
    "object_id={object}&type=invoice.created,invoice.paid",
    "object_id={customer}",
]
AUDIT_QUERIES = [
    "sort=created_at", "sort=-created_at", "action=session.created", "action=user.deleted", "action=login.refused",
    "action=user.deleted,api_key.refused", "action=user.deleted,login.refused,session.created&sort=created_at",
    "action=api_key.refused", "actor_id={actor}", "actor_id={actor}&action=login.refused", "object_id={object}",
    "object_id={object}&sort=created_at", "created_from={recently}", "created_to={recently}",
    "created_from=2000-01-01T00:00:00Z&action=login.refused", "created_to=2026-10-01T00:00:00Z",
]  # fmt: skip

DATES = ["{}_from=2021-03-01&{}_to=2021-03-03", "{}_to=2020-01-02", "{}_from=2020-01-01", "sort={}", "sort=-{}"]
MONEY_QUERIES = [
    "sort=created_at", "sort=-created_at", "currency=EUR", "currency=USD", "currency=JPY", "customer_id={customer}",
    "customer_id={customer}&currency=EUR",
]  # fmt: skip
PAYMENT_QUERIES = [
    *MONEY_QUERIES, *[query.format(*["payment_date"] * 2) for query in DATES], "invoice_id={invoice}", *SINCE,
    "sort=updated_at", "sort=-updated_at", "customer_id={customer}&sort=payment_date", "status=received",
    "status=reversed", "status=reversed&sort=payment_date", "status=received,reversed",
]  # fmt: skip
REFUND_QUERIES = [*MONEY_QUERIES, *[query.format(*["payment_date"] * 2) for query in DATES], "source_id={payment}"]
NOTE_QUERIES = [
    *MONEY_QUERIES, *[query.format(*["issue_date"] * 2) for query in DATES], "invoice_id={invoice}", *SINCE,
    "number=CN-77", "number=nothing", "sort=total", "sort=-total", "customer_id={customer}&sort=-total",
    "status=available", "status=used", "status=available,used", "status=available&sort=total",
    "status=available&customer_id={customer}", "total_min=100.00&total_max=100.50&currency=EUR",
    "total_min=200.00&currency=EUR", "total_max=0.10&currency=EUR", "total_min=100.00&currency=USD",
]  # fmt: skip
ENTRY_QUERIES = [*MONEY_QUERIES, *[query.format(*["entry_date"] * 2) for query in DATES], "object_id={payment}"]
TABLES = {
    "payments": "sources",
    "ledger/entries": "ledger_entries",
    "tax-rates": "tax_rates",
    "credit-notes": "sources",
    "audit-log": "audit_entries",
}
"""Where a list begins to read, unless the table has its name."""


@pytest.mark.parametrize(
    ("resource", "query"),
    [("invoices", query) for query in INVOICE_QUERIES]
    + [("customers", query) for query in CUSTOMER_QUERIES]
    + [("events", query) for query in EVENT_QUERIES]
    + [("audit-log", query) for query in AUDIT_QUERIES]
    + [("products", query) for query in PRODUCT_QUERIES]
    + [("tax-rates", query) for query in CATALOGUE_QUERIES]
    + [("payments", query) for query in PAYMENT_QUERIES]
    + [("refunds", query) for query in REFUND_QUERIES]
    + [("credit-notes", query) for query in NOTE_QUERIES]
    + [("ledger/entries", query) for query in ENTRY_QUERIES],
)
def test_a_list_reads_about_as_many_rows_as_it_shows(big: Tenant, resource: str, query: str) -> None:
    template = big.get("/v1/invoices?number=INV-2026-0001").json["data"]
    found = template or big.get("/v1/invoices?limit=1").json["data"]
    # The newest is the one that all others were made of.
    rate = big.get("/v1/tax-rates?limit=1").json["data"][0]["id"]
    entry = big.get("/v1/audit-log?sort=created_at&limit=1").json["data"][0] if resource == "audit-log" else {}
    one = big.get("/v1/events?after=15000&limit=1").json["data"][0]["object"]["id"] if resource == "events" else ""
    one = entry["object"]["id"] if entry else one
    recently = found[0]["updated_at"][:10] + "T00:00:00Z"
    paid = big.get("/v1/payments?limit=1").json["data"][0]
    named = {
        "payment": paid["id"],
        "invoice": paid["allocations"][0]["invoice_id"],
        "customer": found[0]["customer_id"],
        "actor": entry["actor"]["id"] if entry else "",
    }
    query = query.format(**named, recently=recently, object=one, rate=rate)
    plan = plan_of(big, f"/v1/{resource}?{query}", TABLES.get(resource, resource))
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
    assert rows_read(plan) <= MOST_READ, plan


@pytest.mark.parametrize("query", ["after=0", "after=15000", "type=invoice.voided,invoice.paid,invoice.created"])
def test_events_cost_no_more_where_some_of_them_are_hidden(big: Tenant, query: str) -> None:
    plan = plan_of(big.colleague("viewer"), f"/v1/events?{query}", "events")
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
    assert rows_read(plan) <= MOST_READ, plan
