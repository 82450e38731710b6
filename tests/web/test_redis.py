"""What was written is handed out from Redis too, while it is true; whatever becomes of Redis, answers stay the same."""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from billing_api import circuit_breaker, clock, create_app, fault_points, redis_line
from billing_api.database import db
from billing_api.web import redis_shelf
from billing_api.web.redis_shelf import Key, RedisShelf
from billing_api.web.written import Shelf
from config import Config, ConfigError
from tests import kept
from tests.armed import Faults
from tests.factories import Tenant, sign_up
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.service_processes import eventually, free_port
from tests.statements import recorded

pytestmark = needs_redis

FAILURES: dict[str, Callable[[RedisServer], None]] = {
    "killed": RedisServer.kill,
    "hung": RedisServer.hang,
    "full": RedisServer.fill,
    "holding garbage": RedisServer.spoil,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        yield running


def another(config: Config, url: str) -> Flask:
    """Another process of the service on the same database, as far as memory goes."""
    return create_app(replace(config, redis_url=url))


@pytest.fixture
def cached(app: Flask, config: Config, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    # Where the tests have to share a processor, Redis is slower than anybody would wait for it.
    monkeypatch.setattr(redis_line, "PATIENCE", 1.0)
    made = another(config, server.url)
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def tenant(cached: Flask) -> Tenant:
    return sign_up(cached)


def shared(app: Flask) -> RedisShelf:
    found: RedisShelf = app.extensions["shelf"]._shared
    return found


def forget(app: Flask, shelf: RedisShelf | None = None) -> None:
    """Leave nothing in memory, so that Redis is asked."""
    app.extensions["shelf"] = Shelf(shelf or shared(app))


def read(tenant: Tenant, path: str) -> tuple[str, bytes]:
    """Whether it was a hit with nothing in memory, and the answer."""
    forget(tenant.app)
    answer = tenant.get(path)
    assert answer.status_code == 200
    return answer.headers["X-Cache"], answer.data


def counted(deed: str, result: str) -> float:
    return REGISTRY.get_sample_value("billing_redis_asked_total", {"deed": deed, "result": result}) or 0.0


def comparable(answer: TestResponse) -> tuple[int, str | None, Any]:
    body = {name: value for name, value in (answer.json or {}).items() if name != "request_id"}
    return answer.status_code, answer.headers.get("ETag"), body


def test_what_is_read_twice_is_a_hit(tenant: Tenant) -> None:
    invoice = tenant.invoice()
    for path in (invoice["links"]["self"], invoice["links"]["customer"]):
        first, second = tenant.get(path), tenant.get(path)
        assert [answer.headers["X-Cache"] for answer in (first, second)] == ["miss", "hit"]
        assert read(tenant, path) == ("hit", first.data)
        known = tenant.get(path, If_None_Match=first.headers["ETag"])
        assert (known.status_code, known.headers["X-Cache"]) == (304, "hit")


def test_a_hit_takes_the_one_statement_that_lets_it_in(tenant: Tenant) -> None:
    invoice, shelf = tenant.invoice(), shared(tenant.app)
    for path in (invoice["links"]["self"], invoice["links"]["customer"]):
        forget(tenant.app, shelf)
        tenant.get(path)
        with recorded(tenant.app) as seen, kept.uncompared():
            forget(tenant.app, shelf)
            assert tenant.get(path).headers["X-Cache"] == "hit"
        assert len(seen) == 1


def test_what_depends_on_too_much_is_a_miss_and_other_answers_say_nothing(tenant: Tenant) -> None:
    dated, invoice = tenant.draft(issue_date=clock.today("Europe/Berlin").isoformat()), tenant.invoice()
    for path in (dated["links"]["self"], f"{invoice['links']['self']}?include=customer"):
        assert [tenant.get(path).headers["X-Cache"] for _ in range(2)] == ["miss", "miss"]
    for path in ("/v1/invoices", "/v1/customers", f"/v1/customers/{uuid.uuid4()}", "/v1/me"):
        assert "X-Cache" not in tenant.get(path).headers
    assert "X-Cache" not in tenant.patch(invoice["links"]["customer"], {"phone": "1"}).headers


def test_a_fault_at_the_look_into_redis_is_none_of_the_answer(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tenant.invoice()["links"]["self"]
    _, before = read(tenant, path)
    monkeypatch.setattr(fault_points, "_folder", tmp_path / "faults")
    faults = Faults(tmp_path / "faults")
    faults.arm("cache_get", "raise")
    assert read(tenant, path) == ("miss", before)
    assert not faults.is_armed("cache_get")
    assert read(tenant, path) == ("hit", before)


def test_without_redis_nothing_says_whether_it_was_kept(app: Flask) -> None:
    assert "X-Cache" not in sign_up(app).get(sign_up(app).customer()["links"]["self"]).headers
    tenant = sign_up(app)
    assert "X-Cache" not in tenant.get(tenant.invoice()["links"]["self"]).headers


def test_a_page_of_another_origin_may_read_it(tenant: Tenant) -> None:
    answer = tenant.get(tenant.customer()["links"]["self"], Origin="https://app.example.com")
    assert "X-Cache" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_processes_share_what_one_of_them_has_read(tenant: Tenant, config: Config, server: RedisServer) -> None:
    invoice = tenant.invoice()
    first = tenant.get(invoice["links"]["self"])
    other = another(config, server.url).test_client()
    second = other.get(invoice["links"]["self"], headers=tenant.headers)
    assert (second.headers["X-Cache"], second.data) == ("hit", first.data)


def test_what_has_changed_is_read_anew_and_the_old_stays_unfound(tenant: Tenant, server: RedisServer) -> None:
    path = tenant.customer()["links"]["self"]
    before = read(tenant, path)
    tenant.patch(path, {"phone": "+49 30 1"})
    result, after = read(tenant, path)
    assert (result, after != before[1], len(server.names())) == ("miss", True, 2)
    assert read(tenant, path) == ("hit", after)


def test_nobody_is_shown_what_another_tenant_left(cached: Flask) -> None:
    one, other = sign_up(cached), sign_up(cached)
    path = one.invoice()["links"]["self"]
    assert [one.get(path).status_code, other.get(path).status_code] == [200, 404]


def test_redis_learns_nothing_and_forgets_all(tenant: Tenant, server: RedisServer) -> None:
    tenant.get(tenant.customer(name="Canary Bird")["links"]["self"])
    (name,) = server.names()
    with server.client as client:
        assert b"Canary" not in name + (client.get(name) or b"")
        assert 0 < client.ttl(name) <= redis_shelf.SECONDS


def test_a_name_holds_all_that_an_entry_holds_for(cached: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    holds = (True, None, 4)
    shelf, key = shared(cached), ("invoice", 1, 2, 3, holds)
    others: list[Key] = [
        ("customer", 1, 2, 3, holds), ("invoice", 9, 2, 3, holds), ("invoice", 1, 9, 3, holds),
        ("invoice", 1, 2, 9, holds), ("invoice", 12, 2, 3, holds), ("invoice", 1, 2, 3, (True, None, 9)),
    ]  # fmt: skip
    monkeypatch.setattr(redis_shelf, "release", lambda: "another release")
    with cached.app_context():
        newer = RedisShelf(shelf._line)
    names = [shelf._name(key), *map(shelf._name, others), newer._name(key)]
    assert len({*names}) == len(names) == len(others) + 2
    shelf.put(key, b"text")
    assert [one.find(key) for one in (shelf, newer)] == [b"text", None]
    assert [shelf.find(other) for other in others] == [None] * len(others)


def test_another_secret_key_reads_nothing(cached: Flask) -> None:
    shelf, key = shared(cached), ("invoice", 1, 2, 3, ())
    shelf.put(key, b"text")
    cached.config["SECRET_KEY"] = "another secret of more than 32 bytes"
    with cached.app_context():
        assert RedisShelf(shelf._line).find(key) is None
    assert shelf.find(key) == b"text"


def _spoilt(client: redis.Redis, name: bytes, other: bytes) -> Iterator[Callable[[], Any]]:
    """Ways in which something else comes to stand under a name, `other` being that of an older version."""
    whole, older = client.get(name) or b"", client.get(other) or b""
    for value in (older, b"", b"x", whole[:5], whole[:-1], whole + b"x", whole[:-1] + bytes([whole[-1] ^ 1])):
        yield lambda value=value: client.set(name, value)
    yield lambda: client.set(name, os.urandom(3 * redis_shelf.LARGEST))
    yield lambda: client.delete(name) and client.rpush(name, whole)


def test_what_was_not_left_there_by_us_changes_no_answer(tenant: Tenant, server: RedisServer) -> None:
    path = tenant.customer()["links"]["self"]
    tenant.get(path)
    tenant.patch(path, {"phone": "+49 30 1"})
    whole = tenant.get(path).data
    older, name = server.names()
    with server.client as client:
        for spoil in _spoilt(client, name, older):
            spoil()
            assert read(tenant, path) == ("miss", whole)
            # It has been put right.
            assert read(tenant, path) == ("hit", whole)


@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_becomes_of_redis_changes_no_answer(
    tenant: Tenant, app: Flask, server: RedisServer, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = tenant.invoice()
    others = ["/v1/invoices", f"/v1/customers/{uuid.uuid4()}", tenant.draft()["links"]["self"]]
    paths = [*invoice["links"].values(), *others]
    plain = replace(tenant, app=app)
    for path in paths:
        tenant.get(path)
    monkeypatch.setattr(circuit_breaker, "TRIAL_SECONDS", 60.0)
    FAILURES[failure](server)
    with capture_logs() as lines:
        for number in range(4):
            tenant.patch(invoice["links"]["customer"], {"phone": f"+49 30 {number}"})
            for path in paths:
                forget(tenant.app)
                assert comparable(tenant.get(path)) == comparable(plain.get(path))
    told = [line["event"] for line in lines if line["event"].startswith("redis")]
    expected = {"full": ["redis refuses"], "holding garbage": []}
    assert told == expected.get(failure, ["redis is away"])


@pytest.mark.parametrize("failure", ["killed", "hung"])
def test_redis_is_found_again(
    tenant: Tenant, server: RedisServer, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "TRIAL_SECONDS", 0.05)
    path = tenant.invoice()["links"]["self"]
    whole = tenant.get(path).data
    FAILURES[failure](server)
    assert read(tenant, path) == ("miss", whole)
    server.kill()
    server.start()
    with capture_logs() as lines:
        assert eventually(lambda: read(tenant, path) == ("hit", whole))
    assert [line["event"] for line in lines if line["event"].startswith("redis")] == ["redis is back"]


def test_a_service_starts_without_the_redis_that_is_named(app: Flask, config: Config) -> None:
    tenant = sign_up(another(config, f"redis://127.0.0.1:{free_port()}"))
    path = tenant.invoice()["links"]["self"]
    assert [tenant.get(path).headers["X-Cache"] for _ in range(2)] == ["miss", "hit"]


def test_what_redis_does_is_counted(tenant: Tenant, server: RedisServer) -> None:
    results = [("find", "miss"), ("put", "kept"), ("find", "hit"), ("find", "garbled"), ("put", "refused"),
               ("find", "away"), ("put", "away")]  # fmt: skip
    before = {result: counted(*result) for result in results}
    path = tenant.invoice()["links"]["self"]
    happenings: list[list[Callable[[], None]]] = [[], [], [server.spoil], [server.clear, server.fill], [server.kill]]
    for happening in happenings:
        for happens in happening:
            happens()
        read(tenant, path)
    assert [result for result in results if counted(*result) == before[result]] == []


def test_what_comes_from_redis_is_compared_with_what_is_true(tenant: Tenant) -> None:
    """As every hit of every test. Plant a text that was never true."""
    path = tenant.customer()["links"]["self"]
    tenant.get(path)
    ((key, text),) = tenant.app.extensions["shelf"]._texts.items()
    shared(tenant.app).put(key, re.sub(rb'"name":"[^"]+"', b'"name":"Somebody else"', text))
    assert read(tenant, path)[0] == "hit"
    assert len(kept.stale()) == 1


@pytest.mark.parametrize("url", ["redis://host:port", "redis://:hunter2@host/?hunter2=1", "redis://[::1/hunter2"])
def test_an_address_that_cannot_be_read_stops_the_start_without_its_password(config: Config, url: str) -> None:
    with pytest.raises(ConfigError, match=r"^REDIS_URL: cannot be read") as found:
        another(config, url)
    assert "hunter2" not in str(found.value)
