"""Customers, through the API."""

from tests.factories import Tenant


def test_a_customer_comes_back_as_it_was_written(tenant: Tenant) -> None:
    body = {"name": "Zoë", "email": "Zoe@Example.com", "metadata": {"a": "1"}, "billing_address": {"country": "DE"}}
    made = tenant.post("/v1/customers", body)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/v1/customers/{made.json['id']}"
    assert made.headers["ETag"] == '"1"'
    assert {name: made.json[name] for name in body} == body
    assert tenant.get(made.headers["Location"]).json == made.json


def test_a_customer_with_documents_cannot_be_deleted(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    refused = tenant.delete(f"/v1/customers/{invoice['customer_id']}")
    assert (refused.status_code, refused.json["code"]) == (409, "customer-in-use")


def test_viewers_read_and_do_not_write(tenant: Tenant) -> None:
    viewer = tenant.colleague("viewer")
    assert viewer.get("/v1/customers").status_code == 200
    assert viewer.post("/v1/customers", {"name": "x"}).status_code == 403
