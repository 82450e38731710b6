"""Archived customers: out of sight, with all that they had, and without new invoices."""

from tests.customers.test_customers import CUSTOMERS, path
from tests.factories import Tenant
from tests.web.refusals import codes, refused


def test_an_archived_customer_is_read_and_changed_and_taken_back(tenant: Tenant) -> None:
    made = tenant.customer()
    archived = tenant.patch(path(made), {"archived": True})
    assert archived.status_code == 200
    assert archived.json["archived"] is True
    assert tenant.get(CUSTOMERS).json["data"] == []
    assert tenant.get(path(made)).json == archived.json
    assert tenant.patch(path(made), {"phone": "1"}).json["archived"] is True
    assert tenant.patch(path(made), {"archived": False}).json["archived"] is False
    assert [row["id"] for row in tenant.get(CUSTOMERS).json["data"]] == [made["id"]]


def test_an_archived_customer_gets_no_new_invoice_and_keeps_the_old_ones(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    draft = tenant.draft(customer_id=invoice["customer_id"])
    other_draft = tenant.draft()
    customer = f"{CUSTOMERS}/{invoice['customer_id']}"
    tenant.patch(customer, {"archived": True})
    body = tenant.invoice_body(customer_id=invoice["customer_id"])
    for answer in (
        tenant.post("/v1/invoices", body),
        tenant.post("/v1/invoices", {**body, "finalize": True}),
        tenant.put(f"/v1/invoices/{other_draft['id']}", body),
        tenant.patch(f"/v1/invoices/{other_draft['id']}", {"customer_id": invoice["customer_id"]}),
    ):
        refused(answer, 422, "customer-archived")
        assert codes(answer) == {("/customer_id", "customer-archived")}
    answer = tenant.post(f"/v1/invoices/{draft['id']}/finalize")
    refused(answer, 422, "invoice-not-ready")
    assert codes(answer) == {("/customer_id", "customer-archived")}
    assert tenant.get(f"/v1/invoices/{invoice['id']}").json["status"] == "open"
    assert tenant.post("/v1/invoices/preview", body).status_code == 200
    assert tenant.delete(f"/v1/invoices/{draft['id']}").status_code == 204
    tenant.patch(customer, {"archived": False})
    assert tenant.post("/v1/invoices", body).status_code == 201
