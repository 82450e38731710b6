"""Guessing passwords: how often it may go wrong, alike for addresses that somebody has and that nobody has."""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import clock
from billing_api.auth import lockout, passwords
from billing_api.auth.models import LoginAttempts
from billing_api.database import db, transaction
from billing_api.domain.emails import fold
from billing_api.embedded import Addresses
from billing_api.reaping import reap
from tests.auth.test_sessions import VARYING
from tests.factories import PASSWORD, Tenant, login, refresh, renewed
from tests.live_service import LiveService, together
from tests.schema import connected

WRONG = "another long password"
QUARTER = dt.timedelta(minutes=15)


@pytest.fixture
def later() -> Iterator[Callable[[dt.timedelta], None]]:
    """Let the clock go on by so much; it stands still between."""
    with time_machine.travel(clock.now(), tick=False) as time:
        yield time.shift


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed to be compared."""
    found: list[str] = []
    matches = passwords.matches

    def noting(stored: str | None, password: str) -> bool:
        found.append(password)
        return matches(stored, password)

    monkeypatch.setattr(passwords, "matches", noting)
    return found


def guess(client: FlaskClient, email: str, password: str = WRONG) -> TestResponse:
    return login(client, email, password)


def guesses(client: FlaskClient, email: str, times: int) -> Counter[int]:
    return Counter(guess(client, email).status_code for _ in range(times))


def test_the_eleventh_guess_in_a_quarter_of_an_hour_is_not_looked_at(
    client: FlaskClient, tenant: Tenant, verified: list[str]
) -> None:
    assert guesses(client, tenant.email, 10) == {401: 10}
    verified.clear()
    closed = guess(client, tenant.email, PASSWORD)
    assert (closed.status_code, closed.json["code"]) == (429, "too-many-attempts")
    assert 890 <= int(closed.headers["Retry-After"]) <= 900
    assert verified == []


def test_an_address_that_nobody_has_is_closed_alike(client: FlaskClient, tenant: Tenant, verified: list[str]) -> None:
    seen = []
    for email in (tenant.email, f"nobody.{tenant.email}", tenant.colleague("viewer", status="disabled").email):
        assert guesses(client, email, 10) == {401: 10}
        answer = guess(client, email)
        told = {name: value for name, value in answer.headers.items() if name not in VARYING}
        told["Retry-After"] = "900" if int(told["Retry-After"]) > 890 else told["Retry-After"]
        seen.append((answer.status_code, told, {**answer.json, "request_id": None}))
    assert seen == seen[:1] * 3
    assert len(verified) == 30


def test_the_spelling_of_an_address_gives_no_further_guesses(client: FlaskClient, tenant: Tenant) -> None:
    assert guesses(client, tenant.email, 10) == {401: 10}
    assert guesses(client, tenant.email.upper(), 2) == {429: 2}


def test_sessions_go_on_while_the_address_is_closed(client: FlaskClient, tenant: Tenant) -> None:
    guesses(client, tenant.email, 11)
    assert tenant.get("/v1/me").status_code == 200
    grant = refresh(client, tenant.refresh_token)
    assert grant.status_code == 200


def test_the_window_slides(client: FlaskClient, tenant: Tenant, later: Callable[[dt.timedelta], None]) -> None:
    assert guesses(client, tenant.email, 4) == {401: 4}
    later(dt.timedelta(minutes=10))
    assert guesses(client, tenant.email, 7) == {401: 6, 429: 1}
    closed = guess(client, tenant.email)
    assert int(closed.headers["Retry-After"]) == 300
    later(dt.timedelta(minutes=5))
    assert guesses(client, tenant.email, 5) == {401: 4, 429: 1}


def test_what_is_refused_does_not_put_off_the_end(
    client: FlaskClient, tenant: Tenant, later: Callable[[dt.timedelta], None]
) -> None:
    guesses(client, tenant.email, 10)
    later(QUARTER - dt.timedelta(seconds=1))
    assert guess(client, tenant.email).headers["Retry-After"] == "1"
    later(dt.timedelta(seconds=1))
    assert guess(client, tenant.email, PASSWORD).status_code == 200


def test_a_success_begins_the_count_anew(client: FlaskClient, tenant: Tenant) -> None:
    assert guesses(client, tenant.email, 9) == {401: 9}
    assert guess(client, tenant.email, PASSWORD).status_code == 200
    assert guesses(client, tenant.email, 11) == {401: 10, 429: 1}


def test_after_a_hundred_in_a_row_only_a_new_password_opens_the_address(
    app: Flask, client: FlaskClient, tenant: Tenant, later: Callable[[dt.timedelta], None]
) -> None:
    for _ in range(10):
        assert guesses(client, tenant.email, 10) == {401: 10}
        later(QUARTER)
    later(dt.timedelta(days=365))
    closed = guess(client, tenant.email, PASSWORD)
    assert (closed.status_code, closed.headers["Retry-After"]) == (429, "900")
    with app.app_context(), transaction():
        lockout.forget(tenant.email)
    assert guess(client, tenant.email, PASSWORD).status_code == 200


def noted(tenant: Tenant, action: str = "login.refused") -> list[dict[str, Any]]:
    """What the audit log says of failed logins, the oldest first."""
    found = tenant.get(f"/v1/audit-log?action={action}&sort=created_at&limit=100").json["data"]
    return [one["data"] for one in found]


def instant(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_the_failure_that_closes_an_address_says_so_in_the_audit_log(
    client: FlaskClient, tenant: Tenant, later: Callable[[dt.timedelta], None]
) -> None:
    began = clock.now()
    guesses(client, tenant.email, 4)
    later(dt.timedelta(minutes=10))
    guesses(client, tenant.email, 9)
    usual = {"reason": "wrong password"}
    closing = {**usual, "closed_until": instant(began + QUARTER)}
    assert noted(tenant) == [usual] * 9 + [closing]
    later(dt.timedelta(minutes=5))
    guesses(client, tenant.email, 5)
    tenant = renewed(tenant)
    again = {**usual, "closed_until": instant(began + dt.timedelta(minutes=25))}
    assert noted(tenant)[10:] == [usual] * 3 + [again]


def test_a_code_that_is_lacking_or_wrong_may_close_an_address_too(client: FlaskClient, tenant: Tenant) -> None:
    lacking, wrong = tenant.colleague("viewer"), tenant.colleague("viewer")
    for user, code in ((lacking, ""), (wrong, "000000")):
        user.second_factor()
        for _ in range(10):
            assert login(client, user.email, code=code).status_code == 401
    for action in ("login.code_required", "login.refused"):
        assert ["closed_until" in data for data in noted(tenant, action)] == [False] * 9 + [True]


def test_what_only_a_new_password_opens_is_noted_as_closed_for_good(
    app: Flask, client: FlaskClient, tenant: Tenant
) -> None:
    guess(client, tenant.email)
    with app.app_context(), transaction():
        held = sa.update(LoginAttempts).where(LoginAttempts.subject == lockout._of_address(tenant.email))
        db.session.execute(held.values(in_row=99))
    assert guesses(client, tenant.email, 2) == {401: 1, 429: 1}
    assert noted(tenant)[-1] == {"reason": "wrong password", "closed_until": None}


def attempts(app: Flask, email: str) -> tuple[int, int] | None:
    """How many times are kept, and how many failures there were in a row."""
    with app.app_context(), transaction(read_only=True):
        columns = (sa.func.cardinality(LoginAttempts.failed_at), LoginAttempts.in_row)
        found = db.session.execute(
            sa.select(*columns).where(LoginAttempts.subject == lockout._of_address(email))
        ).first()
        return found and tuple(found)


def test_attempts_are_deleted_after_thirty_days_unless_the_address_is_closed_for_good(
    app: Flask, client: FlaskClient, tenant: Tenant, other: Tenant, later: Callable[[dt.timedelta], None]
) -> None:
    for one in (tenant, other):
        guesses(client, one.email, 10)
    later(QUARTER)
    guesses(client, tenant.email, 2)
    with app.app_context(), transaction():
        held = sa.update(LoginAttempts).where(LoginAttempts.subject == lockout._of_address(other.email))
        db.session.execute(held.values(in_row=100))
    later(dt.timedelta(days=30) - dt.timedelta(seconds=1))
    with app.app_context():
        reap()
        assert attempts(app, tenant.email) == (10, 12)
        later(dt.timedelta(seconds=2))
        assert reap()["login_attempts"] >= 1
    assert attempts(app, tenant.email) is None
    assert attempts(app, other.email) == (10, 100)
    assert guess(client, other.email, PASSWORD).status_code == 429


def test_no_address_stands_in_the_table(client: FlaskClient, tenant: Tenant, addresses: Addresses) -> None:
    guess(client, tenant.email)
    with connected(addresses.owner) as cursor:
        cursor.execute("SELECT string_agg(encode(subject, 'escape'), ' '), count(*) FROM login_attempts")
        text, rows = cursor.fetchone()
    assert rows
    assert fold(tenant.email).partition("@")[0] not in text


def test_a_fingerprint_is_of_one_key_and_one_purpose(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context():
        first = lockout._of_address("ada@example.com")
        assert lockout._of_address("ADA@EXAMPLE.COM") == first
        assert lockout._of_address("ida@example.com") != first
        monkeypatch.setitem(app.config, "SECRET_KEY", "another key of thirty-two bytes or more")
        assert lockout._of_address("ada@example.com") != first


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_of_many_guesses_at_one_moment_ten_are_hashed(
    app: Flask, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """Ten meet at the hash, and nobody else comes there, before the first is through.

    Plant the flaw by looking how many there were before the hash and counting after it: all twenty come.
    """
    meeting, hashed = threading.Barrier(10), []

    def matches(_: str | None, password: str) -> bool:
        hashed.append(password)
        meeting.wait(10)
        return False

    monkeypatch.setattr(passwords, "matches", matches)
    # All twenty stand in line for one row, however slow the machine is.
    monkeypatch.setitem(app.config, "BILLING_LOCK_TIMEOUT_MS", 30_000)
    monkeypatch.setitem(app.config, "BILLING_STATEMENT_TIMEOUT_MS", 30_000)
    email = tenant.email if is_known else f"nobody.{tenant.email}"
    answers = together([lambda: guess(app.test_client(), email).status_code] * 20)
    assert (Counter(answers), len(hashed)) == ({401: 10, 429: 10}, 10)


def test_of_sixty_four_guesses_at_two_workers_ten_are_answered(live: LiveService, tenant: Tenant) -> None:
    body = {"email": tenant.email, "password": WRONG}
    replies = together([lambda: live.send("POST", "/v1/auth/login", body)] * 64)
    assert Counter(reply.status for reply in replies) == {401: 10, 429: 54}
    assert all("Retry-After" in reply.headers for reply in replies if reply.status == 429)


def test_without_the_count_every_guess_is_looked_at(
    client: FlaskClient, tenant: Tenant, verified: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockout, "count", lambda _: {})
    assert guesses(client, tenant.email, 12) == {401: 12}
    assert len(verified) == 12
