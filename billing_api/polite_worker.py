"""The threaded worker of gunicorn with better manners: to who waits, to who is slow, and to who comes as it stops."""

import contextlib
import ctypes
import os
import re
import selectors
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import TConn, ThreadWorker

from billing_api.web import slow_doors, unread
from config import Config

_SO_ATTACH_FILTER = 26
_BPF_RETURN = 0x06

_VITAL = (b"GET /health/live ", b"HEAD /health/live ")
_BODY = re.compile(rb"\n(content-length|transfer-encoding)\s*:", re.IGNORECASE)
_HEAD_BYTES = 8192

_STATUS_BY_ERROR = {
    errors.InvalidResponseHeader: 500,
    errors.InvalidResponseHeaderName: 500,
    errors.ConfigurationProblem: 500,
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ParseException: 400,
}
"""The first that fits; whatever is none of them is a fault of ours."""


class PoliteWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A threaded worker that leaves nobody in the queue when it stops.

    The kernel accepts connections before we do. gunicorn's own worker stops looking at that queue when it is asked to
    stop, and holds it open until its last request is done: who stands there waits, and is then reset.

    It also answers whether it lives when all of its threads are waiting for the database, gives no thread to a client
    that has sent nothing yet, lets those who log in wait for each other and for nobody else, and refuses what it cannot
    read in the form of all other refusals.
    """

    def init_process(self) -> None:
        self._vital = ThreadPoolExecutor(1, thread_name_prefix="vital")
        self._slow = ThreadPoolExecutor(slow_doors.THREADS, thread_name_prefix="slow")
        super().init_process()

    def gone(self) -> None:
        """What is to be done where it was forked from, once it has gone, however it went."""

    def enqueue_req(self, conn: TConn) -> None:
        words = words_of(conn)
        if words is None and self.alive and not conn.initialized:
            self._await_words(conn)
        elif words and _is_vital(words):
            self._hand_over(conn, self._vital)
        elif words and slow_doors.is_slow(words):
            self._hand_over(conn, self._slow)
        else:
            self.take(conn)

    def take(self, conn: TConn) -> None:
        """Have one of the threads that are there for everybody answer a request that has begun to come."""
        super().enqueue_req(conn)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        stays: bool = super().handle_request(req, conn)
        req.is_answered = True
        return stays

    def handle_error(self, req: Request | None, client: socket.socket, addr: object, exc: Exception) -> None:
        """Refuse as the service itself does. What was answered already, and then turned out to be followed by no end of
        its body, gets no second answer: whoever passes answers on would take it for that of the next request."""
        if getattr(req, "is_answered", False):
            self.log.error("an answer broke off", exc_info=exc)
            return
        status = next((code for kind, code in _STATUS_BY_ERROR.items() if isinstance(exc, kind)), 500)
        with contextlib.suppress(OSError):
            write_nonblock(client, unread.answer(status, exc))

    def _hand_over(self, conn: TConn, threads: ThreadPoolExecutor) -> None:
        done = threads.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def _await_words(self, conn: TConn) -> None:
        """Let the main loop wait, as gunicorn does itself after a thread has waited for five seconds."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            self._serve_the_queue()

    def _serve_the_queue(self) -> None:
        for listener in self.sockets:
            # While the workers are only being replaced, the new ones listen on the same socket.
            if (Config.from_env(os.environ).run_dir / "draining").exists():
                _let_nobody_in(listener)
            with selectors.DefaultSelector() as selector:
                selector.register(listener, selectors.EVENT_READ)
                while selector.select(0) and self.nr_conns < self.worker_connections:
                    self.accept(listener)
            listener.close()


def _is_vital(words: bytes) -> bool:
    """Whether it is asked if we live, in a whole request: one that comes to a halt, in its head or in a body that it
    announces, would keep all others from the one thread."""
    return words.startswith(_VITAL) and words.endswith(b"\r\n\r\n") and not _BODY.search(words)


def words_of(conn: TConn) -> bytes | None:
    """What a client has sent so far, as much as a head may be; None when it has sent nothing yet. What was read
    together with its last request comes first."""
    read: bytes = conn.parser.unreader.buf.getvalue() if conn.parser else b""
    try:
        unread: bytes = conn.sock.recv(_HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return read + unread
    except BlockingIOError:
        return read or None
    except OSError:
        return read


def _let_nobody_in(listener: socket.socket) -> None:
    """Have the kernel drop what newcomers send, so that nobody joins the queue between our last look and the close.

    A newcomer tries again within a second and is then refused; who stands in the queue already is not touched.
    """
    if sys.platform != "linux":
        return
    drop = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, 0))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(drop)))
