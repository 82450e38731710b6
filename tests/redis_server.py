"""A real Redis of a test's own, on a port of its own, to be killed, stopped, filled and spoilt."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from billing_api.processes import end, spawn
from tests.service_processes import eventually, free_port

REDIS = shutil.which("redis-server")
IS_NEEDED = bool(os.environ.get("NEEDS_REDIS"))

needs_redis = pytest.mark.skipif(
    REDIS is None and not IS_NEEDED, reason="redis-server is not installed (Debian: redis-server)"
)


@dataclass
class RedisServer:
    """`redis-server`, without a disk; not running until it is started."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        """Another client of it."""
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        settings = {"--bind": "127.0.0.1", "--port": str(self.port), "--save": "", "--dir": str(self.folder)}
        words = [word for setting in settings.items() for word in setting]
        self.process = spawn([str(REDIS), *words, "--logfile", str(self.folder / "redis.log")], death=signal.SIGKILL)
        assert eventually(self._answers, 10)

    def kill(self) -> None:
        if self.process is not None:
            end(self.process, (signal.SIGKILL, 5.0))
            self.process = None

    def hang(self) -> None:
        """It still takes connections, and says nothing more."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def fill(self) -> None:
        """From now on it takes nothing more."""
        with self.client as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")

    def clear(self) -> None:
        """It has nothing any more."""
        with self.client as client:
            client.flushall()

    def spoil(self) -> None:
        """Under each name stands something else than what was left there."""
        with self.client as client:
            for name in client.keys("*"):
                client.set(name, os.urandom(200))

    def names(self) -> list[bytes]:
        """Of all entries, the oldest version first."""
        with self.client as client:
            return sorted(client.keys("billing:*"))

    def _answers(self) -> bool:
        with suppress(redis.RedisError), self.client as client:
            return bool(client.ping())
        return False


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()
