"""No request waits for ever on a database that has fallen silent.

PostgreSQL's own limits are kept by PostgreSQL; when that is stopped, swallowed by a broken network or swapped out, only
the client's side can tell. psycopg2 lets a callback do the waiting, and this one has an end.
"""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import extensions

from billing_api.circuit_breaker import breaker
from billing_api.database import Silence
from billing_api.unit_of_work import UnitOfWork, current, unit

SILENCE_SECONDS = 4.0
"""More than the statement limit, which answers by itself, and less than the five seconds within which every request is
answered."""


_EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


def limit_silence() -> None:
    """Let every wait for the database in this process end, when it is made inside a unit of work or to connect."""
    extensions.set_wait_callback(_wait)


@contextmanager
def limited_waits() -> Iterator[None]:
    """Let what is asked here have an end too, though it belongs to no request."""
    limit_silence()
    token = current.set(UnitOfWork())
    try:
        yield
    finally:
        current.reset(token)


def _wait(connection: Any) -> None:
    here = unit()
    is_silent = False
    # With a callback, libpq's own limit for connecting does not count.
    is_limited = here.is_limited or connection.status == extensions.STATUS_SETUP
    try:
        _poll(connection, time.monotonic() + SILENCE_SECONDS if is_limited else None)
        here.is_answered = True
    except Silence:
        is_silent = True
        raise
    finally:
        breaker.note(silence=is_silent)


def _poll(connection: Any, deadline: float | None) -> None:
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state not in _EVENTS:
            raise psycopg2.OperationalError("the connection to the database is in an unknown state")
        # Not `select`, which knows no descriptor above 1,023, and a worker may hold a thousand clients. A new one each
        # time: libpq may go on with another socket, and the old number may be somebody else's by then.
        waiting = select.poll()
        waiting.register(connection.fileno(), _EVENTS[state])
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not waiting.poll(remaining):
            raise Silence("the database does not answer")
