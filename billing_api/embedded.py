"""The default database: a private PostgreSQL, started from installed programs and ended with its starter."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from billing_api import clock
from billing_api.postgres_binaries import EmbeddedError
from billing_api.postgres_cluster import (
    Addresses,
    Cluster,
    connect,
    one_line,
    open_cluster,
    prepare,
    read_passwords,
    read_place,
)
from billing_api.postgres_leftovers import noted_port, settle
from billing_api.processes import Lock, end, holder, spawn

__all__ = ["Addresses", "EmbeddedError", "EmbeddedPostgres", "attach", "throw_away"]

START_SECONDS = 60.0
"""How long a start may take; after a crash the server first replays its log."""
REVIVE_SECONDS = 30.0
"""How long a server that died is started again and again before we give up."""
LARGEST_LOG = 5_000_000

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path has a limit of 107 bytes, and a clone may lie deeper.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and details carry what users sent, which has no place in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "10s"}


class EmbeddedPostgres:
    """One private server, for the instance folder that it is made with, and with `settings` other than the small ones
    that do for one developer. Not for use by several threads."""

    def __init__(self, instance: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self._home = instance / "postgres"
        self._durable = durable
        self._settings = settings or {}
        self._lock: Lock | None = None
        self._cluster: Cluster | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._failing_since: float | None = None
        self._launched_at = 0.0

    @property
    def log(self) -> Path:
        """The server's own messages."""
        return self._home / "server.log"

    def start(self) -> Addresses:
        """Make the database if there is none, start the server and wait until it answers.

        Raises:
            EmbeddedError: it cannot be started, or another process keeps this instance's database.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = Lock.take(self._home / "lock")
        if self._lock is None:
            raise EmbeddedError(f"the database of {self._home.parent} is kept by {holder(self._home / 'lock')}")
        try:
            self._cluster = open_cluster(self._home, durable=self._durable)
            settle(self._cluster)
            self._start_on_a_free_port()
            addresses = self.addresses
            prepare(addresses, self._cluster.passwords)
        except (OSError, psycopg2.Error) as error:
            self.stop()
            raise EmbeddedError(f"the private PostgreSQL cannot be started: {one_line(error)}") from error
        except BaseException:
            self.stop()
            raise
        return addresses

    @property
    def addresses(self) -> Addresses:
        """The addresses of the server that was started."""
        cluster = self._running_cluster
        return Addresses.of(cluster.passwords, self._port, cluster.data)

    def poll(self) -> int | None:
        """None while the server runs, else how it ended (negative: the signal)."""
        return self._process.poll() if self._process else 0

    def revive(self) -> bool:
        """Start a server that died again, on its port, without waiting for it.

        Returns:
            Whether it was started. A first try may fail, while the children of a killed server still leave: call again.

        Raises:
            EmbeddedError: it has been dying for half a minute.
        """
        now = time.monotonic()
        if self.poll() is None:
            if now - self._launched_at > 5:
                self._failing_since = None
            return False
        self._failing_since = self._failing_since or now
        if now - self._failing_since > REVIVE_SECONDS:
            raise EmbeddedError(f"PostgreSQL does not stay up: {self._last_words()}")
        self._launch()
        return True

    def stop(self) -> None:
        """End the server, with a checkpoint unless it is a throw-away, and release the instance."""
        self._end_process()
        if self._lock:
            self._lock.release()
            self._lock = None

    @property
    def _running_cluster(self) -> Cluster:
        if self._cluster is None:
            raise EmbeddedError("the private PostgreSQL has not been started")
        return self._cluster

    def _start_on_a_free_port(self) -> None:
        for last in (False, False, True):
            self._port = _free_port()
            self._launch()
            try:
                self._await_ready()
            except EmbeddedError:
                # Between our look and the server's bind somebody else may have taken the port.
                if last or "could not bind" not in self._last_words():
                    raise
            else:
                return

    def _launch(self) -> None:
        cluster = self._running_cluster
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        kind = {} if self._durable else _THROW_AWAY
        settings = {**_SETTINGS, **kind, **self._settings, "port": str(self._port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log.open("ab") as output:
            self._process = spawn(
                [cluster.binaries["postgres"], "-D", cluster.data, *options],
                # SIGINT is its fast and clean way to stop, SIGQUIT the one without a checkpoint.
                death=signal.SIGINT if self._durable else signal.SIGQUIT,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                account=cluster.account,
                output=output,
            )
        self._launched_at = time.monotonic()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.poll() is None:
            try:
                connect(self.addresses.superuser).close()
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    self._end_process()
                    raise EmbeddedError(f"PostgreSQL does not answer: {one_line(error)}") from None
                time.sleep(0.02)
            else:
                return
        raise EmbeddedError(f"PostgreSQL did not start: {self._last_words()}")

    def _end_process(self) -> None:
        if self._process is None:
            return
        steps = ((signal.SIGINT, 2.0), (signal.SIGQUIT, 1.0)) if self._durable else ((signal.SIGQUIT, 1.0),)
        end(self._process, *steps)
        self._process = None

    def _last_words(self) -> str:
        with suppress(OSError):
            tail = self.log.read_bytes()[-2000:].decode(errors="replace").splitlines()
            return f"{' | '.join(line.strip() for line in tail[-4:])} (all of it: {self.log})"
        return f"see {self.log}"


def attach(instance: Path) -> Addresses | None:
    """The addresses of the server that another process runs for this instance, or None when none answers."""
    home = instance / "postgres"
    try:
        passwords, data = read_passwords(home), read_place(home)
        port = noted_port(data)
    except OSError:
        return None
    if passwords is None or port is None:
        return None
    addresses = Addresses.of(passwords, port, data)
    # Both sides prove that they know the password (SCRAM), so a stranger on that port does not pass.
    with suppress(psycopg2.OperationalError):
        connect(addresses.owner).close()
        return addresses
    return None


@contextmanager
def throw_away() -> Iterator[Addresses]:
    """A server for tests: nothing is synced to the disk, and at the end nothing is left of it."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_THROW_AWAY_PREFIX))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    server = EmbeddedPostgres(folder, durable=False)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


_THROW_AWAY_PREFIX = "billing-api-test-"


def _sweep() -> None:
    """Remove what throw-away servers left behind whose holder was killed more than an hour ago."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_THROW_AWAY_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and clock.now().timestamp() - folder.stat().st_mtime > 3600:
                lock = Lock.take(folder / "postgres" / "lock")
                if lock:
                    shutil.rmtree(folder, ignore_errors=True)
                    lock.release()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
