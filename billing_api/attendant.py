"""The worker beside the service, as the supervisor's child."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping

from billing_api.processes import end, spawn
from config import ROOT

PAUSE_SECONDS = 5.0
_MAIN = "from billing_api.cli import main; main()"


class Attendant:
    """Keeps a worker running: starts it when first asked to, and again a while after it has ended."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._process: subprocess.Popen[bytes] | None = None
        self._next_start = 0.0

    def keep(self, environment: Mapping[str, str]) -> None:
        """See that it runs. To be called now and then, from the main thread."""
        if self._process is not None and (code := self._process.poll()) is not None:
            print(f"billing-api: the worker ended ({code}) and is started again", file=sys.stderr, flush=True)
            self._process, self._next_start = None, time.monotonic() + PAUSE_SECONDS
        if self._process is None and time.monotonic() >= self._next_start:
            command = [sys.executable, "-c", _MAIN, "worker", f"--die-with-parent={self._parent}"]
            self._process = spawn(command, death=signal.SIGTERM, env=environment, cwd=ROOT)

    def tell(self) -> None:
        """Ask it to stop, and go on with something else meanwhile."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        """See that it has stopped."""
        if self._process is not None:
            end(self._process, (signal.SIGTERM, 2.5))
