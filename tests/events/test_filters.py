"""Whoever asks for some events only gets those, in order, page by page."""

import pytest
from flask import Flask

from tests.events.reading import EVENTS, events
from tests.factories import Tenant, sign_up


@pytest.fixture(scope="module")
def busy(app: Flask) -> Tenant:
    """A tenant with events of many types between each other."""
    tenant = sign_up(app)
    customer = tenant.customer()["id"]
    for n in range(6):
        draft = tenant.draft(customer_id=customer)
        tenant.patch(f"/v1/invoices/{draft['id']}", {"notes": "x"})
        if n % 2:
            tenant.post(f"/v1/invoices/{draft['id']}/finalize")
            tenant.patch(f"/v1/customers/{customer}", {"phone": str(n)})
    return tenant


def filtered(tenant: Tenant, query: str, limit: int) -> list[str]:
    """The ids of what a query finds, following the links."""
    path: str | None = f"{EVENTS}?{query}&limit={limit}"
    found: list[str] = []
    while path:
        answer = tenant.get(path)
        assert answer.status_code == 200, answer.text
        assert len(answer.json["data"]) <= limit
        found += [event["id"] for event in answer.json["data"]]
        link = answer.headers.get("Link")
        path = link[1:].partition(">")[0] if link else None
    return found


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@pytest.mark.parametrize(
    "types",
    [
        ["invoice.finalized"],
        ["invoice.finalized", "customer.updated"],
        ["invoice.finalized", "invoice.finalized"],
        ["customer.created", "invoice.created", "invoice.updated", "user.created"],
    ],
)
def test_types_are_found_in_order_and_none_is_missed(busy: Tenant, types: list[str], limit: int) -> None:
    expected = [event["id"] for event in events(busy) if event["type"] in types]
    assert filtered(busy, f"type={','.join(types)}", limit) == expected


def test_an_object_and_a_type_together_are_found(busy: Tenant) -> None:
    every = events(busy)
    one = next(event["object"]["id"] for event in every if event["type"] == "invoice.finalized")
    own = [event for event in every if event["object"]["id"] == one]
    assert filtered(busy, f"object_id={one}", 2) == [event["id"] for event in own]
    assert len(own) == 3
    both = f"object_id={one}&type=invoice.updated,invoice.finalized,customer.created"
    assert filtered(busy, both, 1) == [event["id"] for event in own[1:]]
    start = own[0]["sequence"]
    assert filtered(busy, f"object_id={one}&after={start}", 50) == [event["id"] for event in own[1:]]
    assert filtered(busy, f"type=invoice.created&after={every[-1]['sequence']}", 50) == []


def test_what_is_another_organizations_is_not_found(busy: Tenant, other: Tenant) -> None:
    theirs = next(event["object"]["id"] for event in events(busy) if event["type"] == "invoice.created")
    assert filtered(other, f"object_id={theirs}", 50) == []
    assert filtered(other, "type=invoice.created,invoice.updated", 50) == []
