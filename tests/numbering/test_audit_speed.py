"""An audit of a hundred thousand numbers: read once, in the order in which the index has them."""

from collections.abc import Iterator

import pytest
from flask import Flask

from billing_api.embedded import Addresses
from config import Config
from tests.factories import Tenant, sign_up
from tests.numbering.register import audit, series, take
from tests.schema import application, connected, scratch
from tests.statements import nodes, plan_of, rows_read

pytestmark = pytest.mark.slow

NUMBERS = 100_000
FILL = """
INSERT INTO document_numbers (organization_id, number_key, number, series_id, period, sequence_value, issue_date,
                              document_type, document_id, is_imported)
SELECT organization_id, 'x-' || n, 'X-' || n, series_id, period, n, date '2026-01-01' + n / 300, document_type,
       gen_random_uuid(), false
FROM document_numbers, generate_series(2, %s) n WHERE organization_id = %s
"""
COUNT = "UPDATE number_counters SET last_value = %s, last_issue_date = '2026-12-31' WHERE organization_id = %s"


@pytest.fixture(scope="module")
def big(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tenant]:
    """A tenant with 100,000 numbers beside others, in a database of its own, where the planner knows the table."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("big")) as app:
        yield filled(app, there)


def filled(app: Flask, there: Addresses) -> Tenant:
    tenants = [sign_up(app) for _ in range(3)]
    with connected(there.owner) as cursor:
        for tenant in tenants:
            take(tenant, on="2026-01-01")
            cursor.execute(FILL, [NUMBERS, str(tenant.organization_id)])
            cursor.execute(COUNT, [NUMBERS, str(tenant.organization_id)])
        cursor.execute("VACUUM ANALYZE document_numbers")
    return tenants[1]


def test_an_audit_reads_each_number_once(big: Tenant) -> None:
    found = audit(big)
    assert (found["complete"], found["chronological"], found["count"]) == (True, True, NUMBERS)
    plan = plan_of(big, series(big)["links"]["audit"], "number_counters")
    print(f"{NUMBERS} numbers: {plan['Actual Total Time']:.0f} ms")
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan" and node["Actual Rows"] > 100], plan
    assert rows_read(plan) <= NUMBERS + 100


def test_where_a_series_stands_is_read_without_its_numbers(big: Tenant) -> None:
    plan = plan_of(big, series(big)["links"]["self"], "document_numbers")
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], plan
    assert rows_read(plan) <= 10
