"""Closing an organization: nobody comes in any more, whoever was in keeps nothing, all data stay, and the way back."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api.auth.service import open_session
from billing_api.database import enter, transaction
from billing_api.embedded import Addresses
from billing_api.organizations import service
from tests.commands import typed
from tests.factories import PASSWORD, Tenant, login, refresh
from tests.meddling import IN_VAIN, one_within_the_other
from tests.meetings import facts
from tests.money_races import outcome_of
from tests.schema import connected
from tests.service_processes import environment, free_port
from tests.spoilt import spoil
from tests.web.refusals import codes, refused

CLOSE = ("POST", "/v1/organization/close", {"name": "Analytical Engines"})
WRITE = ("POST", "/v1/customers", {"name": "Too late?"})


def close(tenant: Tenant) -> TestResponse:
    return tenant.call(*CLOSE)


def rows(addresses: Addresses, tenant: Tenant, query: str) -> list[tuple[object, ...]]:
    with connected(addresses.owner) as cursor:
        cursor.execute(query, [str(tenant.organization_id)])
        found: list[tuple[object, ...]] = cursor.fetchall()
        return found


def test_a_closed_organization_lets_nobody_in_and_keeps_what_it_had(tenant: Tenant, addresses: Addresses) -> None:
    colleague, invoice = tenant.colleague("admin"), tenant.invoice()
    assert tenant.get("/v1/organization").json["closed_at"] is None
    closed = close(tenant)
    assert closed.status_code == 200
    assert closed.json["closed_at"] is not None
    for somebody in (tenant, colleague):
        for method, path, body in (("GET", "/v1/me", None), ("GET", "/v1/events", None), WRITE):
            refused(somebody.call(method, path, body), 401, "unauthenticated")
        refused(somebody.post("/v1/auth/logout"), 401, "unauthenticated")
        refused(refresh(somebody.client, somebody.refresh_token), 401, "invalid-refresh-token")
        refused(login(somebody.client, somebody.email), 401, "invalid-credentials")
    refused(close(tenant), 401, "unauthenticated")
    kept = rows(addresses, tenant, "SELECT number FROM invoices WHERE organization_id = %s")
    assert kept == [(invoice["number"],)]
    last = "SELECT type FROM events WHERE organization_id = %s ORDER BY sequence DESC LIMIT 1"
    assert rows(addresses, tenant, last) == [("organization.closed",)]
    noted = "SELECT action, data ->> 'reason' FROM audit_entries WHERE organization_id = %s ORDER BY id DESC LIMIT 3"
    refusal = ("login.refused", "organization closed")
    assert rows(addresses, tenant, noted) == [refusal, refusal, ("organization.closed", None)]


def test_a_closed_organization_looks_like_a_wrong_password(tenant: Tenant) -> None:
    wrong = tenant.app.test_client().post("/v1/auth/login", json={"email": tenant.email, "password": PASSWORD + "!"})
    assert close(tenant).status_code == 200
    right = login(tenant.client, tenant.email)
    assert {**right.json, "request_id": None} == {**wrong.json, "request_id": None}
    assert set(right.headers.keys()) == set(wrong.headers.keys())


def test_who_closes_says_the_name_exactly_and_others_stay_open(tenant: Tenant, other: Tenant) -> None:
    for name in ("analytical engines", "Analytical Engine", "Analytical Engines GmbH"):
        answer = tenant.post("/v1/organization/close", {"name": name})
        refused(answer, 422, "name-not-confirmed")
        assert codes(answer) == {("/name", "name-not-confirmed")}
    assert tenant.post("/v1/organization/close?dry_run=true", CLOSE[2]).json["closed_at"] is not None
    assert tenant.patch("/v1/organization", {"closed_at": None}).status_code == 422
    assert tenant.get("/v1/organization").json["closed_at"] is None
    assert close(tenant).status_code == 200
    assert other.get("/v1/me").status_code == login(other.client, other.email).status_code == 200


def test_the_operators_commands_stop_at_a_closed_organization(app: Flask, tenant: Tenant) -> None:
    assert close(tenant).status_code == 200
    with app.app_context(), pytest.raises(service.OrganizationClosed), transaction():
        open_session(tenant.email, dt.timedelta(days=1))


def test_the_operator_opens_it_again(tenant: Tenant, addresses: Addresses, tmp_path: Path) -> None:
    assert close(tenant).status_code == 200
    urls = {"DATABASE_URL": addresses.service, "MIGRATION_DATABASE_URL": addresses.owner}

    def run(*words: str) -> str:
        ended = typed(*words, env=environment(tmp_path, free_port(), **urls))
        return f"{ended.returncode} {ended.stdout}{ended.stderr}".strip()

    path = tmp_path / "customers.csv"
    path.write_text("external_id,name\nC-1,New\n")
    imported = run("import", "customers", str(path), "--organization", str(tenant.organization_id))
    assert imported.endswith("billing-api: The organization is closed")
    assert run("organizations", "reopen", "--organization", tenant.email) == "0 Analytical Engines is open"
    assert run("organizations", "reopen", "--organization", str(tenant.organization_id)).startswith("0 ")
    assert tenant.get("/v1/organization").json["closed_at"] is None
    assert facts(tenant)[-2:] == ["organization.closed", "organization.reopened"]
    assert tenant.get("/v1/audit-log?limit=1").json["data"][0]["action"] == "organization.reopened"
    assert tenant.customer()
    assert login(tenant.client, tenant.email).status_code == 200


def test_what_came_in_before_the_closing_and_ends_after_it_is_undone(tenant: Tenant) -> None:
    in_two_messages = ("POST", "/v1/tax-rates", {"name": "Too late?", "rate": "19", "category": "S"})
    written, closed = one_within_the_other(tenant, (in_two_messages, CLOSE), "INSERT INTO tax_rates", IN_VAIN)
    assert (outcome_of(written), outcome_of(closed)) == ("unauthenticated", "done")


def test_what_ends_before_the_closing_stays(tenant: Tenant, addresses: Addresses) -> None:
    closed, written = one_within_the_other(tenant, (CLOSE, WRITE), "UPDATE organizations", IN_VAIN)
    assert (outcome_of(closed), outcome_of(written)) == ("done", "done")
    assert rows(addresses, tenant, "SELECT name FROM customers WHERE organization_id = %s") == [("Too late?",)]


def test_of_two_closings_one_is_stated(tenant: Tenant, addresses: Addresses) -> None:
    one_within_the_other(tenant, (CLOSE, CLOSE), r"FROM organizations\s+WHERE")
    stated = "SELECT count(*) FROM events WHERE organization_id = %s AND type = 'organization.closed'"
    assert rows(addresses, tenant, stated) == [(1,)]


@contextmanager
def as_it_was(addresses: Addresses, do: str, undo: str) -> Iterator[None]:
    with connected(addresses.owner) as cursor:
        cursor.execute(do)
        try:
            yield
        finally:
            cursor.execute(undo)


def test_without_the_guard_of_the_counter_a_late_write_would_be_kept(tenant: Tenant, addresses: Addresses) -> None:
    spoil(tenant)
    switch = "ALTER TABLE event_counters {} TRIGGER closed_for_all"
    with as_it_was(addresses, switch.format("DISABLE"), switch.format("ENABLE")):
        written, closed = one_within_the_other(tenant, (WRITE, CLOSE), "INSERT INTO customers", IN_VAIN)
    assert (outcome_of(written), outcome_of(closed)) == ("done", "done")


def test_without_its_look_at_the_organization_a_session_would_still_hold(tenant: Tenant, addresses: Addresses) -> None:
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT pg_get_functiondef('assert_session'::regproc)")
        (now,) = cursor.fetchone()
    before = now.replace("o.closed_at IS NULL", "true")
    assert before != now
    assert close(tenant).status_code == 200
    with as_it_was(addresses, before, now):
        assert tenant.get("/v1/invoices").status_code == 200
    refused(tenant.get("/v1/invoices"), 401)


def test_without_their_looks_login_and_refresh_would_open_the_door(
    app: Flask, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert close(tenant).status_code == 200
    with app.app_context(), transaction(read_only=True):
        enter(tenant.organization_id)
        forgetful = service.current()
    forgetful.closed_at = None
    monkeypatch.setattr(service, "current", lambda **_: forgetful)
    # No session is kept, because the counter of events does not let its fact be stated; a refresh states none.
    assert login(tenant.client, tenant.email).json["code"] == "unauthenticated"
    assert refresh(tenant.client, tenant.refresh_token).status_code == 200
