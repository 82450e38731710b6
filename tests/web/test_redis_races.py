"""Redis under many processes: after each committed change every later reader sees it, and nobody waits for long."""

import os
import statistics
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_api import create_app
from billing_api.database import db
from config import Config
from tests.factories import Tenant, sign_up
from tests.live_service import LiveService, serving, timed, together
from tests.redis_server import RedisServer, needs_redis, redis_server
from tests.service_processes import eventually, free_port

pytestmark = needs_redis

READERS = 4
STRESS = bool(os.environ.get("STRESS"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as running:
        yield running


@pytest.fixture
def processes(app: Flask, config: Config, server: RedisServer) -> Iterator[list[Flask]]:
    """Two that share a Redis, each with a memory of its own."""
    made = [create_app(replace(config, redis_url=server.url)) for _ in range(2)]
    yield made
    for one in made:
        with one.app_context():
            db.engine.dispose()


@dataclass
class Race:
    """One changes a customer and an invoice, over and over; others read them in two processes."""

    tenant: Tenant
    processes: list[Flask]
    changes: int
    truth: dict[str, dict[int, Any]] = field(default_factory=dict)
    """What each object is at each version that was committed, by its path."""
    is_over: bool = False
    faults: list[str] = field(default_factory=list)
    hits: int = 0

    def run(self) -> None:
        customer, invoice = self.tenant.customer(), self.tenant.invoice()
        self.truth = {one["links"]["self"]: {one["version"]: one} for one in (customer, invoice)}
        together([self._write, *(partial(self._read, app.test_client()) for app in self.processes * (READERS // 2))])

    def _write(self) -> None:
        customer, invoice = self.truth
        try:
            for number in range(self.changes):
                self._note(customer, self.tenant.patch(customer, {"phone": str(number)}))
                deed = ("mark-uncollectible", "mark-collectible")[number % 2]
                self._note(invoice, self.tenant.post(f"{invoice}/{deed}"))
        finally:
            self.is_over = True

    def _note(self, path: str, answer: TestResponse) -> None:
        """It is committed: no later reader may see less."""
        assert answer.status_code == 200, answer.text
        self.truth[path][answer.json["version"]] = answer.json

    def _read(self, client: FlaskClient) -> None:
        while not self.is_over:
            for path, versions in self.truth.items():
                committed = max(versions)
                answer = client.get(path, headers=self.tenant.headers)
                self.hits += answer.headers["X-Cache"] == "hit"
                version = answer.json["version"]
                # What was read before its writer had its answer is in nobody's notes yet.
                if version < committed or answer.json != versions.get(version, answer.json):
                    self.faults.append(f"{path}: {answer.text} after {committed}")


def raced(processes: list[Flask], changes: int) -> Race:
    tenant = sign_up(processes[0])
    race = Race(tenant, processes, changes)
    race.run()
    return race


def test_after_a_change_every_reader_sees_it(processes: list[Flask]) -> None:
    race = raced(processes, 15)
    assert (race.faults, race.hits > 0) == ([], True)


@pytest.mark.slow
def test_after_each_of_many_changes_every_reader_sees_it(processes: list[Flask]) -> None:
    race = raced(processes, 2000 if STRESS else 200)
    assert (race.faults, race.hits > 100) == ([], True)


@pytest.fixture(scope="module")
def fronted(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveService, str]]:
    """The service for real, which was started while the Redis that it is told of was not there; and its address."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    log = tmp_path_factory.mktemp("service") / "log"
    with serving(config, log, REDIS_URL=url, BILLING_LOG_LEVEL="warning") as service:
        yield service, url


@pytest.fixture
def behind(fronted: tuple[LiveService, str], tmp_path: Path) -> Iterator[RedisServer]:
    """Its Redis, not running yet."""
    server = RedisServer(tmp_path, int(fronted[1].rpartition(":")[2].partition("/")[0]))
    yield server
    server.kill()


def test_each_worker_has_a_connection_of_its_own_and_lives_without(
    fronted: tuple[LiveService, str], behind: RedisServer, tenant: Tenant
) -> None:
    service, _ = fronted

    def read(path: str) -> set[tuple[int, str]]:
        """How many clients at once are answered, so that both workers are asked."""
        answers = together([partial(service.send, "GET", path, None, tenant.headers)] * 12)
        assert {answer.content for answer in answers} == {tenant.get(path).data}
        return {(answer.status, answer.headers["X-Cache"]) for answer in answers}

    def fresh() -> str:
        """What is in no memory yet."""
        return str(tenant.customer()["links"]["self"])

    def connections() -> int:
        read(fresh())
        with behind.client as client:
            # Less the one that asks.
            return len(client.client_list()) - 1

    assert (200, "miss") in read(fresh())
    behind.start()
    assert eventually(lambda: connections() == 2, 20)
    path = fresh()
    read(path)
    assert eventually(lambda: read(path) == {(200, "hit")})
    behind.kill()
    assert read(path) == {(200, "hit")}
    assert (200, "miss") in read(fresh())


@pytest.mark.slow
@pytest.mark.parametrize("failure", ["missing", "killed", "hung", "full", "garbage"])
def test_a_request_takes_at_most_a_fifth_of_a_second_more(
    fronted: tuple[LiveService, str], live: LiveService, behind: RedisServer, tenant: Tenant, failure: str
) -> None:
    """At the 95th percentile of what eight clients ask at once, of objects that nobody has read before."""
    service, _ = fronted
    if failure != "missing":
        behind.start()
    paths = [tenant.customer()["links"]["self"] for _ in range(100)]
    spent = [_percentile(live.port, tenant, paths), _percentile(service.port, tenant, paths[:50])]
    deeds = {"killed": behind.kill, "hung": behind.hang, "full": behind.fill, "garbage": behind.spoil}
    deeds.get(failure, lambda: None)()
    spent.append(_percentile(service.port, tenant, paths))
    assert spent[2] <= spent[0] + 0.2, spent


def _percentile(port: int, tenant: Tenant, paths: list[str]) -> float:
    """The seconds within which 95 of 100 answers came; each must be a 200."""
    found: list[tuple[int, float]] = []
    lock = threading.Lock()

    def ask(share: list[str]) -> None:
        for path in share:
            answer = timed(port, path, tenant.headers, 10)
            with lock:
                found.append(answer)

    together([partial(ask, paths[place::8]) for place in range(8)])
    assert {status for status, _ in found} == {200}
    return statistics.quantiles([seconds for _, seconds in found], n=20)[-1]
