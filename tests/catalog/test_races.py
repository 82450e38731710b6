"""The catalogue while somebody else writes it: a line never uses a figure that is no longer there."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from werkzeug.test import TestResponse

from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from tests.factories import Tenant
from tests.spoilt import spoil
from tests.web.refusals import refused

WAITING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))"


def meanwhile(addresses: Addresses, statement: str, given: list[Any], request: Callable[[], TestResponse]) -> Any:
    """The answer to a request that came while another transaction had sent this statement, and not yet committed."""
    with closing(connect(addresses.owner)) as holder, holder.cursor() as cursor, ThreadPoolExecutor(1) as pool:
        holder.autocommit = False
        cursor.execute(statement, given)
        answer: Future[TestResponse] = pool.submit(request)
        is_waiting = False
        while not is_waiting and not answer.done():
            cursor.execute(WAITING)
            (is_waiting,) = cursor.fetchone()
            time.sleep(0.01)
        holder.commit()
        return answer.result(30)


def test_a_draft_takes_the_rate_that_stands_when_it_is_kept(tenant: Tenant, addresses: Addresses) -> None:
    """Plant the flaw by looking tax rates up without a lock: the line has 19 %, and the rate in use says 20."""
    rate = tenant.tax_rate(rate="19")
    body = tenant.invoice_body(
        lines=[{"description": "x", "quantity": "1", "unit_price": "100.00", "tax_rate_id": rate["id"]}]
    )
    change = "UPDATE tax_rates SET rate = 20, version = version + 1 WHERE id = %s"
    answer = meanwhile(addresses, change, [rate["id"]], lambda: tenant.post("/v1/invoices", body))
    assert answer.status_code == 201, answer.text
    assert answer.json["total"] == "120.00"
    assert tenant.get(rate["links"]["self"]).json["rate"] == "20"


def test_a_rate_that_is_being_taken_is_in_use(tenant: Tenant, addresses: Addresses) -> None:
    """Plant the flaw by asking who uses it before the row is locked: it changes under the product that takes it."""
    rate, product = tenant.tax_rate(), tenant.product()
    take = (
        "WITH held AS (SELECT id FROM tax_rates WHERE id = %s FOR SHARE) "
        "UPDATE products SET tax_rate_id = held.id FROM held WHERE products.id = %s"
    )
    given = [rate["id"], product["id"]]
    answer = meanwhile(addresses, take, given, lambda: tenant.patch(rate["links"]["self"], {"rate": "20"}))
    refused(answer, 409, "tax-rate-in-use")


def test_a_product_that_is_being_deleted_is_not_there(tenant: Tenant, addresses: Addresses) -> None:
    product = tenant.product(tax_rate="19")
    body = tenant.invoice_body(lines=[{"product_id": product["id"], "quantity": "1"}])
    spoil(tenant)
    gone = "DELETE FROM products WHERE id = %s"
    answer = meanwhile(addresses, gone, [product["id"]], lambda: tenant.post("/v1/invoices", body))
    refused(answer, 422, "product-not-found")
