"""The service as it runs for real, on the database of the tests, and a thin client that loads it from many threads."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from config import ROOT, Config
from tests.service_processes import COMMAND, STARTED, await_end, eventually, family, free_port, running

T = TypeVar("T")

CUT_OFF = (OSError, http.client.HTTPException)
"""What a client sees of a service that goes away while it answers."""
IDLE_SECONDS = 60
"""So long a client keeps a connection that it does not use; the service ends one after 75 seconds."""


@dataclass(frozen=True)
class Reply:
    """An answer, read to its last byte."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Send(Protocol):
    """One request, from any thread."""

    def __call__(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Reply: ...


def together(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all jobs, each in a thread of its own, started at one moment."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        start.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


@dataclass
class LiveService:
    """`billing-api serve` with two workers of four threads."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def __post_init__(self) -> None:
        self._local = threading.local()
        self._opened: list[tuple[threading.Thread, http.client.HTTPConnection]] = []
        self._opening = threading.Lock()

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Reply:
        """A request over a connection that this thread keeps. Raises OSError or HTTPException when it is cut off."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._opened_for(threading.current_thread())
        elif time.monotonic() - self._local.used_at > IDLE_SECONDS:
            connection.close()
        self._local.used_at = time.monotonic()
        content = None if body is None else json.dumps(body)
        given = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, path, content, {**given, **headers})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.headers), answer.read())
        except BaseException:
            connection.close()
            self._local.connection = None
            raise

    def insist(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Reply:
        """Send it again for as long as the connection is cut or the service says 503, as a careful client does."""
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(*CUT_OFF):
                reply = self.send(method, path, body, headers)
                if reply.status != 503:
                    return reply
            assert time.monotonic() < deadline, "the service does not come back"
            time.sleep(0.05)

    def volley(self, count: int, method: str, path: str, body: Any, release: Callable[[], object]) -> list[Reply]:
        """The answers to one request that is sent over many connections; `release` lets the first be answered."""
        connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=30) for _ in range(count)]
        try:
            for connection in connections:
                connection.connect()
            for connection in connections:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            release()
            answers = [connection.getresponse() for connection in connections]
            return [Reply(answer.status, dict(answer.headers), answer.read()) for answer in answers]
        finally:
            for connection in connections:
                connection.close()

    def hang_up(self) -> None:
        """Close the connections of all threads."""
        for _, connection in self._opened:
            connection.close()

    def _opened_for(self, thread: threading.Thread) -> http.client.HTTPConnection:
        """A new connection, in place of those whose threads have ended: a run of all races has thousands of them."""
        with self._opening:
            for owner, connection in self._opened:
                if not owner.is_alive():
                    connection.close()
            self._opened = [one for one in self._opened if one[0].is_alive()]
            self._opened.append((thread, http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)))
            return self._opened[-1][1]

    def workers(self) -> set[int]:
        """The processes that answer."""
        parents = running()
        masters = {pid for pid, parent in parents.items() if parent == self.process.pid and _is_gunicorn(pid)}
        return {pid for pid, parent in parents.items() if parent in masters}

    def done(self, route: str, organization_id: object) -> int:
        """How often it has done there what this organization asked for, whether or not anybody read the answer; to be
        asked of a service whose log level is `info`."""
        # What stands behind the last line break is still being written.
        said = self.log.read_text().rpartition("\n")[0].splitlines()
        lines = [json.loads(line) for line in said if line.startswith("{")]
        asked = [line for line in lines if line.get("organization_id") == str(organization_id)]
        return sum(line["route"] == route and line["status"] < 300 for line in asked if line["event"] == "request")

    def is_listening(self) -> bool:
        probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(probe), contextlib.suppress(OSError):
            probe.connect()
            return True
        return False


def timed(port: int, path: str, headers: dict[str, str], patience: float) -> tuple[int, float]:
    """The status of an answer on a connection of its own, 0 where none came in time, and the seconds it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    with contextlib.closing(connection), contextlib.suppress(*CUT_OFF):
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status, time.monotonic() - began
    return 0, time.monotonic() - began


@contextlib.contextmanager
def serving(config: Config, log: Path, **settings: str) -> Iterator[LiveService]:
    """The service on the database and with the keys of the tests, so that their tokens are good for it."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}} | {
        "BILLING_ENV": "test",
        # An instance of its own, because only one service may run on each.
        "INSTANCE": str(log.with_name("instance")),
        "BILLING_JWT_KEYS": str(config.jwt_keys),
        "PORT": str(port),
        "WORKERS": "2",
        "DATABASE_URL": str(config.database_url),
        "MIGRATION_DATABASE_URL": str(config.migration_database_url),
        "BILLING_PUBLIC_URL": config.public_url,
        "BILLING_RATE_LIMIT": str(config.rate_limit),
        "BILLING_RATE_LIMIT_ADDRESS": str(config.rate_limit_address),
        # A line for each request would be the test's own load.
        "BILLING_LOG_LEVEL": "error",
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "serve"],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        assert eventually(lambda: STARTED in log.read_text() or process.poll() is not None, 60)
        assert process.poll() is None, log.read_text()
        service = LiveService(process, port, log)
        yield service
        service.hang_up()
    finally:
        members = family(process.pid)
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
        process.wait(20)
        await_end(members, 10)


def _is_gunicorn(pid: int) -> bool:
    try:
        return b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
