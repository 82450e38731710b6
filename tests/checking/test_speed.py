"""How long the check and the reports take where there is much; what they find is asserted, how fast is printed."""

import os
import time
from collections.abc import Iterator

import pytest

from billing_api.checking import check
from billing_api.embedded import Addresses
from config import Config
from tests.checking.conftest import superuser_of
from tests.checking.crowd import crowd
from tests.factories import Tenant, sign_up
from tests.schema import application, scratch
from tests.statements import plan_of, recorded, rows_read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COUNT = 100_000 if os.environ.get("STRESS") else 20_000


@pytest.fixture(scope="module")
def crowded(
    config: Config, addresses: Addresses, newest: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tenant, Addresses, str]]:
    """A tenant with many invoices, all of one customer; its database; and the customer."""
    with scratch(addresses, newest) as there, application(config, there, tmp_path_factory.mktemp("crowd")) as app:
        tenant = sign_up(app)
        invoice = crowd(tenant, superuser_of(there), COUNT)
        yield tenant, there, invoice["customer_id"]


def test_the_check_reads_all_of_it(crowded: tuple[Tenant, Addresses, str]) -> None:
    begun = time.monotonic()
    breaches, count = check(crowded[1].owner)
    print(f"\n{count} invariants on {COUNT} invoices: {time.monotonic() - begun:.1f} s")
    assert [str(breach) for breach in breaches] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/{customer}/balance",
        "/v1/customers/{customer}/statement?from=2026-01-01&to=2026-01-31",
        "/v1/reports/trial-balance",
        "/v1/reports/tax-summary?from=2026-01-01&to=2026-01-31",
    ],
)
def test_a_report_is_answered_within_the_limits_of_a_statement(
    crowded: tuple[Tenant, Addresses, str], path: str
) -> None:
    tenant, _, customer = crowded
    begun = time.monotonic()
    answer = tenant.get(path.format(customer=customer))
    print(f"\n{path} with {COUNT} invoices: {time.monotonic() - begun:.2f} s")
    assert answer.status_code == 200, answer.text


def test_what_is_owed_is_found_without_reading_what_was_paid(
    crowded: tuple[Tenant, Addresses, str],
) -> None:
    crowd_of_paid = sign_up(crowded[0].app)
    customer = crowd(crowd_of_paid, superuser_of(crowded[1]), 2000, is_paid=True)["customer_id"]
    for _ in range(3):
        crowd_of_paid.invoice(customer_id=customer)
    for path in ("balance", "statement?from=2026-01-01&to=2026-01-31"):
        with recorded(crowd_of_paid.app) as seen:
            assert crowd_of_paid.get(f"/v1/customers/{customer}/{path}").status_code == 200
        assert len(seen) < 10
    plan = plan_of(crowd_of_paid, f"/v1/customers/{customer}/balance", "invoices")
    assert rows_read(plan) == 3, plan
