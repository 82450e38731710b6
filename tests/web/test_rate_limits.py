"""Requests are counted: for the credential that they bring, and without a good one for the address they come from."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from billing_api import create_app
from billing_api.database import db
from billing_api.web import counts, rate_limits
from billing_api.web.rate_limits import address_block
from config import Config
from tests import sharing
from tests.auth.world import SIGN_UP
from tests.factories import Tenant

tenant = sharing.tenant
MOST, MOST_OF_ADDRESS = 5, 3
Limited = Callable[..., Flask]


@pytest.fixture
def limited(app: Flask, config: Config) -> Iterator[Limited]:
    """The application with limits that are soon reached, and as yet without a count."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        limits = {"rate_limit": MOST, "rate_limit_address": MOST_OF_ADDRESS}
        made.append(create_app(replace(config, **limits, **settings)))
        return made[-1]

    yield make
    for one in made:
        with one.app_context():
            db.engine.dispose()


def at(app: Flask, tenant: Tenant) -> Tenant:
    """The same tenant at another instance of the service."""
    return Tenant(app, tenant.organization_id, tenant.user_id, tenant.email, tenant.access_token, tenant.refresh_token)


def statuses(ask: Callable[[], TestResponse], times: int) -> Counter[int]:
    return Counter(ask().status_code for _ in range(times))


def standing(answer: TestResponse) -> tuple[str, str, int]:
    """The policy as it is told, whom the count is of, and how many requests are left."""
    found = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found
    assert 1 <= int(found[3]) <= 60
    return answer.headers["RateLimit-Policy"], found[1], int(found[2])


def test_every_answer_tells_how_many_requests_are_left(limited: Limited, tenant: Tenant) -> None:
    there = at(limited(), tenant)
    assert standing(there.get("/v1/me")) == ('"default";q=5;w=60', "default", 4)
    assert standing(there.get("/v1/customers?colour=red")) == ('"address";q=3;w=60', "address", 2)
    assert standing(there.post("/v1/customers", {})) == ('"default";q=5;w=60', "default", 3)
    assert standing(there.client.get("/v1/me")) == ('"address";q=3;w=60', "address", 1)
    assert standing(there.client.get("/v1/nowhere")) == ('"address";q=3;w=60', "address", 0)


def test_over_the_limit_nothing_is_done_and_nothing_stored(limited: Limited, tenant: Tenant) -> None:
    there = at(limited(), tenant)
    assert statuses(lambda: there.get("/v1/me"), MOST) == {200: MOST}
    body = {"name": "Once", "external_id": "over-the-limit"}
    refused = there.post("/v1/customers", body, Idempotency_Key="over-the-limit")
    assert (refused.status_code, refused.json["code"]) == (429, "rate-limited")
    assert refused.mimetype == "application/problem+json"
    assert standing(refused) == ('"default";q=5;w=60', "default", 0)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert tenant.get("/v1/customers?external_id=over-the-limit").json["data"] == []
    again = tenant.post("/v1/customers", body, Idempotency_Key="over-the-limit")
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, None)


def test_one_far_over_the_limit_takes_nothing_from_another(limited: Limited, tenant: Tenant, other: Tenant) -> None:
    app = limited()
    here, there = at(app, tenant), at(app, other)
    assert statuses(lambda: here.get("/v1/me"), 10 * MOST) == {200: MOST, 429: 9 * MOST}
    assert statuses(lambda: there.get("/v1/me"), MOST) == {200: MOST}


def test_two_users_of_one_organization_have_a_measure_each(limited: Limited, tenant: Tenant) -> None:
    app = limited()
    here, there = at(app, tenant), at(app, tenant.colleague("viewer"))
    assert statuses(lambda: here.get("/v1/me"), 2 * MOST) == {200: MOST, 429: MOST}
    assert there.get("/v1/me").status_code == 200


def test_an_address_has_its_measure_at_public_doors(limited: Limited, tenant: Tenant) -> None:
    client = limited().test_client()
    body = {"email": f"nobody.{tenant.email}", "password": "another long password"}
    assert statuses(lambda: client.post("/v1/auth/login", json=body), 5) == {401: 3, 429: 2}
    told = client.post("/v1/auth/sign-up", json={**SIGN_UP, "email": f"over.{tenant.email}"})
    assert (told.status_code, told.json["code"]) == (429, "rate-limited")
    known = {"email": f"over.{tenant.email}", "password": SIGN_UP["password"]}
    assert tenant.client.post("/v1/auth/login", json=known).status_code == 401, "nobody has signed up"


def test_refused_credentials_are_counted_for_their_address_and_good_ones_go_on(
    limited: Limited, tenant: Tenant
) -> None:
    there = at(limited(), tenant)

    def forged() -> TestResponse:
        return there.client.get("/v1/me", headers={"Authorization": "Bearer a.b.c"})

    assert statuses(forged, 5) == {401: 3, 429: 2}
    assert there.get("/v1/me").status_code == 200


def test_a_credential_that_has_died_is_counted_for_its_address(limited: Limited, tenant: Tenant) -> None:
    dead = tenant.colleague("viewer", status="disabled")
    there = at(limited(), dead)
    assert statuses(lambda: there.get("/v1/me"), 5) == {401: 3, 429: 2}


def test_what_is_no_resource_is_not_counted(limited: Limited) -> None:
    client = limited().test_client()
    for path in ("/health/live", "/", "/openapi.json", "/docs/", "/problems/rate-limited", "/.well-known/jwks.json"):
        answers = [client.get(path) for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200}, path
        assert "RateLimit" not in answers[0].headers
    preflight = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    assert statuses(lambda: client.options("/v1/me", headers=preflight), 5) == {204: 5}


def test_a_limit_of_none_counts_nothing(limited: Limited, tenant: Tenant) -> None:
    app = limited()
    app.config.update(BILLING_RATE_LIMIT=0, BILLING_RATE_LIMIT_ADDRESS=0)
    there = at(app, tenant)
    assert statuses(lambda: there.get("/v1/me"), 2 * MOST) == {200: 2 * MOST}
    assert statuses(lambda: there.client.get("/v1/me"), 2 * MOST) == {401: 2 * MOST}
    assert "RateLimit" not in there.get("/v1/me").headers


def test_any_number_for_a_credential_counts_nothing_for_its_address(limited: Limited, tenant: Tenant) -> None:
    app = limited()
    app.config.update(BILLING_RATE_LIMIT=0)
    there = at(app, tenant)
    assert statuses(lambda: there.post("/v1/customers", {"name": "Many"}), 2 * MOST) == {201: 2 * MOST}
    assert statuses(lambda: there.post("/v1/customers", {}), MOST) == {422: MOST}
    assert "RateLimit" not in there.get("/v1/me").headers
    assert statuses(lambda: there.client.get("/v1/me"), MOST) == {401: 3, 429: 2}


def forwarded(app: Flask, *addresses: str) -> Counter[int]:
    client = app.test_client()
    given = [{"X-Forwarded-For": address, "Forwarded": f"for={address}"} for address in addresses]
    return Counter(client.get("/v1/me", headers=headers).status_code for headers in given)


def test_nobody_names_another_address_for_themselves(limited: Limited) -> None:
    invented = [f"203.0.113.{number}" for number in range(5)]
    assert forwarded(limited(), *invented) == {401: 3, 429: 2}
    assert forwarded(limited(trusted_proxies=1), *invented) == {401: 5}, "a proxy that is believed names five"
    behind = [f"{one}, 198.51.100.1" for one in invented]
    assert forwarded(limited(trusted_proxies=1), *behind) == {401: 3, 429: 2}, "what the proxy was told is not believed"


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("_" * 9000, "_" * 64),
        (None, ""),
    ],
)
def test_an_address_of_ipv6_is_counted_with_its_neighbours(address: str | None, block: str) -> None:
    assert address_block(address) == block


def test_without_the_count_everybody_goes_on(limited: Limited, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    there = at(limited(), tenant)
    monkeypatch.setattr(rate_limits, "count", lambda *_: None)
    assert statuses(lambda: there.get("/v1/me"), 2 * MOST) == {200: 2 * MOST}, "what was done is never told otherwise"


def test_a_count_is_over_after_its_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(counts, "monotonic", lambda: now)
    counter = counts.Counter()
    assert [counter.hit("default", 2, "a").is_over for _ in range(3)] == [False, False, True]
    now += 59.5
    late = counter.hit("default", 2, "a")
    assert (late.remaining, late.seconds, late.is_over) == (0, 1, True)
    now += 0.5
    anew = counter.hit("default", 2, "a")
    assert (anew.remaining, anew.seconds, anew.is_over) == (1, 60, False)


def test_counts_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(counts, "monotonic", lambda: now)
    counter = counts.Counter()
    for name in ("a", "b"):
        counter.hit("default", 5, name)
    now += 30
    assert counter.hit("default", 5, "c").remaining == 4
    now += 31
    assert counter.hit("default", 5, "c").remaining == 3
    assert list(counter._counts) == ["c"]
