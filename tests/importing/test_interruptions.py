"""An import outlasts a database that is held by others for a while, and says so when it cannot."""

import dataclasses
import gc
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from billing_api.embedded import Addresses
from billing_api.importing import Interrupted, of_customers, of_invoices, records
from billing_api.postgres_cluster import connect
from tests.factories import Tenant
from tests.importing.conftest import Import, Run, customers, invoices, jsonl, sheet


@contextmanager
def held(addresses: Addresses, tenant: Tenant) -> Iterator[Any]:
    """The number series of an organization, locked by somebody else until the end, or a rollback."""
    with closing(connect(addresses.owner)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        query = "SELECT FROM number_series WHERE organization_id = %s FOR UPDATE"
        cursor.execute(query, [str(tenant.organization_id)])
        yield connection


@pytest.fixture
def path(tenant: Tenant, tmp_path: Path) -> Path:
    """Three invoices of a customer who is there."""
    tenant.customer(external_id="C-0")
    return jsonl(tmp_path / "i.jsonl", invoices(3, 1))


@pytest.fixture
def _impatient(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tenant.app.config, "BILLING_LOCK_TIMEOUT_MS", 100)


@pytest.mark.usefixtures("_impatient")
def test_a_batch_that_waited_for_a_lock_in_vain_is_tried_again(
    tenant: Tenant, take: Import, addresses: Addresses, path: Path
) -> None:
    with held(addresses, tenant) as connection:
        release = threading.Timer(0.5, connection.rollback)
        release.start()
        found = take(path, of_invoices(), pauses=[0.1] * 100)
        release.join()
    assert (found.counts, found.faults) == ((3, 0, 0), [])


@pytest.mark.usefixtures("_impatient")
def test_where_the_lock_is_never_had_what_was_kept_stays_and_is_passed_over_the_next_time(
    tenant: Tenant, take: Import, addresses: Addresses, path: Path
) -> None:
    each, batches = dataclasses.replace(of_invoices(), batch=1), iter(range(3))
    why = "Another request holds what this one needs"
    told = rf"from line 2 on, in 3 attempts: {why}\. What was kept before stays \(1 imported\)"
    with ExitStack() as stack:

        def lock_after_the_first() -> None:
            if next(batches) == 0:
                stack.enter_context(held(addresses, tenant))

        with pytest.raises(Interrupted, match=told):
            take(path, each, pauses=[0.01, 0.01], on_batch=lock_after_the_first)
    assert take(path, each).counts == (2, 1, 0)


def test_a_table_that_is_left_in_its_middle_is_let_go_in_silence(tmp_path: Path) -> None:
    path = sheet(tmp_path / "c.csv", customers(2))
    with path.open("rb") as file:
        found = records(path, file, of_customers())
        assert next(found).values["external_id"] == "C-0"
    del found
    gc.collect()


@pytest.mark.slow
def test_the_command_ends_in_one_line_when_others_do_not_let_go(
    tenant: Tenant, addresses: Addresses, path: Path, run: Run
) -> None:
    with held(addresses, tenant):
        ended = run("invoices", path, "--organization", tenant.email)
    assert (ended.returncode, ended.stdout) == (1, "")
    told = "Error: i.jsonl: the database did not take the records from line 1 on, in 5 attempts: "
    assert ended.stderr.splitlines()[-1].startswith(told)
    assert "Traceback" not in ended.stderr
    again = run("invoices", path, "--organization", tenant.email)
    assert again.stdout == "invoices: 3 imported, 0 already there, 0 rejected\n"
