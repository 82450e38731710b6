"""How `billing-api serve` ends: nothing outlives it, and a stop under load answers every request that was sent."""

import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from billing_api.postgres_cluster import read_place
from tests.service_processes import COMMAND, Service, await_end, eventually, family, instance, running, serve, service

__all__ = ["instance", "serve", "service"]


STARTER = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(99)"


def test_nothing_outlives_a_kill_of_the_top_process(service: Service) -> None:
    assert eventually(lambda: bool(service.worker()))
    members = family(service.process.pid)
    assert len(members) > 6, "the supervisor, gunicorn, its workers, the worker that sends mails, PostgreSQL"
    service.process.kill()
    assert await_end(members) == set()
    assert service.get("/health/live") == 0


def test_ctrl_c_ends_everything_without_a_word_of_complaint(service: Service) -> None:
    assert eventually(lambda: bool(service.worker()))
    members = family(service.process.pid)
    before = service.output.read_text()
    os.killpg(service.process.pid, signal.SIGINT)
    assert await_end(members) == set()
    assert service.process.wait(1) == 0
    assert service.output.read_text().removeprefix(before) == "Stopped.\n"


@pytest.mark.slow
def test_a_stop_during_the_start_leaves_nothing(serve: Callable[..., Service]) -> None:
    for pause in (0.3, 0.8, 1.2, 1.6, 2.0):
        service = serve()
        time.sleep(pause)
        members = family(service.process.pid)
        service.process.terminate()
        service.process.wait(20)
        assert await_end(members) == set()


@pytest.mark.slow
def test_it_ends_when_the_process_that_started_it_is_killed(serve: Callable[..., Service]) -> None:
    starter = serve("--die-with-parent", command=[sys.executable, "-c", STARTER, *COMMAND])
    starter.read_banner(time.monotonic() + 60)
    members = family(starter.process.pid)
    starter.process.kill()
    assert await_end(members) == set()


@pytest.mark.slow
def test_a_killed_database_comes_back_without_a_restart_of_the_service(service: Service) -> None:
    data = read_place(service.instance / "postgres")
    before = gunicorn_of(service)
    os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    assert service.eventually("/health/ready", 503, 2) or service.get("/health/ready") == 200
    assert service.eventually("/health/ready", 200, 15)
    assert service.process.poll() is None
    assert gunicorn_of(service) == before


@pytest.mark.slow
def test_it_ends_with_an_error_when_gunicorn_is_killed(service: Service) -> None:
    members = family(service.process.pid)
    os.kill(gunicorn_of(service), signal.SIGKILL)
    assert await_end(members) == set()
    assert service.process.wait(1) == 1


def gunicorn_of(service: Service) -> int:
    children = [pid for pid, parent in running().items() if parent == service.process.pid]
    return next(pid for pid in children if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes())


@dataclass
class Client:
    """Sends request after request until nobody listens; keeps what was sent and stayed unanswered."""

    port: int
    keeps_connection: bool
    answered: int = 0
    unanswered: list[str] = field(default_factory=list)

    def work(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                try:
                    connection.connect()
                except OSError:
                    connection.close()
                    return
            try:
                connection.request("GET", "/health/ready")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.unanswered.append(repr(error))
                return
            self.answered += 1
            if answer.will_close or not self.keeps_connection:
                connection.close()
                connection = None


@pytest.mark.slow
def test_under_load_a_stop_answers_every_request_that_was_sent(service: Service) -> None:
    """Plant the flaw by making `worker_class` gunicorn's own "gthread": requests in the kernel's queue are reset."""
    clients = [Client(service.port, keeps_connection=number % 2 == 0) for number in range(16)]
    threads = [threading.Thread(target=client.work) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(1)
    members = family(service.process.pid)
    asked_at = time.monotonic()
    service.process.terminate()
    assert service.eventually("/health/ready", 503, 1), "readiness says no while requests are still answered"
    assert await_end(members, 1 + 25 + 1) == set()
    assert time.monotonic() - asked_at < 10
    for thread in threads:
        thread.join(30)
    assert service.get("/health/live") == 0
    assert [client.unanswered for client in clients if client.unanswered] == []
    assert min(client.answered for client in clients) > 0


@pytest.mark.slow
def test_new_workers_take_over_on_hangup_and_no_request_fails(service: Service) -> None:
    client = Client(service.port, keeps_connection=False)
    thread = threading.Thread(target=client.work)
    thread.start()
    for _ in range(3):
        service.process.send_signal(signal.SIGHUP)
        time.sleep(1.5)
    before = client.answered
    assert eventually(lambda: client.answered > before, 10)
    service.process.terminate()
    thread.join(40)
    assert client.unanswered == []
