"""The threads that wait for all clients together, on pairs of sockets, and the worker that has them, on its port."""

import os
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config as GunicornConfig

from billing_api import gunicorn_settings
from billing_api.crew import Clients, Crew, CrewWorker
from tests.live_service import LiveService
from tests.service_processes import eventually

ASK = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WHO = b'{"email": "nobody@example.com", "password": "correct horse battery staple"}'
LOG_IN = (
    b"POST /v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(WHO), WHO)
)


@pytest.fixture
def served() -> "SimpleQueue[Any]":
    return SimpleQueue()


@pytest.fixture
def crew(served: "SimpleQueue[Any]") -> Crew:
    return Crew(3, served.put)


@pytest.fixture
def connect() -> Iterator[Callable[[float], tuple[Any, socket.socket]]]:
    """Makes a connection, whose time is over at a moment, and its client."""
    made: list[socket.socket] = []

    def make(timeout: float = 1e9) -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        made.extend((ours, theirs))
        return SimpleNamespace(sock=ours, timeout=timeout), theirs

    yield make
    for one in made:
        one.close()


def nobody(served: "SimpleQueue[Any]") -> bool:
    try:
        served.get(timeout=0.1)
    except Empty:
        return True
    return False


def test_what_is_taken_is_served_at_once_and_once(crew: Crew, served: "SimpleQueue[Any]", connect: Any) -> None:
    conn, _client = connect()
    crew.take(conn)
    assert served.get(timeout=5) is conn
    assert nobody(served)


def test_what_is_kept_is_served_when_its_client_speaks_or_leaves(
    crew: Crew, served: "SimpleQueue[Any]", connect: Any
) -> None:
    (one, client), (other, leaver) = connect(), connect()
    crew.keep(one)
    crew.keep(other)
    assert nobody(served)
    client.sendall(b"x")
    assert served.get(timeout=5) is one
    # It was told once, though nobody has read what was sent.
    assert nobody(served)
    crew.keep(one)
    assert served.get(timeout=5) is one
    leaver.close()
    assert served.get(timeout=5) is other


def test_what_is_released_is_nobody_s(crew: Crew, served: "SimpleQueue[Any]", connect: Any) -> None:
    kept = [connect(timeout) for timeout in (1.0, 2.0, 3.0)]
    for conn, _ in kept:
        crew.keep(conn)
    assert [crew.is_full(most) for most in (3, 4)] == [True, False]
    assert list(crew.released(until=2.0)) == [kept[0][0], kept[1][0]]
    kept[0][1].sendall(b"x")
    assert nobody(served)
    # It may come back, and is served as any other.
    crew.keep(kept[0][0])
    assert served.get(timeout=5) is kept[0][0]
    assert list(crew.released()) == [kept[2][0]]


def test_many_threads_share_many_clients(served: "SimpleQueue[Any]", connect: Any) -> None:
    def echo(conn: Any) -> None:
        # Not where the test has ended before, and its sockets are closed.
        with suppress(OSError, ValueError):
            conn.sock.sendall(conn.sock.recv(16))
            crew.keep(conn)

    crew = Crew(3, echo)
    clients = [connect() for _ in range(20)]
    for conn, _ in clients:
        crew.keep(conn)
    for turn in range(50):
        for number, (_, client) in enumerate(clients):
            client.sendall(b"%d %d" % (turn, number))
        for number, (_, client) in enumerate(clients):
            client.settimeout(10)
            assert client.recv(16) == b"%d %d" % (turn, number)


def test_who_has_more_clients_than_another_is_ahead() -> None:
    clients = Clients()
    clients.note(1, 3)
    assert not clients.is_ahead(1)
    clients.note(2, 0)
    assert [clients.is_ahead(worker) for worker in (1, 2)] == [True, False]
    clients.note(2, 3)
    assert not clients.is_ahead(1)
    clients.note(1, 4)
    clients.forget(2)
    assert not clients.is_ahead(1)


def test_a_burst_of_clients_is_shared_among_the_workers(live: LiveService) -> None:
    """Plant the flaw by accepting at once: as a rule one of the two has all of them."""
    got: Counter[int] = Counter()
    for _ in range(3):
        before = opened(live)
        clients = [socket.create_connection(("127.0.0.1", live.port), timeout=10) for _ in range(40)]
        for client in clients:
            client.sendall(ASK)
        for client in clients:
            assert answers(client, 1).startswith(b"HTTP/1.1 200 ")
        got += opened(live) - before
        for client in clients:
            client.close()
        # But for those that a worker has opened meanwhile for itself, to the database.
        assert eventually(lambda: opened(live).total() <= before.total() + 4, 10)  # noqa: B023 - called at once
    assert len(got) == 2
    assert min(got.values()) > 15


def test_who_has_said_nothing_as_the_worker_stops_takes_a_thread_for_no_longer_than_gunicorn_lets_it() -> None:
    """It stood in the queue of the kernel, and the worker looks at that one last time."""
    worker = CrewWorker.__new__(CrewWorker)
    worker.tpool = SimpleNamespace(take=lambda conn: None)
    for alive, initialized, is_awaited in ((True, False, False), (False, False, True), (False, True, False)):
        worker.alive, conn = alive, SimpleNamespace(initialized=initialized, data_ready=False)
        worker.take(conn)
        assert conn.data_ready is not is_awaited


def test_who_has_spoken_before_the_time_was_over_is_served(served: "SimpleQueue[Any]", connect: Any) -> None:
    """No thread was free. Plant the flaw by closing whoever is kept for too long."""
    worker = CrewWorker.__new__(CrewWorker)
    worker.alive, worker.nr_conns, worker.keepalived_conns = True, 2, deque()
    worker.tpool = Crew(0, served.put)
    (idle, _idler), (late, client) = connect(0.0), connect(0.0)
    for conn in (idle, late):
        conn.parser, conn.initialized, conn.close = None, True, partial(served.put, conn)
        worker.tpool.keep(conn)
    client.sendall(b"GET ")
    worker.murder_keepalived()
    assert served.get(timeout=5) is idle
    assert nobody(served)
    assert (worker.nr_conns, list(worker.tpool._taken.values())) == (1, [late])


def test_whatever_is_raised_the_thread_goes_on_and_the_connection_goes_back() -> None:
    back: list[Any] = []
    worker = CrewWorker.__new__(CrewWorker)
    worker.log = SimpleNamespace(exception=lambda *_: None)
    worker.handle = lambda conn: sys.exit("as a view might")
    worker._give_back = lambda conn, stays: back.append((conn, stays))  # type: ignore[method-assign]  # seen
    conn = SimpleNamespace(initialized=False)
    worker._serve(conn)
    assert back == [(conn, False)]


def test_the_workers_of_the_service_have_a_crew() -> None:
    """Where the kernel has what a crew waits with; elsewhere gunicorn's own threads do the work."""
    has_it = hasattr(select, "epoll")
    name = "billing_api.crew.CrewWorker" if has_it else "billing_api.polite_worker.PoliteWorker"
    assert gunicorn_settings.worker_class == name


def opened(live: LiveService) -> "Counter[int]":
    """How many sockets each worker has open."""
    return Counter({pid: sum(map(is_socket, Path(f"/proc/{pid}/fd").iterdir())) for pid in live.workers()})


def is_socket(descriptor: Path) -> bool:
    try:
        return os.readlink(descriptor).startswith("socket:")
    except FileNotFoundError:
        # Closed since it was listed.
        return False


def answers(client: socket.socket, count: int) -> bytes:
    """What has come when so many heads have."""
    read = b""
    while read.count(b"HTTP/1.1 ") < count or not read.rstrip().endswith(b"}"):
        piece = client.recv(65536)
        if not piece:
            break
        read += piece
    return read


def test_one_connection_serves_on_and_on_in_pieces_and_in_a_row(live: LiveService) -> None:
    with closing(socket.create_connection(("127.0.0.1", live.port), timeout=10)) as client:
        for _ in range(20):
            client.sendall(ASK)
            assert answers(client, 1).startswith(b"HTTP/1.1 200 ")
        client.sendall(ASK[:20])
        time.sleep(0.05)
        client.sendall(ASK[20:])
        assert answers(client, 1).startswith(b"HTTP/1.1 200 ")
        # Three in one piece, of which a thread reads more than it answers.
        client.sendall(ASK * 3)
        assert answers(client, 3).count(b"HTTP/1.1 200 ") == 3


def test_who_logs_in_on_a_kept_connection_stands_in_the_queue_for_that(live: LiveService) -> None:
    """And the connection serves on after it."""
    with closing(socket.create_connection(("127.0.0.1", live.port), timeout=30)) as client:
        for _ in range(2):
            client.sendall(ASK)
            assert answers(client, 1).startswith(b"HTTP/1.1 200 ")
            client.sendall(LOG_IN)
            assert answers(client, 1).startswith(b"HTTP/1.1 401 ")


def test_clients_that_leave_are_let_go(live: LiveService) -> None:
    clients = [socket.create_connection(("127.0.0.1", live.port), timeout=10) for _ in range(30)]
    for client in clients:
        client.sendall(ASK)
    for client in clients:
        assert answers(client, 1).startswith(b"HTTP/1.1 200 ")
    before = opened(live).total()
    for client in clients:
        client.close()
    assert eventually(lambda: opened(live).total() <= before - len(clients))


@pytest.mark.parametrize(
    ("name", "value"), [("certfile", "x.pem"), ("max_requests", 10), ("post_request", lambda worker, request: None)]
)
def test_a_setting_of_gunicorn_that_nobody_would_follow_stops_the_start(name: str, value: Any) -> None:
    server = SimpleNamespace(cfg=GunicornConfig())
    gunicorn_settings.on_starting(server)
    server.cfg.set(name, value)
    with pytest.raises(SystemExit, match=f"gunicorn's {name} would do nothing here"):
        gunicorn_settings.on_starting(server)
