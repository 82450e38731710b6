"""No request waits for ever on a database that has fallen silent.

PostgreSQL's own limits are kept by PostgreSQL; when that is stopped, swallowed by a broken network or swapped out, only
the client's side can tell. psycopg2 lets a callback do the waiting, and this one has an end.
"""

import select
import time
from typing import Any

import psycopg2
from psycopg2 import extensions

from billing_api.unit_of_work import unit
from billing_api.web.errors import Silence

SILENCE_SECONDS = 4.0
"""More than the statement limit, which answers by itself, and less than the five seconds within which every request is
answered."""


def limit_silence() -> None:
    """Let every wait for the database in this process end, when it is made inside a unit of work."""
    extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:
    deadline = time.monotonic() + SILENCE_SECONDS
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        remaining = max(0.0, deadline - time.monotonic()) if unit().is_limited else None
        reading = [connection.fileno()] if state == extensions.POLL_READ else []
        writing = [connection.fileno()] if state == extensions.POLL_WRITE else []
        if not reading and not writing:
            raise psycopg2.OperationalError("the connection to the database is in an unknown state")
        if select.select(reading, writing, [], remaining) == ([], [], []):
            raise Silence("the database does not answer")
