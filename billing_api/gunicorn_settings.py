"""How gunicorn runs the service: its settings, taken from ours, and what it does when a worker comes or goes."""

import contextlib
import os
import select
import signal

from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from prometheus_client.multiprocess import mark_process_dead

from billing_api.database import forget_connections
from billing_api.polite_worker import PoliteWorker
from billing_api.processes import die_with
from billing_api.web import written
from billing_api.web.observation import LibraryLines
from config import ROOT, Config

_config = Config.from_env(os.environ)


class LineLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages, as lines like those of the service."""

    def setup(self, cfg: object) -> None:
        super().setup(cfg)
        self.error_log.handlers = [LibraryLines()]


_ELSEWHERE = ("certfile", "keyfile", "max_requests", "pre_request", "post_request", "proxy_protocol")
"""Settings of gunicorn's that its own workers follow, and ours do not."""


def on_starting(server: Arbiter) -> None:
    """Refuse what somebody has set, as by GUNICORN_CMD_ARGS, and nobody would do. Raises SystemExit."""
    settings = [server.cfg.settings[name] for name in _ELSEWHERE]
    if asked := [one.name for one in settings if one.get() != one.default]:
        raise SystemExit(f"gunicorn's {', '.join(asked)} would do nothing here: TLS and the like belong to a proxy.")


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


def post_worker_init(worker: Worker) -> None:
    """Say that a worker answers from now on; the supervisor waits for it."""
    written.connect(worker.app.wsgi())
    with contextlib.suppress(OSError):
        (_config.run_dir / "serving").touch()


def child_exit(server: Arbiter, worker: PoliteWorker) -> None:
    """What a worker that has gone counted is not counted any more."""
    worker.gone()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library has few types


bind = f"[{_config.bind}]:{_config.port}" if ":" in _config.bind else f"{_config.bind}:{_config.port}"
chdir = str(ROOT)
# By its name, because what a crew waits with is of Linux alone.
worker_class = "billing_api.crew.CrewWorker" if hasattr(select, "epoll") else "billing_api.polite_worker.PoliteWorker"
logger_class = LineLogger
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
