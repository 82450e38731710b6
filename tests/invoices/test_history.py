"""The history of an invoice: what happened to it, in order, and nothing of others."""

import pytest

from tests.events.reading import events, facts
from tests.factories import Tenant
from tests.web.refusals import codes, refused


def test_an_invoice_has_its_own_events_the_oldest_first(tenant: Tenant) -> None:
    draft = tenant.draft()
    path = f"/v1/invoices/{draft['id']}"
    tenant.draft(customer_id=draft["customer_id"])
    tenant.patch(path, {"notes": "Hello"})
    number = tenant.post(f"{path}/finalize").json["number"]
    tenant.patch(f"/v1/customers/{draft['customer_id']}", {"phone": "1"})
    page = tenant.get(f"{path}/events").json
    assert facts(page["data"]) == [
        ("invoice.created", [], {"customer_id": draft["customer_id"]}),
        ("invoice.updated", ["notes"], {}),
        ("invoice.finalized", [], {"number": number, "currency": "EUR", "payable_amount": "119.00"}),
    ]
    assert (page["has_more"], page["next_cursor"]) == (False, None)
    assert page["data"] == [event for event in events(tenant) if event["object"]["id"] == draft["id"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_its_pages_hold_every_event_once(tenant: Tenant, limit: int) -> None:
    draft = tenant.draft()
    own = f"/v1/invoices/{draft['id']}"
    for note in "abc":
        tenant.patch(own, {"notes": note})
        tenant.draft(customer_id=draft["customer_id"])
    path: str | None = f"{own}/events?limit={limit}"
    found: list[str] = []
    while path:
        assert path.startswith(own)
        answer = tenant.get(path)
        assert len(answer.json["data"]) <= limit
        found += [event["id"] for event in answer.json["data"]]
        link = answer.headers.get("Link")
        assert (link is not None) is answer.json["has_more"] is (answer.json["next_cursor"] is not None)
        path = link[1:].partition(">")[0] if link else None
    assert found == [event["id"] for event in events(tenant) if event["object"]["id"] == draft["id"]]
    assert len(found) == 4


def test_who_is_up_to_date_gets_an_empty_page(tenant: Tenant) -> None:
    own = f"/v1/invoices/{tenant.draft()['id']}/events"
    newest = tenant.get(own).json["data"][-1]["sequence"]
    assert tenant.get(f"{own}?after={newest}").json == {"data": [], "has_more": False, "next_cursor": None}


def test_nobody_else_reads_it_and_a_deleted_draft_has_none(tenant: Tenant, other: Tenant) -> None:
    draft = tenant.draft()
    own = f"/v1/invoices/{draft['id']}"
    refused(other.get(f"{own}/events"), 404)
    refused(tenant.get(f"/v1/invoices/{draft['customer_id']}/events"), 404)
    tenant.delete(own)
    refused(tenant.get(f"{own}/events"), 404)
    kept = tenant.get(f"/v1/events?object_id={draft['id']}").json["data"]
    assert [event["type"] for event in kept] == ["invoice.created", "invoice.deleted"]


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=101", "type=invoice.created", "cursor=1"])
def test_a_parameter_that_is_wrong_is_named(tenant: Tenant, query: str) -> None:
    answer = tenant.get(f"/v1/invoices/{tenant.draft()['id']}/events?{query}")
    refused(answer, 400)
    assert {name for name, _ in codes(answer)} == {query.partition("=")[0]}
