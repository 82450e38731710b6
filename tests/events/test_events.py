"""Events: each fact once, in order, without a gap, and nothing of what did not come true."""

import pytest
from flask.testing import FlaskClient

from tests.events.reading import EVENTS, events, facts, last
from tests.factories import Tenant, login
from tests.web.refusals import codes, refused


def test_an_organization_begins_with_those_who_founded_it(tenant: Tenant) -> None:
    first, second, third, fourth = events(tenant)
    assert facts([first]) == [("organization.created", [], {})]
    assert facts([second]) == [("user.created", [], {"role": "owner"})]
    assert facts([third]) == [("session.created", [], {"user_id": str(tenant.user_id), "carrier": "body"})]
    assert facts([fourth]) == [("organization.updated", ["legal_name", "address", "tax_ids"], {})]
    for event in (first, second, third, fourth):
        assert event["actor"] == {"type": "user", "id": str(tenant.user_id)}


def test_each_fact_about_a_customer_is_one_event(tenant: Tenant) -> None:
    start = last(tenant)
    id = tenant.customer(email="ada@example.com")["id"]
    path = f"/v1/customers/{id}"
    tenant.patch(path, {"phone": "1", "email": "b@example.com", "metadata": {"a": "1"}, "name": "Secret Name"})
    tenant.patch(path, {"archived": True})
    tenant.put(path, {"name": "Secret Name"})
    tenant.delete(path)
    tenant.put("/v1/customers/by-external-id/1", {"name": "x"})
    tenant.put("/v1/customers/by-external-id/1", {"name": "y"})
    found = events(tenant, start)
    assert [(type, sorted(changed)) for type, changed, _ in facts(found)] == [
        ("customer.created", []),
        ("customer.updated", ["email", "metadata", "name", "phone"]),
        ("customer.updated", ["archived"]),
        ("customer.updated", ["archived", "billing_address", "email", "metadata", "phone"]),
        ("customer.deleted", []),
        ("customer.created", []),
        ("customer.updated", ["name"]),
    ]
    assert [event["object"] for event in found[:5]] == [{"type": "customer", "id": id}] * 5
    assert "example.com" not in str(found)
    assert "Secret" not in str(found)


def test_each_fact_about_an_invoice_is_one_event(tenant: Tenant) -> None:
    customer = tenant.customer()["id"]
    start = last(tenant)
    draft = tenant.draft(customer_id=customer)
    path = f"/v1/invoices/{draft['id']}"
    tenant.patch(path, {"notes": "Hello", "net_terms_days": 3})
    issued = tenant.post(f"{path}/finalize").json
    doomed = tenant.draft(customer_id=customer)
    tenant.delete(f"/v1/invoices/{doomed['id']}")
    at_once = tenant.invoice(customer_id=customer, lines=[{"description": "x", "quantity": "0", "unit_price": "1",
                                                           "tax_rate": "19"}])  # fmt: skip
    found = events(tenant, start)
    of_customer = {"customer_id": customer}
    assert facts(found) == [
        ("invoice.created", [], of_customer),
        ("invoice.updated", ["net_terms_days", "notes"], {}),
        ("invoice.finalized", [], {"number": issued["number"], "currency": "EUR", "payable_amount": "119.00"}),
        ("invoice.created", [], of_customer),
        ("invoice.deleted", [], {}),
        ("invoice.created", [], of_customer),
        ("invoice.finalized", [], {"number": at_once["number"], "currency": "EUR", "payable_amount": "0.00"}),
        ("invoice.paid", [], {"number": at_once["number"], "was": "draft"}),
    ]
    ids = [event["object"]["id"] for event in found]
    assert ids == [draft["id"]] * 3 + [doomed["id"]] * 2 + [at_once["id"]] * 3
    assert {event["object"]["type"] for event in found} == {"invoice"}


def test_logging_in_and_out_are_events(tenant: Tenant, client: FlaskClient) -> None:
    start = last(tenant)
    grant = login(client, tenant.email).json
    login(client, tenant.email, "wrong" * 4)
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    assert client.post("/v1/auth/logout", headers=headers).status_code == 204
    assert [event["type"] for event in events(tenant, start)] == ["session.created", "session.ended"]


def test_an_event_names_who_did_it_in_which_request_and_when(tenant: Tenant) -> None:
    colleague = tenant.colleague("accountant")
    start = last(tenant)
    made = colleague.post("/v1/customers", {"name": "x"}, X_Request_Id="my-request.1")
    named = tenant.post("/v1/customers", {"name": "x"})
    first, second = events(tenant, start)
    assert first["actor"] == {"type": "user", "id": str(colleague.user_id)}
    assert second["actor"] == {"type": "user", "id": str(tenant.user_id)}
    assert first["request_id"] == "my-request.1" == made.headers["X-Request-Id"]
    assert second["request_id"] == named.headers["X-Request-Id"]
    assert made.json["created_at"] <= first["created_at"] <= named.json["created_at"]
    assert set(first) == {
        "id", "sequence", "type", "object", "changed", "data", "actor", "request_id", "created_at", "links"
    }  # fmt: skip


def test_what_fails_or_is_tried_or_changes_nothing_or_only_reads_leaves_no_event(tenant: Tenant) -> None:
    customer = tenant.customer(email="ada@example.com", phone="1")
    unready = tenant.draft(lines=[])
    issued = tenant.invoice()
    start = last(tenant)
    path = f"/v1/customers/{customer['id']}"
    body = tenant.invoice_body(customer_id=customer["id"])
    refusals = [
        tenant.post("/v1/customers", {"name": "x", "email": "ADA@example.com"}),
        tenant.post("/v1/customers", {}),
        tenant.patch(path, {"phone": "2"}, If_Match='"9"'),
        tenant.delete(f"/v1/customers/{issued['customer_id']}"),
        tenant.post("/v1/invoices", {**body, "lines": [], "finalize": True}),
        tenant.post("/v1/invoices", {**body, "expected_total": "1"}),
        tenant.post(f"/v1/invoices/{unready['id']}/finalize"),
        tenant.delete(f"/v1/invoices/{issued['id']}"),
        tenant.patch("/v1/organization", {"name": None}),
    ]
    assert all(answer.status_code >= 400 for answer in refusals)
    successes = [
        tenant.post("/v1/customers?dry_run=true", {"name": "x"}),
        tenant.patch(f"{path}?dry_run=true", {"phone": "3"}),
        tenant.delete(f"{path}?dry_run=true"),
        tenant.post("/v1/invoices?dry_run=true", {**body, "finalize": True}),
        tenant.post("/v1/invoices/preview", body),
        tenant.post(f"/v1/invoices/{issued['id']}/finalize"),
        tenant.patch(path, {"phone": "1"}),
        tenant.patch("/v1/organization", {}),
        tenant.get(path),
        tenant.get("/v1/invoices"),
    ]
    assert all(answer.status_code < 300 for answer in successes)
    assert events(tenant, start) == []
    tenant.customer()
    assert [event["sequence"] for event in events(tenant, start)] == [start + 1]


def test_a_replayed_answer_is_no_new_fact(tenant: Tenant) -> None:
    body = tenant.invoice_body()
    start = last(tenant)
    first = tenant.post("/v1/invoices", {**body, "finalize": True}, Idempotency_Key="k")
    again = tenant.post("/v1/invoices", {**body, "finalize": True}, Idempotency_Key="k")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert again.data == first.data
    assert [event["type"] for event in events(tenant, start)] == ["invoice.created", "invoice.finalized"]


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_hold_every_number_once_and_in_order(tenant: Tenant, limit: int) -> None:
    for _ in range(6):
        tenant.draft()
    found: list[int] = []
    path: str | None = f"{EVENTS}?limit={limit}"
    while path:
        answer = tenant.get(path)
        page = [event["sequence"] for event in answer.json["data"]]
        assert len(page) <= limit
        found += page
        assert len(found) <= 16
        cursor = answer.json["next_cursor"]
        assert answer.json["has_more"] is (cursor is not None)
        assert cursor in (None, str(page[-1]))
        link = answer.headers.get("Link")
        assert (link is None) is (cursor is None)
        path = link[1:].partition(">")[0] if link else None
    assert found == list(range(1, 4 + 12 + 1))


def test_whoever_is_up_to_date_gets_an_empty_page(tenant: Tenant) -> None:
    empty = {"data": [], "has_more": False, "next_cursor": None}
    assert tenant.get(f"{EVENTS}?after={last(tenant)}").json == empty
    assert tenant.get(f"{EVENTS}?after={2**62}").json == empty


def test_each_organization_counts_for_itself_and_sees_its_own(tenant: Tenant, other: Tenant) -> None:
    customer = tenant.customer()
    assert [event["sequence"] for event in events(other)] == [1, 2, 3, 4]
    assert customer["id"] not in str(events(other))
    mine, theirs = events(tenant), events(other)
    assert not {event["id"] for event in mine} & {event["id"] for event in theirs}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("after=-1", "after"),
        ("after=x", "after"),
        ("after=1.5", "after"),
        (f"after={2**62 + 1}", "after"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("type=created", "type"),
        ("type=invoice.created,", "type"),
        ("type=invoice.created;invoice.paid", "type"),
        (f"type={','.join(['a.b'] * 11)}", "type"),
        ("object_id=1", "object_id"),
        ("actor_id=1", "actor_id"),
        ("after=1&after=2", "after"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(tenant: Tenant, query: str, parameter: str) -> None:
    answer = tenant.get(f"{EVENTS}?{query}")
    refused(answer, 400)
    assert {name for name, _ in codes(answer)} == {parameter}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_events_are_only_read(tenant: Tenant, method: str) -> None:
    refused(tenant.call(method, EVENTS, {}), 405)
    id = events(tenant)[0]["id"]
    refused(tenant.call(method, f"{EVENTS}/{id}", {}), 404)
