"""How much memory a worker takes once it has answered what is asked often."""

import functools
from pathlib import Path

import pytest
from flask import Flask

from config import Config
from tests.bench.load import mebibytes
from tests.bench.operations import customer, invoice
from tests.factories import Tenant
from tests.live_service import LiveService, serving, together

MOST = 120
"""MiB of a worker: its own, and its share of what it has in common with the process that it was forked from."""
CLIENTS = 16


@pytest.mark.parametrize("count", [256, pytest.param(2048, marks=pytest.mark.slow)])
def test_a_worker_keeps_within_its_memory(
    config: Config, app: Flask, tenant: Tenant, tmp_path: Path, count: int
) -> None:
    """Plant the flaw by keeping all answers: after two thousand they are 168 MiB."""
    with serving(config, tmp_path / "log") as live:
        together([functools.partial(work, live, tenant, number, count // CLIENTS // 8) for number in range(CLIENTS)])
        sizes = [mebibytes(pid) for pid in live.workers()]
        print(f"{count} requests; MiB of each worker: {', '.join(f'{size:.0f}' for size in sizes)}")
        assert len(sizes) == 2
        assert max(sizes) < MOST


def work(live: LiveService, tenant: Tenant, client: int, rounds: int) -> None:
    """Eight requests of all kinds in each round, upon a customer and an invoice of this client's own."""
    mine = live.insist("POST", "/v1/customers", customer(str(client)), tenant.headers).json["id"]
    issued = live.insist("POST", "/v1/invoices", invoice(mine), tenant.headers).json["id"]
    for number in range(rounds):
        for method, path, body in (
            ("GET", f"/v1/customers/{mine}", None),
            ("GET", f"/v1/invoices/{issued}", None),
            ("GET", "/v1/customers?limit=50", None),
            ("GET", "/v1/invoices?limit=50", None),
            ("GET", "/v1/events?limit=50", None),
            ("POST", "/v1/customers", customer(f"{client}-{number}")),
            ("POST", "/v1/invoices", invoice(mine)),
            ("PATCH", f"/v1/customers/{mine}", {"phone": str(number)}),
        ):
            assert live.insist(method, path, body, tenant.headers).status in {200, 201}
