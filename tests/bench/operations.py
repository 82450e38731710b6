"""What is measured: six operations, what they ask, and what must be true of their answers before they are timed."""

import http.client
import json
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.bench.data import LINES
from tests.bench.load import MARK, Request
from tests.factories import BUYER_ADDRESS, Tenant

READ = 1000
"""So many objects are read in turn."""
_NOBODY = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Operation:
    """One operation: its requests, and what its answer must be."""

    name: str
    requests: Callable[[list[Tenant]], list[Request]]
    is_right: Callable[[Any], bool]
    status: int = 200


def customer(mark: str = MARK) -> dict[str, Any]:
    """The body of a customer; the mark is another number for each."""
    metadata = {"tier": "pro", "crm_id": "crm-1"}
    named = {"name": "Ada Lovelace", "email": f"user-{mark}@example.com"}
    return {**named, "billing_address": BUYER_ADDRESS, "metadata": metadata}


def invoice(customer_id: str) -> dict[str, Any]:
    """The body of an invoice with three lines that is issued at once."""
    return {"customer_id": customer_id, "currency": "EUR", "net_terms_days": 30, "finalize": True, "lines": LINES}


def _ids(tenant: Tenant, resource: str, most: int) -> list[str]:
    found: list[str] = []
    path: str | None = f"/v1/{resource}?limit=100"
    while path and len(found) < most:
        page = tenant.get(path).json
        found += [one["id"] for one in page["data"]]
        path = f"/v1/{resource}?limit=100&cursor={page['next_cursor']}" if page["has_more"] else None
    return found[:most]


def _reading(resource: str) -> Callable[[list[Tenant]], list[Request]]:
    def requests(tenants: list[Tenant]) -> list[Request]:
        first = tenants[0]
        return [Request("GET", f"/v1/{resource}/{id}", first.access_token) for id in _ids(first, resource, READ)]

    return requests


def _listing(path: str) -> Callable[[list[Tenant]], list[Request]]:
    return lambda tenants: [Request("GET", path, tenants[0].access_token)]


def _customers(tenants: list[Tenant]) -> list[Request]:
    return [Request("POST", "/v1/customers", tenant.access_token, customer()) for tenant in tenants]


def _invoices(tenants: list[Tenant]) -> list[Request]:
    buyers = [(tenant, id) for tenant in tenants for id in _ids(tenant, "customers", 100)]
    made = [Request("POST", "/v1/invoices", tenant.access_token, invoice(id)) for tenant, id in buyers]
    # Of one organization after the other.
    return [one for at in range(100) for one in made[at::100]]


def _is_list(page: Any) -> bool:
    return len(page["data"]) == 50 and page["has_more"]


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("get customer", _reading("customers"), lambda one: "crm_id" in one["metadata"]),
        Operation("create customer", _customers, lambda one: one["name"] == "Ada Lovelace", 201),
        Operation("list customers", _listing("/v1/customers?limit=50"), _is_list),
        Operation("get invoice", _reading("invoices"), lambda one: one["total"] == "78.00" and len(one["lines"]) == 3),
        Operation("create invoice", _invoices, lambda one: one["total"] == "78.00" and one["number"], 201),
        Operation(
            "list invoices", _listing("/v1/invoices?limit=50&status=open"),
            lambda page: _is_list(page) and all(len(one["lines"]) == 3 for one in page["data"]),
        ),
    )
}  # fmt: skip


def check(port: int, tenants: list[Tenant], operation: Operation, requests: list[Request], *, is_ours: bool) -> None:
    """What an answer must be, whoever gives it; and of ours, that it is the right one.

    Raises:
        AssertionError: it is not, and then nothing is worth measuring.
    """
    first = requests[0]
    assert send(port, Request(first.method, first.path, "nobody", first.body))[0] == 401, operation.name
    status, answer = send(port, first)
    assert status == operation.status, (operation.name, status, answer)
    assert not is_ours or operation.is_right(answer), (operation.name, answer)
    if operation.name.startswith("get"):
        assert not is_ours or answer["id"] == first.path.rpartition("/")[2]
        for path, token in (
            (first.path, tenants[1].access_token),
            (f"{first.path[:-36]}{_NOBODY}", first.token),
        ):
            assert send(port, Request("GET", path, token))[0] == 404, operation.name


def send(port: int, request: Request) -> tuple[int, Any]:
    """The status and the body of an answer."""
    body = json.dumps(request.body).replace(MARK, f"a{uuid.uuid4().hex[:7]}") if request.body else None
    headers = {"Authorization": f"Bearer {request.token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(request.method, request.path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
