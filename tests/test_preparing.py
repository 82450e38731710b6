"""Statements that a connection is told once, and is then asked by name."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError, IntegrityError

from billing_api import connections, preparing
from billing_api.database import ask, db, enter, transaction
from billing_api.embedded import Addresses
from billing_api.errors import Unavailable
from billing_api.statement import Statement
from billing_api.web.errors import is_passing, refusal_for, sqlstate
from tests.factories import Tenant
from tests.schema import connected

PREPARED = sa.text(
    "SELECT statement, custom_plans + generic_plans FROM pg_prepared_statements WHERE statement LIKE :like"
)
DOUBLED = Statement("SELECT %(number)s::int * 2, %(number)s::int, '50 %%', %(word)s::text", {"word": "it's"})
TORN = Statement("INSERT INTO event_counters VALUES (%(id)s, 0) RETURNING organization_id", {})


def told(like: str) -> list[tuple[str, int]]:
    """What this connection knows, and how often each was planned or used as planned."""
    return [(text, uses) for text, uses in db.session.execute(PREPARED, {"like": like})]


def test_a_statement_is_told_once_and_asked_often(tenant: Tenant) -> None:
    with tenant.app.app_context():
        db.engine.dispose()
        with transaction(read_only=True):
            enter(tenant.organization_id)
            for number in range(4):
                assert ask(DOUBLED, {"number": number}) == [(number * 2, number, "50 %", "it's")]
            ((text, uses),) = told("%50%%")
    assert uses == 4
    assert "SELECT $1::int * 2, $1::int, '50 %', $2::text" in text


def test_one_that_fails_is_known_all_the_same(tenant: Tenant) -> None:
    def tear() -> None:
        with tenant.app.app_context(), transaction():
            enter(tenant.organization_id)
            ask(TORN, {"id": tenant.organization_id})

    for _ in range(2):
        with pytest.raises(IntegrityError):
            tear()


def test_a_new_connection_is_told_anew(tenant: Tenant) -> None:
    with tenant.app.app_context():
        for _ in range(2):
            db.engine.dispose()
            with transaction(read_only=True):
                enter(tenant.organization_id)
                assert ask(DOUBLED, {"number": 1})
                assert [uses for _, uses in told("%50%%")] == [1]


def test_where_others_hear_it_nothing_more_is_told(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a pooler, whose other connections were told what this one was, or were not."""
    monkeypatch.setattr(preparing, "_pooled", type(preparing._pooled)())
    with tenant.app.app_context():
        for attempt in range(2):
            with transaction(read_only=True):
                enter(tenant.organization_id)
                ask(DOUBLED, {"number": 1})
                if attempt == 0:
                    db.session.execute(sa.text("DEALLOCATE ALL"))
                    with pytest.raises(DBAPIError) as caught:
                        ask(DOUBLED, {"number": 1})
                    assert sqlstate(caught.value) == "26000"
                    assert is_passing(caught.value)
                    # Who does not run again by itself, as an import, is told to.
                    assert isinstance(refusal_for(caught.value), Unavailable)
                else:
                    assert told("%50%%") == []
        assert db.engine in preparing._pooled
        # What was forgotten here is not to be thought known by the tests that follow.
        db.engine.dispose()


def test_of_several_statements_those_before_one_that_fails_are_known(tenant: Tenant, addresses: Addresses) -> None:
    """Plant the flaw by telling all in one message: the second time the first is there already."""
    both = [Statement("SELECT %(number)s::int + 40", {}), Statement("SELECT FROM customers WHERE id = %(id)s", {})]
    given = {"number": 2, "id": tenant.user_id}

    def send() -> None:
        with tenant.app.app_context(), transaction():
            enter(tenant.organization_id)
            ask(DOUBLED, {"number": 1})
            connections.tell(db.engine, both, given)

    with tenant.app.app_context():
        db.engine.dispose()
    with connected(addresses.owner) as owner:
        owner.execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DBAPIError):
            send()
        owner.execute("ROLLBACK")
    send()
    with tenant.app.app_context():
        assert db.engine not in preparing._pooled


def test_a_request_that_meets_it_is_answered(tenant: Tenant, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_pooled", type(preparing._pooled)())
    customer = tenant.customer()["id"]
    assert tenant.get(f"/v1/customers/{customer}").status_code == 200
    with app.app_context(), transaction():
        db.session.execute(sa.text("DEALLOCATE ALL"))
    assert tenant.get(f"/v1/customers/{customer}").status_code == 200
    with app.app_context():
        assert db.engine in preparing._pooled
        db.engine.dispose()
