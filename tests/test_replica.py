"""The service on a standby of its database: it reads there, and leaves writing to the service on the primary."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from flask import Flask
from psycopg2 import OperationalError
from sqlalchemy.engine import make_url

from billing_api import create_app
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.postgres_binaries import find, readable
from billing_api.postgres_cluster import connect
from billing_api.processes import end, spawn
from config import Config
from tests.factories import Tenant
from tests.service_processes import eventually, free_port, nobody

pytestmark = pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="a server of others need not let us copy it")

SETTINGS = ("-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "logging_collector=on")
"""It must take as many connections as the primary. Its log is kept beside its data."""


@pytest.fixture(scope="module")
def standby(app: Flask, addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address, for the service's role, of a server that follows the one of the tests."""
    folder, port, programs = tmp_path_factory.mktemp("standby"), free_port(), readable(find())
    account, primary = nobody(folder), make_url(addresses.superuser).set(drivername="postgresql")
    copying = [programs["pg_basebackup"], "--dbname", primary.render_as_string(hide_password=False)]
    copying += ["--pgdata", folder / "data", "--write-recovery-conf", "--checkpoint=fast"]
    assert spawn(copying, death=signal.SIGKILL, account=account).wait(60) == 0
    process = spawn(
        [programs["postgres"], "-D", folder / "data", "-p", str(port), *SETTINGS], death=signal.SIGKILL, account=account
    )
    url = make_url(addresses.service).set(port=port).render_as_string(hide_password=False)
    try:
        assert eventually(lambda: answers(url), 30)
        yield url
    finally:
        end(process, (signal.SIGINT, 5.0))


def answers(url: str) -> bool:
    with suppress(OperationalError):
        connect(url).close()
        return True
    return False


@pytest.fixture
def beside(config: Config, standby: str, tenant: Tenant) -> Iterator[Tenant]:
    """The tenant at the service on the standby, which has the keys of the one on the primary."""
    app = create_app(replace(config, database_url=standby))
    yield Tenant(app, tenant.organization_id, tenant.user_id, tenant.email, tenant.access_token, tenant.refresh_token)
    with app.app_context():
        db.engine.dispose()


def test_what_is_written_to_the_primary_is_soon_read_from_the_standby(tenant: Tenant, beside: Tenant) -> None:
    """With tokens and with keys. Plant the flaw by a key whose use must be noted: it opens nothing there."""
    key = tenant.post("/v1/api-keys", {"name": "x", "scopes": ["invoices:read"]}).json["secret"]
    # What is read there of the last thing that was written says that all before it is there, too.
    invoice = tenant.invoice()
    path = f"/v1/invoices/{invoice['id']}"
    assert eventually(lambda: beside.get(path).status_code == 200)
    assert beside.client.get("/health/ready").status_code == 200
    for read in (path, "/v1/invoices", f"/v1/customers?q={invoice['customer_id']}", "/v1/events", "/v1/organization"):
        there, here = beside.get(read), tenant.get(read)
        assert (there.status_code, there.json) == (200, here.json), read
    assert beside.client.get(path, headers={"X-API-Key": key}).json == tenant.get(path).json


def test_what_is_written_to_the_standby_is_told_to_come_again(tenant: Tenant, beside: Tenant) -> None:
    customer = tenant.customer()
    path = f"/v1/customers/{customer['id']}"
    assert eventually(lambda: beside.get(path).status_code == 200)
    for answer in (
        beside.post("/v1/customers", {"name": "x"}),
        beside.patch(path, {"phone": "1"}),
        beside.delete(path),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), answer.text
    assert tenant.get(path).json == customer
