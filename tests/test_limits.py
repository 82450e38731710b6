"""The limits of every transaction: no statement, no wait for a lock and no idling lasts, and a read writes nothing."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from gunicorn.config import Timeout

from billing_api import create_app
from billing_api.customers.models import Customer
from billing_api.database import db, enter, find, transaction
from billing_api.embedded import Addresses
from billing_api.web.app import SAFE
from config import Config
from tests.factories import Tenant
from tests.schema import connected

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SHOW = sa.text("SELECT " + ", ".join(f"current_setting('{name}')" for name in (*LIMITS, "transaction_read_only")))
WORKER_SECONDS = Timeout.default
"""gunicorn's own limit, which we leave as it is: it kills a worker, with all of its requests."""


@pytest.fixture
def hurried(app: Flask, config: Config) -> Iterator[Flask]:
    """The application with limits that a test can wait for."""
    found = create_app(replace(config, statement_timeout_ms=200, lock_timeout_ms=100))
    found.config["BILLING_IDLE_IN_TRANSACTION_TIMEOUT_MS"] = 200
    yield found
    with found.app_context():
        db.engine.dispose()


def as_in(app: Flask, tenant: Tenant) -> Tenant:
    """The same tenant at another instance of the service."""
    return Tenant(app, tenant.organization_id, tenant.user_id, tenant.email, tenant.access_token, tenant.refresh_token)


@contextmanager
def slowed(app: Flask, table: str) -> Iterator[None]:
    """Let each statement upon the table be preceded by a second of sleep, in the same message."""

    def sleep(c: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> tuple[str, Any]:
        for words in (f"SELECT {table}", f"SELECT CAST({table}", f"UPDATE {table}"):
            statement = statement.replace(words, f"SELECT pg_sleep(1); {words}")
        return statement, parameters

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", sleep, retval=True)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", sleep)


@pytest.mark.parametrize("read_only", [True, False], ids=["read", "write"])
def test_every_transaction_has_its_limits_all_below_the_workers(
    app: Flask, config: Config, tenant: Tenant, read_only: bool
) -> None:
    with app.app_context(), transaction(read_only=read_only):
        enter(tenant.organization_id)
        for _ in range(2):
            *limits, is_read_only = db.session.execute(SHOW).one()
            assert is_read_only == ("on" if read_only else "off")
            seconds = [float(limit.removesuffix("s")) for limit in limits]
            assert seconds == [config.statement_timeout_ms / 1000, config.lock_timeout_ms / 1000, 10]
            assert 0 < min(seconds) <= max(seconds) < WORKER_SECONDS


def test_after_a_transaction_nothing_is_left_of_its_limits(app: Flask, tenant: Tenant) -> None:
    assert tenant.get("/v1/customers").status_code == 200
    with app.app_context(), db.engine.connect() as connection:
        assert tuple(connection.execute(SHOW).one()) == ("0", "0", "0", "off")


def test_a_statement_that_takes_too_long_is_ended(hurried: Flask, tenant: Tenant) -> None:
    customer = tenant.customer()
    there, path = as_in(hurried, tenant), f"/v1/customers/{customer['id']}"
    with slowed(hurried, "customers"):
        for answer in (there.get("/v1/customers"), there.patch(path, {"phone": "1"})):
            assert answer.status_code == 503, answer.text
            assert "Retry-After" in answer.headers
    assert tenant.get(path).json["phone"] is None
    assert there.patch(path, {"phone": "1"}).status_code == 200


def test_a_wait_for_a_lock_on_a_table_is_ended_though_the_statement_is_not_known_yet(
    hurried: Flask, tenant: Tenant, addresses: Addresses
) -> None:
    """As beside a migration. Plant the flaw by telling a connection without limits: it waits until it is given up, and
    then the whole process waits for the database."""
    customer, there = tenant.customer(), as_in(hurried, tenant)
    with connected(addresses.owner) as cursor:
        cursor.execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        answer = there.get(customer["links"]["self"])
        assert (answer.status_code, answer.json["code"]) == (503, "held-by-another"), answer.text
        assert there.get("/v1/organization").status_code == 200
        cursor.execute("ROLLBACK")
    assert there.get(customer["links"]["self"]).status_code == 200


def test_a_wait_for_a_lock_is_ended(hurried: Flask, tenant: Tenant, addresses: Addresses) -> None:
    customer = tenant.customer()
    there, path = as_in(hurried, tenant), f"/v1/customers/{customer['id']}"
    with connected(addresses.owner) as cursor:
        cursor.execute("BEGIN; SELECT FROM customers WHERE id = %s FOR UPDATE", [customer["id"]])
        answer = there.patch(path, {"phone": "1"})
        assert (answer.status_code, answer.json["code"]) == (503, "held-by-another"), answer.text
        assert "Retry-After" in answer.headers
        assert there.get(path).status_code == 200
        cursor.execute("ROLLBACK")
    assert there.patch(path, {"phone": "1"}).status_code == 200


def test_a_transaction_that_idles_is_ended_and_undone(hurried: Flask, tenant: Tenant) -> None:
    customer = tenant.customer()

    def idle() -> None:
        with transaction():
            enter(tenant.organization_id)
            find(Customer, customer["id"], lock=True).phone = "1"
            db.session.flush()
            time.sleep(0.6)
            db.session.execute(SHOW)

    with hurried.app_context(), pytest.raises(sa.exc.OperationalError):
        idle()
    assert tenant.get(f"/v1/customers/{customer['id']}").json["phone"] is None


def write_in_a_read(tenant: Tenant, id: uuid.UUID, kind: str, *, is_sent: bool) -> None:
    with transaction(read_only=True):
        enter(tenant.organization_id)
        row = find(Customer, id)
        if kind == "insert":
            db.session.add(Customer(name="x", type="business", tax_treatment="standard", metadata_={}))
        elif kind == "update":
            row.phone = "1"
        elif kind == "delete":
            db.session.delete(row)
        else:
            db.session.execute(sa.text("UPDATE customers SET phone = '1'"))
        if is_sent:
            db.session.flush()


@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "left to the end"])
@pytest.mark.parametrize("kind", ["insert", "update", "delete", "raw"])
def test_a_write_in_a_read_is_an_error_and_not_kept(app: Flask, tenant: Tenant, kind: str, is_sent: bool) -> None:
    customer = tenant.customer()
    with app.app_context(), pytest.raises(sa.exc.InternalError, match="read-only"):
        write_in_a_read(tenant, customer["id"], kind, is_sent=is_sent)
    assert [one["id"] for one in tenant.get("/v1/customers").json["data"]] == [customer["id"]]
    assert tenant.get(f"/v1/customers/{customer['id']}").json["phone"] is None


def test_a_safe_method_reads_only(app: Flask) -> None:
    assert {"GET", "HEAD", "OPTIONS"} >= SAFE >= {"GET", "HEAD"}
