"""The application with a lock taken out, or a constraint, and two requests that are made to meet where it stood.

The first request is held after a statement until the second was answered, or is seen to wait for a lock of the first,
so that it cannot be. So what a race may or may not do is seen at once, and not once in a thousand times.
"""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa
from flask import Flask

from billing_api.database import db
from billing_api.postgres_cluster import connect
from tests.factories import Tenant
from tests.live_service import Reply
from tests.met import paused
from tests.money_races import Call
from tests.service_processes import eventually

AT_A_LOCK, IN_VAIN = 1.5, 10.0
"""Seconds that the first waits at most: less than the second waits for a lock, and longer than the second can take
where nothing keeps it from its end."""

_first = threading.local()


def ask(tenant: Tenant, call: Call, headers: dict[str, str] | None = None) -> Reply:
    """A request of a client of its own, in this process."""
    method, path, body = call
    given = {**tenant.headers, **(headers or {})}
    answer = tenant.app.test_client().open(path, method=method, json=body, headers=given)
    return Reply(answer.status_code, dict(answer.headers), answer.data)


def one_within_the_other(
    tenant: Tenant,
    calls: tuple[Call, Call],
    after: str,
    patience: float = AT_A_LOCK,
    headers: dict[str, str] | None = None,
    second: Tenant | None = None,
) -> tuple[Reply, Reply]:
    """The answers to both, where the second is sent once the first has run the first statement that `after` matches; by
    somebody else, if so told."""
    reached, done = threading.Event(), threading.Event()

    def hold(_connection: object, cursor: Any, statement: str, *_: Any) -> None:
        if getattr(_first, "is_running", False) and not reached.is_set() and re.search(after, statement):
            reached.set()
            with closing(connect(tenant.app.config["SQLALCHEMY_DATABASE_URI"])) as onlooker:
                eventually(lambda: done.is_set() or keeps_waiting(onlooker, cursor), patience)

    def run_first() -> Reply:
        _first.is_running = True
        try:
            return ask(tenant, calls[0], headers)
        finally:
            _first.is_running = False
            reached.set()

    with listening(tenant.app, "after_cursor_execute", hold), ThreadPoolExecutor(2) as pool:
        opening = pool.submit(run_first)
        assert reached.wait(10)
        following = pool.submit(ask, second or tenant, calls[1], headers)
        following.add_done_callback(lambda _: done.set())
        return opening.result(20), following.result(20)


def keeps_waiting(onlooker: Any, first: Any) -> bool:
    """Whether somebody waits for a lock that the connection of this cursor holds."""
    with onlooker.cursor() as cursor:
        holder = first.connection.info.backend_pid
        cursor.execute("SELECT FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid)) LIMIT 1", [holder])
        return bool(cursor.rowcount)


@contextmanager
def rewriting(app: Flask, pattern: str, replacement: str) -> Iterator[list[str]]:
    """The application with each statement changed on its way to the database; yields those that were. What it refuses
    meanwhile it would not refuse by itself."""
    changed: list[str] = []

    def rewrite(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        written, count = re.subn(pattern, replacement, statement)
        if count:
            changed.append(written)
        return written, parameters

    with listening(app, "before_cursor_execute", rewrite, retval=True), paused(app):
        yield changed
    assert changed, f"no statement has {pattern}"


@contextmanager
def listening(app: Flask, name: str, listener: Any, **options: Any) -> Iterator[None]:
    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, name, listener, **options)
    try:
        yield
    finally:
        sa.event.remove(engine, name, listener)


@contextmanager
def lacking(url: str, table: str, constraint: str, clean: str, tenant: Tenant) -> Iterator[None]:
    """The database without a constraint for as long as this lasts; `clean` takes away what only then could be."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [constraint])
        ((definition,),) = cursor.fetchall()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        try:
            yield
        finally:
            cursor.execute(clean, [str(tenant.organization_id)])
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
