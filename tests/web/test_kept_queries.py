"""What a query was understood as is kept; that it is what would be understood now is compared in every test: see
`tests.kept`."""

from billing_api.web import parser
from tests.factories import Tenant
from tests.web.refusals import refused


def test_a_query_is_read_once_and_counts_at_its_own_door_alone(tenant: Tenant) -> None:
    asked = "limit=3&sort=total"
    for _ in range(2):
        assert tenant.get(f"/v1/invoices?{asked}").status_code == 200
    assert [type(known).__name__ for known, query in parser._queries if query == asked.encode()] == [
        "frozenset", "InvoiceFilter"
    ]  # fmt: skip
    # Customers have no total, though invoices were just listed by it.
    refused(tenant.get(f"/v1/customers?{asked}"), 400)


def test_what_is_refused_is_refused_again_and_a_long_query_is_not_kept(tenant: Tenant) -> None:
    long = "q=" + "x" * 600
    tenant.get("/v1/invoices")
    before = {*parser._queries}
    for _ in range(2):
        refused(tenant.get("/v1/invoices?nothing=1"), 400)
        refused(tenant.get("/v1/invoices?limit=2&limit=2"), 400)
        tenant.get(f"/v1/invoices?{long}")
    assert {*parser._queries} == before
