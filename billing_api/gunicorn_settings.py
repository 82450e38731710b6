"""How gunicorn runs the service: its settings, taken from ours, and what it does when a worker comes or goes."""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import struct
import sys

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client.multiprocess import mark_process_dead

from billing_api.database import forget_connections
from billing_api.processes import die_with
from config import ROOT, Config

_SO_ATTACH_FILTER = 26
_BPF_RETURN = 0x06

_config = Config.from_env(os.environ)


class PoliteWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded worker that leaves nobody in the queue when it stops.

    The kernel accepts connections before we do. gunicorn's own worker stops looking at that queue when it is asked to
    stop, and holds it open until its last request is done: who stands there waits, and is then reset.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._serve_the_queue()

    def _serve_the_queue(self) -> None:
        for listener in self.sockets:
            # While the workers are only being replaced, the new ones listen on the same socket.
            if (_config.run_dir / "draining").exists():
                _let_nobody_in(listener)
            with selectors.DefaultSelector() as selector:
                selector.register(listener, selectors.EVENT_READ)
                while selector.select(0) and self.nr_conns < self.worker_connections:
                    self.accept(listener)
            listener.close()


def _let_nobody_in(listener: socket.socket) -> None:
    """Have the kernel drop what newcomers send, so that nobody joins the queue between our last look and the close.

    A newcomer tries again within a second and is then refused; who stands in the queue already is not touched.
    """
    if sys.platform != "linux":
        return
    drop = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, 0))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(drop)))


def post_fork(server: Arbiter, worker: Worker) -> None:
    """A worker must not use the sockets of the process it was forked from, nor outlive it."""
    die_with(worker.ppid, signal.SIGKILL)
    _end_when_told_early(server)
    app = worker.app.wsgi()
    with app.app_context():
        forget_connections()


def _end_when_told_early(server: Arbiter) -> None:
    """End a worker that is told to before it has begun.

    Until then it has the master's handlers, which queue a signal for a loop that does not run here: it would be
    lost, and the master would wait for this worker during the whole graceful time.
    """
    final = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
    for signum in final:
        signal.signal(signum, lambda *_: os._exit(0))
    while not server.SIG_QUEUE.empty():
        if server.SIG_QUEUE.get_nowait() in final:
            os._exit(0)


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Live gauges of a worker that has gone are not counted any more."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library has few types


bind = f"[{_config.bind}]:{_config.port}" if ":" in _config.bind else f"{_config.bind}:{_config.port}"
chdir = str(ROOT)
worker_class = PoliteWorker
workers = _config.workers
threads = _config.threads
preload_app = True
# It would listen on a socket in the home directory.
control_socket_disable = True
graceful_timeout = _config.graceful_seconds
# Longer than the idle time of common proxies, which would otherwise send into a connection that is being closed.
keepalive = 75
# Heartbeats are writes to a file: on a disk, a slow disk would look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn makes a private file
# Behind a proxy the service itself counts the trusted hops; gunicorn believes nobody.
forwarded_allow_ips = ""
limit_request_line = 8190
# The service writes one line for each request itself.
accesslog = None
loglevel = "info" if _config.is_production else "warning"
proc_name = "billing-api"
