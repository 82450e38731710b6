"""How cost grows: by the lines of an invoice, by the depth of a page, and by how many write in one organization."""

from collections.abc import Callable, Iterator, Sequence

from tests.bench.data import LINES
from tests.bench.load import Measured, Request
from tests.bench.operations import OPERATIONS, invoice
from tests.factories import Tenant

Run = Callable[[Sequence[Request], int], Measured]
"""Sends requests in turn, by so many clients."""

SIZES = (1, 10, 100, 1000)
FEW, MANY = 4, 16
"""So many clients send invoices of many lines; and so many issue invoices at once."""


def report(tenants: Sequence[Tenant], run: Run) -> Iterator[str]:
    """Three tables, one line after the other."""
    yield from _lines(tenants[0], run)
    yield from _pages(tenants[0], run)
    yield from _counters(tenants, run)


def _lines(tenant: Tenant, run: Run) -> Iterator[str]:
    """Invoices of so many lines; of a line what it costs more than in the invoice of the row above."""
    yield "| lines of an invoice | a second | service ms | database ms | a further line, service µs | database µs |"
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


def _pages(tenant: Tenant, run: Run) -> Iterator[str]:
    """The first page of fifty and the last, by one client."""
    yield "\n| page | a second | p50 ms | service µs | database µs |"
    yield "|---|---|---|---|---|"
    first = "/v1/invoices?limit=50"
    for name, path in (("first", first), ("last", _last(tenant, first))):
        taken = run([Request("GET", path, tenant.access_token)], 1)
        yield f"| {name} | {taken.rate:.0f} | {taken.p50:.1f} | {taken.service:.0f} | {taken.database:.0f} |" + _failed(
            taken
        )


def _last(tenant: Tenant, path: str) -> str:
    found, page = path, tenant.get(path).json
    while page["has_more"]:
        found = f"{path}&cursor={page['next_cursor']}"
        page = tenant.get(found).json
    return found


def _counters(tenants: Sequence[Tenant], run: Run) -> Iterator[str]:
    """Invoices that are issued at once: in one organization, which gives one number after the other, and in all."""
    yield "\n| organizations | issued a second | p50 ms | p99 ms |"
    yield "|---|---|---|---|"
    for several in (tenants[:1], tenants):
        taken = run(OPERATIONS["create invoice"].requests([*several]), MANY)
        yield f"| {len(several)} | {taken.rate:.0f} | {taken.p50:.0f} | {taken.p99:.0f} |" + _failed(taken)


def _failed(taken: Measured) -> str:
    return f" {taken.failed} FAILED" if taken.failed else ""
