"""The supervisor behind `billing-api serve`: database, migrations, demo data, gunicorn; and how all of it ends."""

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from types import FrameType

from flask import Flask

from billing_api import create_app, demo
from billing_api.attendant import Attendant
from billing_api.database import db
from billing_api.embedded import EmbeddedPostgres
from billing_api.processes import Lock, die_with, end, holder, spawn
from billing_api.provisioning import await_database, check_role, is_migrated, located, migrate
from config import ROOT, Config

TICK_SECONDS = 0.2
BOOT_SECONDS = 30.0
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class ServingError(Exception):
    """The service cannot be started, or did not stay up; the message is one line."""


class _Interrupted(BaseException):
    """A signal to stop came before the service was up."""


@dataclass(frozen=True, slots=True)
class _Farewell:
    """One way to stop: how long readiness says no first, what gunicorn is told, and how long it may take."""

    drain: float
    signum: int
    patience: float


def serve(config: Config, *, parent: int | None = None, with_worker: bool | None = None) -> int:
    """Run the service until it is told to stop.

    SIGTERM: readiness says 503 for `drain_seconds`, then every request that was sent is answered, then the end.
    SIGINT (Ctrl-C): the same without the first part. SIGQUIT, or the death of `parent` (a process id): at once.
    SIGHUP: new workers take over from the old; where it means that the terminal went away, as SIGQUIT.

    `with_worker` runs a `billing-api worker` beside it; unless it is said, in development only, where nobody else does.

    Returns:
        The exit code: 0 after a signal.

    Raises:
        ServingError, EmbeddedError, DatabaseAway, UnsafeRole: it cannot be started.
    """
    if parent is not None and not die_with(parent, signal.SIGQUIT):
        raise ServingError("the process that started this one has ended")
    return _Supervisor(config, parent, config.is_development if with_worker is None else with_worker).run()


class _Supervisor:
    def __init__(self, config: Config, parent: int | None, with_worker: bool) -> None:
        self._config = config
        self._parent = parent
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._is_up = False
        self._asked_by: int | None = None
        self._postgres: EmbeddedPostgres | None = None
        self._gunicorn: subprocess.Popen[bytes] | None = None
        self._worker = Attendant(os.getpid()) if with_worker else None

    def run(self) -> int:
        lock_file = self._config.run_dir / "lock"
        lock = Lock.take(lock_file)
        if lock is None:
            raise ServingError(f"the instance {self._config.instance} is already served by {holder(lock_file)}")
        for signum in HANDLED:
            signal.signal(signum, self._note)
        try:
            self._start()
            self._is_up = True
            self._watch()
        except _Interrupted:
            pass
        finally:
            self._is_up = True
            self._end_at_once()
            lock.release()
        self._say_goodbye()
        return 0

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._is_up:
            self._signals.put(signum)
        elif signum != signal.SIGHUP:
            self._asked_by = signum
            raise _Interrupted

    def _start(self) -> None:
        config = self._config
        _check_port(config)
        if config.database_url is None:
            self._postgres = EmbeddedPostgres(config.instance)
            config = self._config = located(config, self._postgres.start())
        else:
            await_database(config.database_url)
            check_role(config)
        for mark in ("draining", "serving"):
            (config.run_dir / mark).unlink(missing_ok=True)
        if config.is_production:
            self._launch()
            return
        app = create_app(config)
        if not is_migrated(config):
            migrate(app)
        # The workers load while the demo data are looked at.
        self._launch()
        self._greet(app)

    def _launch(self) -> None:
        metrics = self._config.run_dir / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True)
        environment = self._environment() | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:billing_api.gunicorn_settings", "wsgi:app"]
        # Killed outright when we are killed: what it leaves unfinished the database rolls back.
        self._gunicorn = spawn(command, death=signal.SIGKILL, env=environment, cwd=ROOT)

    def _environment(self) -> dict[str, str]:
        """What the children are given. They work as the service's role and need not know the owner's password."""
        given = {name: text for name, text in os.environ.items() if name != "MIGRATION_DATABASE_URL"}
        return given | {"DATABASE_URL": str(self._config.database_url), "INSTANCE": str(self._config.instance)}

    def _greet(self, app: Flask) -> None:
        """Say where everything is; in development only, because it shows a password and a token."""
        sample = demo.ensure(app)
        with app.app_context():
            # From here on the supervisor speaks to the database no more, and should hold none of its connections.
            for engine in db.engines.values():
                engine.dispose()
        url = f"http://{_reachable_host(self._config)}:{self._config.port}"
        self._await_worker()
        data = self._postgres.addresses.data if self._postgres else "the database of DATABASE_URL"
        lines = [
            f"Billing API     {url}",
            f"Documentation   {url}/docs",
            f"Demo login      {sample.email}  {sample.password}",
            f"Data            {data}",
            f"Access token    {sample.access_token}",
            "",
            *demo.curl_lines(url, sample),
            "",
            "Ctrl-C stops it.",
        ]
        print("\n".join(lines), flush=True)

    def _await_worker(self) -> None:
        """Wait for the mark of the first worker. A request of our own would write its line above the greeting."""
        deadline = time.monotonic() + BOOT_SECONDS
        while not (self._config.run_dir / "serving").exists():
            self._check_gunicorn()
            if time.monotonic() > deadline:
                raise ServingError(f"no worker of the service is ready after {BOOT_SECONDS:.0f} s")
            time.sleep(0.02)

    def _check_gunicorn(self) -> None:
        code = self._gunicorn.poll() if self._gunicorn else None
        if code is not None:
            raise ServingError(f"gunicorn ended by itself ({_ending(code)}); its messages are above")

    def _watch(self) -> None:
        while True:
            signum = self._next_signal(TICK_SECONDS)
            if self._parent is not None and os.getppid() != self._parent:
                signum = signal.SIGQUIT
            if signum == signal.SIGHUP and not os.isatty(0):
                self._tell_gunicorn(signal.SIGHUP)
            elif signum is not None:
                self._asked_by = signum
                self._leave(signum)
                return
            self._check_gunicorn()
            self._keep_postgres()
            self._keep_worker()

    def _keep_worker(self) -> None:
        # Not before the service answers, whose start it would slow down.
        if self._worker and (self._config.run_dir / "serving").exists():
            self._worker.keep(self._environment())

    def _keep_postgres(self) -> None:
        if self._postgres and (code := self._postgres.poll()) is not None and self._postgres.revive():
            print(f"billing-api: PostgreSQL ended ({_ending(code)}) and was started again", file=sys.stderr, flush=True)

    def _leave(self, signum: int) -> None:
        """Stop in the way that the signal asks for; a second signal makes it quick."""
        config = self._config
        ways = {
            signal.SIGTERM: _Farewell(config.drain_seconds, signal.SIGTERM, config.graceful_seconds),
            signal.SIGINT: _Farewell(0, signal.SIGTERM, config.graceful_seconds),
        }
        way = ways.get(signal.Signals(signum), _Farewell(0, signal.SIGQUIT, 1.5))
        (config.run_dir / "draining").touch()
        if self._worker:
            self._worker.tell()
        if self._pause(way.drain):
            self._tell_gunicorn(way.signum)
            self._pause(way.patience)

    def _pause(self, seconds: float) -> bool:
        """Wait while gunicorn works; False when it has ended or somebody is in a hurry."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._next_signal(min(left, TICK_SECONDS / 4)) is not None:
                return False
            if self._gunicorn is None or self._gunicorn.poll() is not None:
                return False
        return True

    def _next_signal(self, seconds: float) -> int | None:
        try:
            return self._signals.get(timeout=seconds)
        except queue.Empty:
            return None

    def _tell_gunicorn(self, signum: int) -> None:
        if self._gunicorn and self._gunicorn.poll() is None:
            self._gunicorn.send_signal(signum)

    def _end_at_once(self) -> None:
        """Whatever still runs ends within five seconds: the database last, so that nobody misses it."""
        if self._worker:
            self._worker.tell()
        if self._gunicorn:
            end(self._gunicorn, (signal.SIGQUIT, 1.0))
        if self._worker:
            self._worker.end()
        if self._postgres:
            self._postgres.stop()
        for mark in ("draining", "serving"):
            (self._config.run_dir / mark).unlink(missing_ok=True)

    def _say_goodbye(self) -> None:
        """Tell whoever pressed Ctrl-C that nothing runs any more. Otherwise there may be nobody left to read it."""
        if self._asked_by in (signal.SIGINT, signal.SIGTERM) and not self._config.is_production:
            # Not through `print`, whose buffer Python would try to write again at its end when the reader has gone.
            with contextlib.suppress(OSError):
                os.write(1, b"Stopped.\n")


def _check_port(config: Config) -> None:
    """Refuse a taken port before anything is started; gunicorn would try for five seconds and say it in ten lines."""
    family = socket.AF_INET6 if ":" in config.bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.bind, config.port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ServingError(f"port {config.port} on {config.bind}: {reason}; choose another with PORT=...") from None


def _reachable_host(config: Config) -> str:
    wild = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not listened on
    return wild.get(config.bind, f"[{config.bind}]" if ":" in config.bind else config.bind)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
