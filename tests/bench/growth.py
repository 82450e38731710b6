"""How cost grows: by the lines of an invoice, by the depth of a page, and by how many write in one organization."""

from collections.abc import Callable, Iterator, Sequence

from tests.bench.data import LINES
from tests.bench.load import Measured, Request
from tests.bench.operations import OPERATIONS, invoice, send
from tests.factories import Tenant

Run = Callable[[Sequence[Request], int], Measured]
"""Sends requests in turn, by so many clients."""

SIZES = (1, 10, 100, 1000)
FEW, MANY = 4, 16
"""So many clients send invoices of many lines; and so many issue invoices at once."""
OF_EACH = 100
"""So many customers of an organization are read in turn, if it has them."""


def report(tenants: Sequence[Tenant], port: int, run: Run) -> Iterator[str]:
    """Three tables, one line after the other; the pages first, before they hold invoices of many lines."""
    yield from _pages(tenants[0], port, run)
    yield from _counters(tenants, run)
    yield from _lines(tenants[0], run)


def _lines(tenant: Tenant, run: Run) -> Iterator[str]:
    """Invoices of so many lines; of a line what it costs more than in the invoice of the row above."""
    yield "\n| lines of an invoice | a second | service ms | database ms | a further line, service µs | database µs |"
    yield "|---|---|---|---|---|---|"
    buyer = tenant.get("/v1/customers?limit=1").json["data"][0]["id"]
    before: tuple[int, Measured] | None = None
    for size in SIZES:
        lines = [LINES[number % len(LINES)] for number in range(size)]
        body = {**invoice(buyer), "lines": lines}
        taken = run([Request("POST", "/v1/invoices", tenant.access_token, body)], FEW)
        more = " | "
        if before is not None:
            less, other = before
            each = ((getattr(taken, name) - getattr(other, name)) / (size - less) for name in ("service", "database"))
            more = " | ".join(f"{one:.0f}" for one in each)
        yield (
            f"| {size} | {taken.rate:.1f} | {taken.service / 1000:.1f} | {taken.database / 1000:.1f} | {more} |"
            + _failed(taken)
        )
        before = size, taken


def _pages(tenant: Tenant, port: int, run: Run) -> Iterator[str]:
    """The first page of fifty and the last, by one client."""
    yield "| page | a second | p50 ms | service µs | database µs |"
    yield "|---|---|---|---|---|"
    first = "/v1/invoices?limit=50"
    for name, path in (("first", first), ("last", _last(tenant, port, first))):
        taken = run([Request("GET", path, tenant.access_token)], 1)
        yield f"| {name} | {taken.rate:.0f} | {taken.p50:.1f} | {taken.service:.0f} | {taken.database:.0f} |" + _failed(
            taken
        )


def _last(tenant: Tenant, port: int, path: str) -> str:
    """The address of the last page that is as long as the first."""
    found = before = path
    _, page = send(port, Request("GET", path, tenant.access_token))
    while page["has_more"]:
        before, found = found, f"{path}&cursor={page['next_cursor']}"
        _, page = send(port, Request("GET", found, tenant.access_token))
    return found if len(page["data"]) == 50 else before


def _counters(tenants: Sequence[Tenant], run: Run) -> Iterator[str]:
    """Customers that are read, and invoices that are issued, in one organization, which gives one number after the
    other, in one for each client, and in all."""
    yield "\n| organizations | does | a second | p50 ms | p99 ms | service µs | database µs |"
    yield "|---|---|---|---|---|---|---|"
    for count in sorted({1, min(MANY, len(tenants)), len(tenants)}):
        several = [*tenants[:count]]
        reading = [one for tenant in several for one in OPERATIONS["get customer"].requests([tenant])[:OF_EACH]]
        for does, requests in (("read", reading), ("issue", OPERATIONS["create invoice"].requests(several))):
            taken = run(requests, MANY)
            figures = (f"{taken.rate:.0f}", f"{taken.p50:.1f}", f"{taken.p99:.1f}", f"{taken.service:.0f}")
            yield f"| {count} | {does} | {' | '.join(figures)} | {taken.database:.0f} |" + _failed(taken)


def _failed(taken: Measured) -> str:
    return f" {taken.failed} FAILED" if taken.failed else ""
