"""Connections that serve both tenants in turn: nothing of one is left on them for the other."""

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask

from billing_api import connections, create_app
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.web.slow_doors import THREADS as THREADS_FOR_LOGINS
from config import Config
from tests.factories import Tenant, sign_up
from tests.schema import connected

CONNECTIONS = 2
Owners = dict[str, tuple[Tenant, set[str]]]
Move = tuple[str, str, Any, set[int]]


class Narrow:
    """The application on two connections, which tell each tenant that is left on one when it is taken again."""

    def __init__(self, config: Config) -> None:
        # The pool has a connection for each thread, those for logins among them.
        other_threads = CONNECTIONS - THREADS_FOR_LOGINS
        self.app = create_app(replace(config, threads=other_threads, lock_timeout_ms=100))
        self.left: list[str] = []
        with self.app.app_context():
            self.engine = db.engine
        assert self.engine.pool.size() == CONNECTIONS
        sa.event.listen(self.engine, "checkout", self._look)

    def _look(self, connection: Any, *_: Any) -> None:
        # A connection that was killed in the pool is left to the request, as it is without us.
        with suppress(psycopg2.Error):
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('app.organization_id', true)")
                self.left.append(cursor.fetchone()[0] or "")
            connection.rollback()


@pytest.fixture
def narrow(app: Flask, config: Config) -> Iterator[Narrow]:
    found = Narrow(config)
    yield found
    found.engine.dispose()


@pytest.fixture
def owners(app: Flask) -> Owners:
    """Two tenants with the ids of three customers each."""
    tenants = [sign_up(app, is_ready=False) for _ in range(2)]
    return {str(one.organization_id): (one, {one.customer()["id"] for _ in range(3)}) for one in tenants}


def interleave(app: Flask, owners: Owners, total: int, *, also: frozenset[int] = frozenset()) -> None:
    """Two tenants from four threads at once, half of their requests wrong in one way or another. `also` are statuses
    that anything may have because of what is done to the database meanwhile."""
    both = list(owners.values())
    seed = random.SystemRandom().randrange(2**32)
    turns = itertools.count()

    def work(number: int) -> list[str]:
        dice = random.Random(seed + number)
        (me, mine), (other, theirs) = both[number % 2], both[1 - number % 2]
        client, found = app.test_client(), []
        while next(turns) < total:
            method, path, body, expected = dice.choice(_moves(dice, sorted(mine), sorted(theirs)))
            answer = client.open(path, method=method, json=body, headers=me.headers)
            if answer.status_code not in expected | also:
                found.append(f"{method} {path}: {answer.status_code}")
            if any(secret in answer.text.replace(path, "") for secret in (*theirs, str(other.organization_id))):
                found.append(f"{method} {path} shows what is another's")
        return found

    with ThreadPoolExecutor(4) as pool:
        found = list(itertools.chain(*pool.map(work, range(4))))
    assert found == [], f"seed {seed}"


def _moves(dice: random.Random, mine: list[str], theirs: list[str]) -> list[Move]:
    own, foreign = f"/v1/customers/{dice.choice(mine)}", f"/v1/customers/{dice.choice(theirs)}"
    return [
        ("GET", "/v1/customers", None, {200}),
        ("GET", own, None, {200}),
        ("PATCH", own, {"phone": str(dice.random())}, {200}),
        ("GET", "/v1/organization", None, {200}),
        ("GET", "/v1/events?limit=3", None, {200}),
        ("GET", foreign, None, {404}),
        ("PATCH", foreign, {"phone": "1"}, {404}),
        ("DELETE", foreign, None, {404}),
        ("POST", "/v1/customers?dry_run=true", {"name": "x", "external_id": "A"}, {201, 409}),
        ("PUT", "/v1/customers/by-external-id/A?dry_run=true", {"name": "x"}, {200, 201}),
        ("POST", "/v1/invoices?dry_run=true", {"customer_id": dice.choice(theirs), "lines": []}, {422}),
        ("POST", "/v1/customers", {"nome": "x"}, {422}),
        ("GET", "/v1/customers?cursor=x", None, {400}),
        ("POST", "/v1/auth/refresh", {"refresh_token": "rt_x"}, {401}),
    ]


def test_interleaved_tenants_never_meet_on_a_narrow_pool(narrow: Narrow, owners: Owners) -> None:
    interleave(narrow.app, owners, 600)
    assert len(narrow.left) > 300
    assert set(narrow.left) == {""}


def test_a_tenant_that_is_left_on_a_connection_is_noticed(narrow: Narrow, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it were with settings of the session instead of those of the transaction."""
    local = connections.settings
    monkeypatch.setattr(
        connections,
        "settings",
        lambda here: [replace(one, text=one.text.replace(", true)", ", false)")) for one in local(here)],
    )
    tenants = [sign_up(narrow.app, is_ready=False) for _ in range(2)]
    for tenant in tenants:
        assert tenant.get("/v1/me").status_code == 200
    assert {str(tenant.organization_id) for tenant in tenants} <= set(narrow.left)


@contextmanager
def disturbed(url: str, disturb: Callable[[Any], None], seconds: float) -> Iterator[None]:
    """Have the disturbance again and again, with so many seconds between."""
    stop = threading.Event()

    def run() -> None:
        with connected(url) as cursor:
            while not stop.wait(seconds):
                disturb(cursor)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield
        finally:
            stop.set()
            running.result()


@pytest.mark.slow
def test_interleaved_tenants_never_meet_in_thousands_of_requests(
    narrow: Narrow, owners: Owners, addresses: Addresses
) -> None:
    """While connections are killed under them, and statements wait in vain for locks."""
    role = sa.make_url(addresses.service).username
    killed: list[int] = []

    def kill(cursor: Any) -> None:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
        killed.append(cursor.rowcount)

    def hold(cursor: Any) -> None:
        cursor.execute("BEGIN; SELECT FROM customers ORDER BY id DESC LIMIT 6 FOR UPDATE; SELECT pg_sleep(0.3); COMMIT")

    with disturbed(addresses.superuser, kill, 0.5), disturbed(addresses.owner, hold, 0.7):
        interleave(narrow.app, owners, 4_000, also=frozenset({409, 503}))
    assert sum(killed) > 0
    assert set(narrow.left) == {""}
