"""The service behind PgBouncer in transaction mode: two connections to the database, shared by many clients."""

import functools
import os
import random
import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from billing_api import connections, create_app, preparing
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.processes import end, spawn
from config import Config
from tests.factories import Tenant, sign_up
from tests.live_service import together
from tests.service_processes import eventually, free_port, nobody

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed (Debian: pgbouncer)")

SERVERS = 2
THREADS = 16
SETTINGS = """
[databases]
{name} = host={host} port={server} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 200
admin_users = {user}
logfile = {log}
"""


@pytest.fixture
def pooled(app: Flask, addresses: Addresses, tmp_path: Path) -> Iterator[sa.URL]:
    """The address of the service's role through a pooler with two connections to the server."""
    port, url = free_port(), sa.make_url(addresses.service)
    users, settings, log = (tmp_path / name for name in ("users.txt", "pgbouncer.ini", "pgbouncer.log"))
    users.write_text(f'"{url.username}" "{url.password}"\n')
    form = {"name": url.database, "host": url.host, "server": url.port, "port": port, "servers": SERVERS}
    settings.write_text(SETTINGS.format(users=users, log=log, user=url.username, **form))
    process = spawn([str(PGBOUNCER), settings], death=signal.SIGKILL, account=nobody(tmp_path))
    through = url.set(drivername="postgresql", host="127.0.0.1", port=port)
    try:
        assert eventually(lambda: process.poll() is not None or _answers(through), 10)
        assert process.poll() is None, log.read_text() if log.exists() else "it did not start"
        yield through
    finally:
        end(process, (signal.SIGINT, 2.0))


def _connection(url: sa.URL) -> Any:
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    connection.autocommit = True
    return connection


def _answers(url: sa.URL) -> bool:
    with suppress(psycopg2.OperationalError):
        _connection(url).close()
        return True
    return False


@pytest.fixture
def behind(config: Config, pooled: sa.URL) -> Iterator[Flask]:
    """The application with sixteen connections to the pooler."""
    url = pooled.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    app = create_app(replace(config, database_url=url, threads=THREADS))
    yield app
    with app.app_context():
        db.engine.dispose()


def servers(pooled: sa.URL) -> int:
    """How many connections the pooler holds to the server."""
    with closing(_connection(pooled.set(database="pgbouncer"))) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW SERVERS")
        return len(cursor.fetchall())


def left_behind(pooled: sa.URL) -> set[tuple[Any, ...]]:
    """What a newcomer finds on the server's connections: tenant, limits, whether reads only, and rows that it sees."""
    found = set()
    with closing(_connection(pooled)) as connection, connection.cursor() as cursor:
        for _ in range(20):
            cursor.execute("""
                SELECT coalesce(current_setting('app.organization_id', true), ''), current_setting('statement_timeout'),
                       current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
                       current_setting('transaction_read_only'), (SELECT count(*) FROM customers)""")
            found.add(cursor.fetchone())
    return found


NOTHING = {("", "0", "0", "0", "off", 0)}


def work(app: Flask, me: Tenant, mine: set[str], theirs: set[str], number: int) -> list[str]:
    """Thirty requests of one thread; what should not have been."""
    client, dice, found = app.test_client(), random.Random(number), []
    for _ in range(30):
        own, foreign = f"/v1/customers/{dice.choice(sorted(mine))}", f"/v1/customers/{dice.choice(sorted(theirs))}"
        method, path, body, expected = dice.choice(
            [
                ("GET", "/v1/customers", None, {200}),
                ("GET", own, None, {200}),
                ("PATCH", own, {"phone": str(dice.random())}, {200}),
                ("GET", foreign, None, {404}),
                ("PATCH", foreign, {"phone": "1"}, {404}),
                ("POST", "/v1/customers", {"nome": "x"}, {422}),
                ("POST", "/v1/customers?dry_run=true", {"name": "x"}, {201}),
                ("GET", "/v1/events?limit=5", None, {200}),
            ]
        )
        answer = client.open(path, method=method, json=body, headers=me.headers)
        if answer.status_code not in expected:
            found.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        if any(id in answer.text.replace(path, "") for id in theirs):
            found.append(f"{method} {path} shows what is another's")
    return found


def test_two_tenants_share_two_connections_and_never_meet(behind: Flask, pooled: sa.URL) -> None:
    owners = [sign_up(behind) for _ in range(2)]
    ids = [{owner.customer()["id"] for _ in range(3)} for owner in owners]
    jobs = [
        functools.partial(work, behind, owners[number % 2], ids[number % 2], ids[1 - number % 2], number)
        for number in range(THREADS)
    ]
    assert [fault for faults in together(jobs) for fault in faults] == []
    assert 1 <= servers(pooled) <= SERVERS
    assert left_behind(pooled) == NOTHING
    with behind.app_context():
        # The pooler was told statements that it does not keep, once, and nobody has noticed.
        assert db.engine in preparing._pooled


def test_a_setting_that_outlives_its_transaction_is_noticed(
    behind: Flask, pooled: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = connections.settings
    monkeypatch.setattr(
        connections,
        "settings",
        lambda here: [replace(one, text=one.text.replace(", true)", ", false)")) for one in local(here)],
    )
    tenant = sign_up(behind)
    assert tenant.get("/v1/customers").status_code == 200
    assert str(tenant.organization_id) in {found[0] for found in left_behind(pooled)}


def test_one_key_from_sixteen_threads_makes_one_customer_for_each_tenant(behind: Flask) -> None:
    owners, key = [sign_up(behind) for _ in range(2)], str(uuid.uuid4())

    def send(owner: Tenant) -> TestResponse:
        client, headers = behind.test_client(), {**owner.headers, "Idempotency-Key": key}
        return client.post("/v1/customers", json={"name": "Once"}, headers=headers)

    answers = together([functools.partial(send, owners[number % 2]) for number in range(THREADS)])
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    made = [{answer.json["id"] for answer in answers[place::2] if answer.status_code == 201} for place in range(2)]
    assert [len(ids) for ids in made] == [1, 1]
    assert made[0] != made[1]
    for owner, ids in zip(owners, made, strict=True):
        assert {one["id"] for one in owner.get("/v1/customers").json["data"]} == ids
        again = owner.post("/v1/customers", {"name": "Once"}, Idempotency_Key=key)
        assert (again.status_code, again.json["id"], again.headers["Idempotency-Replayed"]) == (201, *ids, "true")


def test_numbers_stay_gapless_in_both_tenants(behind: Flask) -> None:
    owners = [sign_up(behind) for _ in range(2)]
    bodies = [owner.invoice_body(finalize=True) for owner in owners]

    def issue(place: int) -> TestResponse:
        return behind.test_client().post("/v1/invoices", json=bodies[place], headers=owners[place].headers)

    answers = together([functools.partial(issue, number % 2) for number in range(THREADS)])
    assert {answer.status_code for answer in answers} == {201}
    for place in range(2):
        numbers = sorted(int(answer.json["number"].rpartition("-")[2]) for answer in answers[place::2])
        assert numbers == list(range(1, THREADS // 2 + 1))
