"""The service as real processes, for the tests of how it starts and ends."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from billing_api.postgres_cluster import ROOTS_PLACE, read_place
from billing_api.processes import Account
from config import ROOT

KEPT = {"PATH", "HOME", "PYTHONPATH"}
COMMAND = [sys.executable, "-c", "from billing_api.cli import main; main()"]
STARTED = "Ctrl-C stops it."
STARTER = (
    "import subprocess, sys, os, time; p = subprocess.Popen(sys.argv[1:]); print(p.pid, flush=True); time.sleep(99)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(instance: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("COV")}
    return kept | {"INSTANCE": str(instance), "PORT": str(port), "WORKERS": "2", "BILLING_DRAIN_SECONDS": "1"} | more


def nobody(folder: Path) -> Account | None:
    """PgBouncer and PostgreSQL refuse to run as root; another user has to get at their folder then."""
    if os.geteuid() != 0:
        return None
    found = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, found.pw_uid, found.pw_gid)
    for parent in folder.parents[:3]:
        if parent.stat().st_uid == 0 and parent != Path(tempfile.gettempdir()):
            parent.chmod(parent.stat().st_mode | 0o011)
    return Account(found.pw_uid, found.pw_gid)


def running() -> dict[int, int]:
    """The parent of every process that has not ended."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(stat.parent.name)] = int(parent)
    return found


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents = running()
    members = {pid} & parents.keys()
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether it holds within the time."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


def await_end(pids: set[int], seconds: float = 5.0) -> set[int]:
    """Those of the processes that still run after the time, none as a rule."""
    deadline = time.monotonic() + seconds
    while (left := pids & running().keys()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@dataclass
class Service:
    process: "subprocess.Popen[bytes]"
    output: Path
    """What it prints. A file: a pipe that nobody empties would stop the service after some hundred requests."""
    port: int
    instance: Path
    banner: list[str] = field(default_factory=list)

    def read_banner(self, deadline: float) -> None:
        while STARTED not in self.banner:
            self.banner = self.output.read_text().splitlines()
            assert time.monotonic() < deadline, self.banner
            assert self.process.poll() is None or STARTED in self.banner, f"it ended before it was up: {self.banner}"
            time.sleep(0.02)

    def get(self, path: str) -> int:
        """The status of an answer; 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def worker(self) -> set[int]:
        """The worker beside the service, once it has been started."""
        children = [pid for pid, parent in running().items() if parent == self.process.pid]
        return {pid for pid in children if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    def eventually(self, path: str, status: int, seconds: float = 20.0) -> bool:
        return eventually(lambda: self.get(path) == status, seconds)


@contextmanager
def an_instance(folder: Path) -> Iterator[Path]:
    """A place for an instance in the folder; also root's data are removed afterwards."""
    yield folder / "instance"
    data = read_place(folder / "instance" / "postgres")
    if data.parent == ROOTS_PLACE:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(data.with_name(f"{data.name}.new"), ignore_errors=True)


@contextmanager
def services_of(instance: Path) -> Iterator[Callable[..., Service]]:
    """A function that starts the service on the instance; those that still run afterwards are ended."""
    started: list[Service] = []

    def begin(*words: str, command: list[str] = COMMAND) -> Service:
        port = free_port()
        output = instance.with_name(f"output-{len(started)}")
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*command, "serve", *words],
                env=environment(instance, port),
                cwd=ROOT,
                stdout=file,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        started.append(Service(process, output, port, instance))
        return started[-1]

    yield begin
    for service in started:
        members = family(service.process.pid)
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGQUIT)
        await_end(members, 10)
        service.process.wait(10)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Path]:
    with an_instance(tmp_path) as found:
        yield found


@pytest.fixture
def serve(instance: Path) -> Iterator[Callable[..., Service]]:
    with services_of(instance) as begin:
        yield begin


@pytest.fixture
def service(serve: Callable[..., Service]) -> Service:
    return up(serve())


def up(service: Service) -> Service:
    """The service, once it answers."""
    service.read_banner(time.monotonic() + 60)
    return service
