"""Every filter and every order of the list of credit notes is served by an index, as the service's role."""

from collections.abc import Iterator

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from config import Config
from tests.credit_notes.crediting import credit
from tests.factories import Tenant, sign_up
from tests.schema import application, as_superuser, scratch
from tests.statements import nodes, plan_of, rows_read

pytestmark = pytest.mark.slow

ROWS = 20_000
MOST_READ = 700
"""For a page of 50, whose rows stand in two tables; a scan of one of them reads all."""
FILL = """
WITH made AS (
    SELECT gen_random_uuid() id, n, n * 7919 %% 20011 figure FROM generate_series(1, %(rows)s) n
), sources AS (
    INSERT INTO sources SELECT (jsonb_populate_record(one, jsonb_build_object(
        'id', made.id, 'type', CASE WHEN n %% 2 = 0 THEN 'credit_note' ELSE 'payment' END,
        'customer_id', (SELECT (array_agg(id ORDER BY id))[1 + n %% 200] FROM customers
            WHERE organization_id = %(tenant)s),
        'currency', CASE WHEN n %% 400 = 0 THEN 'USD' ELSE 'EUR' END,
        'dated_on', date '2020-01-01' + (figure %% 1500)::int,
        'amount', figure, 'amount_allocated', CASE WHEN n %% 200 = 0 THEN figure - 1 ELSE figure END,
        'amount_available', CASE WHEN n %% 200 = 0 THEN 1 ELSE 0 END,
        'created_at', one.created_at - n * interval '7 minutes',
        'updated_at', one.updated_at - figure * interval '7 minutes'
    ))).* FROM sources one, made WHERE one.id = %(id)s
)
INSERT INTO credit_notes SELECT (jsonb_populate_record(one, jsonb_build_object(
    'id', made.id, 'number', 'X-' || n, 'number_key', 'x-' || n, 'sequence_value', n + 100,
    'invoice_id', CASE WHEN n %% 1000 = 0 THEN one.invoice_id END,
    'subtotal', figure, 'total_without_tax', figure, 'tax_total', 0, 'total', figure
))).* FROM credit_notes one, made WHERE one.id = %(id)s AND n %% 2 = 0
"""
QUERIES = [
    *[f"sort={sign}{key}" for key in ("created_at", "updated_at", "issue_date", "total") for sign in ("", "-")],
    "invoice_id={invoice_id}",
    "customer_id={customer_id}",
    "number=X-5000",
    "number=nothing",
    "currency=EUR",
    "issue_date_from=2021-03-01&issue_date_to=2021-03-03&sort=issue_date",
    "issue_date_from=2024-01-01&sort=issue_date",
    "issue_date_to=2020-02-02&sort=-issue_date",
    "updated_since={created_at}&sort=updated_at",
    "status=available",
    "status=available&sort=-total",
    "status=available&customer_id={customer_id}",
    "status=used",
    "total_min=100.00&total_max=100.50&currency=EUR",
    "total_min=199.00&currency=EUR",
    "total_max=0.10&currency=EUR",
    "total_min=100.00&currency=USD",
]


@pytest.fixture(scope="module")
def big(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    """A tenant with 10,000 credit notes and as many payments, in a database of its own."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("big")) as app:
        yield filled(app, there)


def filled(app: Flask, addresses: Addresses) -> Tenant:
    tenant = sign_up(app)
    customers = [tenant.customer()["id"] for _ in range(200)]
    note = credit(tenant, tenant.invoice(customer_id=customers[0]))
    other = sign_up(app)
    credit(other, other.invoice())
    with as_superuser(addresses) as cursor:
        cursor.execute(FILL, {"rows": ROWS, "tenant": str(tenant.organization_id), "id": note["id"]})
        cursor.execute("ANALYZE sources, credit_notes, customers")
    return tenant


@pytest.mark.parametrize("query", QUERIES)
def test_a_list_of_credit_notes_reads_about_as_many_rows_as_it_shows(big: Tenant, query: str) -> None:
    template = big.get("/v1/credit-notes?sort=-created_at&limit=1").json["data"][0]
    given = {**template, "created_at": template["created_at"][:10] + "T00:00:00Z"}
    plan = plan_of(big, f"/v1/credit-notes?{query.format(**given)}", "sources")
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
    assert rows_read(plan) <= MOST_READ, plan
