"""Signing up, logging in, refreshing and logging out: what a session gives, and when it ends."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api.auth import passwords
from billing_api.domain.access import ROLES
from tests.factories import PASSWORD, Tenant, login, refresh, sign_up
from tests.statements import recorded

SIGN_UP = {
    "organization_name": "Analytical Engines",
    "country": "DE",
    "currency": "EUR",
    "name": "Ada Lovelace",
    "password": PASSWORD,
}


VARYING = {"X-Request-Id", "Date", "RateLimit"}
"""Headers that differ from one request to the next, whoever asks."""


def whoami(client: FlaskClient, access_token: str) -> TestResponse:
    return client.get("/v1/me", headers={"Authorization": f"Bearer {access_token}"})


OF_THE_SERVICE, OF_NOBODY = passwords._hasher, passwords._nobody
"""As it is before the tests make it hasty."""


def test_passwords_are_hashed_at_full_strength() -> None:
    # The OWASP password storage cheat sheet (2025) asks for 19 MiB and two passes at least.
    stored = OF_THE_SERVICE.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=3,p=1$")
    assert not OF_THE_SERVICE.check_needs_rehash(OF_NOBODY), "who does not exist takes as long"
    assert passwords.matches(stored, PASSWORD)
    assert not passwords.matches(stored, PASSWORD + "!")


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every time that Argon2 is run, by what it is run for."""
    run: list[str] = []
    hasher = passwords._hasher

    class Counting:
        time_cost, memory_cost = hasher.time_cost, hasher.memory_cost

        def hash(self, password: str) -> str:
            run.append("hash")
            return hasher.hash(password)

        def check_needs_rehash(self, stored: str) -> bool:
            return hasher.check_needs_rehash(stored)

        def verify(self, stored: str, password: str) -> bool:
            run.append("verify")
            return hasher.verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    return run


def test_signing_up_gives_an_owner_who_is_logged_in(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": "Founder@Example.com", "time_zone": "UTC"})
    assert answer.status_code == 201
    grant = answer.json
    assert grant["token_type"] == "Bearer"
    assert grant["expires_in"] == 900
    assert grant["refresh_token"].startswith("rt_")
    assert set(grant["scope"].split()) == ROLES["owner"]
    assert (grant["user"]["role"], grant["user"]["email"]) == ("owner", "Founder@Example.com")
    me = whoami(client, grant["access_token"])
    assert me.status_code == 200
    assert me.json["organization"] == grant["organization"]
    assert me.json["user"] == grant["user"]
    assert me.json["scope"] == grant["scope"]
    assert me.json["credential"]["type"] == "access_token"


def test_where_it_is_closed_nobody_signs_up_by_whatever_address(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "BILLING_SIGN_UP", "closed")
    body = {**SIGN_UP, "email": "late@example.com"}
    for path in ("/v1/auth/sign-up", "//v1/auth/sign-up", "///v1/auth/sign-up"):
        answer = client.post("/", json=body, environ_overrides={"PATH_INFO": path})
        assert (answer.status_code, answer.json["code"]) == (403, "sign-up-closed"), path
    assert login(client, body["email"]).status_code == 401


def test_a_password_and_its_hash_are_never_shown(client: FlaskClient, tenant: Tenant) -> None:
    for answer in (login(client, tenant.email), tenant.get("/v1/me"), refresh(client, tenant.refresh_token)):
        assert answer.status_code == 200
        assert PASSWORD not in answer.text
        assert "argon2" not in answer.text
        assert "password" not in answer.text


@pytest.mark.parametrize(
    "spelling",
    [str.upper, str.title, lambda email: email.replace("example.com", "EXAMPLE.com")],
    ids=["upper", "title", "domain"],
)
def test_an_address_is_one_however_it_is_spelled(client: FlaskClient, tenant: Tenant, spelling: Any) -> None:
    assert login(client, spelling(tenant.email)).status_code == 200
    taken = client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": spelling(tenant.email)})
    assert (taken.status_code, taken.json["code"]) == (409, "email-registered")


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("mike", "m\u0131ke"), ("mike", "m\u0456ke"), ("strasse", "straße.x"), ("mike", "mike+x")],
    ids=["dotless i", "Cyrillic i", "another", "tag"],
)
def test_a_look_alike_is_another_address(app: Flask, client: FlaskClient, stored: str, typed: str) -> None:
    tenant = sign_up(app, is_ready=False)
    email = f"{stored}.{tenant.email}"
    assert client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": email}).status_code == 201
    assert login(client, f"{typed}.{tenant.email}").status_code == 401
    assert login(client, email).status_code == 200


def test_composed_and_decomposed_letters_are_one_address_and_one_password(client: FlaskClient, tenant: Tenant) -> None:
    composed, decomposed = f"zo\u00eb.{tenant.email}", f"zoe\u0308.{tenant.email}"
    body = {**SIGN_UP, "email": composed, "password": "un mot de passe tr\u00e8s long"}
    assert client.post("/v1/auth/sign-up", json=body).status_code == 201
    assert login(client, decomposed, "un mot de passe tre\u0300s long").status_code == 200


def test_a_password_is_not_cut_off(client: FlaskClient, tenant: Tenant) -> None:
    email, password = f"long.{tenant.email}", "correct horse battery staple " * 4
    assert client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": email, "password": password}).status_code == 201
    assert login(client, email, password[:-1] + "q").status_code == 401
    assert login(client, email, password).status_code == 200


@pytest.mark.parametrize("password", ["short", "x" * 11, "x" * 129])
def test_a_password_of_another_length_is_refused_before_it_is_hashed(
    client: FlaskClient, hashes: list[str], password: str
) -> None:
    answer = client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": "new@example.com", "password": password})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/password"]
    assert hashes == []


def test_every_refused_login_looks_alike_and_costs_one_hash(
    client: FlaskClient, tenant: Tenant, hashes: list[str]
) -> None:
    """And asks the database no more often than any other."""
    disabled = tenant.colleague("viewer", status="disabled")
    refusals = {
        "unknown": (f"nobody.{tenant.email}", PASSWORD),
        "wrong password": (tenant.email, "another long password"),
        "disabled": (disabled.email, PASSWORD),
        "disabled and wrong": (disabled.email, "another long password"),
        "no address": ("nobody", PASSWORD),
        "empty": ("", ""),
    }
    seen, asked = [], {}
    for kind, (email, password) in refusals.items():
        hashes.clear()
        with recorded(tenant.app) as statements:
            answer = login(client, email, password)
        assert hashes == ["verify"]
        asked[kind] = len(statements)
        headers = {name: value for name, value in answer.headers.items() if name not in VARYING}
        body = {name: value for name, value in answer.json.items() if name != "request_id"}
        seen.append((answer.status_code, headers, body))
    assert seen[0][0] == 401
    assert seen[0][2]["code"] == "invalid-credentials"
    assert seen == seen[:1] * len(refusals)
    assert len(set(asked.values())) == 1, asked


def test_a_good_login_costs_one_hash_too(client: FlaskClient, tenant: Tenant, hashes: list[str]) -> None:
    assert login(client, tenant.email).status_code == 200
    assert hashes == ["verify"]


def test_a_refresh_gives_successors_that_work(client: FlaskClient, tenant: Tenant) -> None:
    token = tenant.refresh_token
    for _ in range(3):
        answer = refresh(client, token)
        assert answer.status_code == 200
        assert answer.json["refresh_token"] != token
        assert whoami(client, answer.json["access_token"]).status_code == 200
        token = answer.json["refresh_token"]


def test_a_reused_refresh_token_ends_the_whole_family(client: FlaskClient, tenant: Tenant) -> None:
    successor = refresh(client, tenant.refresh_token).json
    reuse = refresh(client, tenant.refresh_token)
    assert (reuse.status_code, reuse.json["code"]) == (401, "refresh-token-reused")
    assert refresh(client, successor["refresh_token"]).status_code == 401
    assert whoami(client, successor["access_token"]).status_code == 401
    assert whoami(client, tenant.access_token).status_code == 401


def test_the_end_of_one_session_leaves_the_others(client: FlaskClient, tenant: Tenant) -> None:
    other = login(client, tenant.email).json
    assert tenant.post("/v1/auth/logout").status_code == 204
    assert whoami(client, tenant.access_token).status_code == 401
    assert whoami(client, other["access_token"]).status_code == 200
    assert refresh(client, other["refresh_token"]).status_code == 200


def test_logging_out_ends_access_and_refresh_at_once(client: FlaskClient, tenant: Tenant) -> None:
    successor = refresh(client, tenant.refresh_token).json
    assert tenant.post("/v1/auth/logout").status_code == 204
    for token in (tenant.access_token, successor["access_token"]):
        assert whoami(client, token).status_code == 401
    assert refresh(client, successor["refresh_token"]).status_code == 401
    assert tenant.post("/v1/auth/logout").status_code == 401


@pytest.mark.parametrize("token", ["rt_unknown", "x", "rt_" + "A" * 43])
def test_a_refresh_token_that_was_never_given_is_refused(client: FlaskClient, token: str) -> None:
    answer = refresh(client, token)
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-refresh-token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_access_token_is_no_refresh_token(client: FlaskClient, tenant: Tenant) -> None:
    assert refresh(client, tenant.access_token).status_code in {401, 422}


def test_a_disabled_user_cannot_refresh(client: FlaskClient, tenant: Tenant) -> None:
    colleague = tenant.colleague("viewer", status="disabled")
    assert refresh(client, colleague.refresh_token).status_code == 401


@pytest.mark.parametrize("run", range(3))
def test_of_sixteen_refreshes_at_once_one_succeeds_and_its_successor_works(
    app: Flask, tenant: Tenant, run: int
) -> None:
    barrier = threading.Barrier(16)

    def exchange(_: int) -> TestResponse:
        client = app.test_client()
        barrier.wait()
        return refresh(client, tenant.refresh_token)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(exchange, range(16)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    client = app.test_client()
    assert whoami(client, won[0].json["access_token"]).status_code == 200
    assert refresh(client, won[0].json["refresh_token"]).status_code == 200


def test_a_thief_who_keeps_sending_cannot_put_off_the_end_of_the_session(app: Flask, tenant: Tenant) -> None:
    """Plant the flaw by letting each twin wait for another without end."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: refresh(app.test_client(), tenant.refresh_token), range(4)))
    (won,) = [answer for answer in answers if answer.status_code == 200]
    client, patience = app.test_client(), time.monotonic() + 20
    while (code := refresh(client, tenant.refresh_token).json["code"]) == "refresh-token-in-exchange":
        assert time.monotonic() < patience
        time.sleep(0.03)
    # Where the four came one after the other, the second has ended it already.
    assert code in {"refresh-token-reused", "invalid-refresh-token"}
    assert refresh(client, won.json["refresh_token"]).status_code == 401
    assert whoami(client, won.json["access_token"]).status_code == 401


def test_of_eight_sign_ups_with_one_address_one_succeeds(app: Flask, tenant: Tenant) -> None:
    barrier = threading.Barrier(8)

    def found(_: int) -> TestResponse:
        client = app.test_client()
        barrier.wait()
        return client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": f"race.{tenant.email}"})

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(found, range(8)))
    assert statuses == [201] + [409] * 7
