"""Lists of one organization that owns a million invoices: its last page costs what the first does, and a search little.

What is held against a bound is how many rows the database reads, which does not depend on the machine; the times are
printed. Without STRESS=1 there are fewer invoices, and the same bounds.
"""

import os
import statistics
import time
from collections.abc import Iterator

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from config import Config
from tests.factories import Tenant, sign_up
from tests.last_pages import last_page
from tests.schema import application, as_superuser, scratch
from tests.statements import nodes, plan_of, recorded, rows_read
from tests.test_list_plans import COLUMNS
from tests.traits import fill_traits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

ROWS = 1_000_000 if os.environ.get("STRESS") else 50_000
LIMIT = 50
MOST_READ = 300
MOST_SEARCHED = 15_000
"""Of a search that is common, or rare; what it looks at is some rows of the list, and what it gathers."""

CUSTOMERS = """
INSERT INTO customers ({columns}) SELECT {columns} FROM (
    SELECT made.* FROM customers one, generate_series(1, %(rows)s / 20) n,
    LATERAL jsonb_populate_record(one, jsonb_build_object(
        'id', lpad(to_hex(1700000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'),
        'name', (ARRAY['Difference', 'Analytical', 'Punched', 'Number', 'Loom'])[1 + n %% 5] || ' '
            || initcap(substr(md5(n::text), 1, 7)) || ' ' || (ARRAY['GmbH', 'Ltd', 'Inc'])[1 + n %% 3],
        'email', 'mail' || n || '@' || substr(md5('d' || n), 1, 8) || '.example',
        'email_key', 'mail' || n || '@' || substr(md5('d' || n), 1, 8) || '.example',
        'external_id', 'E-' || n, 'created_at', one.created_at - n * interval '1 minute'
    )) made WHERE one.id = %(customer)s
) rows
"""
INVOICES = """
INSERT INTO invoices ({columns}) SELECT {columns} FROM (
    SELECT made.* FROM invoices one, generate_series(1, %(rows)s::bigint) n,
    (SELECT array_agg(id) ids FROM customers WHERE organization_id = %(tenant)s) buyers,
    LATERAL jsonb_populate_record(one, jsonb_build_object(
        'id', lpad(to_hex(1800000000000 - n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'),
        'number', 'INV-' || 2026 - n * 10 / %(rows)s || '-' || lpad((%(rows)s - n)::text, 7, '0'),
        'number_key', 'inv-' || n, 'sequence_value', n + 100,
        'customer_id', buyers.ids[1 + n * 7919 %% (%(rows)s / 20)],
        'metadata', jsonb_build_object('order', n::text, 'shop', (ARRAY['north', 'south'])[1 + n %% 2]),
        'created_at', one.created_at - n * interval '5 minutes', 'updated_at', one.created_at - n * interval '5 minutes'
    )) made WHERE one.id = %(invoice)s
) rows
"""
LINES = """
INSERT INTO invoice_lines ({columns}) SELECT {columns} FROM (
    SELECT made.* FROM invoice_lines one,
    (
        (SELECT id FROM invoices WHERE organization_id = %(tenant)s ORDER BY created_at LIMIT 99) UNION ALL
        (SELECT id FROM invoices WHERE organization_id = %(tenant)s ORDER BY created_at DESC OFFSET 1 LIMIT 99)
    ) bearer,
    LATERAL jsonb_populate_record(one, jsonb_build_object('id', gen_random_uuid(), 'invoice_id', bearer.id)) made
    WHERE one.invoice_id = %(invoice)s
) rows
"""
SEARCHES = [
    "q=inv", "q=INV-2026", "q=inv-2026-0999", "q=2020", "q=0012345", "q=0900123", "q=difference", "q=gmbh",
    "q=loom+gmbh", "q=mail77", "q=mail77%40", "q=c4ca", "q=c4ca42+ltd", "q=E-17", "q=nobody", "q=a", "q=9",
    "metadata.shop=north", "metadata.order=777", "metadata.order=777&q=inv", "q=difference&status=open",
    "q=mail77%40&sort=-total", "metadata.shop=south&q=mail7",
]  # fmt: skip


@pytest.fixture(scope="module")
def owner(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    """The owner of all invoices that there are, but for one of somebody else."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("million")) as app:
        yield filled(app, there)


def filled(app: Flask, addresses: Addresses) -> Tenant:
    tenant = sign_up(app)
    invoice = tenant.invoice()
    sign_up(app).invoice()
    given = {"rows": ROWS, "tenant": str(tenant.organization_id), "invoice": invoice["id"]}
    given["customer"] = invoice["customer_id"]
    with as_superuser(addresses) as cursor:
        # All triggers rest: what they would do for each row is done for all at once.
        cursor.execute("SET session_replication_role = replica")
        for table, insert in (("customers", CUSTOMERS), ("invoices", INVOICES)):
            cursor.execute(COLUMNS, [table])
            cursor.execute(insert.format(columns=cursor.fetchone()[0]), given)
        fill_traits(cursor)
        cursor.execute("VACUUM ANALYZE customers, invoices, customer_traits, invoice_traits")
        # The oldest and the newest have lines, so that the pages of either weigh the same.
        cursor.execute(COLUMNS, ["invoice_lines"])
        cursor.execute(LINES.format(columns=cursor.fetchone()[0]), given)
    return tenant


def medians(tenant: Tenant, *paths: str) -> list[float]:
    """What each takes in milliseconds, asked for in turn."""
    taken: dict[str, list[float]] = {path: [] for path in paths}
    for _ in range(21):
        for path in paths:
            started = time.perf_counter()
            assert tenant.get(path).status_code == 200
            taken[path].append((time.perf_counter() - started) * 1000)
    return [statistics.median(of_path) for of_path in taken.values()]


def test_the_last_page_costs_what_the_first_does(owner: Tenant) -> None:
    """Plant the flaw by an OFFSET in place of the cursor's condition."""
    first, last = f"/v1/invoices?limit={LIMIT}", last_page(owner, "/v1/invoices", "-created_at", LIMIT)
    answer = owner.get(last)
    assert (len(answer.json["data"]), answer.json["has_more"]) == (LIMIT, False)
    counts, read = [], []
    for path in (first, last):
        plan = plan_of(owner, path, "invoices")
        assert not [node for node in nodes(plan) if node["Node Type"] in {"Seq Scan", "Sort"}], plan
        read.append(rows_read(plan))
        with recorded(owner.app) as statements:
            owner.get(path)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert max(read) <= 1.2 * min(read) <= MOST_READ
    one, other = medians(owner, first, last)
    print(f"{ROWS} invoices: first page {one:.1f} ms, last page {other:.1f} ms, {other / one:.2f} times")


def test_a_search_looks_at_few_rows_of_them(owner: Tenant) -> None:
    """Plant the flaw by leaving the search to one condition in the list's own query: what is rare reads them all."""
    taken = []
    for query in SEARCHES:
        plan = plan_of(owner, f"/v1/invoices?{query}", "invoices")
        (median,) = medians(owner, f"/v1/invoices?{query}")
        found = len(owner.get(f"/v1/invoices?{query}").json["data"])
        taken.append(median)
        print(f"{query:32} {found:3} found, {rows_read(plan):8.0f} rows read, {median:7.1f} ms")
        assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
        assert rows_read(plan) <= most_read(query), query
    print(f"{ROWS} invoices: the median of {len(SEARCHES)} searches takes {statistics.median(taken):.1f} ms")


def most_read(query: str) -> float:
    return 2.5 * ROWS if query in CONCENTRATED else MOST_SEARCHED


CONCENTRATED = {"q=2020"}
"""What many have, and none of the newest: it is gathered from their traits, each once."""
