"""A flood of logins waits in a queue of its own, and nobody else waits with them."""

import datetime as dt
import itertools
import json
import select
import socket
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn import config as gunicorn
from gunicorn.http import RequestParser, wsgi
from gunicorn.http.errors import ParseException
from sqlalchemy.pool import QueuePool

from billing_api import clock
from billing_api.auth import passwords
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from billing_api.web import slow_doors
from billing_api.web.slow_doors import PATIENCE, is_slow
from config import Config
from tests.factories import PASSWORD, Tenant, refresh
from tests.live_service import LiveService


def a_login(email: str, target: str = "/v1/auth/login") -> bytes:
    line = f"POST {target} HTTP/1.1"
    body = json.dumps({"email": email, "password": PASSWORD})
    return f"{line}\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def nobody_gets_in(addresses: Addresses) -> Iterator[Callable[[], None]]:
    """Every login waits for a lock until the returned function is called."""
    with closing(connect(addresses.owner)) as blocker:
        blocker.autocommit = False
        blocker.cursor().execute("LOCK TABLE login_attempts")
        yield blocker.rollback


@contextmanager
def connected(live: LiveService, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(socket.create_connection(("127.0.0.1", live.port)))) for _ in range(count)]


def assert_all_have_their_turn(logins: list[socket.socket]) -> None:
    """On a slow machine the last ones have stood in the queue for too long."""
    answers = {one.recv(12) for one in logins}
    assert b"HTTP/1.1 401" in answers
    assert answers <= {b"HTTP/1.1 401", b"HTTP/1.1 503"}


@pytest.mark.parametrize(
    ("before", "target"),
    [(b"", "/v1/auth/login"), (b"\r\n", "/v1/auth/login"), (b"", "//v1/auth/login")],
    ids=["at once", "after an empty line", "by another address"],
)
def test_while_sixty_four_log_in_others_are_answered(
    live: LiveService, tenant: Tenant, addresses: Addresses, before: bytes, target: str
) -> None:
    """All are answered who came later, before the first login is.

    Plant the flaw by giving these requests to the threads of all others: the first logins have their answers by then.
    """
    with nobody_gets_in(addresses) as release, connected(live, 64) as logins:
        for number, one in enumerate(logins):
            one.sendall(before + a_login(f"{number}.{tenant.email}", target))
        reads = {live.send("GET", "/v1/me", None, tenant.headers).status for _ in range(20)}
        renewed = live.send("POST", "/v1/auth/refresh", {"refresh_token": tenant.refresh_token}).status
        answered, _, _ = select.select(logins, [], [], 0)
        release()
        assert (reads, renewed, answered) == ({200}, 200, [])
        assert_all_have_their_turn(logins)


def test_a_login_that_is_sent_in_one_piece_with_what_came_before_waits_with_its_like(
    live: LiveService, tenant: Tenant, addresses: Addresses
) -> None:
    """Plant the flaw by looking at nothing but what has not been read yet."""
    first = b"POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    with nobody_gets_in(addresses) as release, connected(live, 32) as logins:
        for number, one in enumerate(logins):
            one.sendall(first)
            assert first_answer(one) == b"HTTP/1.1 404"
            one.sendall(b"." + a_login(f"{number}.{tenant.email}"))
        reads = {live.send("GET", "/v1/me", None, tenant.headers).status for _ in range(20)}
        answered, _, _ = select.select(logins, [], [], 0)
        release()
        assert (reads, answered) == ({200}, [])
        assert_all_have_their_turn(logins)


def first_answer(one: socket.socket) -> bytes:
    """The first line's beginning; the answer is read to its end, which is that of a JSON object."""
    text = b""
    while not text.endswith(b"}"):
        text += one.recv(65536)
    return text[:12]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"POST /v1/auth/login HTTP/1.1\r\n", True),
        (b"POST /v1/auth/sign-up?x=1 HTTP/1.1\r\n", True),
        (b"POST /v1/auth/password-resets HTTP/1.1\r\n", True),
        (b"PUT /v1/me/password HTTP/1.1\r\n", True),
        (b"POST /%76%31/auth/login HTTP/1.1\r\n", True),
        (b"POST HTTP://x:1/v1/auth/login HTTP/1.1\r\n", True),
        (b"POST //v1/auth/login HTTP/1.1\r\n", True),
        (b"POST http:/v1/auth/login#:// HTTP/1.1\r\n", True),
        (b"PO", True),
        (b"POST /v1/cust", True),
        (b"POST /v1/auth/refresh HTTP/1.1\r\n", False),
        (b"POST /v1/auth/logout?x=1 HTTP/1.1\r\n", False),
        (b"GET /v1/auth/login HTTP/1.1\r\n", False),
        (b"GET /v1/invoices?cursor=", False),
        (b"POST /v1/customers HTTP/1.1\r\n", False),
        (b"PUT /v1/me HTTP/1.1\r\n", False),
        (b"\r\n", True),
        (b"\r\nPOST /v1/auth/login HTTP/1.1\r\n", True),
        (b"\r\nGET /v1/me HTTP/1.1\r\n", False),
        (b"POST /v1/auth/token HTTP/1.1\r\n", False),
        (b"POST /v1/auth/password-reset HTTP/1.1\r\n", False),
        (b"POST /v1/auth/password-reset/confirm HTTP/1.1\r\n", True),
        (b"POST /v1/me/second-factor/verify HTTP/1.1\r\n", False),
        (b"POST /v1/me/second-factor/disable HTTP/1.1\r\n", True),
    ],
)
def test_a_door_is_known_by_the_first_line(words: bytes, expected: bool) -> None:
    assert is_slow(words) == expected


PIECES = ["/", "//", "%2f", "http:", "http://h", "x://", ":", "#", "?", "@", "[", "\\", ".", "%76"]
ENDS = ["v1/auth/login", "v1/auth/login#://", "v1/auth/login?://", "v1/auth/refresh", "v1/auth/refresh%3f"]
GUNICORN = gunicorn.Config()


def place(app: Flask, line: str) -> str | None:
    """Where a first line leads through gunicorn and werkzeug; None where one of them refuses it."""
    here = ("127.0.0.1", 1)
    parser = RequestParser(GUNICORN, [f"{line}\r\nHost: h\r\n\r\n".encode()], here)
    try:
        _, environ = wsgi.create(next(parser), unittest.mock.Mock(), here, here, GUNICORN)
    except ParseException:
        return None
    path = app.request_class(environ).path
    return path if app.url_map.bind("h").test(path, "POST") else None


def test_a_door_is_known_however_its_address_is_written(app: Flask) -> None:
    """Plant the flaw by looking at the target as it stands: two slashes, and a login takes a thread of all others."""
    befores = ["", *PIECES, *map("".join, itertools.product(PIECES, repeat=2))]
    lines = [f"POST {before}{end} HTTP/1.1" for before in befores for end in ENDS]
    led = {line: path for line in lines if (path := place(app, line))}
    assert set(led.values()) == {"/v1/auth/login", "/v1/auth/refresh"}
    assert len(led) > 50
    assert [line for line, path in led.items() if is_slow(f"{line}\r\n".encode()) != path.endswith("login")] == []


def test_who_has_waited_for_too_long_is_refused_before_the_hash(
    client: FlaskClient, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "matches", lambda _, password: bool(hashed.append(password)))
    body = {"email": tenant.email, "password": PASSWORD}
    arrived = clock.now() - PATIENCE - dt.timedelta(seconds=1)
    monkeypatch.setattr(slow_doors, "arrived_at", lambda _: arrived)
    answer = client.post("/v1/auth/login", json=body)
    assert (answer.status_code, answer.json["code"]) == (503, "too-many-waiting")
    assert answer.headers["Retry-After"] == "5"
    assert hashed == []
    assert refresh(client, tenant.refresh_token).status_code == 200
    assert tenant.get("/v1/me").status_code == 200
    monkeypatch.setattr(slow_doors, "arrived_at", lambda _: clock.now())
    assert client.post("/v1/auth/login", json=body).status_code == 401
    assert len(hashed) == 1


def test_every_thread_has_a_connection(app: Flask, config: Config) -> None:
    with app.app_context():
        pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.size() == config.threads + slow_doors.THREADS
