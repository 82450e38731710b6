"""What the size of an invoice costs: no statement more, and of work as much for a line as for the one before it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.factories import Tenant, line
from tests.statements import recorded
from tests.work import steps

INVOICES = "/v1/invoices"


def body(tenant: Tenant, lines: int) -> dict[str, Any]:
    """Lines that differ in all that could make them statements of their own."""
    kinds: list[dict[str, Any]] = [
        {"allowances": [{"amount": "1"}, {"percent": "2", "reason": "x"}], "charges": [{"percent": "1"}]},
        {"tax_rate": "7", "sku": "S", "metadata": {"a": "1"}},
        {"tax_category": "E", "tax_rate": None, "exemption_reason": "Book"},
        {"tax_rate": None, "taxes": [{"rate": "5", "name": "state"}, {"rate": "2", "name": "town"}]},
    ]
    rows = [line(**kinds[n % len(kinds)]) for n in range(lines)]
    about = {"allowances": [{"percent": "1"}], "charges": [{"amount": "1", "tax_category": "S", "tax_rate": "19"}]}
    return {"customer_id": tenant.customer()["id"], "lines": rows, **about}


def drafted(tenant: Tenant, values: dict[str, Any]) -> str:
    answer = tenant.post(INVOICES, values)
    assert answer.status_code == 201, answer.text
    return f"{INVOICES}/{answer.json['id']}"


CALLS: dict[str, Callable[[Tenant, dict[str, Any]], tuple[str, str, Any]]] = {
    "preview": lambda tenant, values: ("POST", f"{INVOICES}/preview", values),
    "create": lambda tenant, values: ("POST", INVOICES, values),
    "issue": lambda tenant, values: ("POST", INVOICES, {**values, "finalize": True}),
    "read": lambda tenant, values: ("GET", drafted(tenant, values), None),
    "patch": lambda tenant, values: ("PATCH", drafted(tenant, values), {"notes": "x"}),
    "put": lambda tenant, values: ("PUT", drafted(tenant, values), values),
    "finalize": lambda tenant, values: ("POST", f"{drafted(tenant, values)}/finalize", {}),
    "delete": lambda tenant, values: ("DELETE", drafted(tenant, values), None),
}


@pytest.mark.parametrize("name", CALLS)
def test_forty_lines_ask_as_often_as_four(tenant: Tenant, name: str) -> None:
    # The first number of a year makes its counter.
    tenant.invoice()
    # Of each kind of line one, so that both write to every table.
    counts = []
    for lines in (4, 40):
        method, path, given = CALLS[name](tenant, body(tenant, lines))
        with recorded(tenant.app) as seen:
            answer = tenant.call(method, path, given)
        assert answer.status_code < 300, answer.text
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 30


def test_fifty_invoices_of_many_lines_are_listed_as_one_is(tenant: Tenant) -> None:
    def statements() -> tuple[int, int]:
        with recorded(tenant.app) as seen:
            answer = tenant.get(f"{INVOICES}?include=customer&include_total=true")
        assert answer.status_code == 200
        return len(answer.json["data"]), len(seen)

    drafted(tenant, body(tenant, 4))
    items, once = statements()
    for n in range(49):
        drafted(tenant, body(tenant, n % 8))
    assert (items, statements()) == (1, (50, once))


@pytest.mark.parametrize(
    "lines",
    [pytest.param(100, id="200 lines"), pytest.param(500, id="1,000 lines", marks=pytest.mark.slow)],
)
def test_twice_the_lines_are_twice_the_work(tenant: Tenant, lines: int) -> None:
    def draft(count: int) -> int:
        values = body(tenant, count)
        return steps(lambda: drafted(tenant, values))

    draft(4)
    once, twice = draft(lines), draft(2 * lines)
    assert 1.8 * once < twice < 2.1 * once
