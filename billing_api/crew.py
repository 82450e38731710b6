"""Threads that wait for all clients together, and the worker of gunicorn that has them.

gunicorn's own threads give each connection back to the main loop with each answer, and get it from there with the next
request: a pipe, a queue, and two threads that wake each other, which is a third of what a short request costs. Here the
kernel wakes one thread of a crew for one request.
"""

import mmap
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn

from billing_api.polite_worker import PoliteWorker, words_of
from billing_api.web import slow_doors
from billing_api.wire import Answer, ClientSocket, RequestReader, Settings, take_words

_WORDS = select.EPOLLIN | select.EPOLLONESHOT
_AT_ONCE = _WORDS | select.EPOLLOUT
"""A client can be written to as good as always: this holds also where its words were read already."""
_SLOTS = 64
_COURTESY = 0.004
"""Seconds that a worker leaves a newcomer to those who have fewer clients."""


class Clients:
    """How many clients each worker has, in memory that is shared with all who are forked: what a burst of newcomers
    finds awake would otherwise take all of them, and leave the other workers none."""

    def __init__(self) -> None:
        # One more than it has; nothing where there is no worker.
        self._counts = memoryview(mmap.mmap(-1, 4 * _SLOTS)).cast("I")

    def note(self, worker: int, count: int) -> None:
        """Say how many a worker has."""
        self._counts[worker % _SLOTS] = count + 1

    def forget(self, worker: int) -> None:
        """A worker takes no more."""
        self._counts[worker % _SLOTS] = 0

    def is_ahead(self, worker: int) -> bool:
        """Whether another worker has fewer."""
        own = self._counts[worker % _SLOTS]
        return any(0 < count < own for count in self._counts)


clients = Clients()


class Crew:
    """Threads that share what they wait for. Of a connection that becomes ready one of them is told, and once."""

    def __init__(self, count: int, serve: Callable[[TConn], None]) -> None:
        self._ready = select.epoll()
        self._taken: dict[int, TConn] = {}
        self._kept: dict[int, TConn] = {}
        self._lock = Lock()
        self._serve = serve
        for number in range(count):
            Thread(target=self._work, name=f"crew_{number}", daemon=True).start()

    def take(self, conn: TConn) -> None:
        """Serve a connection whose client has sent something, as soon as a thread is free."""
        self._wait_for(conn, self._taken, _AT_ONCE)

    def keep(self, conn: TConn) -> None:
        """Serve a connection when its client sends something, or leaves."""
        self._wait_for(conn, self._kept, _WORDS)

    def is_full(self, most: int) -> bool:
        """Whether as many connections are kept as may be: what is accepted needs room, too."""
        return len(self._kept) >= most

    def released(self, until: float | None = None) -> Iterator[TConn]:
        """The connections that were kept, and are nobody's from now on: all, or those whose time is over by then."""
        while conn := self._oldest(until):
            yield conn

    def shutdown(self, wait: bool = True) -> None:
        """Nothing: gunicorn ends its executor so, and these threads end with their process."""

    def _wait_for(self, conn: TConn, among: dict[int, TConn], events: int) -> None:
        descriptor = conn.sock.fileno()
        with self._lock:
            among[descriptor] = conn
        try:
            self._ready.modify(descriptor, events)
        except FileNotFoundError:
            self._ready.register(descriptor, events)

    def _oldest(self, until: float | None) -> TConn | None:
        with self._lock:
            for descriptor, conn in self._kept.items():
                if until is not None and conn.timeout > until:
                    return None
                del self._kept[descriptor]
                self._ready.unregister(descriptor)
                return conn
        return None

    def _work(self) -> None:
        while True:
            for descriptor, _ in self._ready.poll(maxevents=1):
                with self._lock:
                    conn = self._taken.pop(descriptor, None) or self._kept.pop(descriptor, None)
                # There is none where it was released in this moment.
                if conn is not None:
                    self._serve(conn)


class CrewWorker(PoliteWorker):
    """The polite worker with a crew, which keeps connections between their requests, too."""

    cfg: Any

    def init_process(self) -> None:
        self.cfg = Settings(self.cfg)
        super().init_process()

    def notify(self) -> None:
        """Say that it lives, and how many clients it has, as gunicorn asks for with each round of the main loop."""
        super().notify()
        if self.alive:
            clients.note(self.age, self.nr_conns)
        else:
            clients.forget(self.age)

    def gone(self) -> None:
        """Its clients have gone with it."""
        clients.forget(self.age)

    def accept(self, listener: socket.socket) -> None:
        """Take a newcomer, after those who have fewer clients had the time to."""
        if self.alive and clients.is_ahead(self.age):
            time.sleep(_COURTESY)
        super().accept(listener)
        if self.alive:
            clients.note(self.age, self.nr_conns)

    def get_thread_pool(self) -> Crew:
        """What gunicorn has an executor for."""
        return Crew(self.cfg.threads, self._serve)

    def enqueue_req(self, conn: TConn) -> None:
        """Have whoever it is for answer a request."""
        if type(conn.sock) is socket.socket:
            conn.sock = ClientSocket(conn.sock)
            conn.parser = RequestReader(self.cfg, conn.sock, conn.client)
        super().enqueue_req(conn)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request, for the last time where too many stay already; whether its connection stays. Raises
        OSError, and whatever else the application raises."""
        if not self.alive or self.tpool.is_full(self.max_keepalived):
            req.force_close()
        answer, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg, response_class=Answer)
        environ["wsgi.multithread"] = True
        try:
            answer.send(self.wsgi(environ, answer.start_response))
        finally:
            # What has begun to be answered gets no second answer.
            req.is_answered = answer.has_begun
        return not answer.should_close()

    def take(self, conn: TConn) -> None:
        """Have the crew answer a request that has begun to come."""
        # Of who has said nothing yet as we stop, a thread waits for the first words as long as gunicorn's would.
        conn.data_ready = self.alive or conn.initialized
        self.tpool.take(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what was not used for too long. A worker that stops has all that is kept in its main loop."""
        if self.alive:
            for conn in self.tpool.released(until=time.monotonic()):
                if words_of(conn):
                    # It has spoken in time, and no thread was free.
                    self.take(conn)
                    continue
                self.nr_conns -= 1
                conn.close()
        else:
            for conn in self.tpool.released():
                self._give_back(conn, stays=True)
        super().murder_keepalived(force)

    def _serve(self, conn: TConn) -> None:
        """What a thread of the crew does with a connection. Never raises."""
        try:
            if conn.initialized and not self._is_for_crew(conn):
                return
            stays = self.handle(conn)
            if stays and self.alive and not conn.is_http2 and not conn.parser.unreader.buf.getvalue():
                conn.set_timeout()
                self.tpool.keep(conn)
                return
        except BaseException:
            # As an executor would: whatever it was, the thread goes on.
            stays = False
            with suppress(Exception):
                self.log.exception("a connection was lost")
        self._give_back(conn, stays)

    def _is_for_crew(self, conn: TConn) -> bool:
        """Whether the next request of a connection is, or else sees to it."""
        words = take_words(conn)
        if words is None:
            if conn.timeout is None:
                conn.set_timeout()
            self.tpool.keep(conn)
        elif words[:4] not in (b"GET ", b"") and slow_doors.is_slow(words):
            self.method_queue.defer(self.enqueue_req, conn)
        else:
            return True
        return False

    def _give_back(self, conn: TConn, stays: bool) -> None:
        done: Future[bool] = Future()
        done.set_result(stays)
        self.method_queue.defer(self.finish_request, conn, done)
