"""How a unit of work speaks to the database: in which messages it begins, asks and ends."""

from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS
from sqlalchemy.exc import IntegrityError, OperationalError

from billing_api import connections
from billing_api.database import ask, db, enter, transaction
from billing_api.embedded import Addresses
from billing_api.statement import Statement
from billing_api.unit_of_work import unit
from tests import kept
from tests.factories import Tenant
from tests.schema import as_superuser
from tests.service_processes import eventually
from tests.statements import recorded

SETTING = Statement("SELECT current_setting('app.organization_id', true), current_setting('transaction_read_only')", {})
WRITING = Statement("UPDATE organizations SET name = name RETURNING id", {})
END = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
LEFT = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
TORN = Statement("INSERT INTO event_counters VALUES (%(id)s, 0) RETURNING organization_id", {})


def status() -> Any:
    connection: Any = unit().connection
    return connection.dbapi_connection.info.transaction_status


def test_what_is_asked_alone_is_a_transaction_by_its_message(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        for _ in range(2):
            assert ask(SETTING, {}, alone=True) == [(str(tenant.organization_id), "on")]
            assert status() == TRANSACTION_STATUS_IDLE
        assert ask(SETTING, {}) == [(str(tenant.organization_id), "on")]
        assert status() == TRANSACTION_STATUS_INTRANS
        # Another that was begun before is gone on with.
        assert ask(SETTING, {}, alone=True) == [(str(tenant.organization_id), "on")]
        assert status() == TRANSACTION_STATUS_INTRANS


def test_what_is_asked_alone_cannot_write(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        with pytest.raises(sa.exc.InternalError) as caught:
            ask(WRITING, {}, alone=True)
    assert caught.value.orig.pgcode == "25006"  # type: ignore[union-attr]  # psycopg2's own


def test_a_session_and_the_drivers_cursor_are_in_one_transaction(tenant: Tenant) -> None:
    with tenant.app.app_context(), transaction():
        enter(tenant.organization_id)
        ask(WRITING, {})
        (mine,) = ask(Statement("SELECT pg_current_xact_id()::text", {}), {})
        assert db.session.scalar(sa.text("SELECT pg_current_xact_id()::text")) == mine[0]


def test_a_short_read_takes_one_message(tenant: Tenant) -> None:
    customer = tenant.customer()
    with recorded(tenant.app) as seen:
        assert tenant.get(customer["links"]["self"]).status_code == 200
    assert len(seen) == 1
    assert "BEGIN" not in seen[0][0]


def test_a_transaction_that_has_failed_is_not_said_to_be_kept(tenant: Tenant) -> None:
    """PostgreSQL answers COMMIT with ROLLBACK there, which psycopg2 takes for success."""

    def pass_over() -> None:
        with transaction():
            enter(tenant.organization_id)
            with pytest.raises(IntegrityError) as caught:
                ask(TORN, {"id": tenant.organization_id})
            assert not caught.value.connection_invalidated

    with tenant.app.app_context(), pytest.raises(RuntimeError, match="failed"):
        pass_over()


def test_what_has_never_begun_is_not_said_to_be_kept(tenant: Tenant) -> None:
    """What cannot be sent at all takes the beginning with it, in whose message it stood."""

    def pass_over() -> None:
        with transaction():
            enter(tenant.organization_id)
            with pytest.raises(ValueError, match="NUL"):
                ask(TORN, {"id": "\0"})
            ask(WRITING, {})

    with tenant.app.app_context(), pytest.raises(RuntimeError, match="never begun"):
        pass_over()


def test_a_unit_whose_connection_broke_is_told_so_again_and_can_be_tried_anew(
    tenant: Tenant, addresses: Addresses
) -> None:
    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        ask(SETTING, {})
        with as_superuser(addresses) as cursor:
            cursor.execute(END, [sa.make_url(addresses.service).username])
        for _ in range(2):
            with pytest.raises(OperationalError) as caught:
                ask(SETTING, {})
            assert caught.value.connection_invalidated


def test_what_could_not_be_sent_has_announced_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a statement cannot be prepared: what is sent next still tells whose it is."""

    def fails(*_: object) -> str:
        raise psycopg2.OperationalError("the lock is held")

    with tenant.app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        with monkeypatch.context() as patch:
            patch.setattr(connections, "known", fails)
            with pytest.raises(OperationalError):
                ask(SETTING, {})
        assert [*ask(SETTING, {})] == [(str(tenant.organization_id), "on")]


def test_outside_of_a_unit_of_work_nobody_takes_a_connection(app: Flask) -> None:
    with app.app_context(), pytest.raises(LookupError, match="unit of work"):
        ask(SETTING, {})


def test_a_connection_that_was_ended_in_the_pool_costs_nobody_an_answer(
    tenant: Tenant, app: Flask, addresses: Addresses
) -> None:
    customer, service = tenant.customer(), [sa.make_url(addresses.service).username]
    with recorded(app) as seen, kept.uncompared(), as_superuser(addresses) as cursor:

        def is_any_left() -> bool:
            cursor.execute(LEFT, service)
            return bool(cursor.fetchone()[0])

        for _ in range(3):
            cursor.execute(END, service)
            assert eventually(lambda: not is_any_left(), 10)
            assert tenant.get(customer["links"]["self"]).status_code == 200
    assert len(seen) == 3, "none was sent in vain"
