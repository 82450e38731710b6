"""The running service while its database or its own processes fail: what is answered, and what is kept."""

import contextlib
import functools
import hashlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from flask import Flask
from sqlalchemy.engine import make_url

from billing_api.circuit_breaker import CircuitBreaker
from billing_api.database import db
from billing_api.embedded import Addresses
from billing_api.postgres_cluster import connect
from config import Config
from tests.factories import PASSWORD, Tenant, sign_up
from tests.journal import Journal
from tests.live_service import LiveService, serving, timed
from tests.schema import connected
from tests.service_processes import eventually, family

STRESS = bool(os.environ.get("STRESS"))


@pytest.fixture
def operate(addresses: Addresses) -> Callable[..., list[tuple[object, ...]]]:
    """A statement as the superuser; `%s` stands for the name of the service's role."""
    role = make_url(addresses.service).username

    def run(statement: str) -> list[tuple[object, ...]]:
        with closing(connect(addresses.superuser)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, [role] * statement.count("%s"))
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture(scope="module")
def live(config: Config, app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service of their own, whose connections nobody has used before."""
    with serving(config, tmp_path_factory.mktemp("service") / "log") as service:
        yield service


TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"


def test_while_the_database_is_read_only_reads_go_on_and_writes_are_told_to_come_again(
    live: LiveService, tenant: Tenant, addresses: Addresses, operate: Callable[..., object]
) -> None:
    customer, draft = tenant.customer(), tenant.draft()
    keyed = {**tenant.headers, "Idempotency-Key": "once"}
    writes = [
        ("POST", "/v1/customers", {"name": "A"}, keyed),
        ("PATCH", f"/v1/customers/{customer['id']}", {"name": "B"}, tenant.headers),
        ("DELETE", f"/v1/customers/{customer['id']}", None, tenant.headers),
        ("PUT", "/v1/customers/by-external-id/x", {"name": "C"}, tenant.headers),
        ("POST", f"/v1/invoices/{draft['id']}/finalize", None, tenant.headers),
        ("POST", "/v1/auth/login", {"email": tenant.email, "password": PASSWORD}, {}),
        ("POST", "/v1/auth/refresh", {"refresh_token": tenant.refresh_token}, {}),
    ]
    role = make_url(addresses.service).username
    operate(f'ALTER ROLE "{role}" SET default_transaction_read_only = on')
    try:
        operate(TERMINATE)
        for path in ("/v1/customers", f"/v1/invoices/{draft['id']}", "/v1/events", "/v1/me", "/health/ready"):
            assert live.send("GET", path, None, tenant.headers).status == 200, path
        for method, path, body, headers in writes:
            reply = live.send(method, path, body, headers)
            assert (reply.status, reply.headers.get("Retry-After")) == (503, "1"), (method, path, reply.content)
    finally:
        operate(f'ALTER ROLE "{role}" RESET default_transaction_read_only')
        operate(TERMINATE)
    made = live.send("POST", "/v1/customers", {"name": "A"}, keyed)
    assert made.status == 201
    assert "Idempotency-Replayed" not in made.headers, "a refusal is not stored"


def test_a_held_key_is_waited_for_and_is_free_when_its_holder_dies(
    live: LiveService, tenant: Tenant, addresses: Addresses
) -> None:
    headers = {**tenant.headers, "Idempotency-Key": "held"}
    owner = (tenant.organization_id, tenant.user_id, "held")
    lock = int.from_bytes(hashlib.sha256(repr(owner).encode()).digest()[:8], signed=True)
    with closing(connect(addresses.owner)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [lock])
        reply = live.send("POST", "/v1/customers", {"name": "A"}, headers)
        assert (reply.status, reply.headers["Retry-After"]) == (409, "1")
        assert reply.json["code"] == "idempotency-key-in-progress"
    assert live.send("POST", "/v1/customers", {"name": "A"}, headers).status == 201


LINGER = """
    CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(2); RETURN NULL; END$$;
    CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON customers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.name = 'Lingers') EXECUTE FUNCTION linger()"""
COMMITTING = f"{TERMINATE} AND wait_event = 'PgSleep' AND state = 'active'"


def test_a_request_whose_commit_was_cut_off_is_not_run_again(
    live: LiveService, tenant: Tenant, addresses: Addresses, operate: Callable[..., list[tuple[int]]]
) -> None:
    """It may have been kept, and would be there twice; its client knows whether it has a key. Plant the flaw by taking
    it for any lost connection: the answer is 201."""
    with connected(addresses.owner) as owner, ThreadPoolExecutor(1) as pool:
        owner.execute(LINGER)
        try:
            asked = pool.submit(live.send, "POST", "/v1/customers", {"name": "Lingers"}, tenant.headers)
            assert eventually(lambda: operate(COMMITTING) == [(1,)], 10)
            reply = asked.result(30)
        finally:
            owner.execute("DROP FUNCTION linger() CASCADE")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert "is not known" in reply.json["detail"]
    assert tenant.get("/v1/customers").json["data"] == []


@pytest.mark.parametrize("seconds", [2, pytest.param(60 if STRESS else 10, marks=pytest.mark.slow)])
def test_while_all_connections_are_ended_again_and_again_every_entry_has_its_one_effect(
    live: LiveService, app: Flask, addresses: Addresses, operate: Callable[..., list[tuple[int]]], seconds: int
) -> None:
    """Plant the flaw by taking a lost connection for a fault of the program, or by answering every POST with 503."""
    journal, ended = Journal(live, [sign_up(app) for _ in range(3)]), 0
    with journal.load():
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            made = journal.seen[201]
            time.sleep(0.5)
            journal.demand_success(made)
            ended += operate(TERMINATE)[0][0]
    print(f"{ended} connections ended in {seconds} s")
    assert ended > 0
    assert journal.seen.keys() <= {200, 201, 409, 503}
    journal.check(addresses.owner)


@contextlib.contextmanager
def silenced(addresses: Addresses) -> Iterator[None]:
    """Every process of the database stopped, as by a host that is swapped out; its sockets stay open."""
    members = family(int((addresses.data / "postmaster.pid").read_text().split()[0]))
    try:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="the server of others is not stopped")
def test_while_the_database_is_silent_every_request_is_answered_in_time(
    live: LiveService, tenant: Tenant, addresses: Addresses
) -> None:
    """More clients than threads, so that some wait for those that wait.

    Plant the flaw by `CircuitBreaker.lets_through` that is always true: those behind the first wait eight seconds.
    """
    is_done = threading.Event()

    def ask(path: str, patience: float, pause: float) -> list[tuple[int, float]]:
        answers = []
        while not is_done.is_set():
            answers.append(timed(live.port, path, tenant.headers, patience))
            time.sleep(pause)
        return answers

    with ThreadPoolExecutor(50) as pool:
        with silenced(addresses):
            asking = [pool.submit(ask, "/v1/customers", 5.0, 0.2) for _ in range(48)]
            lively = pool.submit(ask, "/health/live", 5.0, 0.1)
            ready = pool.submit(ask, "/health/ready", 5.0, 0.1)
            time.sleep(9)
            is_done.set()
            answers = [answer for one in asking for answer in one.result(20)]
        assert eventually(lambda: timed(live.port, "/v1/customers", tenant.headers, 2)[0] == 200, 2)
        alive, readiness = lively.result(20), ready.result(20)
    alive_s, all_s = sorted(seconds for _, seconds in alive), sorted(seconds for _, seconds in answers)
    print(f"{len(answers)} answers, slowest {all_s[-1]:.2f} s; {len(alive)} liveness, slowest {alive_s[-1]:.3f} s")
    assert Counter(status for status, _ in answers) == {503: len(answers)}
    assert Counter(status for status, _ in alive) == {200: len(alive)}
    assert {status for status, _ in readiness} == {503}
    assert alive_s[-1] < 1, "liveness does not wait for the database"
    assert {live.insist("GET", "/v1/customers", None, tenant.headers).status for _ in range(20)} == {200}


@pytest.mark.slow
@pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="the server of others is not stopped")
def test_what_was_refused_while_the_database_was_silent_is_done_once_by_its_retry(
    live: LiveService, tenant: Tenant, addresses: Addresses
) -> None:
    """Plant the flaw by a process that remembers each answer under its key: every retry is the 503 again."""
    keyed = {**tenant.headers, "Idempotency-Key": "retried"}
    ask = functools.partial(live.send, "POST", "/v1/customers", {"name": "Once"}, keyed)
    assert live.insist("GET", "/v1/customers", None, tenant.headers).json["data"] == []
    with silenced(addresses):
        refused = ask()
    assert (refused.status, refused.json["code"]) == (503, "service-unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    made = live.insist("POST", "/v1/customers", {"name": "Once"}, keyed)
    assert (made.status, made.headers.get("Idempotency-Replayed")) == (201, None)
    again = ask()
    assert (again.status, again.content, again.headers["Idempotency-Replayed"]) == (201, made.content, "true")
    (customer,) = live.insist("GET", "/v1/customers", None, tenant.headers).json["data"]
    assert customer == made.json


@pytest.mark.parametrize("rest", [b"", b"Content-Length: 9\r\n\r\n", b"TRANSFER-ENCODING: chunked\r\n\r\n9\r\n"])
def test_half_a_question_for_life_keeps_nobody_from_an_answer(live: LiveService, rest: bytes) -> None:
    """Plant the flaw by giving the thread that answers it whatever begins like one."""
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            half = stack.enter_context(closing(socket.create_connection(("127.0.0.1", live.port))))
            half.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + rest)
        assert {timed(live.port, "/health/live", {}, 3)[0] for _ in range(8)} == {200}


def test_a_silent_database_is_left_alone_but_for_trials_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    breaker = CircuitBreaker()
    assert [breaker.lets_through(), breaker.lets_through()] == [True, True]
    breaker.note(silence=True)
    assert [breaker.lets_through(), breaker.lets_through()] == [False, False]
    monkeypatch.setattr("billing_api.circuit_breaker.TRIAL_SECONDS", -1.0)
    breaker.note(silence=False)
    breaker.note(silence=True)
    assert breaker.lets_through(), "a trial is due"
    breaker.note(silence=False)
    monkeypatch.undo()
    assert [breaker.lets_through(), breaker.lets_through()] == [True, True]


@pytest.mark.parametrize("seconds", [2, pytest.param(30 if STRESS else 10, marks=pytest.mark.slow)])
def test_three_times_more_clients_than_connections_all_are_answered_and_nothing_stays_open(
    live: LiveService, app: Flask, tenant: Tenant, operate: Callable[..., list[tuple[int]]], seconds: int
) -> None:
    """Plant the flaw by a new reading engine for each statement: every read takes two connections, and all starve."""
    ids = [tenant.draft()["id"] for _ in range(4)]
    with app.app_context():
        db.engine.dispose()
    deadline = time.monotonic() + seconds

    def work(n: int) -> Counter[int]:
        seen: Counter[int] = Counter()
        while time.monotonic() < deadline:
            path = f"/v1/invoices/{ids[n % 4]}"
            asked = [live.send("GET", path, None, tenant.headers)]
            asked.append(live.send("PATCH", path, {"notes": f"from {n}"}, tenant.headers))
            seen.update(reply.status for reply in asked)
        return seen

    with ThreadPoolExecutor(48) as pool:
        seen = sum(pool.map(work, range(48)), Counter[int]())
    print(f"48 clients, {seconds} s: {dict(seen)}")
    assert seen.keys() <= {200, 503}
    assert seen[503] * 100 <= seen[200]
    open_now = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
    assert operate(f"{open_now} AND state LIKE 'idle in transaction%%'") == [(0,)]
    assert operate(open_now)[0][0] <= 20, "two workers with ten connections each"
